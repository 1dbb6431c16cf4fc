import { connect } from 'amqplib';
import { expect } from 'chai';
import { WaybillError } from '../../src/errors.ts';
import type { Manifest } from '../../src/ports/topology.ts';
import { topologyOf } from '../conformance/harness.ts';
import { broker } from '../support/broker.ts';
import { Collector } from '../support/collector.ts';
import { outgoing } from '../support/messages.ts';
import { RabbitBus } from '../support/rabbit-bus.ts';
import { rejection } from '../support/rejection.ts';
import { until } from '../support/until.ts';

const ORDERS = { endpoints: { oms: { takes: ['shop.order.placed@1'] } } };

function changed(manifest: Manifest, change: Partial<Manifest>): Manifest {
  return { ...manifest, edition: `${manifest.edition}-next`, ...change };
}

describe('applying a plan to RabbitMQ', () => {
  let url = '';
  const buses: RabbitBus[] = [];
  before(async function () {
    url = (await broker(this)).url;
  });
  afterEach(async () => {
    for (const bus of buses.splice(0)) await bus.destroy();
  });
  const bare = (sketch = ORDERS): RabbitBus => {
    const bus = RabbitBus.bare(url, sketch);
    buses.push(bus);
    return bus;
  };

  it('refuses to send and to consume by name before it, and says what to run', async () => {
    const bus = bare();
    const transport = await bus.open();
    expect(await transport.manifest()).to.equal(undefined);
    for (const refused of [
      await rejection(transport.send([outgoing()])),
      await rejection(transport.consume('oms', { window: 1, receive: () => undefined })),
    ]) {
      expect(refused).to.include({ code: 'WB_PLAN_NOT_APPLIED', fix: 'Run `waybill apply`.' });
    }
    expect(await transport.stats()).to.deep.include({ dead: 0, endpoints: [] });
    await transport.apply(bus.manifest);
    await transport.send([outgoing()]);
  });

  it('says what it made, and changes nothing the second time', async () => {
    const bus = bare();
    const transport = await bus.open();
    const first = await transport.apply(bus.manifest);
    expect(first.changes[0]).to.match(/^\d+ exchanges and \d+ queues created$/);
    expect(first.changes).to.include('endpoint oms: added, service, ordering key, 1 partition');
    expect(first.changes).to.have.length.below(6);
    const heard: string[] = [];
    transport.onManifest(({ edition }) => heard.push(edition));
    expect(await transport.apply({ ...bus.manifest, appliedAt: '2027-01-01T00:00:00.000Z' })).to.deep.equal({
      changes: [],
    });
    expect(await transport.manifest()).to.deep.equal(bus.manifest);
    expect(heard).to.deep.equal([]);
  });

  it('adds endpoints and bindings, and says so', async () => {
    const bus = bare();
    const transport = await bus.open();
    await transport.apply(bus.manifest);
    const next = changed(bus.manifest, {
      topology: topologyOf(
        { endpoints: { oms: { takes: ['shop.order.placed@1', 'shop.order.paid@1'] }, mail: {} } },
        bus.manifest.bus,
      ),
    });
    const { changes } = await transport.apply(next);
    expect(changes).to.include('endpoint mail: added, service, ordering key, 1 partition');
    expect(changes.filter((change) => change.startsWith('binding'))).to.deep.equal([
      'binding shop.order.paid@1 -> oms: added',
    ]);
  });

  it('two at once: one waits for the other, and both end with the same topology', async () => {
    const bus = bare();
    const transports = await Promise.all([bus.open(), bus.open(), bus.open()]);
    const results = await Promise.all(transports.map((transport) => transport.apply(bus.manifest)));
    expect(results.filter(({ changes }) => changes.length > 0)).to.have.length(1);
  });

  it('tells every connection, also those that were there before the bus was', async () => {
    const bus = bare();
    const early = await bus.open();
    const heard: string[] = [];
    early.onManifest(({ edition }) => heard.push(edition));
    const other = await bus.open();
    await other.apply(bus.manifest);
    await until('the first', () => heard.length === 1);
    const next = changed(bus.manifest, {});
    await other.apply(next);
    await until('the second', () => heard.length === 2);
    expect(heard).to.deep.equal([bus.manifest.edition, next.edition]);
  });

  const made = async (bus: RabbitBus, queue: string, args: object, messages = 0): Promise<void> => {
    const connection = await connect(url);
    const channel = await connection.createConfirmChannel();
    const name = `${bus.manifest.bus}.${queue}`;
    await channel.assertQueue(name, { durable: true, arguments: args });
    for (let n = 0; n < messages; n++) channel.sendToQueue(name, Buffer.from('{}'), { type: 'shop.order.placed@1' });
    await channel.waitForConfirms();
    await connection.close();
  };

  it('makes a queue of other arguments anew when nothing waits in it', async () => {
    const bus = bare();
    await made(bus, 'unrouted', { 'x-queue-type': 'quorum', 'x-max-length-bytes': 5 });
    const transport = await bus.open();
    const change = { action: 'change', what: 'queue', name: `${bus.manifest.bus}.unrouted` } as const;
    expect((await transport.survey(bus.manifest)).changes).to.deep.include({
      ...change,
      note: 'has other arguments, is made anew',
    });
    await transport.apply(bus.manifest);
    expect(await transport.survey(bus.manifest)).to.deep.equal({ changes: [], drift: undefined });
  });

  it('refuses to lose what waits in a queue of other arguments, and says what to do', async () => {
    const bus = bare();
    await made(bus, 'unrouted', { 'x-queue-type': 'quorum' }, 1);
    const transport = await bus.open();
    const refused = await rejection(transport.apply(bus.manifest));
    expect(refused).to.be.instanceOf(WaybillError).and.have.property('code', 'WB_TOPOLOGY_CONFLICT');
    expect(refused.message).to.match(/queue .*\.unrouted exists with other properties, and 1 messages wait/);
    expect(refused.fix).to.contain('Redrive or discard');
  });

  it('does not make a stream anew, whatever it seems to hold', async () => {
    const bus = bare();
    await made(bus, 'audit', { 'x-queue-type': 'stream', 'x-max-length-bytes': 1_000_000 }, 1);
    const transport = await bus.open();
    const refused = await rejection(transport.apply(bus.manifest));
    expect(refused).to.be.instanceOf(WaybillError).and.have.property('code', 'WB_TOPOLOGY_CONFLICT');
    expect(refused.message).to.match(/queue .*\.audit exists with other properties$/);
  });

  it('refuses when the plan that it was made from is no longer the applied one', async () => {
    const bus = bare();
    const transport = await bus.open();
    const early = await rejection(transport.apply(bus.manifest, { after: 'another' }));
    expect(early).to.include({ code: 'WB_MANIFEST_MOVED', retryable: true });
    await transport.apply(bus.manifest, { after: null });
    const late = await rejection(transport.apply(changed(bus.manifest, {}), { after: null }));
    expect(late.code).to.equal('WB_MANIFEST_MOVED');
    await transport.apply(changed(bus.manifest, {}), { after: bus.manifest.edition });
  });

  it('may be interrupted anywhere and run again', async function () {
    this.timeout(240_000);
    const bus = bare();
    const connection = await connect(url);
    // A half-made bus: some of it is there, and no manifest.
    const channel = await connection.createConfirmChannel();
    await channel.assertExchange(`${bus.manifest.bus}.unrouted`, 'fanout', {
      durable: true,
      alternateExchange: `${bus.manifest.bus}.dead`,
    });
    await channel.assertQueue(`${bus.manifest.bus}.manifest`, {
      durable: true,
      arguments: { 'x-queue-type': 'stream' },
    });
    channel.sendToQueue(`${bus.manifest.bus}.manifest`, Buffer.from(JSON.stringify({ intent: bus.manifest.topology })));
    await channel.waitForConfirms();
    await connection.close();
    const transport = await bus.open();
    expect(await transport.manifest()).to.equal(undefined);
    await transport.apply(bus.manifest);
    const collector = await Collector.drain(transport, 'oms');
    await transport.send([outgoing({ id: 'a' })]);
    await collector.atLeast(1);
  });

  it('refuses a plan of another bus', async () => {
    const bus = bare();
    const transport = await bus.open();
    await transport.apply(bus.manifest);
    const other = { ...bus.manifest, bus: 'another' };
    expect((await rejection(transport.apply(other))).code).to.equal('WB_OPTION_INVALID');
  });
});

import { type Channel, connect } from 'amqplib';
import { expect } from 'chai';
import type { Log } from '../../src/ports/log.ts';
import type { Transport } from '../../src/ports/transport.ts';
import { brokerNode } from '../support/broker.ts';
import type { BrokerNode } from '../support/broker-node.ts';
import { Collector } from '../support/collector.ts';
import { onBus, outgoing, series } from '../support/messages.ts';
import { RabbitBus } from '../support/rabbit-bus.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import { until, within } from '../support/until.ts';

/** Erlang, for the inside of a broker: those who consume from a queue are stopped, or forgotten by it. */
function consumersOf(queue: string): { readonly suspend: string; readonly forget: string } {
  const name = `Name = rabbit_misc:r(<<"/">>, queue, <<"${queue}">>)`;
  const rows = 'Row <- ets:tab2list(consumer_created), {Queue, Pid, Tag} <- [element(1, Row)], Queue =:= Name';
  const found = '{ok, Found} = rabbit_amqqueue:lookup(Name), Leader = amqqueue:get_pid(Found)';
  return {
    suspend: `${name}, [sys:suspend(Pid) || ${rows}, is_binary(Tag)]`,
    forget: `${name}, ${found}, [ra:process_command(Leader, rabbit_fifo:make_checkout({Tag, Pid}, cancel, #{})) || ${rows}]`,
  };
}

/** What is on its way through a broker that nobody else loads arrives sooner. @unit milliseconds */
const SETTLE = 300;

describe('supervising consumers on RabbitMQ', function () {
  // Each call of rabbitmqctl starts a virtual machine.
  this.timeout(480_000);
  let node: BrokerNode;
  let bus: RabbitBus | undefined;
  const said: string[] = [];
  const note = (fields: object, text: string): void => {
    said.push(`${text} ${JSON.stringify(fields)}`);
  };
  const log: Log = { debug: () => undefined, info: note, warn: note, error: note };
  before(async function () {
    node = await brokerNode(this);
  });
  afterEach(async () => {
    await bus?.destroy();
    bus = undefined;
    said.length = 0;
  });
  const create = async (): Promise<{ bus: RabbitBus; transport: Transport; queue: string }> => {
    bus = await RabbitBus.create(node.url, { endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
    return { bus, transport: await bus.open({ log, settleMs: SETTLE }), queue: `${bus.manifest.bus}.ep.oms.1.0` };
  };
  const heard = (text: string): Promise<string> => until(text, () => said.find((line) => line.includes(text)));
  const reattaching = async (transport: Transport): Promise<string | undefined> =>
    (await transport.stats()).endpoints.find(({ name }) => name === 'oms')?.attended?.[0]?.reattaching;
  const erlang = (code: string): Promise<string> => node.ctl('eval', `${code}.`);
  /** Does something to the queue with a connection of its own. */
  const byHand = async (work: (channel: Channel) => Promise<unknown>): Promise<void> => {
    const connection = await connect(node.url);
    await work(await connection.createChannel());
    await connection.close();
  };

  it('attaches again when RabbitMQ closes its channel: what it had in hand comes again, and what was settled does not', async () => {
    const { transport, queue } = await create();
    const collector = await Collector.start(transport, 'oms');
    for (const each of onBus(series('k', 6))) await transport.send([each]);
    const had = await collector.atLeast(6);
    await collector.settle(had.slice(0, 3));
    await transport.send([outgoing({ id: 'fence', key: 'other' })]);
    await collector.atLeast(7);
    // As a client's faulty acknowledgement does.
    const channel = `[Channel] = [Pid || Row <- ets:tab2list(consumer_created), {Queue, Pid, _} <- [element(1, Row)], Queue =:= rabbit_misc:r(<<"/">>, queue, <<"${queue}">>)]`;
    await erlang(`${channel}, gen_server2:cast(Channel, {method, {'basic.ack', 999999, false}, none, noflow})`);
    await heard('RabbitMQ closed a consuming channel');
    expect(had.every(({ lease }) => lease.signal.aborted)).to.equal(true);
    await collector.atLeast(11);
    expect(collector.ids.slice(7)).to.have.members(['k3', 'k4', 'k5', 'fence']);
    await heard('consuming again');
    expect(await reattaching(transport)).to.equal(undefined);
    await collector.settle(collector.deliveries.slice(7));
    await until('nothing to be left', async () => (await transport.stats()).ledger.waiting === 0);
  });

  it('takes again what was not settled within the acknowledgement timeout, and says which one it was', async () => {
    const before = (await erlang('{ok, Timeout} = application:get_env(rabbit, consumer_timeout), Timeout')).trim();
    const tick = (await erlang('application:get_env(rabbit, channel_tick_interval, 60000)')).trim();
    const set = (timeout: string, interval: string): Promise<string> =>
      erlang(
        `application:set_env(rabbit, consumer_timeout, ${timeout}), application:set_env(rabbit, channel_tick_interval, ${interval})`,
      );
    await set('1000', '200');
    try {
      const { transport, queue } = await create();
      const collector = await Collector.start(transport, 'oms');
      await transport.send([outgoing({ id: 'slow' })]);
      await collector.atLeast(1);
      const line = await heard('took back what was not settled in time');
      expect(line).to.contain(queue);
      // In hand again and again, as often as it takes longer.
      await collector.atLeast(2);
      await set(before, tick);
      await until('it to be settled', async () => {
        const open = collector.deliveries.filter(({ lease }) => !lease.signal.aborted);
        await collector.settle(open);
        return open.length > 0 && (await transport.stats()).ledger.waiting === 0;
      });
      expect(new Set(collector.ids)).to.deep.equal(new Set(['slow']));
    } finally {
      await set(before, tick);
    }
  });

  it('waits for a queue that was deleted, visibly, and what was sent meanwhile is parked, not lost', async () => {
    const { bus: own, transport, queue } = await create();
    const collector = await Collector.drain(transport, 'oms');
    await transport.send([outgoing({ id: 'before' })]);
    await collector.atLeast(1);
    await collector.settled();
    await byHand((channel) => channel.deleteQueue(queue));
    await heard('RabbitMQ cancelled a consumer');
    expect(await until('stats to tell', () => reattaching(transport))).to.match(/deleted|no queue/);
    await transport.send([outgoing({ id: 'meanwhile' })]);
    await until('it to be parked', async () => (await transport.parked.count()) === 1);
    await transport.apply(own.manifest);
    await until('stats to tell', async () => (await reattaching(transport)) === undefined);
    expect(await transport.parked.redrive({}, { by: 'ada' })).to.equal(1);
    await collector.atLeast(2);
    expect(collector.ids).to.deep.equal(['before', 'meanwhile']);
  });

  it('goes on at a queue that somebody deleted and made again with other arguments, and apply replaces it', async () => {
    const { bus: own, transport, queue } = await create();
    const collector = await Collector.drain(transport, 'oms');
    await byHand(async (channel) => {
      await channel.deleteQueue(queue);
      await channel.assertQueue(queue, { durable: true });
    });
    await heard('RabbitMQ cancelled a consumer');
    await heard('consuming again');
    // No exchange knows it, so what is sent is parked.
    await transport.send([outgoing({ id: 'meanwhile' })]);
    await until('it to be parked', async () => (await transport.parked.count()) === 1);
    const { changes } = await transport.apply(own.manifest);
    expect(changes).to.include('old queues (generation 1) of endpoint oms: deleted');
    expect(await transport.parked.redrive({}, { by: 'ada' })).to.equal(1);
    await collector.atLeast(1);
    await transport.send([outgoing({ id: 'after' })]);
    await collector.atLeast(2);
    expect(collector.ids).to.deep.equal(['meanwhile', 'after']);
    expect(await reattaching(transport)).to.equal(undefined);
  });

  it('gives up a channel that RabbitMQ answers nothing on, and its connection with it: what was in hand comes again, in order, and what was settled does not', async () => {
    const { transport, queue } = await create();
    const collector = await Collector.start(transport, 'oms');
    for (const each of onBus(series('k', 6))) await transport.send([each]);
    await collector.atLeast(6);
    await erlang(consumersOf(queue).suspend);
    // Not before it is known that the broker took it, or that it comes again.
    await within('the settlement to end', collector.settle(collector.deliveries.slice(0, 3)));
    await heard('a consuming channel is given up');
    await heard('RabbitMQ does not close a channel: its connection is cut');
    // A process that is stopped takes nothing that was sent to it, but who settled it knows that.
    await collector.atLeast(9);
    expect(collector.ids.slice(6)).to.deep.equal(['k3', 'k4', 'k5']);
    await collector.settle(collector.deliveries.slice(6));
    await until('nothing to be left', async () => (await transport.stats()).ledger.waiting === 0);
  });

  it('gives up a channel when RabbitMQ has forgotten that it consumes, and gets what waits on another', async () => {
    const { transport, queue } = await create();
    const collector = await Collector.drain(transport, 'oms');
    await transport.send([outgoing({ id: 'before' })]);
    await collector.atLeast(1);
    await collector.settled();
    await erlang(consumersOf(queue).forget);
    await transport.send([outgoing({ id: 'after' })]);
    expect(await heard('a consuming channel is given up')).to.contain('the queue has 1 that wait');
    await collector.atLeast(2);
    expect(collector.ids).to.deep.equal(['before', 'after']);
    await heard('consuming again');
    expect(said.filter((line) => line.includes('its connection is cut'))).to.deep.equal([]);
  });

  it('lets a slow line be slow: what is asked stands behind what comes, and nothing comes twice', async () => {
    const { bus: own, transport, queue } = await create();
    for (const each of onBus(series('k', 40, { data: { note: 'x'.repeat(1_000_000) } }))) await transport.send([each]);
    const proxy = await tcpProxy(Number(new URL(node.url).port || '5672'));
    try {
      // Twice as long as a channel may say nothing.
      proxy.throttle(2_000_000);
      const far = await own.open({ log, settleMs: SETTLE }, proxy.through(node.url));
      const collector = await Collector.drain(far, 'oms');
      await collector.atLeast(40);
      await collector.settled();
      expect(collector.ids).to.deep.equal(Array.from({ length: 40 }, (_, n) => `k${String(n)}`));
      expect(said.filter((line) => line.includes(queue))).to.deep.equal([]);
    } finally {
      await proxy.close();
    }
  });
});

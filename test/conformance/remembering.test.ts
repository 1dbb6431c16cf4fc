import { expect } from 'chai';
import type { StateReader } from '../../src/ports/store.ts';
import type { Delivery, Settlement, Transport } from '../../src/ports/transport.ts';
import { Collector, done } from '../support/collector.ts';
import { onBus, outgoing, series } from '../support/messages.ts';
import { rejection } from '../support/rejection.ts';
import { CAUSES, change, SCOPE, text, unit } from '../support/units.ts';
import { until } from '../support/until.ts';
import { conformance } from './conformance.ts';

const FLOW = { oms: { takes: ['shop.order.placed@1'] }, mail: { takes: ['shop.mail.asked@1'] } };
const KEEP = { keepMs: 60_000 };

function stateOf(transport: Transport): StateReader {
  if (transport.state === undefined) throw new Error('the transport has no store of its own');
  return transport.state;
}

async function read(transport: Transport, ...keys: string[]): Promise<(string | undefined)[]> {
  const { states } = await stateOf(transport).load(
    undefined,
    keys.map((key) => ({ scope: SCOPE, key })),
  );
  return states.map(({ value }) => text(value));
}

async function recordOf(transport: Transport, id: string): Promise<string | undefined> {
  return text((await stateOf(transport).load({ scope: CAUSES, id }, [])).recorded);
}

function remembering(delivery: Delivery, key: string, value: string | undefined, more: object = {}): Settlement {
  const { id } = delivery.message.envelope;
  return { delivery, outcome: 'done', sends: [], unit: unit(id, [change(key, 0, value)], more) };
}

conformance("a transport's own store", ({ harness, open }) => {
  if (harness.kind !== 'embedded') {
    it('is none', async () => {
      const { transport } = await open({ endpoints: FLOW });
      expect(transport.state).to.equal(undefined);
    });
    return;
  }

  it('keeps the states of a settlement, and shows them at once to whoever handles the next message', async () => {
    const { bus, transport } = await open({ endpoints: FLOW });
    await transport.send(onBus(series('k', 3)));
    const collector = await Collector.start(transport, 'oms');
    const [first, second, third] = await collector.atLeast(3);
    if (first === undefined || second === undefined || third === undefined) throw new Error('no deliveries');
    const settling = collector.consumer.settle([remembering(first, 'a', 'one')]);
    expect(await read(transport, 'a', 'b')).to.deep.equal(['one', undefined]);
    await settling;
    await collector.consumer.settle([remembering(second, 'a', 'two'), remembering(third, 'b', 'three')]);
    await transport.close();
    const again = await bus.connect();
    expect(await read(again, 'a', 'b')).to.deep.equal(['two', 'three']);
  });

  it('forgets what is deleted, and takes any bytes', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await transport.send(onBus(series('k', 2)));
    const collector = await Collector.start(transport, 'oms');
    const [first, second] = await collector.atLeast(2);
    if (first === undefined || second === undefined) throw new Error('no deliveries');
    const ref = { scope: SCOPE, key: '\0ä' };
    const value = Buffer.from([0, 1, 254, 255]);
    await collector.consumer.settle([
      {
        ...done(first),
        outcome: 'merged',
        unit: { ...unit('m1'), changes: [{ ref, basedOn: 0, value }] },
      } as Settlement,
    ]);
    const { states } = await stateOf(transport).load(undefined, [ref]);
    expect(Buffer.from(states[0]?.value ?? [])).to.deep.equal(value);
    expect(states[0]?.version).to.be.greaterThan(0);
    await collector.consumer.settle([remembering(second, '\0ä', undefined)]);
    expect(await read(transport, '\0ä')).to.deep.equal([undefined]);
  });

  it('records the cause of a settlement where it is to be kept, and only there', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await transport.send(onBus(series('k', 2)));
    const collector = await Collector.start(transport, 'oms');
    const [first, second] = await collector.atLeast(2);
    if (first === undefined || second === undefined) throw new Error('no deliveries');
    await collector.consumer.settle([remembering(first, 'a', 'one', KEEP), remembering(second, 'b', 'two')]);
    expect(await recordOf(transport, 'k0')).to.equal('effects of k0');
    expect(await recordOf(transport, 'k1')).to.equal(undefined);
  });

  it('keeps nothing of a settlement that is refused', async () => {
    const { transport } = await open({ endpoints: FLOW, parking: 50_000 });
    const unrouted = outgoing({ type: 'shop.return.asked', body: Buffer.from(JSON.stringify('x'.repeat(20_000))) });
    await transport.send([{ ...unrouted }]);
    await transport.send([{ ...unrouted }]);
    await transport.send(onBus(series('k', 1)));
    const collector = await Collector.start(transport, 'oms');
    const [delivery] = await collector.atLeast(1);
    if (delivery === undefined) throw new Error('no delivery');
    const settlement = { ...remembering(delivery, 'a', 'one', KEEP), sends: [unrouted] } as Settlement;
    expect(await rejection(collector.consumer.settle([settlement]))).to.have.property('code', 'WB_PARKING_FULL');
    expect(await read(transport, 'a')).to.deep.equal([undefined]);
    expect(await recordOf(transport, 'k0')).to.equal(undefined);
  });

  it('changes no state without settling, nor settles without the state, when a process is killed in the middle', async function () {
    this.timeout(480_000);
    const { bus, transport } = await open({ endpoints: FLOW });
    const mail = await Collector.drain(transport, 'mail', 1_000);
    const count = 120;
    await transport.send(onBus(series('k', count)));
    for (let turn = 0; turn < 4; turn++) {
      const peer = await bus.peer();
      await peer.consume('oms', 10);
      const had = await peer.atLeast(10);
      const settling = had.map(({ index, message: { envelope } }) =>
        peer
          .settle([
            {
              delivery: index,
              outcome: 'done',
              sends: [outgoing({ ...envelope, type: 'shop.mail.asked' })],
              unit: unit(envelope.id, [change(envelope.id, 0, 'once')], KEEP),
            },
          ])
          .catch(() => undefined),
      );
      await settling[turn * 2];
      await peer.kill();
      await Promise.all(settling);
    }
    // What comes now was not settled, so it must not have been remembered either.
    const rest = await Collector.start(transport, 'oms', { window: 1_000 });
    const { ledger } = await transport.stats();
    const left = ledger.waiting;
    const came = await rest.atLeast(left);
    const ids = new Set(came.map(({ message }) => message.envelope.id));
    const all = Array.from({ length: count }, (_, n) => `k${String(n)}`);
    const states = await read(transport, ...all);
    for (const [n, id] of all.entries()) {
      expect(states[n], id).to.equal(ids.has(id) ? undefined : 'once');
      expect(await recordOf(transport, id), id).to.equal(ids.has(id) ? undefined : `effects of ${id}`);
    }
    expect(ids.size).to.be.lessThan(count);
    await until('the results of what was settled', () => new Set(mail.ids).size === count - ids.size);
  });

  it('has what was settled when another process takes over', async () => {
    const { bus, transport } = await open({ endpoints: FLOW });
    await transport.send(onBus(series('k', 1)));
    const collector = await Collector.start(transport, 'oms');
    const [delivery] = await collector.atLeast(1);
    if (delivery === undefined) throw new Error('no delivery');
    await collector.consumer.settle([remembering(delivery, 'a', 'one', KEEP)]);
    if (bus.cut !== undefined) await bus.cut();
    expect(await read(transport, 'a')).to.deep.equal(['one']);
    expect(await recordOf(transport, 'k0')).to.equal('effects of k0');
  });
});

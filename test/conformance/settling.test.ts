import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import type { Attempt, Delivery, Settlement, Transport } from '../../src/ports/transport.ts';
import { all, Collector, done } from '../support/collector.ts';
import { onBus, outgoing, rounds, series } from '../support/messages.ts';
import { expectKeyOrder } from '../support/order.ts';
import { rejection } from '../support/rejection.ts';
import { until } from '../support/until.ts';
import { conformance } from './conformance.ts';

const FLOW = { oms: { takes: ['shop.order.placed@1'] }, mail: { takes: ['shop.mail.asked@1'] } };
const FAILED: Attempt = { at: '2026-01-01T00:00:01.000Z', code: 'WB_HANDLER_FAILED', error: 'connection refused' };

async function one(collector: Collector, nth = 1): Promise<Delivery> {
  const deliveries = await collector.atLeast(nth);
  const delivery = deliveries[nth - 1];
  if (delivery === undefined) throw new Error('no delivery');
  return delivery;
}

/** A delivery of `oms` that waits to be settled. */
async function inHand(transport: Transport, id = 'm'): Promise<{ collector: Collector; delivery: Delivery }> {
  await transport.send([outgoing({ id, key: 'k' })]);
  const collector = await Collector.start(transport, 'oms');
  return { collector, delivery: await one(collector) };
}

conformance('settling', ({ open }) => {
  it('sends the results of a delivery, to the bus and to endpoints, with its end', async () => {
    const { transport } = await open({ endpoints: { ...FLOW, billing: {} } });
    const { collector, delivery } = await inHand(transport);
    const mail = await Collector.drain(transport, 'mail');
    const billing = await Collector.drain(transport, 'billing');
    expect(mail.ids).to.deep.equal([]);
    await collector.settle(
      [delivery],
      [outgoing({ id: 'a', type: 'shop.mail.asked' }), outgoing({ id: 'b' }, { endpoint: 'billing' })],
    );
    await mail.atLeast(1);
    await billing.atLeast(1);
    await collector.close();
    const again = await Collector.drain(transport, 'oms');
    await transport.send([outgoing({ id: 'fence', key: 'k' })]);
    await again.atLeast(1);
    expect(again.ids).to.deep.equal(['fence']);
    expect([mail.ids, billing.ids]).to.deep.equal([['a'], ['b']]);
  });

  it('sends the results of one call in order for each key', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await transport.send(onBus(rounds(5, 20)));
    const collector = await Collector.start(transport, 'oms', { window: 100 });
    const mail = await Collector.drain(transport, 'mail');
    const deliveries = await collector.atLeast(100);
    const settlements = deliveries.map(
      (delivery): Settlement => done(delivery, [outgoing({ ...delivery.message.envelope, type: 'shop.mail.asked' })]),
    );
    await Promise.all([
      collector.consumer.settle(settlements.slice(0, 40)),
      collector.consumer.settle(settlements.slice(40)),
    ]);
    await mail.atLeast(100);
    expectKeyOrder(mail.deliveries, 20);
  });

  it('takes every outcome that ends a delivery', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await transport.send(onBus(series('k', 4)));
    const collector = await Collector.start(transport, 'oms');
    const deliveries = await collector.atLeast(4);
    const outcomes = ['done', 'filtered', 'merged', 'duplicate'] as const;
    await collector.consumer.settle(
      deliveries.map((delivery, n): Settlement => ({ delivery, outcome: outcomes[n] ?? 'done', sends: [] })),
    );
    const { ledger, endpoints } = await transport.stats();
    expect(ledger).to.include({ done: 1, filtered: 1, merged: 1, duplicate: 1 });
    expect(endpoints.find(({ name }) => name === 'oms')?.outcomes).to.include({
      done: 1,
      filtered: 1,
      merged: 1,
      duplicate: 1,
    });
  });

  it('settles a delivery once: a second settlement changes nothing', async () => {
    const { transport } = await open({ endpoints: FLOW });
    const { collector, delivery } = await inHand(transport);
    const mail = await Collector.drain(transport, 'mail');
    await collector.settle([delivery]);
    await collector.settle([delivery], [outgoing({ id: 'twice', type: 'shop.mail.asked' })]).catch(() => undefined);
    await transport.send([outgoing({ id: 'fence', type: 'shop.mail.asked' })]);
    await mail.atLeast(1);
    expect(mail.ids).to.deep.equal(['fence']);
    expect((await transport.stats()).ledger.done).to.be.at.least(1);
  });

  it('lets others pass a retry that is delayed', async () => {
    const { transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'], ordering: 'none' } } });
    const { collector, delivery } = await inHand(transport, 'failing');
    await collector.consumer.settle([{ delivery, outcome: 'retry', delayMs: 3_600_000, attempts: [FAILED] }]);
    await until('it to be counted as delayed', async () => {
      const stats = await transport.stats();
      return stats.endpoints.find(({ name }) => name === 'oms')?.delayed === 1;
    });
    await transport.send([outgoing({ id: 'other', key: 'k' })]);
    await collector.atLeast(2);
    expect(collector.ids).to.deep.equal(['failing', 'other']);
  });

  it('delivers a retry again after its delay, with its attempts', async () => {
    const { transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'], ordering: 'none' } } });
    await transport.send([outgoing({ id: 'failing', key: 'k' })]);
    const collector = await Collector.start(transport, 'oms');
    const delivery = await one(collector);
    await collector.consumer.settle([{ delivery, outcome: 'retry', delayMs: 1_000, attempts: [FAILED] }]);
    const again = await one(collector, 2);
    expect(again.attempts).to.deep.equal([FAILED]);
    expect(again.message).to.deep.equal(delivery.message);
    const second = { ...FAILED, error: 'again' };
    await collector.consumer.settle([
      { delivery: again, outcome: 'retry', delayMs: 1_000, attempts: [FAILED, second] },
    ]);
    expect((await one(collector, 3)).attempts).to.deep.equal([FAILED, second]);
  });

  it('keeps a delayed retry over a close of every connection', async () => {
    const { bus, transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'], ordering: 'none' } } });
    const { collector, delivery } = await inHand(transport);
    await collector.consumer.settle([{ delivery, outcome: 'retry', delayMs: 1_000, attempts: [FAILED] }]);
    await transport.close();
    const later = await Collector.drain(await bus.connect(), 'oms');
    expect((await one(later)).attempts).to.deep.equal([FAILED]);
  });

  it('keeps a dead letter with its story: message, endpoint, code, attempts and time', async () => {
    const { transport } = await open({ endpoints: FLOW });
    const { collector, delivery } = await inHand(transport, 'broken');
    await collector.consumer.settle([
      {
        delivery,
        outcome: 'dead',
        sends: [],
        deaths: [{ code: 'WB_CONTRACT_VIOLATED', error: '/total: expected number', attempts: [FAILED] }],
      },
    ]);
    await until('the letter', async () => (await transport.dead.count()) === 1);
    const [letter] = await all(transport.dead.list());
    if (letter === undefined) throw new Error('no letter');
    expect(letter).to.include({ endpoint: 'oms', code: 'WB_CONTRACT_VIOLATED', error: '/total: expected number' });
    expect(letter.attempts).to.deep.equal([FAILED]);
    expect(letter.message).to.deep.equal(delivery.message);
    expect(Date.parse(letter.diedAt)).to.be.greaterThan(Date.parse('2026-01-01T00:00:00Z'));
    expect(await transport.dead.get(letter.id)).to.deep.equal(letter);
    expect(await transport.dead.get('no-such-letter')).to.equal(undefined);
    expect((await transport.stats()).dead).to.equal(1);
  });

  it('makes one letter of each route that failed, and sends the results of the others', async () => {
    const { transport } = await open({ endpoints: FLOW });
    const { collector, delivery } = await inHand(transport);
    const mail = await Collector.drain(transport, 'mail');
    await collector.consumer.settle([
      {
        delivery,
        outcome: 'dead',
        sends: [outgoing({ id: 'result', type: 'shop.mail.asked' })],
        deaths: [
          { code: 'WB_CONTRACT_VIOLATED', error: 'one', route: 'first', attempts: [] },
          { code: 'WB_NUMBER_EXACT', error: 'two', route: 'second', attempts: [] },
        ],
      },
    ]);
    await mail.atLeast(1);
    await until('both letters', async () => (await transport.dead.count()) === 2);
    const letters = await all(transport.dead.list());
    expect(letters.map(({ route, code, error }) => [route, code, error])).to.have.deep.members([
      ['first', 'WB_CONTRACT_VIOLATED', 'one'],
      ['second', 'WB_NUMBER_EXACT', 'two'],
    ]);
    expect(new Set(letters.map(({ id }) => id)).size).to.equal(2);
  });

  it('keeps an expired delivery as a letter, counted by itself', async () => {
    const { transport } = await open({ endpoints: FLOW });
    const { collector, delivery } = await inHand(transport);
    await collector.consumer.settle([
      { delivery, outcome: 'expired', sends: [], deaths: [{ code: 'WB_EXPIRED', error: 'expired', attempts: [] }] },
    ]);
    await until('the letter', async () => (await all(transport.dead.list({ code: 'WB_EXPIRED' }))).length === 1);
    expect((await transport.stats()).ledger).to.include({ expired: 1, dead: 0 });
  });

  it('parks a delivery that no route takes any more', async () => {
    const { transport } = await open({ endpoints: FLOW });
    const { collector, delivery } = await inHand(transport, 'astray');
    await collector.consumer.settle([{ delivery, outcome: 'parked' }]);
    await until('the parked message', async () => (await transport.parked.count()) === 1);
    const [letter] = await all(transport.parked.list());
    expect(letter?.message).to.deep.equal(delivery.message);
    expect(await transport.dead.count()).to.equal(0);
  });

  it('does not end a delivery whose results are refused', async () => {
    const { transport } = await open({ endpoints: FLOW, parking: 50_000 });
    const { collector, delivery } = await inHand(transport, 'unfinished');
    const unrouted = outgoing({ type: 'shop.return.asked', body: Buffer.from(JSON.stringify('x'.repeat(20_000))) });
    for (let taken = true; taken; ) {
      taken = await transport.send([{ ...unrouted }]).then(
        () => true,
        () => false,
      );
    }
    expect(await rejection(collector.settle([delivery], [unrouted]))).to.have.property('code', 'WB_PARKING_FULL');
    await collector.close();
    const again = await Collector.drain(transport, 'oms');
    await again.atLeast(1);
    expect(again.ids).to.deep.equal(['unfinished']);
  });

  it('keeps the order of results when a settlement is refused and those given after it are on their way', async () => {
    const { transport } = await open({ endpoints: FLOW, parking: 50_000 });
    const unrouted = outgoing({ type: 'shop.return.asked', body: Buffer.from(JSON.stringify('x'.repeat(20_000))) });
    const busy = Array.from({ length: 20 }, (_, n) =>
      outgoing({ id: `busy${String(n)}`, key: 'k', type: 'shop.mail.asked' }),
    );
    for (let taken = true; taken; ) {
      taken = await transport.send([{ ...unrouted }]).then(
        () => true,
        () => false,
      );
    }
    await transport.send(onBus(series('k', 10)));
    const oms = await Collector.start(transport, 'oms');
    const mail = await Collector.drain(transport, 'mail');
    const deliveries = await oms.atLeast(10);
    const results = deliveries.map((_, n) => outgoing({ id: `r${String(n)}`, key: 'k', type: 'shop.mail.asked' }));
    const ahead = transport.send(busy);
    await setImmediate();
    const ended = await Promise.allSettled(
      deliveries.map((delivery, n) =>
        oms.settle([delivery], [...results.slice(n, n + 1), ...(n === 0 ? [unrouted] : [])]),
      ),
    );
    await ahead;
    expect(ended[0]).to.have.property('status', 'rejected');
    await transport.parked.discard({ limit: 2 }, { by: 'tests' });
    const left = deliveries.flatMap((delivery, n) => (ended[n]?.status === 'rejected' ? [{ delivery, n }] : []));
    for (const { delivery, n } of left) await oms.settle([delivery], results.slice(n, n + 1));
    const came = (): string[] => [...new Set(mail.ids.filter((id) => id.startsWith('r')))];
    await until('all results', () => came().length === 10, { describe: () => mail.ids.join(' ') });
    expect(came()).to.deep.equal(results.map(({ message }) => message.envelope.id));
  });

  it('never ends a delivery without its results when a process is killed in the middle', async function () {
    this.timeout(240_000);
    const { bus, transport } = await open({ endpoints: FLOW });
    const mail = await Collector.drain(transport, 'mail', 1_000);
    await transport.send(onBus(rounds(10, 30)));
    for (let turn = 0; turn < 3; turn++) {
      const peer = await bus.peer();
      await peer.consume('oms', 50);
      const had = await peer.atLeast(40);
      const settling = had.map(({ index, message: { envelope } }) =>
        peer
          .settle([{ delivery: index, outcome: 'done', sends: [outgoing({ ...envelope, type: 'shop.mail.asked' })] }])
          .catch(() => undefined),
      );
      await settling[turn];
      await peer.kill();
      await Promise.all(settling);
    }
    const rest = await Collector.start(transport, 'oms', {
      window: 50,
      each: (delivery) => done(delivery, [outgoing({ ...delivery.message.envelope, type: 'shop.mail.asked' })]),
    });
    await until('a result of every delivery', () => new Set(mail.ids).size === 300, {
      deadlineMs: 90_000,
      describe: () => String(new Set(mail.ids).size),
    });
    await rest.settled();
    expectKeyOrder(mail.deliveries, 30);
  });
});

import { expect } from 'chai';
import type { EncodedMessage } from '../../src/message.ts';
import type { EndpointStats, Ledger, Transport } from '../../src/ports/transport.ts';
import { Collector, done } from '../support/collector.ts';
import { message, onBus, outgoing, rounds, series } from '../support/messages.ts';
import { until } from '../support/until.ts';
import { conformance } from './conformance.ts';

const FLOW = { oms: { takes: ['shop.order.placed@1'] }, mail: { takes: ['shop.order.placed@1'] } };

async function endpoint(transport: Transport, name: string): Promise<EndpointStats> {
  const found = (await transport.stats()).endpoints.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no stats of ${name}`);
  return found;
}

/** When the n-th of `aged` was made. */
function timeOf(n: number): string {
  return `2026-01-01T00:00:${String(n).padStart(2, '0')}.000Z`;
}

/** Messages of one key, each made a second after the one before. */
function aged(key: string, count: number, from = 0): EncodedMessage[] {
  return Array.from({ length: count }, (_, n) => message({ key, id: `${key}-${String(n)}`, time: timeOf(from + n) }));
}

/** The last three columns say what is kept now: what was redriven out of them is made and counted anew. */
function accounted(ledger: Ledger): number {
  const { done: ended, filtered, merged, duplicate, dead, parked, expired, discarded, waiting } = ledger;
  return ended + filtered + merged + duplicate + dead + parked + expired + discarded + waiting;
}

conformance('stats', ({ open, harness }) => {
  it('shows what waits, what is in hand and who consumes, for each endpoint', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await transport.send(onBus(series('k', 10)));
    await until('10 to wait', async () => (await endpoint(transport, 'oms')).waiting === 10);
    expect(await endpoint(transport, 'oms')).to.include({ waiting: 10, inHand: 0, delayed: 0, consumers: 0 });
    const collector = await Collector.start(transport, 'oms', { window: 4 });
    await collector.atLeast(4);
    await until('4 in hand', async () => (await endpoint(transport, 'oms')).inHand === 4);
    expect(await endpoint(transport, 'oms')).to.include({ waiting: 6, inHand: 4, consumers: 1 });
    expect(await endpoint(transport, 'mail')).to.include({ waiting: 10, inHand: 0, consumers: 0 });
    await collector.settle(collector.deliveries.slice(0, 4));
    await collector.atLeast(8);
    await until('2 to wait', async () => (await endpoint(transport, 'oms')).waiting === 2);
    expect((await endpoint(transport, 'oms')).outcomes).to.include({ done: 4 });
    await collector.close();
    await until('no consumer', async () => (await endpoint(transport, 'oms')).consumers === 0);
    await until('6 to wait', async () => (await endpoint(transport, 'oms')).waiting === 6);
  });

  it('shows the time of the oldest message that is not settled: waiting, in hand, settled out of order, and after a restart', async () => {
    const { bus, transport } = await open({ endpoints: FLOW });
    const oldest = async (by = transport): Promise<string | undefined> => (await endpoint(by, 'oms')).oldest;
    expect(await oldest(), 'nothing waits').to.equal(undefined);
    await transport.send(onBus(aged('k', 6)));
    // A broker shows the head of a queue to nobody but its consumers.
    const alone = harness.kind === 'embedded' ? timeOf(0) : undefined;
    await until('6 to wait', async () => (await endpoint(transport, 'oms')).waiting === 6);
    expect(await oldest(), 'nobody has it').to.equal(alone);
    const collector = await Collector.start(transport, 'oms', { window: 4 });
    const [first, second, third] = await collector.atLeast(4);
    if (first === undefined || second === undefined || third === undefined) throw new Error('4 were expected');
    expect(await oldest(), 'in hand').to.equal(timeOf(0));
    await collector.settle([second]);
    expect(await oldest(), 'the second is settled').to.equal(timeOf(0));
    await collector.settle([first]);
    expect(await oldest(), 'two are settled').to.equal(timeOf(2));
    await transport.close();

    const later = await bus.connect();
    expect(await oldest(later), 'nobody has it after a restart').to.equal(alone && timeOf(2));
    const again = await Collector.start(later, 'oms');
    const left = await again.atLeast(4);
    expect(await oldest(later), 'in hand after a restart').to.equal(timeOf(2));
    // Who only looks sees what another process holds.
    expect(await oldest(await bus.connect()), 'in hand elsewhere').to.equal(timeOf(2));
    await again.settle(left);
    expect(await oldest(later), 'all are settled').to.equal(undefined);
    expect((await endpoint(later, 'mail')).oldest, 'at another endpoint').to.equal(alone);
  });

  it('shows the oldest of what came to a consumer that takes no more', async () => {
    const { transport } = await open({ endpoints: FLOW });
    const collector = await Collector.start(transport, 'oms');
    await collector.consumer.stop();
    await transport.send(onBus(aged('k', 3, 5)));
    await until('the oldest', async () => (await endpoint(transport, 'oms')).oldest === timeOf(5));
    expect(collector.deliveries).to.deep.equal([]);
  });

  it('shows the oldest of all partitions', async () => {
    const { transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'], partitions: 4 } } });
    const messages = Array.from({ length: 12 }, (_, n) => aged(`key-${String(n)}`, 1, 12 - n)).flat();
    // One by one: on RabbitMQ each is a message of its own then.
    for (const each of messages) await transport.send([{ to: 'bus', message: each }]);
    const collector = await Collector.start(transport, 'oms');
    const deliveries = await collector.atLeast(12);
    // Later ones were made earlier here, but wait behind the first of their partitions.
    for (let settled = 0; settled < 12; settled += 2) {
      const firsts = new Map<number, string>();
      for (const { lease, message: sent } of deliveries.slice(settled))
        if (!firsts.has(lease.partition)) firsts.set(lease.partition, sent.envelope.time);
      if (settled === 0) expect(firsts).to.have.property('size').at.least(2);
      expect((await endpoint(transport, 'oms')).oldest, String(settled)).to.equal([...firsts.values()].sort()[0]);
      await collector.settle(deliveries.slice(settled, settled + 2));
    }
  });

  it('shows the state that a consumer reports, and forgets it when the consumer closes', async () => {
    const { bus, transport } = await open({ endpoints: FLOW });
    const other = await bus.connect();
    const collector = await Collector.start(transport, 'oms');
    collector.consumer.report({ heldKeys: 2 });
    collector.consumer.report({ paused: 'connection refused', heldKeys: 3 });
    // RabbitMQ has no place for what a process reports but the process itself.
    const watcher = harness.kind === 'embedded' ? other : transport;
    await until('the report', async () =>
      (await endpoint(watcher, 'oms')).states.some(({ heldKeys }) => heldKeys === 3),
    );
    expect((await endpoint(watcher, 'oms')).states).to.deep.equal([{ paused: 'connection refused', heldKeys: 3 }]);
    await collector.close();
    await until('the report to go', async () => (await endpoint(watcher, 'oms')).states.length === 0);
  });

  it('balances the ledger when all is settled', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await transport.send(onBus(rounds(4, 5)));
    await transport.send([outgoing({ type: 'shop.return.asked' })]);
    const oms = await Collector.start(transport, 'oms');
    const mail = await Collector.start(transport, 'mail');
    const [first, second, third, ...rest] = await oms.atLeast(20);
    if (first === undefined || second === undefined || third === undefined)
      throw new Error('20 deliveries were expected');
    await oms.consumer.settle([
      {
        delivery: first,
        outcome: 'dead',
        sends: [],
        deaths: [{ code: 'WB_HANDLER_FAILED', error: 'no', attempts: [] }],
      },
      { delivery: second, outcome: 'filtered', sends: [] },
      { delivery: third, outcome: 'expired', sends: [], deaths: [{ code: 'WB_EXPIRED', error: 'late', attempts: [] }] },
    ]);
    await oms.settle(rest, [outgoing({ id: 'more' }, { endpoint: 'mail' })]);
    await mail.settle(await mail.atLeast(21));
    await until('the books to be up to date', async () => (await transport.stats()).ledger.waiting === 0);
    const { ledger } = await transport.stats();
    // 20 at each of the two, one of the parked type, one that oms sent to mail.
    expect(ledger).to.include({
      made: 42,
      done: 38,
      filtered: 1,
      dead: 1,
      expired: 1,
      parked: 1,
      discarded: 0,
      waiting: 0,
    });
    expect(accounted(ledger)).to.equal(ledger.made);
  });

  it('balances the ledger over retries, redrives and discards', async () => {
    const { transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'], ordering: 'none' } } });
    await transport.send(onBus(rounds(3, 2)));
    const oms = await Collector.start(transport, 'oms');
    const [first, second, third, fourth, ...rest] = await oms.atLeast(6);
    if (first === undefined || second === undefined || third === undefined || fourth === undefined)
      throw new Error('6 were expected');
    const dead = [second, third, fourth].map((delivery) => ({
      delivery,
      outcome: 'dead' as const,
      sends: [],
      deaths: [{ code: 'WB_HANDLER_FAILED' as const, error: 'no', attempts: [] }] as const,
    }));
    await oms.consumer.settle([
      { delivery: first, outcome: 'retry', delayMs: 1_000, attempts: [] },
      ...dead,
      ...rest.map((each) => done(each)),
    ]);
    await until('the letters', async () => (await transport.dead.count()) === 3);
    await transport.dead.redrive({ messageId: second.message.envelope.id }, { by: 'ada' });
    await transport.dead.discard({ messageId: third.message.envelope.id }, { by: 'ada' });
    const again = (await oms.atLeast(8)).slice(6);
    await oms.settle(again);
    await until('nothing to wait', async () => (await transport.stats()).ledger.waiting === 0);
    const { ledger } = await transport.stats();
    expect(ledger).to.include({ dead: 1, discarded: 1, done: 4, waiting: 0 });
    expect(accounted(ledger)).to.equal(ledger.made);
  });

  it('balances at any moment where it says that it is exact', async function () {
    const { bus, transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'], partitions: 4 } } });
    const { exact } = await transport.stats();
    expect(exact).to.equal(harness.kind === 'embedded');
    if (!exact) return this.skip();
    const other = await bus.connect();
    const collector = await Collector.drain(other, 'oms', 50);
    const sending = Promise.all(rounds(100, 20).map((each) => transport.send([{ to: 'bus', message: each }])));
    let moments = 0;
    while (new Set(collector.ids).size < 2_000) {
      const { ledger } = await transport.stats();
      expect(accounted(ledger), JSON.stringify(ledger)).to.equal(ledger.made);
      moments++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await sending;
    await collector.settled();
    expect(moments).to.be.greaterThan(1);
    expect((await transport.stats()).ledger).to.include({ made: 2_000, done: 2_000, waiting: 0 });
  });

  it('keeps an exact ledger and its tallies over a close and over a kill', async function () {
    this.timeout(240_000);
    const { bus, transport } = await open({ endpoints: FLOW });
    if (harness.kind !== 'embedded') return this.skip();
    await transport.send([outgoing()], { tally: { 'service.shop.published': 1 } });
    await transport.close();
    const peer = await bus.peer();
    await peer.send([{ to: 'bus', message: message() }]);
    await peer.kill();
    const later = await bus.connect();
    const oms = await Collector.start(later, 'oms');
    await oms.consumer.settle(
      (await oms.atLeast(2)).map((each) => done(each)),
      { 'route.eu.out': 2 },
    );
    const { ledger, tallies } = await later.stats();
    expect(ledger).to.include({ made: 4, done: 2, waiting: 2 });
    expect(tallies).to.include({ 'service.shop.published': 1, 'route.eu.out': 2 });
  });

  it('adds tallies up, also of a send without messages', async () => {
    const { transport } = await open({ endpoints: FLOW });
    const oms = await Collector.start(transport, 'oms');
    await transport.send([outgoing()], { tally: { a: 1, b: 2 } });
    await transport.send([outgoing()], { tally: { a: 1 } });
    await transport.send([], { tally: { alone: 1 } });
    await oms.consumer.settle(
      (await oms.atLeast(2)).map((each) => done(each)),
      { b: 5 },
    );
    expect((await transport.stats()).tallies).to.include({ a: 2, b: 7, alone: 1 });
  });
});

import { expect } from 'chai';
import { Collector, done } from '../../../support/collector.ts';
import { onBus, outgoing, rounds, series } from '../../../support/messages.ts';
import { expectKeyOrder } from '../../../support/order.ts';
import { rejection } from '../../../support/rejection.ts';
import { until } from '../../../support/until.ts';
import { Home, plan } from './home.ts';

describe('applying a plan to a folder', () => {
  let home: Home;
  beforeEach(async () => {
    home = await Home.make('bus');
  });
  afterEach(async () => {
    await home.remove();
  });

  it('says what it changes, and changes nothing for an equal edition', async () => {
    const transport = await home.open({ bus: 'retail' });
    const first = await transport.apply(plan({ edition: '1' }));
    expect(first.changes).to.include('endpoint oms: added, service, ordering key, 1 partition');
    expect(await transport.apply(plan({ edition: '1' }))).to.deep.equal({ changes: [] });
    const more = await transport.apply(plan({ edition: '2', endpoints: { oms: {}, mail: { ordering: 'none' } } }));
    expect(more.changes).to.deep.equal([
      'endpoint mail: added, service, ordering none, 1 partition',
      'binding shop.order.placed@1 -> mail: added',
    ]);
  });

  it('files waiting messages anew when partitions change, settled ones left out, each key in order', async () => {
    const transport = await home.open({ bus: 'retail' });
    let edition = 0;
    const reshape = (partitions: number, slots = 16): Promise<unknown> =>
      transport.apply(plan({ edition: String(edition++), slots, endpoints: { oms: { partitions } } }));
    await reshape(2);
    const handled: { message: { envelope: { id: string } } }[] = [];
    for (const [turn, [partitions, slots]] of (
      [
        [5, 16],
        [3, 32],
        [16, 32],
        [1, 64],
      ] as const
    ).entries()) {
      await transport.send(onBus(rounds(20, (turn + 1) * 10, turn * 10)));
      const collector = await Collector.start(transport, 'oms', { window: 15 });
      const deliveries = await collector.atLeast(15);
      await collector.settle(deliveries.slice(0, 10));
      handled.push(...deliveries.slice(0, 10));
      await collector.close();
      await reshape(partitions, slots);
      expect((await transport.stats()).ledger.waiting).to.equal((turn + 1) * 200 - handled.length);
    }
    const rest = await Collector.drain(transport, 'oms');
    await rest.atLeast(800 - handled.length);
    await rest.settled();
    expectKeyOrder([...handled, ...rest.deliveries] as typeof rest.deliveries, 40);
    expect((await transport.stats()).ledger).to.include({ made: 800, done: 800, waiting: 0 });
  });

  it('keeps consumers of what does not change, and hands messages of what does to its consumers again', async () => {
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1', endpoints: { oms: {}, mail: {} } }));
    await transport.send(onBus(rounds(8, 2)));
    const oms = await Collector.start(transport, 'oms');
    const mail = await Collector.start(transport, 'mail');
    const kept = await oms.atLeast(16);
    const moved = await mail.atLeast(16);
    await transport.apply(plan({ edition: '2', endpoints: { oms: {}, mail: { partitions: 4 } } }));
    expect(kept.some(({ lease }) => lease.revoked)).to.be.false;
    expect(moved.every(({ lease }) => lease.revoked)).to.be.true;
    const again = (await mail.atLeast(32)).slice(16);
    expectKeyOrder(again, 2);
    await mail.settle(moved);
    expect((await transport.stats()).ledger).to.include({ done: 0, waiting: 32 });
    await oms.settle(kept);
    await mail.settle(again);
    expect((await transport.stats()).ledger).to.include({ made: 32, done: 32, waiting: 0 });
  });

  it('makes dead letters of what waits, delayed or not, at an endpoint that is gone', async () => {
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1', endpoints: { oms: { ordering: 'none' } } }));
    await transport.send(onBus(series('k', 70)));
    const oms = await Collector.start(transport, 'oms');
    const [first, second] = await oms.atLeast(70);
    if (first === undefined || second === undefined) throw new Error('nothing was delivered');
    const attempts = [{ at: '2026-01-01T00:00:00.000Z', code: 'WB_HANDLER_FAILED' as const, error: 'no' }];
    await oms.consumer.settle([{ delivery: first, outcome: 'retry', delayMs: 600_000, attempts }, done(second)]);
    const { changes } = await transport.apply(plan({ edition: '2', endpoints: { mail: {} } }));
    expect(changes).to.include('endpoint oms: removed');
    expect(await transport.dead.count()).to.equal(69);
    let delayed = 0;
    for await (const letter of transport.dead.list({ endpoint: 'oms', code: 'WB_ENDPOINT_REMOVED' })) {
      if (letter.attempts.length > 0) delayed += 1;
    }
    expect(delayed).to.equal(1);
    const { ledger, endpoints } = await transport.stats();
    expect(ledger).to.include({ made: 70, done: 1, dead: 69, waiting: 0 });
    expect(endpoints.map(({ name }) => name)).to.deep.equal(['mail']);
    const refused = await rejection(transport.dead.redrive({}, { by: 'ada' }));
    expect(refused.code).to.equal('WB_PLAN_NOT_APPLIED');
    expect(await transport.dead.count()).to.equal(69);
    await transport.apply(plan({ edition: '3', endpoints: { oms: {}, mail: {} }, bound: ['mail'] }));
    expect(await transport.dead.redrive({}, { by: 'ada' })).to.equal(69);
    expect((await transport.stats()).ledger).to.include({ made: 70, done: 1, dead: 0, waiting: 69 });
  });

  it('takes messages that come meanwhile, under the one plan or the other', async () => {
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '0' }));
    const sends: Promise<void>[] = [];
    for (let turn = 0; turn < 20; turn++) {
      for (const each of rounds(5, turn + 1, turn)) sends.push(transport.send(onBus([each])));
      if (turn % 5 === 0) {
        const partitions = (turn / 5) * 3 + 1;
        void transport.apply(plan({ edition: `e${String(turn)}`, endpoints: { oms: { partitions } } }));
      }
      await new Promise((resume) => setImmediate(resume));
    }
    await Promise.all(sends);
    const collector = await Collector.drain(transport, 'oms');
    await collector.atLeast(100);
    expectKeyOrder(collector.deliveries, 20);
  });

  it('refuses a topology that it cannot hold, and keeps the one it has', async () => {
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1' }));
    for (const faulty of [
      plan({ edition: '2', slots: 12 }),
      plan({ edition: '2', slots: 128 }),
      plan({ edition: '2', endpoints: { oms: { partitions: 17 } } }),
      plan({ edition: '2', endpoints: { oms: { partitions: 0 } } }),
    ]) {
      expect((await rejection(transport.apply(faulty))).code).to.equal('WB_OPTION_INVALID');
    }
    expect((await transport.manifest())?.edition).to.equal('1');
  });

  it('never takes slots away', async () => {
    const transport = await home.open({ bus: 'retail' });
    for (const [edition, slots] of [
      ['1', 16],
      ['2', 4],
    ] as const)
      await transport.apply(plan({ edition, slots }));
    expect((await transport.manifest())?.topology.slots).to.equal(16);
    expect((await transport.manifest())?.edition).to.equal('2');
  });

  it('lets a consumer wait whose endpoint is gone, until it is back', async () => {
    const transport = await home.open({ bus: 'retail' });
    const attached = await home.open();
    await transport.apply(plan({ edition: '1', endpoints: { oms: {}, mail: {} } }));
    const collectors = [await Collector.drain(transport, 'mail'), await Collector.drain(attached, 'mail')];
    await transport.apply(plan({ edition: '2', endpoints: { oms: {} } }));
    await transport.apply(plan({ edition: '3', endpoints: { oms: {}, mail: {} } }));
    await transport.send(onBus(rounds(4, 1)));
    await until('the messages', () => collectors.reduce((sum, { ids }) => sum + ids.length, 0) >= 4);
  });

  it('keeps what is sent, while partitions change, by whoever hears that his lease is revoked', async () => {
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1', endpoints: { oms: { partitions: 1 } } }));
    await transport.send([outgoing({ id: 'in hand', key: 'k' })]);
    const before = await Collector.start(transport, 'oms');
    const [inHand] = await before.atLeast(1);
    let sent: Promise<void> | undefined;
    inHand?.lease.signal.addEventListener('abort', () => {
      sent = transport.send([outgoing({ id: 'because of it', key: 'k' })]);
    });
    await transport.apply(plan({ edition: '2', endpoints: { oms: { partitions: 4 } } }));
    await sent;
    await before.atLeast(3);
    expect(before.ids).to.deep.equal(['in hand', 'in hand', 'because of it']);
  });
});

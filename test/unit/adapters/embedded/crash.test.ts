import { expect } from 'chai';
import type { Ledger } from '../../../../src/ports/transport.ts';
import { Collector, done } from '../../../support/collector.ts';
import { message, outgoing } from '../../../support/messages.ts';
import { expectKeyOrder } from '../../../support/order.ts';
import type { Peer } from '../../../support/peer.ts';
import { until } from '../../../support/until.ts';
import { Home, plan } from './home.ts';

describe('a folder whose owner is killed', () => {
  let home: Home;
  beforeEach(async () => {
    home = await Home.make('bus');
  });
  afterEach(async () => {
    await home.remove();
  });

  it('holds a ledger that balances, and results exactly where their deliveries ended, at whatever moment that was', async function () {
    this.timeout(480_000);
    const first = await home.open({ bus: 'retail' });
    await first.apply(plan({ edition: '1', endpoints: { oms: { partitions: 3 }, erp: {} }, bound: ['oms'] }));
    await first.close();
    let random = 7;
    const next = (below: number): number => {
      random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return random % below;
    };
    let sent = 0;
    const acknowledged = new Set<string>();
    for (let crash = 0; crash < 8; crash++) {
      const peer = await home.peer();
      await peer.consume('oms', 20);
      sent = await stream(peer, sent, 30 + next(60), next(40), acknowledged);
    }
    const last = await home.open();
    const { ledger } = await last.stats();
    expect(accounted(ledger)).to.equal(ledger.made);
    const erp = await Collector.drain(last, 'erp');
    const oms = await Collector.start(last, 'oms', {
      window: 50,
      each: (delivery) => done(delivery, [result(delivery.message.envelope.id)]),
    });
    await oms.atLeast(1);
    await until('all to be handled', async () => (await last.stats()).ledger.waiting === 0);
    await oms.settled();
    await erp.settled();
    // Every message that was acknowledged led to its result once; others, in flight at a crash, did so once or not at all.
    const ids = new Set(erp.ids.map((id) => id.slice(2)));
    expect(ids.size).to.equal(erp.ids.length);
    expect([...acknowledged].filter((id) => !ids.has(id))).to.deep.equal([]);
    expect(acknowledged.size).to.be.greaterThan(8);
    const end = await last.stats();
    expect(end.ledger).to.include({ waiting: 0 });
    expect(accounted(end.ledger)).to.equal(end.ledger.made);
    expect(end.ledger.made).to.equal(2 * erp.deliveries.length);
  });

  /** Sends and settles with a result each, and is killed in the midst; where the next goes on. */
  const stream = async (
    peer: Peer,
    from: number,
    count: number,
    settled: number,
    acknowledged: Set<string>,
  ): Promise<number> => {
    let n = from;
    const work: Promise<unknown>[] = [];
    const quietly = (each: Promise<unknown>): void => {
      // Refused by the end of the process, which is what this is about.
      work.push(each.catch(() => undefined));
    };
    for (; n < from + count; n++) {
      const id = String(n);
      const sent = peer.send([{ to: 'bus', message: message({ id, key: `k${String(n % 5)}` }) }]).then(() => {
        acknowledged.add(id);
      });
      if (n % 7 === 0) await sent;
      else quietly(sent);
    }
    let index = 0;
    for (; index < settled && index < peer.deliveries.length; index++) {
      const delivery = peer.deliveries[index];
      if (delivery === undefined) break;
      const settling = peer.settle([
        { delivery: index, outcome: 'done', sends: [result(delivery.message.envelope.id)] },
      ]);
      if (index % 5 < 3) await settling;
      else quietly(settling);
    }
    await peer.kill();
    await Promise.all(work);
    return n;
  };

  it('keeps each key in order while owner after owner is killed under load', async function () {
    this.timeout(480_000);
    const publisher = await home.open({ bus: 'retail' });
    await publisher.apply(plan({ edition: '1', endpoints: { oms: { partitions: 4 } } }));
    await publisher.close();
    let peer = await home.peer();
    const attached = await home.open();
    const sends: Promise<void>[] = [];
    for (let round = 0; round < 120; round++) {
      for (let key = 0; key < 6; key++) {
        sends.push(attached.send([outgoing({ id: `k${String(key)}-${String(round)}`, key: `k${String(key)}` })]));
      }
      if (round === 40) {
        await peer.kill();
        await Promise.all(sends);
        // The attached process owns the folder now; the next round of the test has it give way.
        peer = await home.peer();
      }
      await new Promise((resume) => setImmediate(resume));
    }
    await Promise.all(sends);
    const collector = await Collector.drain(attached, 'oms');
    await collector.atLeast(720);
    expectKeyOrder(collector.deliveries, 120);
  });
});

function result(id: string): { to: { endpoint: string }; message: ReturnType<typeof message> } {
  return { to: { endpoint: 'erp' }, message: message({ id: `r-${id}`, key: id }) };
}

function accounted(ledger: Ledger): number {
  const { made: _made, ...ends } = ledger;
  return Object.values(ends).reduce((sum, each) => sum + each, 0);
}

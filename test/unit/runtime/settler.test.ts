import { expect } from 'chai';
import type { Consumer } from '../../../src/ports/transport.ts';
import { Settler } from '../../../src/runtime/settler.ts';
import { Collector, done } from '../../support/collector.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { idsOf, onBus, outgoing, series } from '../../support/messages.ts';
import { testLog } from '../../support/targets.ts';
import { until, within } from '../../support/until.ts';
import { Home, plan } from '../adapters/embedded/home.ts';

/** Lets the test decide when, and whether, each call reaches the real consumer. */
class Gate {
  readonly calls: { readonly pass: () => void; readonly refuse: () => void }[] = [];
  readonly consumer: Consumer;

  constructor(real: Consumer) {
    this.consumer = {
      settle: (...args) =>
        new Promise((resolve, reject) => {
          this.calls.push({
            pass: () => {
              resolve(real.settle(...args));
            },
            refuse: () => {
              reject(new Error('the disk is full'));
            },
          });
        }),
      begin: (delivery) => real.begin(delivery),
      report: (state) => {
        real.report(state);
      },
      stop: () => real.stop(),
      close: () => real.close(),
    };
  }

  /** The call of this number, from 0, once it was made. */
  nth(index: number) {
    return until(`call ${String(index)}`, () => this.calls[index], { describe: () => String(this.calls.length) });
  }
}

describe('the settler', () => {
  let home: Home;
  beforeEach(async () => {
    home = await Home.make('bus');
  });
  afterEach(async () => {
    await home.remove();
  });

  async function start() {
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1', endpoints: { oms: {}, mail: {} }, bound: ['oms'] }));
    await transport.send(onBus(series('k', 3)));
    const orders = await Collector.start(transport, 'oms');
    const deliveries = await orders.atLeast(3);
    const mail = await Collector.start(transport, 'mail');
    const gate = new Gate(orders.consumer);
    const clock = new ManualClock();
    const settler = new Settler(gate.consumer, clock, testLog);
    const push = (index: number): void => {
      const delivery = deliveries[index];
      if (delivery === undefined) throw new Error('no delivery');
      settler.push(done(delivery, [outgoing({ id: `r${String(index)}`, key: 'k' }, { endpoint: 'mail' })]));
    };
    return { transport, gate, clock, settler, push, mail };
  }

  it('repeats calls that failed together in their order, however they failed, and what came meanwhile after them', async () => {
    const { gate, clock, settler, push, mail } = await start();
    push(0);
    const first = await gate.nth(0);
    push(1);
    const second = await gate.nth(1);
    second.refuse();
    await until('the end of the turn', () => true);
    first.refuse();
    push(2);
    const again = await until('the first again', () => {
      clock.advance(5_000);
      return gate.calls[2];
    });
    again.pass();
    (
      await until('the second again', () => {
        clock.advance(5_000);
        return gate.calls[3];
      })
    ).pass();
    (await gate.nth(4)).pass();
    await within('the settler', settler.idle());
    expect(idsOf(await mail.atLeast(3))).to.deep.equal(['r0', 'r1', 'r2']);
  });

  it('waits with growing pauses, of at most 5 s, for as long as settling fails', async () => {
    const { gate, clock, settler, push } = await start();
    push(0);
    const made: number[] = [];
    for (let call = 0; call < 9; call++) {
      const { refuse } = await until('the call', () => {
        if (gate.calls[call] === undefined) clock.advance(50);
        return gate.calls[call];
      });
      made.push(clock.elapsed());
      refuse();
    }
    const gaps = made.slice(1).map((at, i) => at - (made[i] ?? 0));
    expect(gaps[0]).to.be.within(100, 150);
    expect(gaps.at(-1)).to.be.within(5_000, 5_100);
    const idle = settler.idle();
    settler.abandon();
    await within('the settler', idle);
  });

  it('is not idle before the last call has ended', async () => {
    const { gate, settler, push, transport } = await start();
    push(0);
    const first = await gate.nth(0);
    let idle = false;
    const waiting = settler.idle().then(() => {
      idle = true;
    });
    push(1);
    first.pass();
    const second = await gate.nth(1);
    expect(idle).to.equal(false);
    second.pass();
    await within('the settler', waiting);
    expect((await transport.stats()).ledger.done).to.equal(2);
  });
});

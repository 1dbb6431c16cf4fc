import { expect } from 'chai';
import { Dispatcher, type DispatcherOptions } from '../../../src/runtime/dispatcher.ts';
import type { Attempting, Verdict } from '../../../src/runtime/verdict.ts';
import { all } from '../../support/collector.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { onBus, rounds, series } from '../../support/messages.ts';
import { rejection } from '../../support/rejection.ts';
import { testLog } from '../../support/targets.ts';
import { until, within } from '../../support/until.ts';
import { Home, plan } from '../adapters/embedded/home.ts';

const DONE: Verdict = { outcome: 'done', sends: [] };

/** An attempt that ends when the test says so. */
interface Open {
  readonly attempting: Attempting;
  readonly done: () => void;
  readonly fail: () => void;
}

/** A dispatcher on a clock of its own, over a real folder: time passes in it only when told to. */
class Bench {
  readonly clock = new ManualClock();
  readonly attempts: Open[] = [];
  readonly dispatcher: Dispatcher;
  /** What the next attempts do. */
  mode: 'open' | 'done' | 'fail' = 'open';
  made = 0;

  constructor(options: Partial<DispatcherOptions> = {}) {
    this.dispatcher = new Dispatcher({
      endpoint: 'oms',
      ordering: 'key',
      retry: { immediate: 2, attempts: 1_000, delayMs: 1_000, factor: 1, maxMs: 1_000 },
      holdMs: 600_000,
      timeoutMs: 10_000,
      concurrency: 100,
      process: (attempting) => this.#attempt(attempting),
      clock: this.clock,
      log: testLog,
      ...options,
    });
  }

  /** The attempt of this number, from 0, once it has begun. */
  nth(index: number): Promise<Open> {
    return until(`attempt ${String(index)}`, () => this.attempts[index], {
      describe: () => String(this.attempts.length),
    });
  }

  /** Leaves attempts that are open as they are. */
  async close(): Promise<void> {
    const closing = this.dispatcher.close(0);
    this.clock.advance(0);
    await closing;
  }

  #attempt(attempting: Attempting): Verdict | Promise<Verdict> {
    this.made += 1;
    if (this.mode === 'done') return DONE;
    if (this.mode === 'fail') throw new Error('the database is down');
    return new Promise((resolve, reject) => {
      this.attempts.push({
        attempting,
        done: () => {
          resolve(DONE);
        },
        fail: () => {
          reject(new Error('the database is down'));
        },
      });
    });
  }
}

const MANY_AT_ONCE = { immediate: 100, attempts: 1_000, delayMs: 1_000, factor: 1, maxMs: 1_000 };

describe('the dispatcher', () => {
  let home: Home;
  beforeEach(async () => {
    home = await Home.make('bus');
  });
  afterEach(async () => {
    await home.remove();
  });

  async function attend(bench: Bench, ordering: 'key' | 'none' = 'key') {
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1', endpoints: { oms: { ordering } } }));
    await bench.dispatcher.start(transport);
    const outcomes = async (): Promise<Readonly<Record<string, number>>> =>
      (await transport.stats()).endpoints[0]?.outcomes ?? {};
    return { transport, outcomes };
  }

  it('goes on probing when the lease of a probe is lost', async function () {
    this.timeout(240_000);
    const peer = await home.peer();
    await peer.apply(plan({ edition: '1' }));
    await peer.send(onBus(rounds(2, 1)));
    const attached = await home.open({ bus: 'retail' });
    const bench = new Bench({ retry: MANY_AT_ONCE });
    bench.mode = 'fail';
    await bench.dispatcher.start(attached);
    await until('the pause', () => bench.dispatcher.paused !== undefined);
    bench.mode = 'open';
    bench.clock.advance(1_000);
    const probe = await bench.nth(0);
    await peer.kill();
    await until('the loss of the lease', () => !probe.attempting.live);
    probe.fail();
    await until('the next probe', () => {
      bench.clock.advance(1_000);
      return bench.attempts.length === 2;
    });
    expect(bench.dispatcher.paused).to.contain('the database is down');
    (await bench.nth(1)).done();
    await until('the resumption', () => bench.dispatcher.paused === undefined);
    await bench.close();
  });

  it('stays paused while nothing is at hand, and takes the next delivery as the probe', async () => {
    const bench = new Bench({
      ordering: 'none',
      retry: { immediate: 10, attempts: 1_000, delayMs: 600_000, factor: 1, maxMs: 600_000 },
    });
    bench.mode = 'fail';
    const { transport } = await attend(bench, 'none');
    await transport.send(onBus(rounds(2, 1)));
    await until('the pause', () => bench.dispatcher.paused !== undefined);
    await until('both to be sent back', async () => (await transport.stats()).endpoints[0]?.delayed === 2);
    bench.clock.advance(60_000);
    expect(bench.dispatcher.paused, 'nothing showed that it is over').to.contain('the database is down');
    expect(bench.made).to.equal(20);
    await transport.send(onBus(series('probe', 1)));
    await until('the probe', () => bench.made === 21);
    expect(bench.dispatcher.paused).to.contain('the database is down');
    bench.mode = 'done';
    bench.clock.advance(2_000);
    expect(bench.dispatcher.paused).to.equal(undefined);
    await bench.dispatcher.close();
  });

  it('takes nothing, not even as a probe, while it is paused by hand', async () => {
    const bench = new Bench({ retry: MANY_AT_ONCE });
    bench.mode = 'fail';
    const { transport } = await attend(bench);
    await transport.send(onBus(rounds(2, 1)));
    await until('the pause', () => bench.dispatcher.paused !== undefined);
    const { made } = bench;
    bench.dispatcher.pause('stock-taking');
    bench.mode = 'done';
    bench.clock.advance(600_000);
    expect(bench.made).to.equal(made);
    expect(bench.dispatcher.paused).to.equal('stock-taking');
    bench.dispatcher.resume();
    expect(bench.made).to.equal(made + 2);
    await bench.dispatcher.close();
  });

  it('ends each attempt on time, also when a later one begins as an earlier one ends', async () => {
    const bench = new Bench();
    const { transport } = await attend(bench);
    await transport.send(onBus(series('a', 1)));
    await bench.nth(0);
    bench.clock.advance(5_000);
    await transport.send(onBus(series('b', 1)));
    const second = await bench.nth(1);
    bench.clock.advance(5_001);
    expect(bench.attempts, 'the first is tried again at once').to.have.length(3);
    expect(second.attempting.live).to.equal(true);
    bench.clock.advance(5_000);
    expect(second.attempting.live).to.equal(false);
    expect(second.attempting.signal.aborted).to.equal(true);
    await bench.close();
  });

  it('ends each attempt on time when nothing else begins', async () => {
    const bench = new Bench({ retry: { ...MANY_AT_ONCE, immediate: 0, delayMs: 500_000, maxMs: 500_000 } });
    const { transport } = await attend(bench);
    for (const [index, key] of ['a', 'b', 'c'].entries()) {
      await transport.send(onBus(series(key, 1)));
      await bench.nth(index);
      bench.clock.advance(2_000);
    }
    const live = (): boolean[] => bench.attempts.map(({ attempting }) => attempting.live);
    bench.clock.advance(4_001);
    expect(live()).to.deep.equal([false, true, true]);
    bench.clock.advance(2_000);
    expect(live()).to.deep.equal([false, false, true]);
    bench.clock.advance(2_000);
    expect(live()).to.deep.equal([false, false, false]);
    await bench.close();
  });

  it('settles a delivery once when an attempt ends after its time was up', async () => {
    const bench = new Bench();
    const { transport, outcomes } = await attend(bench);
    await transport.send(onBus(series('a', 2)));
    const first = await bench.nth(0);
    bench.clock.advance(10_001);
    const second = await bench.nth(1);
    first.done();
    // The late result was looked at as soon as a message that was sent after it has come.
    await transport.send(onBus(series('b', 1)));
    const other = await bench.nth(2);
    expect(other.attempting.delivery.message.envelope.key, 'the key is still held by its second attempt').to.equal('b');
    other.done();
    second.done();
    (await bench.nth(3)).done();
    await until('all', async () => (await outcomes())['done'] === 3);
    expect((await transport.stats()).ledger).to.include({ made: 3, done: 3, waiting: 0 });
    await bench.dispatcher.close();
  });

  it('does not measure the attempts of an endpoint without order by `hold`', async () => {
    const bench = new Bench({
      ordering: 'none',
      holdMs: 1_000,
      retry: { immediate: 3, attempts: 3, delayMs: 1, factor: 1, maxMs: 1 },
    });
    const { transport } = await attend(bench, 'none');
    await transport.send(onBus(series('a', 1)));
    for (let attempt = 0; attempt < 3; attempt++) {
      const open = await bench.nth(attempt);
      bench.clock.advance(5_000);
      open.fail();
    }
    await until('the letter', async () => (await transport.dead.count()) === 1);
    const [letter] = await until('the letter in the list', async () => {
      const letters = await all(transport.dead.list());
      return letters.length > 0 && letters;
    });
    expect(letter?.attempts).to.have.length(3);
    expect(letter?.error).to.not.contain('hold');
    await bench.dispatcher.close();
  });

  it('does not take the failed attempts of a suspect for crashes', async function () {
    this.timeout(240_000);
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1' }));
    await transport.send(onBus(series('a', 2)));
    const peer = await home.peer();
    await peer.consume('oms');
    await peer.atLeast(2);
    await peer.kill();
    const bench = new Bench({ retry: MANY_AT_ONCE });
    await bench.dispatcher.start(transport);
    for (let attempt = 0; attempt < 5; attempt++) {
      const open = await bench.nth(attempt);
      expect(open.attempting.delivery.suspect).to.equal(true);
      open.fail();
    }
    const sixth = await bench.nth(5);
    expect(bench.attempts, 'it is alone').to.have.length(6);
    sixth.done();
    (await bench.nth(6)).done();
    await until('both', async () => (await transport.stats()).ledger.done === 2);
    expect(await transport.dead.count()).to.equal(0);
    await bench.dispatcher.close();
  });

  it('leaves no consumer behind when it is closed while it is being started', async () => {
    const bench = new Bench();
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1' }));
    const starting = rejection(bench.dispatcher.start(transport));
    await bench.dispatcher.close();
    expect((await starting).code).to.equal('WB_CLOSED');
    await transport.send(onBus(series('a', 1)));
    expect((await transport.stats()).endpoints[0]).to.include({ consumers: 0, waiting: 1 });
    expect(bench.made).to.equal(0);
  });

  it('leaves no timer behind when it is closed while deliveries fail', async () => {
    const bench = new Bench({ retry: { ...MANY_AT_ONCE, immediate: 0 } });
    const { transport } = await attend(bench);
    await transport.send(onBus(rounds(3, 1)));
    await bench.nth(2);
    const closing = bench.dispatcher.close();
    expect(bench.dispatcher.close(), 'a second call waits for the first').to.equal(closing);
    for (const { fail } of bench.attempts) fail();
    await within('close', closing);
    expect(bench.clock.armed).to.equal(0);
    expect((await transport.stats()).ledger).to.include({ made: 3, waiting: 3 });
  });
});

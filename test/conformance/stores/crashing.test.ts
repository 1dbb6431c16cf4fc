import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { program } from '../../support/program.ts';
import { read, recordOf } from '../../support/units.ts';
import { until } from '../../support/until.ts';
import { storeConformance } from './harness.ts';

const KEYS = Array.from({ length: 8 }, (_, n) => n);

/** A process that counts, and what it said before it was killed. */
class Counter {
  readonly tried = new Set<string>();
  readonly done = new Set<string>();
  ready = false;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;

  static async start(target: object, name: string): Promise<Counter> {
    const { file, execArgv } = await program('test/support/store-process.ts');
    return new Counter([...execArgv, file, JSON.stringify(target), name]);
  }

  private constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#exit = once(this.#child, 'close');
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('no standard output');
    createInterface({ input: stdout }).on('line', (line) => {
      const [word, id = ''] = line.split(' ');
      if (word === 'ready') this.ready = true;
      else if (word === 'try') this.tried.add(id);
      else this.done.add(id);
    });
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

storeConformance('a process with a store that is killed', ({ open, shared, target }) => {
  it('leaves all of a unit or nothing, and all that was answered', async function () {
    this.timeout(600_000);
    let expected = KEYS.map(() => 0);
    for (const [turn, least] of [1, 40, 83, 160].entries()) {
      const counter = await Counter.start(target(), `p${String(turn)}`);
      try {
        await until('it to count', () => counter.done.size >= least, { deadlineMs: 180_000 });
      } finally {
        await counter.kill();
      }
      const store = await open();
      const sums = (await read(store, ...KEYS.map((n) => `k${String(n)}`))).map((sum) => Number(sum ?? 0));
      const twins = (await read(store, ...KEYS.map((n) => `o${String(n)}`))).map((sum) => Number(sum ?? 0));
      expect(twins).to.deep.equal(sums);
      const kept = await Promise.all(
        [...counter.tried].map(async (id) => ((await recordOf(store, id)) === undefined ? [] : [id])),
      );
      const recorded = new Set(kept.flat());
      for (const id of counter.done) expect(recorded.has(id), id).to.equal(true);
      expected = KEYS.map(
        (n) => (expected[n] ?? 0) + [...recorded].filter((id) => id.includes(`-${String(n)}-`)).length,
      );
      expect(sums).to.deep.equal(expected);
      await store.close();
    }
  });

  it('does not hold up those who share it', async function () {
    if (!shared) return this.skip();
    this.timeout(480_000);
    const counters = await Promise.all(['left', 'right'].map((name) => Counter.start(target(), name)));
    const [left, right] = counters;
    if (left === undefined || right === undefined) throw new Error('no counters');
    try {
      await until('both to count', () => left.done.size >= 30 && right.done.size >= 30, { deadlineMs: 180_000 });
      await left.kill();
      const had = right.done.size;
      await until('the other to go on', () => right.done.size >= had + 50, { deadlineMs: 180_000 });
    } finally {
      await Promise.all(counters.map((counter) => counter.kill()));
    }
    const store = await open();
    const tried = [...left.tried, ...right.tried];
    const recorded = (await Promise.all(tried.map((id) => recordOf(store, id)))).filter((each) => each !== undefined);
    const sums = (await read(store, ...KEYS.map((n) => `k${String(n)}`))).map(Number);
    expect(sums.reduce((a, b) => a + b, 0)).to.equal(recorded.length);
    for (const id of [...left.done, ...right.done]) expect(await recordOf(store, id), id).to.not.equal(undefined);
  });
});

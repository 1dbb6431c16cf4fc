import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Host, openBus } from '../../src/index.ts';
import { brokerUrl, busName } from '../support/broker.ts';
import { all } from '../support/collector.ts';
import { bundled } from '../support/program.ts';
import { testLog } from '../support/targets.ts';
import { ENDPOINTS, writeFlow } from '../support/traffic/flow.ts';
import { randomFrom } from '../support/traffic/random.ts';
import { POINTS, type Point } from '../support/traffic/trap.ts';
import { Ledger, type Verdict } from '../support/traffic/verdict.ts';
import type { Role } from '../support/traffic/worker.ts';
import { WorkerProcess } from '../support/traffic/worker-process.ts';
import { until } from '../support/until.ts';
import { type Kill, Slot } from './slot.ts';

/** Kills at each point, and at random moments. `WAYBILL_CRASH_ROUNDS` multiplies them. */
const ROUNDS = Number(process.env['WAYBILL_CRASH_ROUNDS'] ?? '1');
const AT_EACH_POINT = Math.round(10 * ROUNDS);
const AT_RANDOM = Math.round(100 * ROUNDS);
/** `WAYBILL_CRASH_SEED` repeats a run's plan of kills; the system's scheduling differs still. */
const SEED = Number(process.env['WAYBILL_CRASH_SEED'] ?? Date.now() % 1_000_000);

/** How far publishers may be ahead of handlers, which are killed as well: what is left at the end is soon handled. */
const AHEAD = 2_000;
/** Messages of each key that publishers may be ahead of what is acknowledged. */
const LEAP = 25;
const KEYS = 40;
/** How long nothing may be handled before the rest is lost. @unit milliseconds */
const PATIENCE = 120_000;

/** Each key is published by turns, with a breath between: keeps the whole run small. */
const PUBLISHING = { keys: { first: 0, end: KEYS }, breathMs: 100, quota: LEAP };

/** Who passes a point. On the embedded transport routes run in whichever process owns the folder. */
function passers(point: Point, embedded: boolean): readonly Role[] {
  if (point === 'during close') return ['publisher', 'router', 'oms', 'sinks'];
  if (point.endsWith('confirm')) return ['publisher'];
  return embedded ? ['oms', 'sinks'] : ['router', 'oms', 'sinks'];
}

async function killAndJudge(context: Mocha.Context, transport: (folder: string) => Promise<string>): Promise<void> {
  const random = randomFrom(SEED);
  const pick = <T>(list: readonly T[]): T => {
    const item = list[Math.floor(random() * list.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  };
  const folder = await mkdtemp(join(tmpdir(), 'waybill-crash-'));
  const slots: Slot[] = [];
  let ledger: Ledger | undefined;
  let watching: Host | undefined;
  try {
    const url = await transport(folder);
    context.timeout(1_800_000 * Math.max(1, ROUNDS));
    const embedded = url.startsWith('embedded:');
    await writeFlow(folder, busName('crash'), url);
    const applying = await openBus({ config: folder, log: testLog });
    await applying.apply('tests');
    await applying.close();

    const roles: readonly Role[] = ['router', 'publisher', 'oms', 'oms', 'sinks'];
    const worker = await bundled('test/support/traffic/worker.ts');
    slots.push(...roles.map((role) => new Slot(new WorkerProcess(worker, { role, folder, publishing: PUBLISHING }))));
    const counts = new Map<string, number>();
    const plan = (among: readonly Role[], kill: Kill): void => {
      pick(slots.filter(({ role }) => among.includes(role))).plan(kill);
    };
    const trap = (point: Point): void => {
      plan(passers(point, embedded), {
        trap: { point, nth: 1 + Math.floor(random() * 12), turns: Math.floor(random() * 6) },
      });
    };
    const kills: (() => void)[] = [];
    for (const point of POINTS)
      for (let n = 0; n < AT_EACH_POINT; n++)
        kills.push(() => {
          trap(point);
        });
    for (let n = 0; n < AT_RANDOM; n++)
      kills.push(() => {
        plan(roles, { afterMs: Math.floor(random() * 400) });
      });
    for (let left = kills.length; left > 0; left--) kills.splice(Math.floor(random() * left), 1)[0]?.();

    ledger = new Ledger(folder);
    const journals = ledger;
    const run = async (): Promise<void> => {
      let over = false;
      let allowed = 0;
      const governing = until(
        'the kills',
        () => {
          journals.read();
          const open = ENDPOINTS.reduce((sum, endpoint) => sum + journals.open[endpoint], 0);
          const quota = Math.ceil(journals.acknowledged / KEYS) + LEAP;
          if (open < AHEAD && quota > allowed) {
            allowed = quota;
            for (const slot of slots) if (slot.role === 'publisher') slot.allow(quota);
          }
          return over;
        },
        { deadlineMs: Number.POSITIVE_INFINITY },
      );
      try {
        await Promise.all(slots.map((slot) => slot.run((how) => counts.set(how, (counts.get(how) ?? 0) + 1))));
      } finally {
        over = true;
        await governing;
      }
    };
    await run();
    // A trap whose moment did not come was a random kill; what is missing is made up for.
    for (let again = 0; again < 20 && POINTS.some((point) => (counts.get(point) ?? 0) < AT_EACH_POINT); again++) {
      for (const point of POINTS) for (let n = counts.get(point) ?? 0; n < AT_EACH_POINT; n++) trap(point);
      await Promise.all(slots.map((slot) => slot.kill()));
      await run();
    }
    for (const point of POINTS) expect(counts.get(point) ?? 0, `kills ${point}`).to.be.at.least(AT_EACH_POINT);

    await slots.find(({ role }) => role === 'publisher')?.finish();
    const watcher = await openBus({ config: folder, log: testLog });
    watching = watcher;
    const judge = async (): Promise<Verdict> => {
      journals.read();
      return journals.judge(await all(watcher.transport.dead.list()));
    };
    let found = await judge();
    let progressAt = performance.now();
    await until(
      'everything acknowledged to be handled or a dead letter, or nothing to move',
      async () => {
        const before = found.lost.length;
        found = await judge();
        if (found.lost.length < before) progressAt = performance.now();
        return found.lost.length === 0 || performance.now() > progressAt + PATIENCE;
      },
      { deadlineMs: Number.POSITIVE_INFINITY },
    );
    expect(found.lost, 'lost').to.deep.equal([]);
    for (const slot of slots) await slot.finish();
    process.stderr.write(`      seed ${String(SEED)}, kills ${JSON.stringify(Object.fromEntries(counts))}\n`);
    process.stderr.write(`      ${JSON.stringify({ ...found, lost: found.lost.length })}\n`);
    expect(found.acknowledged).to.be.greaterThan(100);
    expect(found.disordered, 'out of order').to.deep.equal([]);
    expect(found.renamed, 'repeats under another id').to.deep.equal([]);
  } catch (error) {
    process.stderr.write(`      seed ${String(SEED)}\n`);
    throw error;
  } finally {
    await watching?.close();
    await Promise.all(slots.map((slot) => slot.kill()));
    ledger?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

describe('killed processes', () => {
  it('lose nothing that was acknowledged and break no order, embedded', async function () {
    await killAndJudge(this, (folder) => Promise.resolve(`embedded:${folder}/store`));
  });

  it('lose nothing that was acknowledged and break no order, RabbitMQ', async function () {
    await killAndJudge(this, () => brokerUrl(this));
  });
});

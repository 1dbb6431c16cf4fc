import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Host, type Outgoing, openBus } from '../../src/index.ts';
import { brokerUrl, busName } from '../support/broker.ts';
import { all } from '../support/collector.ts';
import {
  attendFulfilment,
  BATCH,
  type Effect,
  effectsIn,
  isBad,
  isMissing,
  writeFulfilment,
} from '../support/fulfilment.ts';
import { message } from '../support/messages.ts';
import { postgres, schemaUrl } from '../support/postgres.ts';
import { program } from '../support/program.ts';
import { testLog } from '../support/targets.ts';
import { randomFrom } from '../support/traffic/random.ts';
import type { TrapPlan } from '../support/traffic/trap.ts';
import { until } from '../support/until.ts';
import type { UntypedService } from '../support/untyped.ts';

/** `WAYBILL_CRASH_SEED` repeats a run's plan of kills; the system's scheduling differs still. */
const SEED = Number(process.env['WAYBILL_CRASH_SEED'] ?? Date.now() % 1_000_000);
const KILLS = 6;
/** Orders that are published before each kill. What is shipped of them is whole batches. */
const WAVE = 15;
/** How long a trap may wait for its moment, from when its process works, before the process is killed anyway. @unit milliseconds */
const PATIENCE = 3_000;
/** Of which readings are archived, by dedupe, resequence, throttle and delay, and entered, by dedupe and resequence. */
const METERS = ['m-0', 'm-1', 'm-2'];
/** Of each meter, before each kill. Even, since they change places. */
const READINGS = 6;
/** Judged in a way of their own. */
const APART: ReadonlySet<string> = new Set(['billing.batch', 'archive.reading.kept', 'ledger.reading.entered']);
/** Readings that cannot be entered. */
const REFUSED = 'WB_EXPRESSION_FAILED';
const POINTS = ['before settlement', 'during settlement', 'after settlement', 'before confirm'] as const;

describe('routers that are killed while processes and aggregates are under way', () => {
  let folder = '';
  /** Each with when it works, or is over. */
  const children = new Map<ChildProcess, Promise<unknown>>();
  const services: UntypedService[] = [];
  const hosts: Host[] = [];
  let random = randomFrom(SEED);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'waybill-flows-'));
    random = randomFrom(SEED);
  });
  afterEach(async function () {
    if (this.currentTest?.isFailed() === true) process.stderr.write(`      seed ${String(SEED)}\n`);
    for (const child of children.keys()) await killed(child);
    for (const service of services.splice(0)) await service.close();
    for (const host of hosts.splice(0)) await host.close();
    await rm(folder, { recursive: true, force: true });
  });

  const plan = (): TrapPlan => ({
    point: POINTS[Math.floor(random() * POINTS.length)] ?? 'during settlement',
    // The first is let through, so that each life gets on with what the one before it left in the middle.
    nth: 2 + Math.floor(random() * 8),
    turns: Math.floor(random() * 4),
  });
  const start = async (trap: TrapPlan | null, ...more: readonly string[]): Promise<ChildProcess> => {
    const { file, execArgv } = await program('test/support/fulfilment-process.ts');
    const child = fork(file, [folder, JSON.stringify(trap), ...more], { execArgv: [...execArgv] });
    children.set(child, Promise.race([once(child, 'message'), once(child, 'exit')]));
    child.once('exit', () => children.delete(child));
    return child;
  };
  /** Resolves to whether it was the trap. */
  const ended = async (child: ChildProcess): Promise<boolean> => {
    await children.get(child);
    const { exitCode, signalCode } = child;
    if (exitCode !== null || signalCode !== null) return true;
    try {
      await once(child, 'exit', { signal: AbortSignal.timeout(PATIENCE) });
      return true;
    } catch {
      await killed(child);
      return false;
    }
  };
  const publish = async (host: Host, wave: number): Promise<void> => {
    const orders = Array.from({ length: WAVE }, (_, n) => String(wave * WAVE + n));
    await host.transport.send(
      orders.map((order) => {
        const placed = message({ id: `placed-${order}`, source: '/shop', key: order, data: { order } });
        return { to: 'bus', message: placed };
      }),
    );
    await host.transport.send(readingsOf(wave));
  };
  const judged = async (count: number, host: Host): Promise<void> => {
    const orders = Array.from({ length: count }, (_, n) => String(n));
    const wanted = orders.flatMap((order) => wantedOf(order));
    const shipped = orders.filter((order) => !isMissing(order));
    const readings = sequenceUpTo((count / WAVE) * READINGS);
    const good = readings.filter((seq) => !isBad(seq));
    const crashed = { code: 'WB_HANDLER_CRASHED' } as const;
    /** What a person redrives goes on out of order. */
    const disordered = new Set<string | undefined>();
    let refused: ReadonlySet<string> = new Set();
    await until(
      'all effects',
      async () => {
        // What was alone in hand at two deaths is taken for what kills, and waits for a person.
        for (const letter of await all(host.transport.dead.list(crashed))) disordered.add(letter.message.envelope.key);
        await host.transport.dead.redrive(crashed, { by: 'tests' });
        const effects = effectsIn(folder);
        const found = new Set(effects.map(nameOf));
        if (readingsIn(effects, 'archive.reading.kept').some(([, each]) => each.length < readings.length)) return false;
        if (readingsIn(effects, 'ledger.reading.entered').some(([, each]) => each.length < good.length)) return false;
        refused = await refusedReadings(host);
        if (refused.size < METERS.length * (readings.length - good.length)) return false;
        return wanted.every((name) => found.has(name)) && batchesOf(effects).flat().length === shipped.length;
      },
      {
        deadlineMs: 180_000,
        describe: () => {
          const effects = effectsIn(folder);
          const counts = (type: string) =>
            readingsIn(effects, type).map(([meter, each]) => `${meter}: ${each.join(' ')}`);
          return [
            missingOf(wanted, effects),
            `kept ${counts('archive.reading.kept').join('; ')}`,
            `entered ${counts('ledger.reading.entered').join('; ')}`,
            `refused ${[...refused].join(' ')}`,
            `${String(batchesOf(effects).flat().length)} of ${String(shipped.length)} in batches`,
          ].join('\n');
        },
      },
    );
    const effects = effectsIn(folder);
    // A service may handle a message twice; what the routes made of it is the same message then.
    const ids = new Map<string, Set<string>>();
    for (const effect of effects.filter(({ type }) => !APART.has(type))) {
      ids.set(nameOf(effect), (ids.get(nameOf(effect)) ?? new Set()).add(`${effect.source} ${effect.id}`));
    }
    expect([...ids].filter(([, each]) => each.size > 1)).to.deep.equal([]);
    expect([...ids.keys()].sort()).to.deep.equal([...wanted].sort());
    const inOrder = (type: string) =>
      readingsIn(effects, type).map(([meter, each]) => [
        meter,
        disordered.has(meter) ? [...each].sort((a, b) => a - b) : each,
      ]);
    expect(inOrder('archive.reading.kept')).to.deep.equal(METERS.map((meter) => [meter, readings]));
    expect(inOrder('ledger.reading.entered')).to.deep.equal(METERS.map((meter) => [meter, good]));
    const bad = METERS.flatMap((meter) => readings.filter(isBad).map((seq) => `${meter}-${String(seq)}`));
    expect([...(await refusedReadings(host))].sort()).to.deep.equal(bad.sort());
    const batches = batchesOf(effects);
    expect(batches.filter((batch) => batch.length !== BATCH)).to.deep.equal([]);
    expect(batches.flat().sort()).to.deep.equal([...shipped].sort());
  };

  it('lose and repeat no effect, embedded', async function () {
    this.timeout(600_000);
    await writeFulfilment(folder, { bus: 'fulfilment', transport: `embedded:${folder}/store` });
    let sprung = 0;
    for (let wave = 0; wave < KILLS; wave++) {
      // Between two lives the folder is nobody's.
      const host = await openBus({ config: folder, log: testLog });
      if (wave === 0) await host.apply('tests');
      await publish(host, wave);
      await host.close();
      if (await ended(await start(plan(), 'alone'))) sprung += 1;
    }
    const last = await start(null, 'alone');
    await once(last, 'message');
    const host = await openBus({ config: folder, log: testLog });
    hosts.push(host);
    await judged(KILLS * WAVE, host);
    expect((await all(host.transport.dead.list())).filter(({ code }) => code !== REFUSED)).to.deep.equal([]);
    expect(sprung).to.be.greaterThan(0);
  });

  it('lose and repeat no effect, two of them on RabbitMQ with PostgreSQL', async function () {
    const transport = await brokerUrl(this);
    const store = schemaUrl((await postgres(this)).url);
    this.timeout(600_000);
    await writeFulfilment(folder, { bus: busName('fulfilment'), transport, store });
    const host = await openBus({ config: folder, log: testLog });
    hosts.push(host);
    await host.apply('tests');
    services.push(...(await attendFulfilment(folder)));
    let sprung = 0;
    const routers = await Promise.all([start(plan()), start(plan())]);
    for (let wave = 0; wave < KILLS; wave++) {
      await publish(host, wave);
      const at = wave % routers.length;
      const router = routers[at];
      if (router === undefined) throw new Error('no router');
      if (await ended(router)) sprung += 1;
      routers[at] = await start(wave + routers.length < KILLS ? plan() : null);
    }
    await judged(KILLS * WAVE, host);
    expect((await all(host.transport.dead.list())).filter(({ code }) => code !== REFUSED)).to.deep.equal([]);
    expect(sprung).to.be.greaterThan(0);
  });
});

/** Each reading of a wave twice, under ids of its own, and each two of them in the wrong order. */
function readingsOf(wave: number): Outgoing[] {
  return METERS.flatMap((order) => {
    const numbers = sequenceUpTo(READINGS).map((n) => wave * READINGS + n);
    const shuffled = numbers.map((n, at) => numbers[at ^ 1] ?? n);
    return [...shuffled, ...shuffled].map((seq, at): Outgoing => {
      const id = `${order}-${String(seq)}-${String(at)}`;
      const reading = { id, source: '/meters', type: 'meters.reading.taken', key: order, data: { order, seq } };
      return { to: 'bus', message: message(reading) };
    });
  });
}

function sequenceUpTo(last: number): number[] {
  return Array.from({ length: last }, (_, n) => n + 1);
}

/** What came of each meter, in the order in which it first came. A reading that came twice has the same id. */
function readingsIn(
  effects: readonly Effect[],
  wanted: string,
): readonly (readonly [meter: string, readings: readonly number[]])[] {
  const kept = effects.filter(({ type }) => type === wanted);
  const once = [...new Map(kept.map((effect) => [`${effect.source} ${effect.id}`, effect])).values()];
  return METERS.map((meter) => [
    meter,
    once.filter(({ data }) => data.order === meter).map(({ data }) => data.seq ?? 0),
  ]);
}

/** `m-0-3`, of those that are dead letters. One that was let go with others has a letter of its own. */
async function refusedReadings(host: Host): Promise<ReadonlySet<string>> {
  const letters = await all(host.transport.dead.list({ code: REFUSED }));
  return new Set(
    letters.map(({ message: { envelope } }) => (envelope.causationId ?? envelope.id).split('-').slice(0, 3).join('-')),
  );
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

function nameOf({ type, data }: Effect): string {
  return `${type} ${data.order}`;
}

/** What an order leads to, the batches apart. */
function wantedOf(order: string): readonly string[] {
  const ends = isMissing(order) ? ['payment.refund', 'shop.order.cancelled'] : ['shipping.ship'];
  return ['payment.capture', 'stock.reserve', ...ends].map((type) => `${type} ${order}`);
}

/** Each batch once, by its id. */
function batchesOf(effects: readonly Effect[]): readonly (readonly string[])[] {
  const batches = effects.filter(({ type }) => type === 'billing.batch');
  return [...new Map(batches.map(({ id, data }) => [id, data.orders ?? []])).values()];
}

function missingOf(wanted: readonly string[], effects: readonly Effect[]): string {
  const found = new Set(effects.map(nameOf));
  const missing = wanted.filter((name) => !found.has(name));
  return `${String(missing.length)} missing, such as ${missing.slice(0, 5).join(', ')}`;
}

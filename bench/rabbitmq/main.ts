import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { machine, scratch } from '../machine.ts';
import { median } from '../statistics.ts';
import type { Site } from './actor.ts';
import { declareBus } from './bus.ts';
import { BATCHED, COLUMNS, type Column, RAW_EVENTS, RAW_SINGLE, RAW_TOPICS, VALIDATED } from './columns.ts';
import type { Spread } from './load.ts';
import { declareRaw } from './raw.ts';
import { type Level, type Run, report } from './report.ts';
import type { Answer, Order, Role } from './worker.ts';

export interface RabbitBench {
  readonly url: string;
  /** Process id of the broker, where it is ours. */
  readonly brokerPid: number | undefined;
  readonly rounds: number;
  /** How long each run publishes. @unit milliseconds */
  readonly ms: number;
  readonly spreads: readonly Spread[];
  /** Columns to run, by id; all when it is empty. */
  readonly only: readonly string[];
  readonly hops: readonly (1 | 2)[];
  readonly profile: string | undefined;
  readonly json: boolean;
  /** Where the program is, as JavaScript. */
  readonly worker: string;
}

/** Messages a second where latency is measured without load. */
const LONE_RATE = 1_000;
/** What a batch made by hand holds until Waybill's own are known. */
const FIRST_BATCH = 10;
/** A batch made by hand must not wait for a window that it fills alone. */
const LARGEST_BATCH = 200;

/** Runs all levels and prints what they show. Columns take turns, another first in each round. */
export async function benchRabbit(bench: RabbitBench): Promise<void> {
  const levels: Level[] = [];
  for (const hops of bench.hops) levels.push(...(await benchLevel(bench, hops)));
  if (bench.json) process.stdout.write(`${JSON.stringify({ machine: machine(), levels }, undefined, 2)}\n`);
  else process.stdout.write(report(machine(), levels));
}

async function benchLevel(bench: RabbitBench, hops: 1 | 2): Promise<Level[]> {
  // Expressions need contracts, so a hop through a route always has them.
  const columns = COLUMNS.filter(
    (column) =>
      (hops === 1 || (column !== VALIDATED && column !== RAW_EVENTS)) &&
      (bench.only.length === 0 || bench.only.includes(column.id)),
  );
  const crews = new Map<Column, Crew>();
  for (const column of columns) crews.set(column, await Crew.assemble(bench, column, hops));
  const levels: Level[] = [];
  try {
    for (const spread of bench.spreads) {
      const name = `${hops === 1 ? 'one hop' : 'two hops, through predicate and map'}, ${spread} keys`;
      levels.push({ name, runs: await takeTurns(bench, name, crews, { spread }) });
    }
    if (hops === 1) {
      const name = `${String(LONE_RATE)} messages a second`;
      const lone = new Map([...crews].filter(([column]) => [RAW_SINGLE, RAW_TOPICS, BATCHED].includes(column)));
      levels.push({ name, runs: await takeTurns(bench, name, lone, { spread: 'uniform', rate: LONE_RATE }) });
    }
  } finally {
    for (const crew of crews.values()) await crew.dismiss();
  }
  return levels;
}

async function takeTurns(
  bench: RabbitBench,
  name: string,
  crews: ReadonlyMap<Column, Crew>,
  load: { readonly spread: Spread; readonly rate?: number },
): Promise<Run[]> {
  const runs: Run[] = [];
  const order = [...crews];
  // The first round warms up, and tells how large batches are.
  for (let round = 0; round <= bench.rounds; round++) {
    const turns = [...order.slice(round % order.length), ...order.slice(0, round % order.length)];
    for (const [column, crew] of turns) {
      process.stderr.write(`\r${name}: round ${String(round)}/${String(bench.rounds)} ${column.name}`.padEnd(100));
      const sizes = runs.filter((run) => run.column === BATCHED.id).map(({ batch }) => batch);
      const batch = sizes.length === 0 ? FIRST_BATCH : Math.min(LARGEST_BATCH, Math.round(median(sizes)));
      runs.push({ ...(await crew.run({ ...load, ms: bench.ms, batch })), column: column.id, round });
    }
  }
  process.stderr.write('\r'.padEnd(102));
  process.stderr.write('\r');
  return runs.filter(({ round }) => round > 0);
}

/** The processes of one column. */
class Crew {
  readonly #hands = new Map<Role, Hand>();
  readonly #site: Site;
  readonly #broker: number | undefined;

  private constructor(site: Site, broker: number | undefined) {
    this.#site = site;
    this.#broker = broker;
  }

  static async assemble(bench: RabbitBench, column: Column, hops: 1 | 2): Promise<Crew> {
    const site: Site = { url: bench.url, prefix: `bench.${column.id}`, folder: scratch(), hops };
    await (column.kind === 'raw' ? declareRaw(site, column) : declareBus(site, column));
    const crew = new Crew(site, bench.brokerPid);
    const roles: Role[] = hops === 1 ? ['consumer', 'publisher'] : ['consumer', 'router', 'publisher'];
    for (const role of roles) {
      const hand = new Hand(bench, `${column.name}, ${role}`);
      crew.#hands.set(role, hand);
      await hand.ask({ do: 'open', role, site, column });
    }
    return crew;
  }

  async run(load: {
    spread: Spread;
    rate?: number;
    ms: number;
    batch: number;
  }): Promise<Omit<Run, 'column' | 'round'>> {
    const all = [...this.#hands];
    const publisher = this.#hands.get('publisher');
    const consumer = this.#hands.get('consumer');
    for (const [, hand] of all) await hand.ask({ do: 'begin' });
    const broker = brokerCpu(this.#broker);
    const published = (await publisher?.ask({ do: 'publish', ...load }))?.published;
    if (published === undefined) throw new Error('nothing was published');
    const expected = this.#site.hops === 1 ? published.count : published.taken;
    const arrived = (await consumer?.ask({ do: 'await', count: expected }))?.arrived;
    if (arrived === undefined) throw new Error('nothing arrived');
    const cpu: Record<string, number> = {};
    const memory: Record<string, number> = {};
    for (const [role, hand] of all) {
      const usage = await hand.ask({ do: 'usage' });
      cpu[role] = (usage.cpu ?? 0) / published.count;
      if (usage.memory !== undefined) memory[role] = usage.memory;
    }
    if (broker !== undefined) cpu['broker'] = ((brokerCpu(this.#broker) ?? 0) - broker) / published.count;
    return {
      rate: (published.count * 1_000) / (arrived.last - published.began),
      confirmP99: published.p99,
      arrivedP99: arrived.p99,
      batch: published.parcels === 0 ? 1 : published.count / published.parcels,
      cpu,
      memory,
    };
  }

  async dismiss(): Promise<void> {
    for (const hand of [...this.#hands.values()].reverse()) await hand.dismiss();
    rmSync(this.#site.folder, { recursive: true, force: true });
  }
}

/** One process. */
class Hand {
  readonly #child: ChildProcess;
  readonly #name: string;

  constructor({ worker, profile }: RabbitBench, name: string) {
    this.#name = name;
    const flags =
      profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}/${name.replaceAll(/\W+/g, '-')}`];
    this.#child = fork(worker, { execArgv: flags });
  }

  ask(order: Order): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const ended = (): void => {
        reject(new Error(`${this.#name} ended`));
      };
      this.#child.once('exit', ended);
      this.#child.once('message', (answer: Answer) => {
        this.#child.off('exit', ended);
        if (answer.error === undefined) resolve(answer);
        else reject(new Error(`${this.#name}: ${answer.error}`));
      });
      this.#child.send(order);
    });
  }

  async dismiss(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    await this.ask({ do: 'close' });
    await gone;
  }
}

/** What the broker has used so far; clock ticks are 100 to a second on Linux. @unit microseconds */
function brokerCpu(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  let stat: string;
  try {
    stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

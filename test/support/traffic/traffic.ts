import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBus, type TransportStats } from '../../../src/index.ts';
import { busName } from '../broker.ts';
import { all } from '../collector.ts';
import { bundled } from '../program.ts';
import { testLog } from '../targets.ts';
import { until } from '../until.ts';
import { ENDPOINTS, type Endpoint, writeFlow } from './flow.ts';
import type { TrapPlan } from './trap.ts';
import { Ledger, type Verdict } from './verdict.ts';
import type { Role } from './worker.ts';
import { UNBOUNDED, WorkerProcess } from './worker-process.ts';

export interface TrafficOptions {
  /** Of the broker. */
  readonly url: string;
  /** How each process of a role reaches it. @default `url` */
  readonly via?: (role: Role) => string;
  /** @default 40 */
  readonly keys?: number;
  /** Between two chunks of a key. @unit milliseconds @default 100 */
  readonly breathMs?: number;
  /** Messages of each key to begin with. @default unbounded */
  readonly quota?: number;
  /** Processes of each role. @default one publisher, two routers, two of oms, one of the sinks */
  readonly processes?: Partial<Readonly<Record<Role, number>>>;
}

const PROCESSES: Readonly<Record<Role, number>> = { router: 2, oms: 2, sinks: 1, publisher: 1 };

/** How often dead letters are looked at while nothing else happens. @unit milliseconds */
const LOOK = 2_000;

/** How long publishers may get nothing acknowledged. @unit milliseconds */
const STUCK = 120_000;

/** Where the traffic stood at some moment. */
interface Standing {
  readonly acknowledged: number;
  readonly handled: Readonly<Record<Endpoint, number>>;
}

/**
 * A bus under load, of processes that publish, route and handle and note what they did, for tests that make faults: they
 * see it flow, and judge what became of every message.
 */
export class Traffic {
  readonly folder: string;
  readonly bus: string;
  readonly ledger: Ledger;
  readonly #options: TrafficOptions;
  /** The worker's, as JavaScript. */
  readonly #program: string;
  readonly #processes: WorkerProcess[] = [];
  #quota: number;

  /** Resolves when every process works. */
  static async start(options: TrafficOptions): Promise<Traffic> {
    const program = await bundled('test/support/traffic/worker.ts');
    const traffic = new Traffic(options, await mkdtemp(join(tmpdir(), 'waybill-traffic-')), program);
    try {
      await writeFlow(traffic.folder, traffic.bus, options.url);
      await traffic.apply(traffic.folder);
      await traffic.#startAll();
      return traffic;
    } catch (error) {
      await traffic.dispose();
      throw error;
    }
  }

  private constructor(options: TrafficOptions, folder: string, program: string) {
    this.#options = options;
    this.folder = folder;
    this.bus = busName('traffic');
    this.#program = program;
    this.#quota = options.quota ?? UNBOUNDED;
    this.ledger = new Ledger(folder);
  }

  /** @param config folder of a configuration of this bus */
  async apply(config: string): Promise<void> {
    const host = await openBus({ config, log: testLog });
    await host.apply('tests');
    await host.close();
  }

  of(role: Role): readonly WorkerProcess[] {
    return this.#processes.filter((process) => process.role === role);
  }

  /** The first of a role. */
  one(role: Role): WorkerProcess {
    const [first] = this.of(role);
    if (first === undefined) throw new Error(`no ${role} takes part`);
    return first;
  }

  /** One more of a role, by another configuration; resolves when it works. */
  async add(role: Role, config: string): Promise<WorkerProcess> {
    const process = this.#process(role, 0, 1, config);
    this.#processes.push(process);
    await process.start();
    return process;
  }

  /** Kills one and starts it again. @param trap kills it at a point of its work instead */
  async restart(process: WorkerProcess, trap?: TrapPlan): Promise<void> {
    await process.kill();
    if (trap !== undefined) {
      await process.start(trap);
      await process.exit;
    }
    this.check();
    await process.start();
  }

  /** Lets so many messages of each key be published by now. */
  allow(quota: number): void {
    this.#quota = quota;
    this.#allow(quota);
  }

  /** @throws when a process ended by itself */
  check(): void {
    for (const { fault } of this.#processes) if (fault !== undefined) throw fault;
  }

  standing(): Standing {
    this.ledger.read();
    return { acknowledged: this.ledger.acknowledged, handled: { ...this.ledger.handled } };
  }

  /**
   * Resolves when more was acknowledged than at `since`, and every endpoint handled more or has nothing left to handle.
   * @returns how long that took, in milliseconds
   */
  async flows(since: Standing, deadlineMs: number): Promise<number> {
    const begun = performance.now();
    const { ledger } = this;
    const moves = (): { readonly [part in Endpoint | 'publisher']: boolean } => {
      this.check();
      ledger.read();
      const { open, handled } = ledger;
      const published = ledger.acknowledged > since.acknowledged || this.#used();
      const at = (endpoint: Endpoint): boolean =>
        handled[endpoint] > since.handled[endpoint] || (this.#used() && open[endpoint] === 0);
      return { publisher: published, oms: at('oms'), billing: at('billing'), mail: at('mail') };
    };
    await until('the traffic to flow', () => Object.values(moves()).every(Boolean), {
      deadlineMs,
      describe: () => JSON.stringify(moves()),
    });
    return performance.now() - begun;
  }

  /** Resolves when so many messages were acknowledged. */
  async publishes(count: number): Promise<void> {
    let last = 0;
    let progressAt = performance.now();
    await until(
      `${String(count)} acknowledged messages`,
      () => {
        this.check();
        const { acknowledged } = this.standing();
        if (acknowledged > last) progressAt = performance.now();
        else if (performance.now() > progressAt + STUCK) throw new Error(`stuck at ${String(acknowledged)} messages`);
        last = acknowledged;
        return acknowledged >= count;
      },
      { deadlineMs: Number.POSITIVE_INFINITY },
    );
  }

  /** Resolves when nothing was acknowledged or handled for a second. */
  async stands(): Promise<void> {
    let last = '';
    let since = 0;
    const moves = (): boolean => {
      const now = JSON.stringify(this.standing());
      if (now === last) return true;
      last = now;
      since = performance.now();
      return false;
    };
    await until('the traffic to stand', () => moves() && performance.now() - since > 1_000);
  }

  /** Waits until everything that was acknowledged is handled or a dead letter, with the publishers quiet. Judges what came since the last time. */
  async settle(patienceMs = 60_000): Promise<Verdict> {
    await Promise.all(this.of('publisher').map((publisher) => publisher.quiet()));
    const verdict = await this.judge(patienceMs);
    this.ledger.forget();
    this.#allow(this.#quota);
    return verdict;
  }

  /** The same with publishers that have published what they were allowed. @param patienceMs without any progress */
  async judge(patienceMs: number): Promise<Verdict> {
    const { ledger } = this;
    let seen = Number.POSITIVE_INFINITY;
    let progressAt = 0;
    let lookAt = 0;
    const ended = async (): Promise<boolean> => {
      this.check();
      ledger.read();
      const left = ENDPOINTS.reduce((sum, endpoint) => sum + ledger.open[endpoint], 0);
      const now = performance.now();
      if (left < seen) {
        seen = left;
        progressAt = now;
        lookAt = now + LOOK;
      }
      if (left === 0 || now > progressAt + patienceMs) return true;
      if (now < lookAt) return false;
      // What is open may be a dead letter.
      lookAt = now + LOOK;
      return (await this.#verdict()).lost.length === 0;
    };
    await until('the end', ended, { deadlineMs: Number.POSITIVE_INFINITY });
    return await this.#verdict();
  }

  /** What the bus says of itself. */
  async stats(): Promise<TransportStats> {
    const host = await openBus({ config: this.folder, log: testLog });
    try {
      return await host.transport.stats();
    } finally {
      await host.close();
    }
  }

  /** Ends every process in peace. */
  async finish(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.finish()));
  }

  /** Frees everything, in whatever state it is. */
  async dispose(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
    this.ledger.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  #allow(quota: number): void {
    for (const publisher of this.of('publisher')) publisher.allow(quota);
  }

  async #verdict(): Promise<Verdict> {
    const host = await openBus({ config: this.folder, log: testLog });
    try {
      this.ledger.read();
      return this.ledger.judge(await all(host.transport.dead.list()));
    } finally {
      await host.close();
    }
  }

  /** Whether everything that may be published is. */
  #used(): boolean {
    return this.ledger.acknowledged >= this.#quota * (this.#options.keys ?? 40);
  }

  async #startAll(): Promise<void> {
    const processes = { ...PROCESSES, ...this.#options.processes };
    for (const role of ['router', 'oms', 'sinks', 'publisher'] as const)
      for (let n = 0; n < processes[role]; n++) this.#processes.push(this.#process(role, n, processes[role]));
    await Promise.all(this.#processes.map((process) => process.start()));
  }

  /** @param n the number of it among `count` of its role, which share the keys when they publish */
  #process(role: Role, n: number, count: number, config?: string): WorkerProcess {
    const { keys = 40, breathMs = 100, via } = this.#options;
    const share = (at: number): number => Math.floor((keys * at) / count);
    return new WorkerProcess(this.#program, {
      role,
      folder: this.folder,
      ...(config === undefined ? {} : { config }),
      ...(via === undefined ? {} : { url: via(role) }),
      publishing: { keys: { first: share(n), end: share(n + 1) }, breathMs, quota: this.#quota },
    });
  }
}

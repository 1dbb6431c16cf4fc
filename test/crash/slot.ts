import { setTimeout as sleep } from 'node:timers/promises';
import type { TrapPlan } from '../support/traffic/trap.ts';
import type { Role } from '../support/traffic/worker.ts';
import type { WorkerProcess } from '../support/traffic/worker-process.ts';

/** How one process is to end: by its trap, or so long after it was ready. */
export type Kill = { readonly trap: TrapPlan } | { readonly afterMs: number };

/** How long a trap may wait for its moment before the process is killed anyway. @unit milliseconds */
const PATIENCE = 8_000;

/** A place for one process of a role, which starts again each time it is killed. */
export class Slot {
  readonly #process: WorkerProcess;
  readonly #queue: Kill[] = [];

  constructor(process: WorkerProcess) {
    this.#process = process;
  }

  get role(): Role {
    return this.#process.role;
  }

  plan(kill: Kill): void {
    this.#queue.push(kill);
  }

  /** Starts and kills until the plan is done, then leaves a process running. @param onKill is told how each one ended */
  async run(onKill: (how: TrapPlan['point'] | 'random') => void): Promise<void> {
    for (let kill = this.#queue.shift(); kill !== undefined; kill = this.#queue.shift()) {
      const trap = 'trap' in kill ? kill.trap : undefined;
      if (!(await this.#process.start(trap))) {
        // It was killed before it was ready: a kill while starting is as good as any.
        onKill('random');
        continue;
      }
      const giveUp = new AbortController();
      const sprung = await Promise.race([
        this.#process.exit.then(() => true),
        sleep('trap' in kill ? PATIENCE : kill.afterMs, false, { signal: giveUp.signal }).catch(() => false),
      ]);
      giveUp.abort();
      await this.#process.kill();
      if (this.#process.fault !== undefined) throw this.#process.fault;
      onKill(trap !== undefined && sprung ? trap.point : 'random');
    }
    if (!(await this.#process.start())) throw new Error(`${this.role} ended while it started`);
  }

  /** Lets its publisher publish so many messages of each of its keys. */
  allow(quota: number): void {
    this.#process.allow(quota);
  }

  /** Ends the last process in peace. */
  finish(): Promise<void> {
    return this.#process.finish();
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }
}

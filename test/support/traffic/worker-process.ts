import { type ChildProcess, fork } from 'node:child_process';
import { within } from '../until.ts';
import type { TrapPlan } from './trap.ts';
import type { Answer, Role, Word, WorkerOrder } from './worker.ts';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Every publisher's quota where nothing bounds it; infinity does not pass between processes. */
export const UNBOUNDED = Number.MAX_SAFE_INTEGER;

/** One worker of a bus under load, started again by whoever kills it. */
export class WorkerProcess {
  readonly role: Role;
  readonly #program: string;
  #order: WorkerOrder;
  #child: ChildProcess | undefined;
  #exit: Promise<Exit> | undefined;
  #wanted = false;
  #onQuiet: (() => void) | undefined;
  /** Why it ended, when nobody wanted it. */
  fault: Error | undefined;

  /** @param program the worker's, as JavaScript */
  constructor(program: string, order: WorkerOrder) {
    this.role = order.role;
    this.#program = program;
    this.#order = order;
  }

  /** Resolves to false when it was killed before it was ready. */
  async start(trap?: TrapPlan): Promise<boolean> {
    const child = fork(this.#program, { execArgv: [] });
    this.#child = child;
    this.#wanted = false;
    const exit = new Promise<Exit>((resolve) => {
      child.once('exit', (code, signal) => {
        if (this.#child === child) this.#child = undefined;
        const expected = this.#wanted || trap !== undefined;
        if (!expected || (signal !== 'SIGKILL' && code !== 0))
          this.fault = new Error(`${this.role} ended by itself, with ${String(code ?? signal)}`);
        resolve({ code, signal });
      });
    });
    this.#exit = exit;
    child.send({ ...this.#order, ...(trap === undefined ? {} : { trap }) } satisfies WorkerOrder);
    const ready = new Promise<true>((resolve) => {
      child.on('message', (answer: Answer) => {
        if (answer === 'ready') resolve(true);
        else this.#onQuiet?.();
      });
    });
    const started = await Promise.race([ready, exit.then(() => false)]);
    if (!started && this.fault !== undefined) throw this.fault;
    return started;
  }

  /** Of the last start. */
  get exit(): Promise<Exit> {
    return this.#exit ?? Promise.resolve({ code: 0, signal: null });
  }

  /** As a power cut does; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#wanted = true;
    this.#child?.kill('SIGKILL');
    await this.exit;
  }

  /** Lets a publisher publish so many messages of each of its keys, also after it was started again. */
  allow(quota: number): void {
    this.#order = { ...this.#order, publishing: { ...this.#order.publishing, quota } };
    this.#say({ quota });
  }

  /** Lets a publisher publish nothing more. Resolves when everything it published is acknowledged. */
  async quiet(): Promise<void> {
    const quiet = new Promise<void>((resolve) => {
      this.#onQuiet = resolve;
    });
    this.allow(0);
    await within('the publisher to be quiet', quiet, 180_000);
    this.#onQuiet = undefined;
  }

  /** Ends it in peace. */
  async finish(): Promise<void> {
    if (this.#child === undefined) return;
    this.#wanted = true;
    this.#say('finish');
    await within(`the end of ${this.role}`, this.exit, 180_000);
    if (this.fault !== undefined) throw this.fault;
  }

  #say(word: Word): void {
    // One that was killed this moment is told by its next start.
    if (this.#child?.connected === true) this.#child.send(word, () => undefined);
  }
}

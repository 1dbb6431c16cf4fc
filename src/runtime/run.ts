import type { Span } from '../ports/tracing.ts';
import type { Delivery } from '../ports/transport.ts';
import type { Lane } from './lanes.ts';
import type { Task } from './task.ts';
import type { Attempting } from './verdict.ts';

/** One attempt under way. Once it is over, whatever it still does has no effect. */
export class Run implements Attempting {
  readonly lane: Lane;
  readonly task: Task;
  readonly attempt: number;
  /** A lone attempt that asks whether an outage is over. */
  readonly probe: boolean;
  /** By `Clock.elapsed`. */
  readonly startedMs: number;
  /** Of the attempt, where somebody listens. */
  span: Span | undefined;
  #over = false;
  #controller: AbortController | undefined;

  constructor(lane: Lane, task: Task, probe: boolean, startedMs: number) {
    this.lane = lane;
    this.task = task;
    this.attempt = task.failures.length + 1;
    this.probe = probe;
    this.startedMs = startedMs;
  }

  get delivery(): Delivery {
    return this.task.delivery;
  }

  get over(): boolean {
    return this.#over;
  }

  get live(): boolean {
    return !this.#over && !this.task.revoked;
  }

  /** Made on first use: most handlers never ask, and a controller costs more than the rest of the dispatch. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#over) this.#controller.abort();
    return AbortSignal.any([this.#controller.signal, this.task.delivery.lease.signal]);
  }

  end(): void {
    this.#over = true;
    this.#controller?.abort();
  }
}

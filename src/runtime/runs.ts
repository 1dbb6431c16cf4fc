import { toError, WaybillError } from '../errors.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { failureOf, type Span } from '../ports/tracing.ts';
import { logFields } from './failure.ts';
import type { Run } from './run.ts';
import type { Attempting, Process, Verdict } from './verdict.ts';

export interface RunsOptions {
  readonly process: Process;
  readonly trace?: (attempting: Attempting) => Span | undefined;
  /** How long one attempt may take. @unit milliseconds */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Is told how each attempt ended: once, and before `start` returns when the attempt is not asynchronous. */
export interface RunsListener {
  finished(run: Run, verdict: Verdict): void;
  failed(run: Run, thrown: unknown): void;
}

/** Makes attempts, and ends those that take longer than they may. */
export class Runs {
  readonly #options: RunsOptions;
  readonly #listener: RunsListener;
  /** Under way, oldest first: one timer, for the oldest, is enough. */
  readonly #runs = new Set<Run>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: RunsOptions, listener: RunsListener) {
    this.#options = options;
    this.#listener = listener;
  }

  get size(): number {
    return this.#runs.size;
  }

  start(run: Run): void {
    if (this.#closed) return;
    let result: Verdict | Promise<Verdict>;
    const { process, trace } = this.#options;
    try {
      const span = trace?.(run);
      run.span = span;
      result = span === undefined ? process(run) : span.within(() => process(run));
    } catch (thrown) {
      run.end();
      this.#failed(run, thrown);
      return;
    }
    if ('outcome' in result) {
      run.end();
      this.#finished(run, result);
      return;
    }
    this.#runs.add(run);
    this.#arm();
    result
      .then(
        (verdict) => {
          if (this.#end(run)) this.#finished(run, verdict);
          else this.#sayLate(run, 'its result does not count');
        },
        (thrown: unknown) => {
          if (this.#end(run)) this.#failed(run, thrown);
          else this.#sayLate(run, toError(thrown).message);
        },
      )
      .catch((error: unknown) => {
        // Only a fault of the dispatcher itself gets here; the delivery stays unsettled, so it is not lost.
        this.#options.log.error({ ...logFields(run.delivery), err: toError(error) }, 'the dispatcher failed');
      });
  }

  /** What is under way still runs, without effect. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const run of this.#runs) run.end();
    this.#runs.clear();
  }

  /** @returns whether it was not over before */
  #end(run: Run): boolean {
    if (run.over) return false;
    run.end();
    this.#runs.delete(run);
    return true;
  }

  #finished(run: Run, verdict: Verdict): void {
    this.#listener.finished(run, verdict);
    run.span?.set({ 'waybill.outcome': verdict.outcome });
    run.span?.end(verdict.outcome === 'dead' ? { type: verdict.deaths[0].code } : undefined);
  }

  #failed(run: Run, thrown: unknown): void {
    this.#listener.failed(run, thrown);
    run.span?.end(failureOf(thrown));
  }

  #arm(): void {
    if (this.#timer !== undefined) return;
    const [oldest] = this.#runs;
    if (oldest === undefined) return;
    const { clock, timeoutMs } = this.#options;
    this.#timer = clock.timer(oldest.startedMs + timeoutMs - clock.elapsed() + 1, () => {
      this.#timer = undefined;
      this.#endOverdue();
      this.#arm();
    });
  }

  #endOverdue(): void {
    const { clock, timeoutMs } = this.#options;
    const limit = clock.elapsed() - timeoutMs;
    for (const run of this.#runs) {
      if (run.startedMs > limit) return;
      this.#end(run);
      this.#failed(
        run,
        new WaybillError('WB_HANDLER_TIMEOUT', `the handler took longer than ${String(timeoutMs)} ms`, {
          retryable: true,
        }),
      );
    }
  }

  #sayLate(run: Run, what: string): void {
    this.#options.log.warn(logFields(run.delivery), `a handler ended after its time was up: ${what}`);
  }
}

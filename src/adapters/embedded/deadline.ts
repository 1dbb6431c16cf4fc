import { toError, WaybillError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';

export const DEFAULT_DEADLINE_MS = 30_000;

/** Waits for `promise`, but no longer than `ms`, the rest of a deadline. @throws WB_DEADLINE */
export function within<T>(clock: Clock, ms: number, promise: Promise<T>, deadlineMs = ms): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(ms, () => {
      reject(tooLate(deadlineMs));
    });
    promise.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(toError(error));
      },
    );
  });
}

export function tooLate(deadlineMs: number): WaybillError {
  return new WaybillError('WB_DEADLINE', `the folder's owner did not make it durable within ${String(deadlineMs)} ms`, {
    retryable: true,
    fix: 'Send it again with the same id: it may have been stored.',
  });
}

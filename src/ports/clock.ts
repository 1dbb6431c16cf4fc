/**
 * Time and chance. The only place of the product that touches the system's clock, its timers and its randomness, so that
 * tests control all three.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. May go back when the system's clock is set. */
  now(): number;
  /** Milliseconds from a fixed start; never goes back. For durations. */
  elapsed(): number;
  /** Calls `fire` once after `ms`. Does not keep the process alive unless `keepAlive`. */
  timer(ms: number, fire: () => void, keepAlive?: boolean): Timer;
  /** Uniform in [0, 1). For jitter, never for secrets or ids. */
  random(): number;
}

export interface Timer {
  /** Never fires after it; safe to call again. */
  cancel(): void;
}

/** The longest delay a system timer takes; longer ones are chained. */
const LONGEST = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  random: () => Math.random(),
  timer(ms, fire, keepAlive = false) {
    let handle: NodeJS.Timeout;
    const arm = (left: number): void => {
      handle = setTimeout(
        () => {
          if (left > LONGEST) arm(left - LONGEST);
          else fire();
        },
        Math.min(left, LONGEST),
      );
      if (!keepAlive) handle.unref();
    };
    arm(Math.max(0, ms));
    return {
      cancel: () => {
        clearTimeout(handle);
      },
    };
  },
};

/** Resolves after `ms`, or at once when `signal` aborts. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.timer(ms, done, true);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** What `work` resolves to; undefined when it has not after `ms`, and goes on. @param ms @unit milliseconds @throws as it does until then */
export function inTime<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(
      ms,
      () => {
        resolve(undefined);
      },
      true,
    );
    work.then(resolve, reject).finally(() => {
      timer.cancel();
    });
  });
}

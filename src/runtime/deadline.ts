import type { Clock, Timer } from '../ports/clock.ts';

/** A time by which a sequence of waits must be over. Keeps the process alive until it passes or is cancelled. */
export class Deadline {
  readonly #timer: Timer;
  readonly #passed: Promise<void>;

  /** @param ms from now */
  constructor(clock: Clock, ms: number) {
    let pass = (): void => undefined;
    this.#passed = new Promise((resolve) => {
      pass = resolve;
    });
    this.#timer = clock.timer(ms, pass, true);
  }

  /** Resolves when `work` has, or when the time has passed. @throws what `work` rejects with before that */
  async orPassed(work: Promise<unknown>): Promise<void> {
    await Promise.race([work, this.#passed]);
  }

  cancel(): void {
    this.#timer.cancel();
  }
}

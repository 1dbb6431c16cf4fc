import { type Clock, pause } from '../../ports/clock.ts';

/**
 * From one round trip to the next. Each costs the broker as much as a message. Acknowledgements leave at once; `settle` may resolve
 * so much later.
 * @unit milliseconds
 */
const GAP = 25;

/** Round trips to the broker, which those share who ask at the same time. */
export class RoundTrips {
  readonly #clock: Clock;
  readonly #make: () => Promise<void>;
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #endedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, make: () => Promise<void>) {
    this.#clock = clock;
    this.#make = make;
  }

  /** Resolves at the end of one that began no sooner than now: at once where the last one is long over, else with all who ask meanwhile. */
  next(): Promise<void> {
    if (this.#current === undefined && this.#next === undefined && this.#rest <= 0) return this.#begin();
    this.#next ??= this.#later();
    return this.#next;
  }

  /** Until there may be another. @unit milliseconds */
  get #rest(): number {
    return this.#endedAt + GAP - this.#clock.elapsed();
  }

  async #later(): Promise<void> {
    await Promise.allSettled([this.#current]);
    await pause(this.#clock, this.#rest);
    this.#next = undefined;
    await this.#begin();
  }

  #begin(): Promise<void> {
    this.#current = this.#make().finally(() => {
      this.#current = undefined;
      this.#endedAt = this.#clock.elapsed();
    });
    return this.#current;
  }
}

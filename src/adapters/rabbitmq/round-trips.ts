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

  constructor(clock: Clock, make: () => Promise<void>) {
    this.#clock = clock;
    this.#make = make;
  }

  /** Resolves at the end of one that began no sooner than now. One is under way at a time; whoever comes meanwhile shares the next. */
  next(): Promise<void> {
    if (this.#current === undefined) {
      this.#current = this.#make().finally(() => {
        this.#current = undefined;
      });
      return this.#current;
    }
    this.#next ??= Promise.allSettled([this.#current, pause(this.#clock, GAP)]).then(() => {
      this.#next = undefined;
      return this.next();
    });
    return this.#next;
  }
}

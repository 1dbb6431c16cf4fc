import type { Clock, Timer } from '../../ports/clock.ts';

/** Something that ends by a moment of `clock.elapsed()`. */
export interface Dated {
  readonly deadline: number;
}

/** Watches many deadlines with one timer: most are met, so nothing is done for each of them. */
export class Deadlines<T extends Dated> {
  readonly #clock: Clock;
  readonly #passed: (entry: T) => void;
  readonly #entries = new Set<T>();
  #timer: Timer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, passed: (entry: T) => void) {
    this.#clock = clock;
    this.#passed = passed;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(entry: T): void {
    this.#entries.add(entry);
    if (entry.deadline < this.#armedFor) this.#arm(entry.deadline);
  }

  remove(entry: T): void {
    this.#entries.delete(entry);
    if (this.#entries.size === 0) this.#disarm();
  }

  /** All that are left, which are forgotten. */
  drain(): T[] {
    const left = [...this.#entries];
    this.#entries.clear();
    this.#disarm();
    return left;
  }

  #arm(at: number): void {
    this.#timer?.cancel();
    this.#armedFor = at;
    this.#timer = this.#clock.timer(at - this.#clock.elapsed(), () => {
      this.#fire();
    });
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    const now = this.#clock.elapsed();
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries) {
      if (entry.deadline <= now) {
        this.#entries.delete(entry);
        this.#passed(entry);
      } else if (entry.deadline < next) next = entry.deadline;
    }
    if (next < Number.POSITIVE_INFINITY) this.#arm(next);
    else this.#disarm();
  }
}

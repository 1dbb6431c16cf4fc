import type { Clock, Timer } from '../ports/clock.ts';
import type { Lane } from './lanes.ts';

/** The keys that a failing delivery holds until its next attempt is due. */
export class Holds {
  readonly #clock: Clock;
  readonly #onDue: (lane: Lane) => void;
  readonly #timers = new Map<Lane, Timer>();
  #closed = false;

  constructor(clock: Clock, onDue: (lane: Lane) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#timers.size;
  }

  /** Calls `onDue` with the lane after `ms`, unless it is closed before. */
  hold(lane: Lane, ms: number): void {
    if (this.#closed) return;
    const timer = this.#clock.timer(ms, () => {
      this.#release(lane);
    });
    this.#timers.set(lane, timer);
  }

  /** Lets go at once of the lanes whose delivery comes again: it must not wait behind its own past. */
  releaseRevoked(): void {
    for (const lane of [...this.#timers.keys()]) if (lane.tasks[0]?.revoked === true) this.#release(lane);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #release(lane: Lane): void {
    this.#timers.get(lane)?.cancel();
    if (this.#timers.delete(lane)) this.#onDue(lane);
  }
}

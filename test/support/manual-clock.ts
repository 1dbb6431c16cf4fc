import type { Clock, Timer } from '../../src/ports/clock.ts';

/** A clock that goes on only when told to. */
export class ManualClock implements Clock {
  #now = Date.parse('2026-01-01T00:00:00Z');
  #elapsed = 0;
  readonly #timers = new Set<{ readonly at: number; readonly fire: () => void }>();

  now(): number {
    return this.#now;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  random(): number {
    return 0;
  }

  timer(ms: number, fire: () => void): Timer {
    const timer = { at: this.#elapsed + ms, fire };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** As when somebody sets the system's clock: durations go on. */
  set(now: number): void {
    this.#now = now;
  }

  /** How many timers are armed. */
  get armed(): number {
    return this.#timers.size;
  }

  /** Goes on by `ms`, firing timers in order. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now += next.at - this.#elapsed;
      this.#elapsed = next.at;
      next.fire();
    }
    this.#now += end - this.#elapsed;
    this.#elapsed = end;
  }
}

import type { Clock, Timer } from '../ports/clock.ts';

/** So many failed attempts in a row, over at least two keys, are an outage of what the endpoint depends on (design, section 8). */
const FAILURES = 20;
const KEYS = 2;
const FIRST_PROBE_MS = 1_000;
const LONGEST_PROBE_MS = 60_000;

/**
 * Tells an outage from bad messages, and paces the probes while it lasts.
 *
 * | state   | on                                   | becomes | and                                             |
 * |---------|--------------------------------------|---------|-------------------------------------------------|
 * | running | 20 retryable failures, over 2+ keys  | paused  | the first probe is due in 1 s                   |
 * | paused  | probe is due                         | paused  | the next delivery is it, whenever one comes     |
 * | paused  | probe fails                          | paused  | the next probe waits twice as long, at most 60 s |
 * | paused  | any attempt succeeds                 | running | everything held is taken up                     |
 * | any     | a person pauses                      | paused  | no probes, until a person resumes               |
 */
export class Outage {
  readonly #clock: Clock;
  readonly #onProbe: () => void;
  readonly #recent: string[] = [];
  #reason: string | undefined;
  #manual = false;
  #since = 0;
  #pausedBefore = 0;
  #probeMs = FIRST_PROBE_MS;
  #timer: Timer | undefined;
  #due = false;

  /** @param onProbe a probe is due from now on */
  constructor(clock: Clock, onProbe: () => void) {
    this.#clock = clock;
    this.#onProbe = onProbe;
  }

  /** Whether the next delivery is to show if the outage is over. */
  get probeDue(): boolean {
    return this.#due;
  }

  probeStarted(): void {
    this.#due = false;
  }

  /** Why nothing is taken, while paused. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Time spent paused so far. @unit milliseconds */
  get pausedMs(): number {
    return this.#pausedBefore + (this.#reason === undefined ? 0 : this.#clock.elapsed() - this.#since);
  }

  /** @returns true when this ended a pause */
  succeeded(): boolean {
    if (this.#recent.length > 0) this.#recent.length = 0;
    if (this.#reason === undefined || this.#manual) return false;
    this.#end();
    return true;
  }

  /** @returns true when this began a pause */
  failed(key: string, error: string): boolean {
    if (this.#reason !== undefined) {
      if (!this.#manual) this.#reason = error;
      return false;
    }
    this.#recent.push(key);
    if (this.#recent.length > FAILURES) this.#recent.shift();
    if (this.#recent.length < FAILURES || new Set(this.#recent).size < KEYS) return false;
    this.#begin(error);
    this.#probeMs = FIRST_PROBE_MS;
    this.#arm();
    return true;
  }

  /** A failure that says nothing about what the endpoint depends on: the message itself was bad. */
  failedForGood(): void {
    this.#recent.length = 0;
  }

  /** The probe that was started has ended without success. */
  probeFailed(): void {
    if (this.#reason === undefined || this.#manual || this.#due || this.#timer !== undefined) return;
    this.#probeMs = Math.min(LONGEST_PROBE_MS, this.#probeMs * 2);
    this.#arm();
  }

  pause(reason: string): void {
    this.#cancelProbe();
    this.#manual = true;
    if (this.#reason === undefined) this.#begin(reason);
    else this.#reason = reason;
  }

  /** @returns true when it was paused */
  resume(): boolean {
    if (this.#reason === undefined) return false;
    this.#end();
    return true;
  }

  close(): void {
    this.#cancelProbe();
  }

  #begin(reason: string): void {
    this.#reason = reason;
    this.#since = this.#clock.elapsed();
  }

  #end(): void {
    this.#pausedBefore += this.#clock.elapsed() - this.#since;
    this.#reason = undefined;
    this.#manual = false;
    this.#recent.length = 0;
    this.#cancelProbe();
  }

  #arm(): void {
    this.#timer = this.#clock.timer(this.#probeMs, () => {
      this.#timer = undefined;
      this.#due = true;
      this.#onProbe();
    });
  }

  #cancelProbe(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#due = false;
  }
}

import type { EncodedMessage } from '../message.ts';
import { LONGEST_DELAY } from '../ports/delay.ts';
import type { Death, Outgoing } from '../ports/transport.ts';
import { type Continuation, continueAgain, continueLater, makerOf } from './continuation.ts';
import type { Entry } from './entry.ts';
import { keep } from './kept.ts';
import type { ProgramWork } from './plan.ts';
import { refOf, type Transit } from './transit.ts';

/** What one journey leaves for later: timers, and messages that go on by a delivery of their own. */
export class Postponed {
  /** To the route's own endpoint. */
  readonly sends: Outgoing[] = [];
  readonly #work: ProgramWork;
  #messages = 0;
  /** How many continuations each maker has made. */
  readonly #made = new Map<string, number>();

  constructor(work: ProgramWork) {
    this.#work = work;
  }

  /** How many messages go on later. */
  get messages(): number {
    return this.#messages;
  }

  /** The message goes on after the step at `index`, not before `atMs`. */
  after(index: number, entry: Entry, message: Transit, atMs: number): void {
    this.message(entry, message, this.#continuation(index, entry, message, atMs));
  }

  /** The message has failed: by a delivery of its own it fails alone. Redriven, it goes on after the step at `index`. */
  failed(index: number, entry: Entry, message: Transit, death: Death): void {
    const { code, error } = death;
    this.message(entry, message, { ...this.#continuation(index, entry, message, 0), failed: { code, error } });
  }

  #continuation(index: number, entry: Entry, message: Transit, atMs: number): Continuation {
    const { steps, end } = entry.flow;
    return {
      step: steps[index]?.id ?? '',
      take: refOf(message),
      key: '',
      message: keep(message, steps[index + 1]?.type ?? end.ref),
      atMs,
    };
  }

  message(entry: Entry, cause: Transit, continuation: Continuation): void {
    this.#messages += 1;
    this.timer(entry, cause, continuation);
  }

  timer(entry: Entry, cause: Transit, continuation: Continuation): void {
    const { route, style, own } = entry;
    const maker = `${cause.input.envelope.source}\0${cause.input.envelope.id}\0${makerOf(cause, continuation, route)}`;
    const ordinal = this.#made.get(maker) ?? 0;
    this.#made.set(maker, ordinal + 1);
    const dueAt = this.#dueAt(continuation);
    this.sends.push(continueLater(cause, continuation, { route, source: style.source, to: own, ordinal, dueAt }));
  }

  /** What comes far too early is sent again. What comes a little too early is `false`. */
  again(continuation: Continuation, message: EncodedMessage, entry: Entry): boolean {
    if (continuation.atMs - this.#work.now() <= this.#work.graceMs) return false;
    this.#messages += 1;
    this.sends.push(continueAgain(message, entry.own, this.#dueAt(continuation)));
    return true;
  }

  /** @returns takes back what comes from here on */
  mark(): () => void {
    const { length } = this.sends;
    const messages = this.#messages;
    const made = [...this.#made];
    return () => {
      this.sends.length = length;
      this.#messages = messages;
      this.#made.clear();
      for (const [maker, ordinal] of made) this.#made.set(maker, ordinal);
    };
  }

  #dueAt(continuation: Continuation): number {
    const wanted = continuation.atMs - (comesEarlier(continuation) ? this.#work.graceMs : 0);
    return Math.min(wanted, this.#work.now() + LONGEST_DELAY);
  }
}

/** Whether the last of its time is waited for in place, so that it is exact. */
export function comesEarlier({ timer }: Continuation): boolean {
  return timer === undefined || timer.precise === true;
}

import type { Clock, Timer } from '../../ports/clock.ts';

/** Something that the broker was sent, and owes an answer. */
export interface Owed {
  /** When it was sent last; undefined while no answer is due. @unit milliseconds of `clock.elapsed()` */
  sentAt: number | undefined;
  /** How often it was sent again because no answer came. */
  unanswered: number;
}

export interface PatienceOptions {
  readonly clock: Clock;
  /** All that is under way, in any order. */
  readonly underWay: ReadonlySet<Owed>;
  /** Whether answers are not to be expected now: there is no connection, or the broker takes nothing. */
  readonly suspended: () => boolean;
  /** The broker has forgotten what is under way: it is to be sent again. */
  readonly exhausted: () => void;
}

/** @unit milliseconds */
const FIRST = 6_000;
/** @unit milliseconds */
const LONGEST = 300_000;
/** @unit milliseconds */
const LOOK = 1_000;

/**
 * Finds out that a broker has forgotten what it was sent: RabbitMQ 3.10 may leave publishes unanswered for ever, on a channel
 * that stays open, when the leader of their queue was lost.
 *
 * | the oldest without an answer, since at least the patience        | then                             |
 * |------------------------------------------------------------------|----------------------------------|
 * | nothing at all is answered as long                               | forgotten                        |
 * | what was sent that much later is answered                        | forgotten: it is not just slow   |
 * | what was sent about when it was is being answered                | a slow broker gets to it         |
 * | the broker takes no messages, or there is no connection          | the patience begins anew after it |
 *
 * The patience is 6 s, and doubles, up to 300 s, each time that all under way was sent again, until none of that is left.
 */
export class Patience {
  readonly #options: PatienceOptions;
  #timer: Timer | undefined;
  #answeredAt = Number.NEGATIVE_INFINITY;
  /** When the latest of those that were answered had been sent. */
  #latest = Number.NEGATIVE_INFINITY;
  #resumedAt = Number.NEGATIVE_INFINITY;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** It has just been sent. */
  sent(owed: Owed): void {
    owed.sentAt = this.#options.clock.elapsed();
    this.#arm();
  }

  /** It was confirmed or refused. */
  answered(owed: Owed): void {
    this.#answeredAt = this.#options.clock.elapsed();
    if (owed.sentAt !== undefined) this.#latest = Math.max(this.#latest, owed.sentAt);
    owed.sentAt = undefined;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer ??= this.#options.clock.timer(LOOK, () => {
      this.#timer = undefined;
      this.#look();
    });
  }

  #look(): void {
    const { clock, underWay, suspended, exhausted } = this.#options;
    if (underWay.size === 0) return;
    const now = clock.elapsed();
    if (suspended()) this.#resumedAt = now;
    let oldest = now;
    let unanswered = 0;
    for (const owed of underWay) {
      if (owed.sentAt !== undefined) oldest = Math.min(oldest, owed.sentAt);
      unanswered = Math.max(unanswered, owed.unanswered);
    }
    const since = Math.max(oldest, this.#resumedAt);
    const patience = Math.min(LONGEST, FIRST * 2 ** unanswered);
    if (now - since >= patience && (now - this.#answeredAt >= patience || this.#latest - since >= patience)) {
      for (const owed of underWay) owed.unanswered += 1;
      exhausted();
    }
    this.#arm();
  }
}

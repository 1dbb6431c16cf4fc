import type { Clock, Timer } from '../../ports/clock.ts';

/** Something that the broker was sent, and is to confirm. */
export interface Owed {
  /** Where it goes: the same queues take what goes the same road. */
  readonly road: string;
  /** When it was first sent on this channel; undefined while it was not. @unit milliseconds of `clock.elapsed()` */
  sentAt: number | undefined;
}

export interface PatienceOptions {
  readonly clock: Clock;
  /** All that is under way, in any order. */
  readonly underWay: ReadonlySet<Owed>;
  /** Whether nothing is to be expected now: there is no connection, or the broker takes nothing. */
  readonly suspended: () => boolean;
  /** What is under way is to be sent again on another channel. @param turn how often in a row, from 1 */
  readonly exhausted: (turn: number) => void;
}

/** A road on which nothing was confirmed since something was sent there. */
interface Road {
  since: number;
  /** When something was under way there last. */
  usedAt: number;
  /** On how many channels nothing was confirmed. */
  turns: number;
}

/** @unit milliseconds */
const FIRST = 6_000;
/** How long it is from then on, for as many turns as nodes may take to start again: a cluster that is whole again is not waited for. @unit milliseconds */
const AGAIN = 10_000;
const TURNS = 6;
/** It doubles after them: what takes longer for a confirm is slow, and slower with everything published again. @unit milliseconds */
const LONGEST = 300_000;
/** @unit milliseconds */
const LOOK = 1_000;
/** How long a road is remembered on which what was sent was given up, at its deadline. @unit milliseconds */
const MEMORY = 60_000;

/**
 * Finds out that a channel is good for nothing any more, though it stays open. When the leader of a queue was lost, RabbitMQ
 * 3.10 may leave what it was sent unanswered for ever, and may refuse for ever what is published on a channel that was opened
 * before there was a new leader.
 *
 * | the oldest that is not confirmed, since at least the patience    | then                              |
 * |------------------------------------------------------------------|-----------------------------------|
 * | nothing at all is confirmed as long                              | the channel is given up           |
 * | what was sent that much later is confirmed                       | likewise: it is not just slow     |
 * | what was sent about when it was is being confirmed               | a slow broker gets to it          |
 * | the broker takes no messages, or there is no connection          | the patience begins anew after it |
 *
 * What is given up at a short deadline counts with what follows on its road. The patience is 6 s, then six times 10 s,
 * then twice as long each time, up to 300 s, until something is confirmed there.
 */
export class Patience {
  readonly #options: PatienceOptions;
  readonly #roads = new Map<string, Road>();
  #timer: Timer | undefined;
  #confirmedAt = Number.NEGATIVE_INFINITY;
  /** When the latest of those that were confirmed had been sent. */
  #latest = Number.NEGATIVE_INFINITY;
  #resumedAt = Number.NEGATIVE_INFINITY;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** It has just been sent, or sent again on the same channel. */
  sent(owed: Owed): void {
    const now = this.#options.clock.elapsed();
    owed.sentAt ??= now;
    const road = this.#roads.get(owed.road);
    if (road === undefined) this.#roads.set(owed.road, { since: now, usedAt: now, turns: 0 });
    else road.usedAt = now;
    this.#arm();
  }

  confirmed(owed: Owed): void {
    this.#confirmedAt = this.#options.clock.elapsed();
    if (owed.sentAt !== undefined) this.#latest = Math.max(this.#latest, owed.sentAt);
    owed.sentAt = undefined;
    this.#roads.delete(owed.road);
  }

  /** The channel is gone, and all under way will be sent again. @param lost with its connection or by an error */
  renew(lost: boolean): void {
    if (lost) this.#roads.clear();
    for (const road of this.#roads.values()) road.since = this.#options.clock.elapsed();
    for (const owed of this.#options.underWay) owed.sentAt = undefined;
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
    const now = clock.elapsed();
    if (suspended()) this.#resumedAt = now;
    let oldest = now;
    let turns = 0;
    for (const { road: name, sentAt } of underWay) {
      oldest = Math.min(oldest, sentAt ?? now);
      const road = this.#roads.get(name);
      if (road === undefined) continue;
      road.usedAt = now;
      oldest = Math.min(oldest, road.since);
      turns = Math.max(turns, road.turns);
    }
    for (const [name, { usedAt }] of this.#roads) if (now - usedAt > MEMORY) this.#roads.delete(name);
    const since = Math.max(oldest, this.#resumedAt);
    const patience = patienceOf(turns);
    if (now - since >= patience && (now - this.#confirmedAt >= patience || this.#latest - since >= patience)) {
      for (const { road } of underWay) {
        const known = this.#roads.get(road);
        if (known !== undefined) known.turns = turns + 1;
      }
      exhausted(turns + 1);
    }
    if (underWay.size + this.#roads.size > 0) this.#arm();
  }
}

/** @param turns on how many channels nothing was confirmed */
function patienceOf(turns: number): number {
  return turns === 0 ? FIRST : Math.min(LONGEST, AGAIN * 2 ** Math.max(0, turns - TURNS));
}

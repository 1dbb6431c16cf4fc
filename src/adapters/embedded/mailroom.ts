import type { EncodedMessage } from '../../message.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import type { TakeAnswer } from './core.ts';
import type { Change, Journal } from './journal.ts';

interface Answer {
  readonly address: string;
  readonly tag: string;
  readonly message: EncodedMessage;
}

interface Kept extends Answer {
  readonly untilMs: number;
}

/** Who asked may be on its way here: from an owner that has ended, which takes at most 5 s. @unit milliseconds */
const KEEP_MS = 10_000;
/** Most that is kept for those who may come; what comes beyond is parked at once. @unit bytes */
const MOST_BYTES = 16 * 1024 * 1024;
/** Most of those who left that are remembered. */
const MOST_LEFT = 10_000;

/**
 * Hands answers to those who asked, once they are durable with the settlement of their requests.
 *
 * | who asked           | the answer                                                  |
 * |---------------------|-------------------------------------------------------------|
 * | is here             | is handed over, and not kept                                |
 * | was here, and left  | is parked                                                   |
 * | comes within 10 s   | is kept in memory and handed over when it comes             |
 * | does not come       | is parked                                                   |
 */
export class Mailroom implements Change {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #park: (message: EncodedMessage) => void;
  readonly #takers = new Map<string, TakeAnswer>();
  /** Addresses of those who left, oldest first. */
  readonly #left = new Set<string>();
  #waiting: Answer[] = [];
  #writing: Answer[] = [];
  #kept: Kept[] = [];
  #bytes = 0;
  #timer: Timer | undefined;
  #closed = false;

  /** @param park keeps what nobody came for */
  constructor(journal: Journal, clock: Clock, park: (message: EncodedMessage) => void) {
    this.#journal = journal;
    this.#clock = clock;
    this.#park = park;
  }

  /** @returns how to close it */
  open(address: string, take: TakeAnswer): () => void {
    this.#takers.set(address, take);
    this.#left.delete(address);
    const mine = this.#kept.filter((each) => each.address === address);
    if (mine.length > 0) {
      this.#keepOnly((each) => each.address !== address);
      for (const { message, tag } of mine) take(message, tag);
    }
    return () => {
      if (this.#takers.get(address) !== take) return;
      this.#takers.delete(address);
      this.#left.add(address);
      const [oldest] = this.#left;
      if (this.#left.size > MOST_LEFT && oldest !== undefined) this.#left.delete(oldest);
    };
  }

  post(reply: string, message: EncodedMessage): void {
    const dot = reply.indexOf('.');
    const address = dot < 0 ? reply : reply.slice(0, dot);
    const tag = dot < 0 ? '' : reply.slice(dot + 1);
    if (this.#waiting.push({ address, tag, message }) === 1) this.#journal.enlist(this);
  }

  write(): void {
    this.#writing = this.#waiting;
    this.#waiting = [];
  }

  written(): void {
    const answers = this.#writing;
    this.#writing = [];
    for (const answer of answers) {
      const take = this.#takers.get(answer.address);
      if (take !== undefined) take(answer.message, answer.tag);
      else this.#keep(answer);
    }
  }

  /** Forgets what will not become durable. */
  forget(): void {
    this.#waiting = [];
    this.#writing = [];
  }

  /** Nobody can come any more. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const { message } of this.#kept) this.#park(message);
    this.#kept = [];
  }

  #keep(answer: Answer): void {
    const { length } = answer.message.body;
    if (this.#closed || this.#left.has(answer.address) || this.#bytes + length > MOST_BYTES) {
      this.#park(answer.message);
      return;
    }
    this.#bytes += length;
    this.#kept.push({ ...answer, untilMs: this.#clock.elapsed() + KEEP_MS });
    this.#arm();
  }

  #keepOnly(which: (kept: Kept) => boolean): void {
    this.#kept = this.#kept.filter(which);
    this.#bytes = this.#kept.reduce((sum, { message }) => sum + message.body.length, 0);
  }

  #arm(): void {
    const [oldest] = this.#kept;
    if (this.#timer !== undefined || oldest === undefined) return;
    this.#timer = this.#clock.timer(oldest.untilMs - this.#clock.elapsed(), () => {
      this.#timer = undefined;
      const now = this.#clock.elapsed();
      for (const { message, untilMs } of this.#kept) if (untilMs <= now) this.#park(message);
      this.#keepOnly(({ untilMs }) => untilMs > now);
      this.#arm();
    });
  }
}

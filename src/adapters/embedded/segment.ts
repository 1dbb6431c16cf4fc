import type { EncodedMessage } from '../../message.ts';
import { type Extra, pack } from './codec.ts';
import type { Writes } from './commit.ts';
import type { Held, Row } from './held.ts';
import type { Slab } from './slab.ts';

/** A record of waiting messages in memory. It leaves the store when all of them are settled. */
export class Segment implements Row {
  readonly first: number;
  readonly key: Buffer;
  messages: readonly EncodedMessage[];
  extras: readonly (Extra | undefined)[] | undefined;
  /** Of bodies. @unit bytes */
  readonly bytes: number;
  readonly count: number;
  /** What is in hand, at the places of its messages. */
  readonly held: (Held | undefined)[] = [];
  /** 1 where a message is settled. */
  readonly settled: Buffer;
  left: number;
  /** Some were in hand when their process ended: their numbers. */
  suspects: Set<number> | undefined;
  #progressStored: boolean;
  /** Its progress changed since the last commit. */
  changed = false;

  constructor(
    first: number,
    key: Buffer,
    messages: readonly EncodedMessage[],
    extras: Segment['extras'],
    settled?: Buffer,
  ) {
    this.first = first;
    this.key = key;
    this.messages = messages;
    this.extras = extras;
    this.count = messages.length;
    this.bytes = messages.reduce((sum, { body }) => sum + body.length, 0);
    this.settled = settled ?? Buffer.alloc(messages.length);
    this.#progressStored = settled !== undefined;
    this.left = settled === undefined ? this.count : settled.reduce((left, mark) => left - mark, this.count);
  }

  get end(): number {
    return this.first + this.count;
  }

  /** The first message that is not settled. */
  get head(): EncodedMessage | undefined {
    return this.messages[this.settled.indexOf(0)];
  }

  settle(index: number): void {
    this.settled[index] = 1;
    this.held[index] = undefined;
    this.left -= 1;
    if (this.left === 0) {
      this.messages = [];
      this.extras = undefined;
    }
  }

  /** Writes the whole record. */
  store(store: Writes, slab: Slab): void {
    store.log.put(this.key, pack(slab, this.messages, this.extras));
  }

  /** Writes how far it is settled. */
  storeProgress(store: Writes): void {
    this.changed = false;
    if (this.left === 0) {
      store.log.remove(this.key);
      if (this.#progressStored) store.progress.remove(this.key);
    } else {
      // A copy: the writer's thread reads it while more is settled.
      store.progress.put(this.key, Buffer.from(this.settled));
      this.#progressStored = true;
    }
  }
}

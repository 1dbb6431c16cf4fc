import type { Segment } from './segment.ts';

/** What a message takes in memory beside its body. @unit bytes */
const MESSAGE_COST = 1000;

/** How much waiting messages may take of the memory of all partitions, so that they need not be read again. */
export class Budget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** Whether there is room for one that need not be in memory. */
  get open(): boolean {
    return this.#left > 0;
  }

  take(segment: Segment): void {
    this.#left -= costOf(segment);
  }

  give(segment: Segment): void {
    this.#left += costOf(segment);
  }
}

function costOf(segment: Segment): number {
  return segment.bytes + segment.count * MESSAGE_COST;
}

import type { Clock } from '../../ports/clock.ts';
import { HISTORY_AGE_MS, HISTORY_BYTES } from '../../ports/history.ts';
import type { Writes } from './commit.ts';
import type { Page } from './core.ts';
import type { Store } from './folder.ts';
import type { Change, Journal } from './journal.ts';

/** Records that are handed over in one go: characters of their text, about. */
const PAGE = 1_000_000;

export interface HistoryLogOptions {
  readonly store: Store;
  readonly journal: Journal;
  readonly clock: Clock;
}

/**
 * The message history of a folder: parts of records at the place where each begins in all that was ever written, so that the first and
 * the last of them tell how much is kept. A part is its time, a line feed, and the records as text.
 */
export class HistoryLog implements Change {
  readonly #options: HistoryLogOptions;
  #arriving: string[] = [];
  /** What is too old, or too much. */
  #stale: readonly number[] = [];
  /** Where the next part begins. */
  #end: number;

  constructor(options: HistoryLogOptions) {
    this.#options = options;
    // Once, and not in the commits of messages: nothing that is read there may fail them.
    const [last] = options.store.history.getRange({ reverse: true, limit: 1 });
    this.#end = last === undefined ? 0 : last.key + last.value.length;
  }

  /** @param text as `encodeHistory` makes it @returns when it is durable */
  add(text: string): Promise<void> {
    const { journal } = this.#options;
    this.#stale = this.#staleParts(text.length);
    this.#arriving.push(text);
    if (this.#arriving.length === 1) journal.enlist(this);
    return journal.durable;
  }

  /**
   * Parts of records, as `add` took them.
   * @param after a place, as the page before says it; empty for the first
   */
  page(after: string): Page<string> {
    const { store, clock } = this.#options;
    const items: string[] = [];
    const least = clock.now() - HISTORY_AGE_MS;
    const place = Number(after);
    const range = after === '' || Number.isNaN(place) ? {} : { start: place, exclusiveStart: true };
    let size = 0;
    for (const { key, value } of store.history.getRange(range)) {
      if (timeOf(value) >= least) items.push(value.slice(value.indexOf('\n') + 1));
      size += value.length;
      if (size >= PAGE) return { items, next: String(key) };
    }
    return { items };
  }

  write({ history }: Writes): void {
    const now = this.#options.clock.now();
    let place = this.#end;
    for (const text of this.#arriving) {
      const value = `${String(now)}\n${text}`;
      history.put(place, value);
      place += value.length;
    }
    for (const part of this.#stale) history.remove(part);
    this.#stale = [];
    this.#arriving = [];
    this.#end = place;
  }

  /** A commit failed, and what was enlisted with it or since is not written: whoever asked for it was told. */
  forget(): void {
    this.#arriving = [];
    this.#stale = [];
  }

  written(): void {
    // Nothing is held back until it is durable.
  }

  /** @param coming how much is about to be added */
  #staleParts(coming: number): number[] {
    const { store, clock } = this.#options;
    const least = clock.now() - HISTORY_AGE_MS;
    const stale: number[] = [];
    for (const { key, value } of store.history.getRange()) {
      if (this.#end + coming - key <= HISTORY_BYTES && timeOf(value) >= least) break;
      stale.push(key);
    }
    return stale;
  }
}

function timeOf(value: string): number {
  return Number(value.slice(0, value.indexOf('\n')));
}

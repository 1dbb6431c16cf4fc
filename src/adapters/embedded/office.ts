import { type Clock, pause } from '../../ports/clock.ts';
import type { DeadLetter, Office, OfficeAction, OfficeFilter, TransportStats } from '../../ports/transport.ts';
import type { Cabinet, Page } from './core.ts';

/** What an office asks of whichever core there is. */
export interface OfficeCore {
  letters(cabinet: Cabinet, filter: OfficeFilter, after: string, most: number): Promise<Page<DeadLetter>>;
  letter(cabinet: Cabinet, id: string): Promise<DeadLetter | undefined>;
  redrive(cabinet: Cabinet, ids: readonly string[], by: string): Promise<number>;
  discard(cabinet: Cabinet, ids: readonly string[], by: string): Promise<number>;
  stats(): Promise<TransportStats>;
}

/** Most letters asked for, or acted on, at a time. */
const PAGE = 200;

export class EmbeddedOffice implements Office {
  readonly #cabinet: Cabinet;
  readonly #core: OfficeCore;
  readonly #clock: Clock;

  constructor(cabinet: Cabinet, core: OfficeCore, clock: Clock) {
    this.#cabinet = cabinet;
    this.#core = core;
    this.#clock = clock;
  }

  async *list(filter: OfficeFilter = {}): AsyncIterable<DeadLetter> {
    let left = filter.limit ?? Infinity;
    let after = '';
    while (left > 0) {
      const page = await this.#core.letters(this.#cabinet, filter, after, Math.min(left, PAGE));
      yield* page.items;
      left -= page.items.length;
      if (page.next === undefined) return;
      after = page.next;
    }
  }

  get(id: string): Promise<DeadLetter | undefined> {
    return this.#core.letter(this.#cabinet, id);
  }

  async count(): Promise<number> {
    return (await this.#core.stats())[this.#cabinet];
  }

  redrive(filter: OfficeFilter, action: OfficeAction): Promise<number> {
    return this.#act(filter, action, (ids) => this.#core.redrive(this.#cabinet, ids, action.by));
  }

  discard(filter: OfficeFilter, action: OfficeAction): Promise<number> {
    return this.#act(filter, action, (ids) => this.#core.discard(this.#cabinet, ids, action.by));
  }

  /** Letters that die again meanwhile are younger than the last one when it begins, and are left alone. */
  async #act(
    filter: OfficeFilter,
    action: OfficeAction,
    act: (ids: readonly string[]) => Promise<number>,
  ): Promise<number> {
    const ids: string[] = [];
    for await (const { id } of this.list(filter)) ids.push(id);
    const rate = action.rate ?? Infinity;
    // At a rate, small handfuls: ten a second where that is enough.
    const handful = Math.max(1, Math.min(PAGE, Math.floor(rate / 10)));
    const began = this.#clock.elapsed();
    let done = 0;
    for (let at = 0; at < ids.length; at += handful) {
      const early = (at / rate) * 1000 - (this.#clock.elapsed() - began);
      if (early > 0) await pause(this.#clock, early);
      done += await act(ids.slice(at, at + handful));
      action.onProgress?.(done);
    }
    return done;
  }
}

import { withoutExpiry } from '../../message.ts';
import type { AuditRecord, DeadLetter, OfficeFilter } from '../../ports/transport.ts';
import type { Cabinet, Page } from './core.ts';
import type { Journal } from './journal.ts';
import type { Letter } from './letters.ts';
import type { State } from './state.ts';

/** What people do with letters, at the owner: each letter leaves in one transaction with what it becomes. */
export class Desk {
  readonly #journal: Journal;
  readonly #current: () => State;

  /** @param current the state of now: it is read anew after a commit that failed */
  constructor(journal: Journal, current: () => State) {
    this.#journal = journal;
    this.#current = current;
  }

  async letters(cabinet: Cabinet, filter: OfficeFilter, after: string, most: number): Promise<Page<DeadLetter>> {
    await this.#journal.settled();
    const { letters, next } = this.#current().letters.list(cabinet, filter, after, most);
    const items = letters.map(({ letter }) => letter);
    return next === undefined ? { items } : { items, next };
  }

  async letter(cabinet: Cabinet, id: string): Promise<DeadLetter | undefined> {
    await this.#journal.settled();
    return this.#current().letters.get(cabinet, id)?.letter;
  }

  async redrive(cabinet: Cabinet, ids: readonly string[], by: string): Promise<number> {
    const state = this.#current();
    let count = 0;
    let refused: string | undefined;
    for (const letter of lettersOf(state, cabinet, ids)) {
      const moved = cabinet === 'parked' ? republish(state, letter) : revive(state, letter);
      if (!moved) {
        refused = letter.letter.endpoint;
        continue;
      }
      state.letters.remove(cabinet, letter, 'redrive', by);
      state.ledger.add(letter.column, -1);
      count += 1;
    }
    if (count > 0) await this.#journal.durable;
    // Nothing came of it: say why. A parked message that no route takes simply stays.
    if (count === 0 && refused !== undefined && cabinet === 'dead') state.exchange.endpoint(refused);
    return count;
  }

  async discard(cabinet: Cabinet, ids: readonly string[], by: string): Promise<number> {
    const state = this.#current();
    let count = 0;
    for (const letter of lettersOf(state, cabinet, ids)) {
      state.letters.remove(cabinet, letter, 'discard', by);
      state.ledger.add(letter.column, -1);
      state.ledger.add('discarded', 1);
      if (cabinet === 'parked') state.ledger.parkedBytes -= letter.letter.message.body.length;
      count += 1;
    }
    if (count > 0) await this.#journal.durable;
    return count;
  }

  async audit(after: string, most: number): Promise<Page<AuditRecord>> {
    await this.#journal.settled();
    const { records, next } = this.#current().letters.audit(after, most);
    return next === undefined ? { items: records } : { items: records, next };
  }
}

function* lettersOf({ letters }: State, cabinet: Cabinet, ids: readonly string[]): Iterable<Letter> {
  for (const id of ids) {
    const letter = letters.get(cabinet, id);
    if (letter !== undefined) yield letter;
  }
}

/** The delivery that the letter was goes on: it moves from one column of the ledger to another. */
function revive(state: State, { letter: { endpoint: name, message, route } }: Letter): boolean {
  const endpoint = state.endpoints.get(name);
  if (endpoint === undefined) return false;
  const slot = state.exchange.slot(message.envelope);
  state.deliver(endpoint, slot, withoutExpiry(message), route === undefined ? undefined : { route });
  return true;
}

function republish(state: State, { letter: { message } }: Letter): boolean {
  const { exchange, ledger } = state;
  const takers = exchange.takers(message.envelope);
  if (takers.length === 0) return false;
  const slot = exchange.slot(message.envelope);
  for (const taker of takers) state.deliver(taker, slot, message);
  ledger.add('made', takers.length - 1);
  ledger.parkedBytes -= message.body.length;
  return true;
}

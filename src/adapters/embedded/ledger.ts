import type { Ledger as LedgerStats, Tally } from '../../ports/transport.ts';
import type { Writes } from './commit.ts';
import type { Store } from './folder.ts';
import type { Change, Journal } from './journal.ts';
import { isRecord, numberIn } from './shapes.ts';

type Column = Exclude<keyof LedgerStats, 'waiting'>;

const COLUMNS: readonly Column[] = [
  'made',
  'done',
  'filtered',
  'merged',
  'duplicate',
  'dead',
  'parked',
  'expired',
  'discarded',
];

/** What is counted at one endpoint. */
export interface EndpointCounters {
  /** Messages in partitions and delayed. */
  backlog: number;
  /** Of them, delayed. */
  delayed: number;
  readonly outcomes: Record<string, number>;
}

/**
 * All counters, written with every commit as one small record, so that they are exact whenever a process ends.
 *
 * A delivery is made once and stands in one column: a redriven letter moves from `dead` back to `waiting`, and what it
 * makes beyond one delivery counts as made, as each death beyond the first does.
 */
export class Ledger implements Change {
  readonly #journal: Journal;
  readonly #columns: Record<Column, number> = {
    made: 0,
    done: 0,
    filtered: 0,
    merged: 0,
    duplicate: 0,
    dead: 0,
    parked: 0,
    expired: 0,
    discarded: 0,
  };
  readonly #tallies: Record<string, number> = {};
  readonly #endpoints: Record<string, EndpointCounters> = {};
  /** Of parked messages. @unit bytes */
  parkedBytes = 0;
  /** Messages for the bus that wait for their time. */
  scheduled = 0;
  #enlisted = false;

  constructor(journal: Journal, store: Store) {
    this.#journal = journal;
    const saved = store.meta.get('counters');
    if (!isRecord(saved)) return;
    for (const column of COLUMNS) this.#columns[column] = numberIn(saved, column);
    this.parkedBytes = numberIn(saved, 'parkedBytes');
    this.scheduled = numberIn(saved, 'scheduled');
    if (isRecord(saved['tallies'])) {
      for (const name of Object.keys(saved['tallies'])) this.#tallies[name] = numberIn(saved['tallies'], name);
    }
    if (!isRecord(saved['endpoints'])) return;
    for (const [name, counters] of Object.entries(saved['endpoints'])) {
      if (!isRecord(counters)) continue;
      const { outcomes } = counters;
      this.#endpoints[name] = {
        backlog: numberIn(counters, 'backlog'),
        delayed: numberIn(counters, 'delayed'),
        outcomes: isRecord(outcomes)
          ? Object.fromEntries(Object.keys(outcomes).map((outcome) => [outcome, numberIn(outcomes, outcome)]))
          : {},
      };
    }
  }

  add(column: Column, amount: number): void {
    this.#columns[column] += amount;
    this.#enlist();
  }

  /** The counters of an endpoint. Whoever changes them calls `touch`. */
  endpoint(name: string): EndpointCounters {
    return (this.#endpoints[name] ??= { backlog: 0, delayed: 0, outcomes: {} });
  }

  forget(name: string): void {
    Reflect.deleteProperty(this.#endpoints, name);
    this.#enlist();
  }

  touch(): void {
    this.#enlist();
  }

  tally(tally: Tally): void {
    for (const name in tally) this.#tallies[name] = (this.#tallies[name] ?? 0) + (tally[name] ?? 0);
    this.#enlist();
  }

  stats(): { delayed: number; ledger: LedgerStats; tallies: Tally } {
    const endpoints = Object.values(this.#endpoints);
    const waiting = endpoints.reduce((sum, { backlog }) => sum + backlog, this.scheduled);
    const delayed = endpoints.reduce((sum, endpoint) => sum + endpoint.delayed, this.scheduled);
    return { delayed, ledger: { ...this.#columns, waiting }, tallies: { ...this.#tallies } };
  }

  get deadLetters(): number {
    return this.#columns.dead + this.#columns.expired;
  }

  get parkedLetters(): number {
    return this.#columns.parked;
  }

  write(store: Writes): void {
    this.#enlisted = false;
    store.meta.put('counters', {
      ...this.#columns,
      parkedBytes: this.parkedBytes,
      scheduled: this.scheduled,
      tallies: this.#tallies,
      endpoints: this.#endpoints,
    });
  }

  written(): void {
    // Nothing waits for counters alone.
  }

  #enlist(): void {
    if (this.#enlisted) return;
    this.#enlisted = true;
    this.#journal.enlist(this);
  }
}

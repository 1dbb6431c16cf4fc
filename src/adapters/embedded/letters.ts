import { type EncodedMessage, typeRef } from '../../message.ts';
import type { Clock } from '../../ports/clock.ts';
import type { AuditRecord, DeadLetter, OfficeFilter } from '../../ports/transport.ts';
import { pack, unpack } from './codec.ts';
import type { Writes } from './commit.ts';
import type { Cabinet } from './core.ts';
import type { Store } from './folder.ts';
import type { Change, Journal } from './journal.ts';
import { auditOf, isRecord, letterOf } from './shapes.ts';
import type { Slab } from './slab.ts';

/** A letter as it is kept. */
export interface Letter {
  /** What the ledger counts it as. */
  readonly column: 'dead' | 'expired' | 'parked';
  readonly letter: DeadLetter;
}

/** All that is known of a letter beside its message. */
export type Story = Omit<DeadLetter, 'id' | 'message' | 'diedAt'>;

/** Letters that wait for a person, and the record of what people did with them. */
export class Letters implements Change {
  readonly #store: Store;
  readonly #journal: Journal;
  readonly #clock: Clock;
  #arriving: { cabinet: Cabinet; letter: Letter }[] = [];
  #leaving: { cabinet: Cabinet; id: string; record: AuditRecord }[] = [];
  /** Redriven or discarded already, in a commit that is not durable yet. */
  readonly #gone = new Set<string>();
  #written: string[] = [];
  #last: { ms: number; serial: number };
  #enlisted = false;

  constructor(store: Store, journal: Journal, clock: Clock) {
    this.#store = store;
    this.#journal = journal;
    this.#clock = clock;
    // Ids of all three come from one series, which stays within a millisecond while the clock is behind it.
    this.#last = [lastOf(store.dead), lastOf(store.parked), lastOf(store.audit)].reduce((a, b) =>
      b.ms > a.ms || (b.ms === a.ms && b.serial > a.serial) ? b : a,
    );
  }

  add(cabinet: Cabinet, column: Letter['column'], story: Story, message: EncodedMessage): void {
    const letter = { ...story, id: this.#newId(), diedAt: new Date(this.#clock.now()).toISOString(), message };
    this.#arriving.push({ cabinet, letter: { column, letter } });
    this.#enlist();
  }

  /** Removes a letter, with a record of who did what. */
  remove(cabinet: Cabinet, { letter }: Letter, action: AuditRecord['action'], by: string): void {
    this.#gone.add(letter.id);
    const at = new Date(this.#clock.now()).toISOString();
    const record = {
      at,
      by,
      action,
      letter: letter.id,
      messageId: letter.message.envelope.id,
      endpoint: letter.endpoint,
    };
    this.#leaving.push({ cabinet, id: letter.id, record });
    this.#enlist();
  }

  get(cabinet: Cabinet, id: string): Letter | undefined {
    if (this.#gone.has(id)) return undefined;
    const bytes = this.#store[cabinet].get(id);
    return bytes === undefined ? undefined : read(id, Buffer.from(bytes));
  }

  /** Letters after `after` that fit, oldest first; no more than `most`, found among at most some thousand. */
  list(cabinet: Cabinet, filter: OfficeFilter, after: string, most: number): { letters: Letter[]; next?: string } {
    const wanted = filter.ids === undefined ? undefined : new Set(filter.ids);
    const letters: Letter[] = [];
    let seen = 0;
    const range = after === '' ? {} : { start: after, exclusiveStart: true };
    for (const { key, value } of this.#store[cabinet].getRange(range)) {
      seen += 1;
      if (wanted === undefined || wanted.has(key)) {
        const letter = this.#gone.has(key) ? undefined : read(key, Buffer.from(value));
        if (letter !== undefined && fits(letter.letter, filter)) letters.push(letter);
      }
      if (letters.length >= most || seen >= SCAN) return { letters, next: key };
    }
    return { letters };
  }

  audit(after: string, most: number): { records: AuditRecord[]; next?: string } {
    const records: AuditRecord[] = [];
    const range = after === '' ? {} : { start: after, exclusiveStart: true };
    for (const { key, value } of this.#store.audit.getRange(range)) {
      if (isRecord(value)) records.push(auditOf(value));
      if (records.length >= most) return { records, next: key };
    }
    return { records };
  }

  write(store: Writes, slab: Slab): void {
    this.#enlisted = false;
    for (const { cabinet, letter } of this.#arriving) {
      const { message, ...story } = letter.letter;
      const bytes = pack(slab, [message], [{ ...story, column: letter.column }]);
      store[cabinet].put(letter.letter.id, bytes);
    }
    for (const { cabinet, id, record } of this.#leaving) {
      store[cabinet].remove(id);
      store.audit.put(this.#newId(), record);
      this.#written.push(id);
    }
    this.#arriving = [];
    this.#leaving = [];
  }

  written(): void {
    for (const id of this.#written) this.#gone.delete(id);
    this.#written = [];
  }

  #enlist(): void {
    if (this.#enlisted) return;
    this.#enlisted = true;
    this.#journal.enlist(this);
  }

  /** Sorts by time, even when the clock goes back. */
  #newId(): string {
    const now = this.#clock.now();
    this.#last = now > this.#last.ms ? { ms: now, serial: 0 } : { ms: this.#last.ms, serial: this.#last.serial + 1 };
    return `${base36(this.#last.ms, 9)}-${base36(this.#last.serial, 6)}`;
  }
}

/** Most letters looked at in one go, so that a filter that fits few does not hold up the bus. */
const SCAN = 2_000;

function base36(value: number, digits: number): string {
  return Math.floor(value).toString(36).padStart(digits, '0');
}

function lastOf(database: { getKeys(options: object): Iterable<string> }): { ms: number; serial: number } {
  const [key] = database.getKeys({ reverse: true, limit: 1 });
  const [ms = '0', serial = '0'] = (key ?? '').split('-');
  return { ms: Number.parseInt(ms, 36) || 0, serial: Number.parseInt(serial, 36) || 0 };
}

function read(id: string, bytes: Buffer): Letter | undefined {
  const { messages, extras } = unpack(bytes);
  const [message] = messages;
  const story = extras?.[0];
  if (message === undefined || !isRecord(story)) return undefined;
  const { column } = story;
  return {
    column: column === 'expired' || column === 'parked' ? column : 'dead',
    letter: letterOf({ ...story, id }, message),
  };
}

function fits(letter: DeadLetter, filter: OfficeFilter): boolean {
  const { envelope } = letter.message;
  return (
    (filter.endpoint === undefined || letter.endpoint === filter.endpoint) &&
    (filter.route === undefined || letter.route === filter.route) &&
    (filter.type === undefined || typeRef(envelope.type, envelope.version) === filter.type) &&
    (filter.code === undefined || letter.code === filter.code) &&
    (filter.key === undefined || envelope.key === filter.key) &&
    (filter.messageId === undefined || envelope.id === filter.messageId)
  );
}

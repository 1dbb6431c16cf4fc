import type { Clock, Timer } from '../../ports/clock.ts';
import type { Cause, Loaded, StateEntry, StateRef, StateUnit } from '../../ports/store.ts';
import { storeKey } from '../../ports/store-key.ts';
import type { Writes } from './commit.ts';
import type { Store } from './folder.ts';
import type { Change, Journal } from './journal.ts';
import { dueKey, dueOf } from './keys.ts';
import {
  type Listed,
  packHandled,
  packList,
  packState,
  readHandled,
  readList,
  readState,
  type StoredHandled,
  type StoredState,
  stateName,
  unitKey,
} from './unit-codec.ts';

/** How long a handled message is kept on record once it is settled. @unit milliseconds */
const SETTLED_MS = 15 * 60_000;
/** How long one that a process left unsettled: longer than a message can be scheduled ahead. @unit milliseconds */
const LEFT_MS = 60 * 86_400_000;
/** The clock is looked at so often at least: it may be set, or the machine sleep, while a timer runs. @unit milliseconds */
const LOOK_AGAIN = 10_000;
/** Most lists that go in one commit. */
const MOST_LISTS = 50;
/** Most records of a group. One that is never settled holds up the others of its group. */
const GROUP = 64;
/** Where the last number stands that was given to a version or a record. */
const NUMBERS = 'units';

/** Names a record. */
export class Handled {
  readonly key: Buffer;
  readonly serial: number;

  constructor(key: Buffer, serial: number) {
    this.key = key;
    this.serial = serial;
  }
}

interface Pending<Value> {
  readonly key: Buffer;
  /** Undefined when it is deleted. */
  readonly value: Value | undefined;
}

/** Records of one commit, whose deliveries are not all settled. */
interface Group {
  readonly id: Buffer;
  readonly listed: readonly Listed[];
  /** How many are not. */
  open: number;
  /** How long they are kept once all are, or once it is given up that they will be. @unit milliseconds */
  readonly keepMs: number;
}

/**
 * What steps remember and what was handled, in the folder. Reading sees what was given to be written at once: whoever handles the
 * next message of a key does so before the commit of the one before is synced.
 *
 * A record goes once its delivery is settled for a while, not before. Which are settled is known of the records of one commit
 * together, so that it costs one small write for all of them.
 */
export class Units implements Change {
  readonly #store: Store;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #states = new Map<string, Pending<StoredState>>();
  readonly #handled = new Map<string, Pending<StoredHandled>>();
  #arrivingStates: Pending<StoredState>[] = [];
  #arrivingHandled: Pending<StoredHandled>[] = [];
  /** Of them, those that are settled by the commit itself. */
  #settledHandled: Listed[] = [];
  #openHandled: Listed[] = [];
  /** States that end by themselves. */
  #forgotten: Listed[] = [];
  #complete: Group[] = [];
  #released: Listed[] = [];
  #leaving: { readonly row: Buffer; readonly listed: readonly Listed[] }[] = [];
  #writing: { states: Pending<StoredState>[]; handled: Pending<StoredHandled>[] } = { states: [], handled: [] };
  readonly #groups = new Map<number, Group>();
  #last: number;
  #timer: Timer | undefined;
  #next = Infinity;
  #enlisted = false;
  #closed = false;

  constructor(store: Store, journal: Journal, clock: Clock) {
    this.#store = store;
    this.#journal = journal;
    this.#clock = clock;
    for (const database of [store.states, store.handled, store.unsettled, store.ends]) database.resetReadTxn();
    const last = store.meta.get(NUMBERS);
    this.#last = typeof last === 'number' ? last : 0;
    this.#arm();
  }

  load(cause: Cause | undefined, refs: readonly StateRef[]): Loaded & { readonly token?: Handled } {
    const states = refs.map(({ scope, key }) => {
      const state = this.#state(unitKey(scope, storeKey(key)));
      return { value: state?.value, version: state?.version ?? 0 };
    });
    const key = cause && unitKey(cause.scope, storeKey(cause.id));
    const handled = key && this.#record(key);
    if (handled === undefined) return { states, recorded: undefined };
    return { states, recorded: handled.effects, token: new Handled(key ?? EMPTY, handled.serial) };
  }

  /** Whether a state is no longer at the version that a change of it was computed from. */
  moved({ changes }: StateUnit): boolean {
    return changes.some(
      ({ ref, basedOn }) => (this.#state(unitKey(ref.scope, storeKey(ref.key)))?.version ?? 0) !== basedOn,
    );
  }

  /** Has the states of a unit written with the commit that forms. */
  change({ changes }: StateUnit): void {
    if (changes.length === 0) return;
    const changedAt = this.#clock.now();
    for (const { ref, value, forgetAtMs } of changes) {
      const { bytes, long } = storeKey(ref.key);
      const key = unitKey(ref.scope, { bytes });
      const state =
        value === undefined
          ? undefined
          : { version: ++this.#last, changedAt, forgetAt: Math.ceil(forgetAtMs ?? 0), long, value: Buffer.from(value) };
      const pending = { key, value: state };
      this.#states.set(key.toString('latin1'), pending);
      this.#arrivingStates.push(pending);
      if (state === undefined || state.forgetAt === 0) continue;
      this.#forgotten.push({ what: 'state', key, serial: state.version, keepUntil: state.forgetAt });
    }
    this.#enlist();
  }

  /** Has the cause of a unit recorded with the commit that forms. @param settled whether its delivery is settled by it, too */
  record({ cause, effects, keepMs }: Omit<StateUnit, 'changes'>, settled: boolean): Handled {
    const key = unitKey(cause.scope, storeKey(cause.id));
    const serial = ++this.#last;
    const keepUntil = keepMs === undefined ? 0 : Math.ceil(this.#clock.now() + keepMs);
    const pending = { key, value: { serial, keepUntil, effects: Buffer.from(effects) } };
    this.#handled.set(key.toString('latin1'), pending);
    this.#arrivingHandled.push(pending);
    (settled ? this.#settledHandled : this.#openHandled).push({ what: 'record', key, serial, keepUntil });
    this.#enlist();
    return new Handled(key, serial);
  }

  /** The delivery of a record is settled. */
  settled({ key, serial }: Handled): void {
    const group = this.#groups.get(serial);
    if (group === undefined) {
      // Of a process that ended, or settled before.
      const found = this.#record(key);
      if (found?.serial === serial) this.#released.push({ what: 'record', key, serial, keepUntil: found.keepUntil });
    } else {
      this.#groups.delete(serial);
      group.open -= 1;
      if (group.open > 0) return;
      this.#complete.push(group);
    }
    this.#enlist();
  }

  /** What an earlier process left unsettled may come again for as long as any message may. */
  adopt(): void {
    for (const { key, value } of this.#store.unsettled.getRange()) {
      const listed = readList(Buffer.from(value));
      this.#complete.push({ id: Buffer.from(key), listed, open: 0, keepMs: LEFT_MS });
    }
    if (this.#complete.length > 0) this.#enlist();
  }

  /** The states of a scope, newest change last. */
  list(scope: string, after: number, limit: number): StateEntry[] {
    const start = unitKey(scope, { bytes: EMPTY });
    const end = Buffer.concat([start, Buffer.of(0xff)]);
    const found: { readonly state: StoredState; readonly name: string }[] = [];
    for (const { key, value } of this.#store.states.getRange({ start, end })) {
      const state = readState(Buffer.from(value));
      if (state.version > after && !this.#isOver(state))
        found.push({ state, name: stateName(Buffer.from(key), state) });
    }
    found.sort((a, b) => a.state.version - b.state.version);
    return found.slice(0, limit).map(({ state, name }) => ({
      key: name,
      cursor: String(state.version),
      bytes: state.value.length,
      changedAt: new Date(state.changedAt).toISOString(),
    }));
  }

  write(store: Writes): void {
    this.#enlisted = false;
    this.#writing = { states: this.#arrivingStates, handled: this.#arrivingHandled };
    for (const { row, listed } of this.#leaving) {
      store.ends.remove(row);
      for (const { what, key } of listed) (what === 'state' ? store.states : store.handled).remove(key);
    }
    for (const { key, value } of this.#arrivingStates) {
      if (value === undefined) store.states.remove(key);
      else store.states.put(key, packState(value));
    }
    for (const { key, value } of this.#arrivingHandled) {
      if (value !== undefined) store.handled.put(key, packHandled(value));
    }
    this.#writeLists(store);
    store.meta.put(NUMBERS, this.#last);
    this.#arrivingStates = [];
    this.#arrivingHandled = [];
    this.#leaving = [];
  }

  written(): void {
    const { states, handled } = this.#writing;
    for (const database of [this.#store.states, this.#store.handled, this.#store.ends]) database.resetReadTxn();
    forget(this.#states, states);
    forget(this.#handled, handled);
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #writeLists(store: Writes): void {
    const now = this.#clock.now();
    if (this.#settledHandled.length > 0) putEnd(store, this.#settledHandled, 0);
    if (this.#forgotten.length > 0) putEnd(store, this.#forgotten, 0);
    if (this.#released.length > 0) putEnd(store, this.#released, now + SETTLED_MS);
    for (let from = 0; from < this.#openHandled.length; from += GROUP) {
      const listed = this.#openHandled.slice(from, from + GROUP);
      const [first] = listed;
      if (first === undefined) break;
      const group = { id: dueKey(0, first.serial), listed, open: listed.length, keepMs: SETTLED_MS };
      for (const { serial } of listed) this.#groups.set(serial, group);
      store.unsettled.put(group.id, packList(group.listed));
    }
    for (const { id, listed, keepMs } of this.#complete) {
      store.unsettled.remove(id);
      putEnd(store, listed, now + keepMs);
    }
    this.#settledHandled = [];
    this.#forgotten = [];
    this.#released = [];
    this.#openHandled = [];
    this.#complete = [];
  }

  #state(key: Buffer): StoredState | undefined {
    const pending = this.#states.size === 0 ? undefined : this.#states.get(key.toString('latin1'));
    const stored = pending === undefined ? this.#store.states.get(key) : undefined;
    const state = pending === undefined ? stored && readState(Buffer.from(stored)) : pending.value;
    return state === undefined || this.#isOver(state) ? undefined : state;
  }

  #isOver({ forgetAt }: StoredState): boolean {
    return forgetAt !== 0 && forgetAt <= this.#clock.now();
  }

  #record(key: Buffer): StoredHandled | undefined {
    const pending = this.#handled.size === 0 ? undefined : this.#handled.get(key.toString('latin1'));
    if (pending !== undefined) return pending.value;
    const stored = this.#store.handled.get(key);
    return stored === undefined ? undefined : readHandled(Buffer.from(stored));
  }

  #enlist(): void {
    if (this.#enlisted) return;
    this.#enlisted = true;
    this.#journal.enlist(this);
  }

  #arm(): void {
    // What is on its way out still stands in the store; after its commit the next timer is set.
    if (this.#closed || this.#leaving.length > 0) return;
    const [first] = this.#store.ends.getKeys({ limit: 1 });
    const due = first === undefined ? Infinity : dueOf(first);
    if (due === this.#next && this.#timer !== undefined) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#next = due;
    if (due === Infinity) return;
    this.#timer = this.#clock.timer(Math.min(LOOK_AGAIN, Math.max(0, due - this.#clock.now())), () => {
      this.#timer = undefined;
      this.#sweep();
    });
  }

  /** It may have been made anew, or changed, since it was listed. */
  #isMeant({ what, key, serial }: Listed): boolean {
    if (what === 'record') return this.#record(key)?.serial === serial;
    const pending = this.#states.get(key.toString('latin1'));
    const stored = pending === undefined ? this.#store.states.get(key) : undefined;
    return (stored === undefined ? pending?.value : readState(Buffer.from(stored)))?.version === serial;
  }

  #sweep(): void {
    if (this.#closed) return;
    const end = dueKey(Math.floor(this.#clock.now()) + 1, 0);
    for (const { key, value } of this.#store.ends.getRange({ start: Buffer.alloc(1), end, limit: MOST_LISTS })) {
      const listed = readList(Buffer.from(value)).filter((each) => this.#isMeant(each));
      this.#leaving.push({ row: Buffer.from(key), listed });
    }
    if (this.#leaving.length > 0) this.#enlist();
    else this.#arm();
  }
}

const EMPTY = Buffer.alloc(0);

/** Lets records go at `least`, or as late as one of them is to be kept. */
function putEnd(store: Writes, listed: readonly Listed[], least: number): void {
  const [first] = listed;
  if (first === undefined) return;
  const due = listed.reduce((latest, { keepUntil }) => Math.max(latest, keepUntil), least);
  store.ends.put(dueKey(Math.ceil(due), first.serial), packList(listed));
}

/** What is written is read from the store, but for what was changed again meanwhile. */
function forget<Value>(pending: Map<string, Pending<Value>>, written: readonly Pending<Value>[]): void {
  for (const each of written) {
    const name = each.key.toString('latin1');
    if (pending.get(name) === each) pending.delete(name);
  }
}

import { WaybillError } from '../errors.ts';
import { Interrupt } from '../plan/interrupt.ts';
import { decodeState, encodeState } from '../plan/kept.ts';
import type { HeldState, StateSession } from '../plan/plan.ts';
import type { Cause, RecordToken, StateChange, StateReader, StateRef, StateUnit, Store } from '../ports/store.ts';
import type { Lease, Outgoing } from '../ports/transport.ts';
import { decodeEffects, encodeEffects } from './effects.ts';
import { Turns } from './turns.ts';

/** The message is on record: its effects are repeated instead of handling it again. */
export class Recorded extends Interrupt {
  readonly sends: readonly Outgoing[];
  /** To be called when the delivery is durably settled. */
  readonly settled: () => void;

  constructor(sends: readonly Outgoing[], settled: () => void) {
    super('the message was handled before');
    this.sends = sends;
    this.settled = settled;
  }
}

/** How an attempt ended for the states. */
export type StatesEnd =
  /** Somebody else changed one of them meanwhile: the attempt is to be made anew. */
  | { readonly outcome: 'moved' }
  | {
      readonly outcome: 'done';
      readonly sends: readonly Outgoing[];
      /** To be settled with the delivery. */
      readonly unit?: StateUnit;
      /** To be called when the delivery is durably settled. */
      readonly settled?: () => void;
    };

/** The states of one attempt. */
export interface Attempted extends StateSession {
  /** Takes what the attempt made. Nothing of it is durable before, all of it is when the delivery is. @throws as `Store.commit` */
  end(sends: readonly Outgoing[]): StatesEnd | Promise<StatesEnd>;
  /** The attempt is over, however it ended. To be called once. */
  close(): void;
}

/** Where the steps of isolated routes have their states. */
export interface States {
  /** Begins an attempt at a delivery, which `lease` covers. */
  begin(cause: Cause, lease: Lease): Attempted;
  /** A state as it is now, for who only wants to know. @throws WB_STORE_MISSING, WB_STORE_UNAVAILABLE */
  peek(ref: StateRef): Promise<HeldState | undefined>;
}

interface Seen {
  readonly version: number;
  /** As it was read. */
  readonly before: Uint8Array | undefined;
  value: Uint8Array | undefined;
  written: boolean;
  forgetAtMs: number | undefined;
}

/**
 * What an attempt has read and written so far. Attempts of one process at one state follow each other, so that none computes what
 * another makes void. An attempt waits for the first state that it reads alone, so that no two wait for each other; for what it
 * reads besides, and for other processes, versions are compared.
 */
abstract class Attempt implements Attempted {
  protected readonly cause: Cause;
  protected readonly seen = new Map<string, { readonly ref: StateRef } & Seen>();
  readonly #turns: Turns;
  #turn: Promise<() => void> | undefined;

  constructor(cause: Cause, turns: Turns) {
    this.cause = cause;
    this.#turns = turns;
  }

  async read(ref: StateRef): Promise<HeldState | undefined> {
    const id = idOf(ref);
    this.#turn ??= this.#turns.take(id);
    await this.#turn;
    let seen = this.seen.get(id);
    if (seen === undefined) {
      const { value, version } = await this.load(ref);
      seen = { ref, version, before: value, value, written: false, forgetAtMs: undefined };
      this.seen.set(id, seen);
    }
    return seen.value === undefined ? undefined : decodeHeld(seen.value);
  }

  write(ref: StateRef, state: HeldState | undefined, forgetAtMs?: number): void {
    const seen = this.seen.get(idOf(ref));
    if (seen === undefined) throw new TypeError('a state is read before it is written');
    seen.value = state === undefined ? undefined : encodeState([state.form, state.state]);
    seen.written = true;
    seen.forgetAtMs = forgetAtMs;
  }

  mark(): () => void {
    const marked = new Map([...this.seen].map(([id, seen]) => [id, { ...seen }]));
    return () => {
      for (const [id, seen] of this.seen)
        Object.assign(seen, marked.get(id) ?? { value: seen.before, written: false, forgetAtMs: undefined });
    };
  }

  abstract end(sends: readonly Outgoing[]): StatesEnd | Promise<StatesEnd>;

  close(): void {
    // Whoever still waits for its turn, although its time is up, gives it on when it comes.
    void this.#turn?.then((release) => {
      release();
    });
  }

  protected abstract load(ref: StateRef): Promise<{ readonly value: Uint8Array | undefined; readonly version: number }>;

  protected changes(): readonly StateChange[] {
    return [...this.seen.values()].flatMap(({ ref, version, value, written, forgetAtMs }) => {
      if (!written || (value === undefined && version === 0)) return [];
      return [{ ref, basedOn: version, value, ...(forgetAtMs !== undefined && { forgetAtMs }) }];
    });
  }
}

/**
 * States in a store beside the transport: they are committed before the delivery is settled, and the message goes on record with them,
 * so that it changes nothing when it comes again.
 */
export class StoredStates implements States {
  readonly #store: Store;
  readonly #turns = new Turns();

  constructor(store: Store) {
    this.#store = store;
  }

  begin(cause: Cause): Attempted {
    return new StoredAttempt(cause, this.#store, this.#turns);
  }

  async peek(ref: StateRef): Promise<HeldState | undefined> {
    return peekAt(this.#store, ref);
  }
}

class StoredAttempt extends Attempt {
  readonly #store: Store;

  constructor(cause: Cause, store: Store, turns: Turns) {
    super(cause, turns);
    this.#store = store;
  }

  async end(sends: readonly Outgoing[]): Promise<StatesEnd> {
    const changes = this.changes();
    if (this.seen.size === 0) return { outcome: 'done', sends };
    const answer = await this.#store.commit({ cause: this.cause, changes, effects: encodeEffects(sends) });
    if (answer.outcome === 'moved') return answer;
    const made = answer.outcome === 'repeated' ? decodeEffects(answer.effects) : sends;
    return { outcome: 'done', sends: made, settled: this.#settled(answer.token) };
  }

  #settled(token: RecordToken | undefined): () => void {
    return () => {
      if (token !== undefined) this.#store.settled(token);
    };
  }

  protected async load(ref: StateRef): Promise<{ value: Uint8Array | undefined; version: number }> {
    const { states, recorded, token } = await this.#store.load(this.cause, [ref]);
    if (recorded !== undefined) throw new Recorded(decodeEffects(recorded), this.#settled(token));
    return states[0] ?? { value: undefined, version: 0 };
  }
}

/** A state that is newer than the store's: its delivery is not settled yet. */
interface Cell {
  readonly value: Uint8Array | undefined;
  readonly version: number;
  readonly lease: Lease;
}

/**
 * States in the transport's own store: they are written in the transaction that settles the delivery. Until then the next message sees
 * them here, and one that was computed from an older state is computed again.
 */
export class OwnStates implements States {
  readonly #reader: StateReader;
  readonly #cells = new Map<string, Cell>();
  readonly #turns = new Turns();

  constructor(reader: StateReader) {
    this.#reader = reader;
  }

  begin(cause: Cause, lease: Lease): Attempted {
    return new OwnAttempt(cause, { lease, reader: this.#reader, cells: this.#cells, turns: this.#turns });
  }

  async peek(ref: StateRef): Promise<HeldState | undefined> {
    return peekAt(this.#reader, ref);
  }
}

interface OwnParts {
  readonly lease: Lease;
  readonly reader: StateReader;
  readonly cells: Map<string, Cell>;
  readonly turns: Turns;
}

class OwnAttempt extends Attempt {
  readonly #lease: Lease;
  readonly #reader: StateReader;
  readonly #cells: Map<string, Cell>;

  constructor(cause: Cause, { lease, reader, cells, turns }: OwnParts) {
    super(cause, turns);
    this.#lease = lease;
    this.#reader = reader;
    this.#cells = cells;
  }

  end(sends: readonly Outgoing[]): StatesEnd {
    const changes = this.changes();
    if (this.#lease.revoked || changes.length === 0) return { outcome: 'done', sends };
    for (const { ref, basedOn } of changes) {
      const cell = this.#cell(idOf(ref));
      if (cell !== undefined && cell.version !== basedOn) return { outcome: 'moved' };
    }
    const made = changes.map(({ ref, basedOn, value }) => {
      const id = idOf(ref);
      const cell: Cell = { value, version: basedOn + 1, lease: this.#lease };
      this.#cells.set(id, cell);
      return { id, cell };
    });
    const settled = (): void => {
      for (const { id, cell } of made) if (this.#cells.get(id) === cell) this.#cells.delete(id);
    };
    return { outcome: 'done', sends, unit: { cause: this.cause, changes, effects: new Uint8Array(0) }, settled };
  }

  protected async load(ref: StateRef): Promise<{ value: Uint8Array | undefined; version: number }> {
    const cell = this.#cell(idOf(ref));
    if (cell !== undefined) return cell;
    const { states } = await this.#reader.load(undefined, [ref]);
    return this.#cell(idOf(ref)) ?? states[0] ?? { value: undefined, version: 0 };
  }

  /** What was made under a lease that is gone never came to be. */
  #cell(id: string): Cell | undefined {
    const cell = this.#cells.get(id);
    if (cell?.lease.revoked !== true) return cell;
    this.#cells.delete(id);
    return undefined;
  }
}

/** Of a bus that was given no store. */
export class NoStates implements States {
  begin(): Attempted {
    return {
      read: () => Promise.reject(missing()),
      write: () => {
        throw missing();
      },
      mark: () => () => undefined,
      end: (sends) => ({ outcome: 'done', sends }),
      close: () => undefined,
    };
  }

  peek(): Promise<never> {
    return Promise.reject(missing());
  }
}

async function peekAt(reader: StateReader, ref: StateRef): Promise<HeldState | undefined> {
  const { states } = await reader.load(undefined, [ref]);
  const value = states[0]?.value;
  return value === undefined ? undefined : decodeHeld(value);
}

function idOf({ scope, key }: StateRef): string {
  return `${scope}\0${key}`;
}

function decodeHeld(bytes: Uint8Array): HeldState {
  const value = decodeState(bytes);
  if (Array.isArray(value) && typeof value[0] === 'number') return { form: value[0], state: value[1] as unknown };
  throw new WaybillError('WB_STATE_OUTDATED', 'the store holds something that is no state of a step');
}

function missing(): WaybillError {
  return new WaybillError('WB_STORE_MISSING', 'the step remembers, and this bus has no store to remember in', {
    retryable: true,
    fix: 'Add `store: postgres://...` to waybill.yaml, or `store: embedded:<folder>` where one router runs.',
  });
}

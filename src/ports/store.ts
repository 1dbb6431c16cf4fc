/**
 * Where steps that remember keep their state, and inboxes what was handled. LMDB (`embedded`) and PostgreSQL implement it, and both
 * pass `test/conformance/stores`.
 *
 * A store and a broker cannot commit together. What is promised all the same, because every change belongs to the message that
 * caused it:
 *
 * | the process ends             | what happens when the message comes again                                |
 * |------------------------------|--------------------------------------------------------------------------|
 * | before `commit`              | it is handled as if for the first time                                   |
 * | between `commit` and settle  | `load` finds the record: its effects are repeated, under the same ids,   |
 * |                              | and the state is left alone                                              |
 * | after settle                 | the same, for at least as long as a delivery may come twice              |
 *
 * The embedded transport is its own store: there a unit is written in the transaction that settles its delivery
 * (`Settlement.unit`), and only what an inbox asks for is recorded.
 */
export interface Store extends StateReader {
  readonly kind: 'embedded' | 'postgres';
  /**
   * Writes a unit, all or nothing, and resolves when it is durable. Calls of one turn of the event loop may share a transaction.
   *
   * | `outcome`  | why                                                   | what was written | the caller              |
   * |------------|-------------------------------------------------------|------------------|-------------------------|
   * | `done`     |                                                       | all of it        | settles, then `settled` |
   * | `moved`    | a state is no longer at the version it was read at    | nothing          | loads and computes anew |
   * | `repeated` | the cause is on record already                        | nothing          | repeats the effects     |
   *
   * @throws WB_STORE_UNAVAILABLE, retryable: it may or may not be durable, and the same call may be made again
   */
  commit(unit: StateUnit): Promise<CommitAnswer>;
  /** The delivery of this cause is settled: its record may go once the message cannot come again. Never throws. */
  settled(token: RecordToken): void;
  /**
   * Begins a transaction of the store's database that a handler may take part in: what it does there and the record of its message
   * are committed together. Undefined where the store is no database of that kind.
   * @throws WB_STORE_UNAVAILABLE, retryable
   */
  begin?(): Promise<StoreTransaction>;
  /** What is kept in a scope, for people: newest change last. */
  list(scope: string, options?: { readonly after?: string; readonly limit?: number }): Promise<readonly StateEntry[]>;
  /** Finishes what is under way and frees everything. Safe to call twice. */
  close(): Promise<void>;
}

export interface StateReader {
  /**
   * The states as they are, and what was recorded of the cause, seen at one moment.
   * @throws WB_STORE_UNAVAILABLE, retryable
   */
  load(cause: Cause | undefined, refs: readonly StateRef[]): Promise<Loaded>;
}

/** The message a unit belongs to, as one receiver sees it. */
export interface Cause {
  /** Who handles it: `route.<name>`, `inbox.<service>`. At most 200 characters. */
  readonly scope: string;
  /** Of the message: its source and its id, which are unique together (CloudEvents 1.0, 3.1). At most 500 bytes. */
  readonly id: string;
}

/** Names one state. */
export interface StateRef {
  /** Whose it is: `route.<name>/<step>`. At most 200 characters. */
  readonly scope: string;
  /** Which of its states: what is counted, collected or ordered by. Any text; stores may keep a hash of a long one beside it. */
  readonly key: string;
}

export interface Loaded {
  /** In the order of the refs. */
  readonly states: readonly StateRecord[];
  /** The effects of the cause when it is on record. */
  readonly recorded: Uint8Array | undefined;
  /** Of the record, for `settled` once its effects were repeated; undefined where nobody needs to be told. */
  readonly token?: RecordToken;
}

export interface StateRecord {
  /** Undefined when there is none. */
  readonly value: Uint8Array | undefined;
  /** Of the state, growing with each change; 0 when there is none. A state that was deleted and made again has another version. */
  readonly version: number;
}

export interface StateChange {
  readonly ref: StateRef;
  /** The version it was computed from. */
  readonly basedOn: number;
  /** Undefined deletes it. At most 15 MiB. */
  readonly value: Uint8Array | undefined;
  /** From then on it reads as if there were none, and is swept some time later. @unit milliseconds since the Unix epoch @default never */
  readonly forgetAtMs?: number;
}

export interface StateUnit {
  readonly cause: Cause;
  readonly changes: readonly StateChange[];
  /** What handling the message caused, to be repeated when it comes again; opaque to the store. */
  readonly effects: Uint8Array;
  /**
   * How long the cause is kept on record at least, counted from `commit`; for inboxes, where a publisher may repeat a message late.
   * @unit milliseconds @default as long as the delivery may come again
   */
  readonly keepMs?: number;
}

/** Names a record to the store that made it; nobody else reads it. */
export type RecordToken = object;

export type CommitAnswer =
  | { readonly outcome: 'done'; readonly token: RecordToken }
  | { readonly outcome: 'moved' }
  | { readonly outcome: 'repeated'; readonly effects: Uint8Array; readonly token: RecordToken };

/** One of `commit`, `rollback` and `abandon` ends it, once. */
export interface StoreTransaction {
  /** @throws what the database says, as its driver throws it; WB_CLOSED when the transaction has ended */
  query(text: string, values?: readonly unknown[]): Promise<QueryAnswer>;
  /** The driver's own connection, within the transaction; with PostgreSQL a `PoolClient` of `pg`. Never end the transaction by it. */
  readonly client: unknown;
  /**
   * Records the cause and commits, or rolls back and says what is on record.
   * @throws WB_STORE_UNAVAILABLE, retryable: it may or may not be committed, which `load` tells
   */
  commit(unit: Omit<StateUnit, 'changes'>): Promise<Exclude<CommitAnswer, { outcome: 'moved' }>>;
  /** Never throws. */
  rollback(): Promise<void>;
  /** Takes it back while whoever uses it may still be at work: its connection is closed, so that nothing more comes through it. Never throws. */
  abandon(): void;
}

export interface QueryAnswer {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** How many rows the statement touched, where it says so. */
  readonly rowCount: number | null;
}

export interface StateEntry {
  readonly key: string;
  /** Opaque; `after` of the next page. */
  readonly cursor: string;
  readonly bytes: number;
  /** RFC 3339. */
  readonly changedAt: string;
}

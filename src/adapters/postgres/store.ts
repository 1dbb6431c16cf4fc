import { bufferOf } from '../../bytes.ts';
import { WaybillError } from '../../errors.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type {
  Cause,
  CommitAnswer,
  Loaded,
  RecordToken,
  StateEntry,
  StateRecord,
  StateRef,
  StateUnit,
  Store,
  StoreTransaction,
} from '../../ports/store.ts';
import { type StoreKey, storeKey, storeKeyText } from '../../ports/store-key.ts';
import { parseAddress } from './address.ts';
import { Batcher } from './batcher.ts';
import { Database } from './database.ts';
import { Token } from './token.ts';
import { PostgresTransaction } from './transaction.ts';
import { sweep, Writer } from './writer.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?schema=waybill`; what else stands in the query is the driver's. */
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How long one statement may take. @unit milliseconds @default 10_000 */
  readonly statementMs?: number;
}

/**
 * Opens a store in a PostgreSQL database, and makes its schema where there is none.
 * @throws WB_STORE_URL, WB_STORE_UNAVAILABLE, WB_STORE_REFUSED, WB_STORE_NEWER
 */
export async function openPostgres({
  url,
  clock,
  log,
  statementMs,
}: PostgresOptions): Promise<Store & AsyncDisposable> {
  const address = parseAddress(url);
  const database = new Database({ address, clock, log, ...(statementMs === undefined ? {} : { statementMs }) });
  try {
    await database.open();
    return new PostgresStore(database, await Writer.register(database, clock), clock, log);
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** How often what is settled is told and what may go is deleted. @unit milliseconds */
const SWEEP_MS = 60_000;
/** Most batches of one kind under way: while one is synced, the next one is sent. */
const LANES = 2;

interface Question {
  readonly cause: { readonly scope: string; readonly id: Buffer } | undefined;
  readonly refs: readonly { readonly scope: string; readonly key: Buffer }[];
}

interface Numbered {
  readonly unit: StateUnit;
  readonly id: Buffer;
  readonly seq: number;
  readonly keys: readonly StoreKey[];
}

const NONE: StateRecord = Object.freeze({ value: undefined, version: 0 });

const LOAD = `
SELECT r.n AS state, NULL::bigint AS record, s.version, s.value, NULL::bigint AS writer
FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS r(scope, key, n)
JOIN $schema.state s ON s.scope = r.scope AND s.key = r.key AND (s.forget_at IS NULL OR s.forget_at > $5)
UNION ALL
SELECT NULL, c.n, r.seq, r.effects, r.writer
FROM unnest($3::text[], $4::bytea[]) WITH ORDINALITY AS c(scope, id, n)
JOIN $schema.record r ON r.scope = c.scope AND r.id = c.id`;

/** One of a state, by its place among all refs, or of a record, by that among all causes; places count from 1. */
interface LoadRow {
  readonly state: string | null;
  readonly record: string | null;
  readonly version: string;
  readonly value: Buffer;
  readonly writer: string | null;
}

const COMMIT = `SELECT unit, outcome, effects, writer, seq FROM $schema.commit_units(
  $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`;

interface CommitRow {
  readonly unit: string;
  readonly outcome: 'moved' | 'repeated';
  readonly effects: Buffer | null;
  readonly writer: string | null;
  readonly seq: string | null;
}

interface ListRow {
  readonly key: Buffer;
  readonly long_key: Buffer | null;
  readonly version: string;
  readonly bytes: string;
  readonly changed_at: string;
}

class PostgresStore implements Store, AsyncDisposable {
  readonly kind = 'postgres';
  readonly #database: Database;
  readonly #writer: Writer;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #loads: Batcher<Question, Loaded>;
  readonly #commits: Batcher<Numbered, CommitAnswer>;
  readonly #closing = new AbortController();
  #timer: Timer | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(database: Database, writer: Writer, clock: Clock, log: Log) {
    this.#database = database;
    this.#writer = writer;
    this.#clock = clock;
    this.#log = log;
    this.#loads = new Batcher({ lanes: LANES, size: () => 100, ask: (questions) => this.#load(questions) });
    this.#commits = new Batcher({
      lanes: LANES,
      size: sizeOf,
      marks: marksOf,
      ask: (units) => this.#commit(units),
    });
    this.#arm();
  }

  load(cause: Cause | undefined, refs: readonly StateRef[]): Promise<Loaded> {
    if (this.#closed !== undefined) return Promise.reject(closed());
    return this.#loads.ask({
      cause: cause && { scope: cause.scope, id: storeKey(cause.id).bytes },
      refs: refs.map(({ scope, key }) => ({ scope, key: storeKey(key).bytes })),
    });
  }

  commit(unit: StateUnit): Promise<CommitAnswer> {
    if (this.#closed !== undefined) return Promise.reject(closed());
    return this.#commits.ask({
      unit,
      id: storeKey(unit.cause.id).bytes,
      seq: this.#writer.next(),
      keys: unit.changes.map(({ ref }) => storeKey(ref.key)),
    });
  }

  settled(token: RecordToken): void {
    if (token instanceof Token) this.#writer.settled(token);
  }

  async begin(): Promise<StoreTransaction> {
    if (this.#closed !== undefined) throw closed();
    const begun = await this.#database.begin();
    return new PostgresTransaction(this.#database, this.#writer, begun, () => this.#clock.now());
  }

  async list(
    scope: string,
    { after, limit = 100 }: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<readonly StateEntry[]> {
    const { rows } = await this.#database.run<ListRow>(
      `SELECT key, long_key, version, octet_length(value) AS bytes, changed_at FROM $schema.state
       WHERE scope = $1 AND version > $2 AND (forget_at IS NULL OR forget_at > $4) ORDER BY version LIMIT $3`,
      [scope, after === undefined || !/^[0-9]{1,18}$/.test(after) ? '0' : after, limit, Math.floor(this.#clock.now())],
    );
    return rows.map(({ key, long_key, version, bytes, changed_at }) => ({
      key: storeKeyText({ bytes: key, long: long_key ?? undefined }),
      cursor: version,
      bytes: Number(bytes),
      changedAt: new Date(Number(changed_at)).toISOString(),
    }));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#timer?.cancel();
    await Promise.all([this.#loads.idle(), this.#commits.idle(), this.#sweeping]);
    try {
      // What was settled need not wait until this process is taken for dead.
      await this.#writer.report();
    } catch (error) {
      this.#log.debug({ err: error }, 'the store could not be told what was settled last');
    }
    await this.#database.close();
  }

  async #load(questions: readonly Question[]): Promise<readonly Loaded[]> {
    const refs = questions.flatMap((question) => question.refs);
    const causes = questions.flatMap(({ cause }) => (cause === undefined ? [] : [cause]));
    const { rows } = await this.#database.run<LoadRow>(LOAD, [
      refs.map(({ scope }) => scope),
      refs.map(({ key }) => key),
      causes.map(({ scope }) => scope),
      causes.map(({ id }) => id),
      Math.floor(this.#clock.now()),
    ]);
    const states = new Map<number, StateRecord>();
    const records = new Map<number, LoadRow>();
    for (const row of rows) {
      if (row.state !== null) states.set(Number(row.state), { value: row.value, version: Number(row.version) });
      else records.set(Number(row.record), row);
    }
    let ref = 0;
    let cause = 0;
    return questions.map((question) => {
      const loaded = question.refs.map(() => states.get(++ref) ?? NONE);
      const row = question.cause === undefined ? undefined : records.get(++cause);
      if (question.cause === undefined || row === undefined) return { states: loaded, recorded: undefined };
      return { states: loaded, recorded: row.value, token: tokenOf(question.cause, row.writer, row.version) };
    });
  }

  async #commit(units: readonly Numbered[]): Promise<readonly CommitAnswer[]> {
    const now = Math.floor(this.#clock.now());
    const changes = units.flatMap(({ unit, keys }, at) =>
      unit.changes.map((change, nth) => ({ ...change, key: keys[nth], unit: at + 1 })),
    );
    const { rows } = await this.#database.run<CommitRow>(COMMIT, [
      this.#writer.id,
      now,
      units.map(({ unit }) => unit.cause.scope),
      units.map(({ id }) => id),
      units.map(({ seq }) => seq),
      units.map(({ unit: { keepMs } }) => (keepMs === undefined ? null : Math.ceil(now + keepMs))),
      // The driver takes no other bytes in lists.
      units.map(({ unit }) => bufferOf(unit.effects)),
      changes.map(({ unit }) => unit),
      changes.map(({ ref }) => ref.scope),
      changes.map(({ key }) => key?.bytes),
      changes.map(({ key }) => key?.long),
      changes.map(({ basedOn }) => basedOn),
      changes.map(({ forgetAtMs }) => (forgetAtMs === undefined ? null : Math.ceil(forgetAtMs))),
      changes.map(({ value }) => (value === undefined ? null : bufferOf(value))),
    ]);
    const exceptions = new Map(rows.map((row) => [Number(row.unit), row]));
    return units.map((numbered, at) => this.#answer(numbered, exceptions.get(at + 1)));
  }

  #answer({ unit: { cause }, id, seq }: Numbered, row: CommitRow | undefined): CommitAnswer {
    if (row === undefined) return { outcome: 'done', token: new Token(cause.scope, id, this.#writer.id, seq) };
    if (row.outcome === 'moved') {
      this.#writer.forget(seq);
      return { outcome: 'moved' };
    }
    const token = tokenOf({ scope: cause.scope, id }, row.writer, row.seq ?? '');
    // The statement was sent again after its connection was lost, and the first time had been committed.
    if (token.writer === this.#writer.id && token.seq === seq) return { outcome: 'done', token };
    this.#writer.forget(seq);
    return { outcome: 'repeated', effects: row.effects ?? Buffer.alloc(0), token };
  }

  #arm(): void {
    if (this.#closing.signal.aborted) return;
    this.#timer = this.#clock.timer(SWEEP_MS, () => {
      this.#sweeping = this.#sweep();
    });
  }

  async #sweep(): Promise<void> {
    try {
      await this.#writer.report();
      await sweep(this.#database, Math.floor(this.#clock.now()), this.#closing.signal);
    } catch (error) {
      this.#log.warn({ err: error }, 'the store could not be swept; the next time does it');
    }
    this.#arm();
  }
}

function tokenOf({ scope, id }: { scope: string; id: Buffer }, writer: string | null, seq: string): Token {
  return new Token(scope, id, writer === null ? undefined : Number(writer), Number(seq));
}

function sizeOf({ unit }: Numbered): number {
  return unit.changes.reduce((sum, { value }) => sum + (value?.byteLength ?? 0), unit.effects.byteLength);
}

/** Two units of one cause, or of one state, cannot both be written by one statement. */
function marksOf({ unit, id, keys }: Numbered): string[] {
  const states = unit.changes.map(({ ref }, at) => `s ${ref.scope} ${keys[at]?.bytes.toString('latin1') ?? ''}`);
  return [`c ${unit.cause.scope} ${id.toString('latin1')}`, ...states];
}

function closed(): WaybillError {
  return new WaybillError('WB_CLOSED', 'the store is closed');
}

import type { PoolClient } from 'pg';
import { WaybillError } from '../../errors.ts';
import type { CommitAnswer, QueryAnswer, StateUnit, StoreTransaction } from '../../ports/store.ts';
import { storeKey } from '../../ports/store-key.ts';
import type { Database, TransactionClient } from './database.ts';
import { unavailable } from './faults.ts';
import { Token } from './token.ts';
import type { Writer } from './writer.ts';

const RECORD = `INSERT INTO $schema.record (scope, id, writer, seq, keep_until, effects)
  VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`;
/** How long that is waited for at most. */
const WAIT = "SET LOCAL lock_timeout = '30s'";
const RECORDED = 'SELECT writer, seq, effects FROM $schema.record WHERE scope = $1 AND id = $2';

interface RecordRow {
  readonly writer: string | null;
  readonly seq: string;
  readonly effects: Buffer;
}

/** A transaction that a handler takes part in. */
export class PostgresTransaction implements StoreTransaction {
  readonly #database: Database;
  readonly #writer: Writer;
  readonly #client: PoolClient;
  readonly #release: TransactionClient['release'];
  readonly #now: () => number;
  #ended = false;
  /** Its end has begun: nothing more may come into it. */
  #closing = false;
  /** Somebody has the connection itself, on which nobody can be kept from going on. */
  #lent = false;

  constructor(database: Database, writer: Writer, { client, release }: TransactionClient, now: () => number) {
    this.#database = database;
    this.#writer = writer;
    this.#client = client;
    this.#release = release;
    this.#now = now;
  }

  get client(): unknown {
    this.#checkOpen();
    this.#lent = true;
    return this.#client;
  }

  async query(text: string, values: readonly unknown[] = []): Promise<QueryAnswer> {
    this.#checkOpen();
    const { rows, rowCount } = await this.#client.query<Record<string, unknown>>(text, [...values]);
    return { rows, rowCount };
  }

  async commit({
    cause,
    effects,
    keepMs,
  }: Omit<StateUnit, 'changes'>): Promise<Exclude<CommitAnswer, { outcome: 'moved' }>> {
    this.#checkOpen();
    this.#closing = true;
    const id = storeKey(cause.id).bytes;
    const seq = this.#writer.next();
    const keepUntil = keepMs === undefined ? null : Math.ceil(this.#now() + keepMs);
    try {
      const values = [cause.scope, id, this.#writer.id, seq, keepUntil, effects];
      // Where another process handles the same message, this waits for the end of its transaction.
      await this.#client.query(WAIT);
      const { rowCount } = await this.#client.query(this.#sql(RECORD), values);
      if (rowCount === 1) {
        // The server answers so, and not with an error, when a statement that nobody awaited has failed meanwhile.
        const { command } = await this.#client.query('COMMIT');
        this.#end(false);
        if (command !== 'COMMIT') {
          this.#writer.forget(seq);
          throw spoilt(undefined);
        }
        return { outcome: 'done', token: new Token(cause.scope, id, this.#writer.id, seq) };
      }
      this.#writer.forget(seq);
      await this.#client.query('ROLLBACK');
      this.#end(false);
    } catch (thrown) {
      // A statement of the handler's own had failed, and it went on all the same.
      if (thrown instanceof Error && 'code' in thrown && thrown.code === FAILED_TRANSACTION) {
        this.#writer.forget(seq);
        await this.rollback();
        throw spoilt(thrown);
      }
      // It may be committed all the same; then whoever loads it next gets its token.
      this.#end(true);
      throw unavailable(this.#database.shown, thrown);
    }
    const { rows } = await this.#database.run<RecordRow>(RECORDED, [cause.scope, id]);
    const [row] = rows;
    if (row === undefined) throw unavailable(this.#database.shown, new Error('what was recorded meanwhile is gone'));
    const token = new Token(cause.scope, id, row.writer === null ? undefined : Number(row.writer), Number(row.seq));
    return { outcome: 'repeated', effects: row.effects, token };
  }

  async rollback(): Promise<void> {
    // What came behind the ROLLBACK would be committed by itself.
    this.#closing = true;
    if (this.#ended) return;
    if (this.#lent) {
      this.#end(true);
      return;
    }
    try {
      await this.#client.query('ROLLBACK');
      this.#end(false);
    } catch {
      // The server rolls back what its client left.
      this.#end(true);
    }
  }

  abandon(): void {
    this.#end(true);
  }

  #checkOpen(): void {
    if (!this.#ended && !this.#closing) return;
    // The connection may be somebody else's by now.
    throw new WaybillError('WB_CLOSED', 'the transaction has ended, and with it what a handler may do in it', {
      fix: 'Await every statement before the handler returns.',
    });
  }

  #sql(text: string): string {
    return text.replaceAll('$schema', this.#database.schema);
  }

  #end(broken: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release(broken);
  }
}

/** PostgreSQL, Appendix A: in_failed_sql_transaction. */
const FAILED_TRANSACTION = '25P02';

function spoilt(cause: Error | undefined): WaybillError {
  return new WaybillError(
    'WB_HANDLER_FAILED',
    'a statement in the transaction of the handler failed, and the handler returned all the same; nothing was committed',
    {
      retryable: true,
      ...(cause !== undefined && { cause }),
      fix: 'Await every statement, and let its error end the handler, or use a savepoint.',
    },
  );
}

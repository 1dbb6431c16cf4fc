import type { PoolClient } from 'pg';
import { WaybillError } from '../../errors.ts';
import type { CommitAnswer, QueryAnswer, StateUnit, StoreTransaction } from '../../ports/store.ts';
import { storeKey } from '../../ports/store-key.ts';
import type { Database } from './database.ts';
import { unavailable } from './faults.ts';
import { Token } from './token.ts';
import type { Writer } from './writer.ts';

const RECORD = `INSERT INTO $schema.record (scope, id, writer, seq, keep_until, effects)
  VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`;
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
  readonly #now: () => number;
  #ended = false;

  constructor(database: Database, writer: Writer, client: PoolClient, now: () => number) {
    this.#database = database;
    this.#writer = writer;
    this.#client = client;
    this.#now = now;
  }

  get client(): unknown {
    return this.#client;
  }

  async query(text: string, values: readonly unknown[] = []): Promise<QueryAnswer> {
    // The connection may be somebody else's by now.
    if (this.#ended)
      throw new WaybillError('WB_CLOSED', 'the transaction has ended, and with it what a handler may do in it');
    const { rows, rowCount } = await this.#client.query<Record<string, unknown>>(text, [...values]);
    return { rows, rowCount };
  }

  async commit({
    cause,
    effects,
    keepMs,
  }: Omit<StateUnit, 'changes'>): Promise<Exclude<CommitAnswer, { outcome: 'moved' }>> {
    const id = storeKey(cause.id).bytes;
    const seq = this.#writer.next();
    const keepUntil = keepMs === undefined ? null : Math.ceil(this.#now() + keepMs);
    try {
      const values = [cause.scope, id, this.#writer.id, seq, keepUntil, effects];
      // Where another process handles the same message, this waits for the end of its transaction.
      const { rowCount } = await this.#client.query(this.#sql(RECORD), values);
      if (rowCount === 1) {
        await this.#client.query('COMMIT');
        this.#end(false);
        return { outcome: 'done', token: new Token(cause.scope, id, this.#writer.id, seq) };
      }
      this.#writer.forget(seq);
      await this.#client.query('ROLLBACK');
      this.#end(false);
    } catch (thrown) {
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
    if (this.#ended) return;
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

  #sql(text: string): string {
    return text.replaceAll('$schema', this.#database.schema);
  }

  #end(broken: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#client.release(broken);
  }
}

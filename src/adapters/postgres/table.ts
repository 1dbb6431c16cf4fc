import { createHash } from 'node:crypto';
import { Socket } from 'node:net';
import pg from 'pg';
import { toError, WaybillError } from '../../errors.ts';
import type { TableReader, TableReading } from '../../ports/lookup.ts';
import { isRefusal } from './faults.ts';

export interface TableQueryOptions {
  /** The name of the source, for errors: nothing of the url is in one. */
  readonly name: string;
  readonly url: string;
  readonly query: string;
  /** Most rows. */
  readonly rows: number;
  /** Largest answer. @unit bytes */
  readonly size: number;
  /** How long the query may take. @unit milliseconds @default 30_000 */
  readonly statementMs?: number;
}

const CONNECT_MS = 5_000;
const STATEMENT_MS = 30_000;
const [BOOL, TIMESTAMPTZ] = [16, 1184];

/** Texts as the contracts of messages want them: `true`, RFC 3339. Everything else as the server writes it. */
function getTypeParser(type: number): (text: string) => unknown {
  if (type === BOOL) return (text) => (text === 't' ? 'true' : 'false');
  if (type === TIMESTAMPTZ) return (text) => new Date(text).toISOString();
  return (text) => text;
}

/** A table that a query gives. Each reading is a connection of its own, in a transaction that can only read. */
export class TableQuery implements TableReader {
  readonly #options: TableQueryOptions;
  /** Of the reading under way. */
  #socket: Socket | undefined;
  #closed = false;

  constructor(options: TableQueryOptions) {
    this.#options = options;
  }

  /** @throws WB_SOURCE_FAILED (retryable), WB_SOURCE_REFUSED, WB_TABLE_INVALID when there are more rows or bytes than may be */
  async read(since?: string): Promise<TableReading | undefined> {
    const { name, url, statementMs = STATEMENT_MS } = this.#options;
    if (this.#closed) throw new WaybillError('WB_CLOSED', `the table ${name} is closed`);
    const socket = new Socket();
    const client = new pg.Client({
      stream: () => socket,
      connectionString: url,
      application_name: 'waybill',
      connectionTimeoutMillis: CONNECT_MS,
      statement_timeout: statementMs,
      query_timeout: statementMs + 1_000,
      types: { getTypeParser },
    });
    // What uses the connection hears of its end by its own call; an event that nobody hears ends the process.
    client.on('error', () => undefined);
    this.#socket = socket;
    try {
      await client.connect();
      await client.query('BEGIN READ ONLY');
      const reading = await this.#ask(client, since);
      await client.end();
      return reading;
    } catch (thrown) {
      throw faultOf(name, thrown);
    } finally {
      this.#socket = undefined;
      // `end` waits for what is under way, and for ever while it connects.
      socket.destroy();
    }
  }

  /** Cuts short what is under way. */
  close(): Promise<void> {
    this.#closed = true;
    this.#socket?.destroy();
    return Promise.resolve();
  }

  /** By a cursor, so that no more is ever held than may be. */
  async #ask(client: pg.Client, since: string | undefined): Promise<TableReading | undefined> {
    const { name, query, rows: most, size } = this.#options;
    await client.query(`DECLARE waybill_table NO SCROLL CURSOR FOR ${query.trim().replace(/;\s*$/, '')}`);
    const hash = createHash('sha256');
    const rows: (string | null)[][] = [];
    let columns: readonly string[] = [];
    let bytes = 0;
    for (;;) {
      const answer = await client.query<(string | null)[]>({
        text: 'FETCH 1000 FROM waybill_table',
        rowMode: 'array',
      });
      if (columns.length === 0) {
        columns = answer.fields.map((field) => field.name);
        hash.update(JSON.stringify(columns));
      }
      if (answer.rows.length === 0) break;
      for (const row of answer.rows) {
        const text = JSON.stringify(row);
        hash.update(text);
        bytes += Buffer.byteLength(text);
        rows.push(row);
      }
      if (rows.length > most) throw tooMuch(name, `more than ${String(most)} rows`, 'rows');
      if (bytes > size) throw tooMuch(name, `more than ${String(size)} bytes`, 'size');
    }
    const stamp = hash.digest('base64');
    return stamp === since ? undefined : { stamp, content: { columns, rows } };
  }
}

function tooMuch(name: string, what: string, option: string): WaybillError {
  return new WaybillError('WB_TABLE_INVALID', `the query of the table ${name} gives ${what}`, {
    fix: `Let it give less, or raise sources: ${name}: table: ${option}.`,
  });
}

function faultOf(name: string, thrown: unknown): WaybillError {
  if (thrown instanceof WaybillError) return thrown;
  const cause = toError(thrown);
  if (isRefusal(thrown)) {
    return new WaybillError('WB_SOURCE_REFUSED', `the database of the table ${name} refused: ${cause.message}`, {
      cause,
      fix: 'Check user, password, database, rights and the query.',
    });
  }
  return new WaybillError('WB_SOURCE_FAILED', `the database of the table ${name} failed: ${cause.message}`, {
    retryable: true,
    cause,
  });
}

import pg, { type Pool, type PoolClient, type QueryResult, type QueryResultRow } from 'pg';
import { type Clock, pause } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Address } from './address.ts';
import { isAway, isRace, openFault, unavailable } from './faults.ts';
import { migrate } from './migrations.ts';

export interface DatabaseOptions {
  readonly address: Address;
  readonly clock: Clock;
  readonly log: Log;
  /** How long one statement may take before its connection is given up. @unit milliseconds @default 10_000 */
  readonly statementMs?: number;
}

/** Connections for the statements of the store: two batches of loads, two of commits, and what is done now and then. */
const STATEMENTS = 5;
/** Connections for handlers that take part in a transaction. */
const TRANSACTIONS = 16;
const CONNECT_MS = 5_000;
const STATEMENT_MS = 10_000;
/** Pauses before a statement is tried again on another connection. @unit milliseconds */
const RETRIES: readonly number[] = [20, 100, 500];
/** How often another transaction may be in the way. */
const MOST_RACES = 20;

const BYTEA = 17;

/** Everything but bytes as the server writes it: the application may have told the driver to read numbers otherwise. */
function getTypeParser(type: number): (text: string) => unknown {
  return type === BYTEA ? (text) => Buffer.from(text.slice(2), 'hex') : (text) => text;
}

/** A connection in a transaction, and what gives it back, once. */
export interface TransactionClient {
  readonly client: PoolClient;
  /** @param broken whether it is closed instead */
  readonly release: (broken: boolean) => void;
}

/** The connections to a database. Lost ones are replaced on use; nobody has to mend anything. */
export class Database {
  readonly schema: string;
  readonly shown: string;
  readonly #clock: Clock;
  readonly #statements: Pool;
  readonly #transactions: Pool;
  /** Free places for transactions: who waits for one waits as long as its attempt lasts, and not as long as connecting may take. */
  #free = TRANSACTIONS;
  readonly #waiting: (() => void)[] = [];

  constructor({ address, clock, log, statementMs = STATEMENT_MS }: DatabaseOptions) {
    this.schema = `"${address.schema}"`;
    this.shown = address.shown;
    this.#clock = clock;
    const shared = {
      connectionString: address.connectionString,
      application_name: 'waybill',
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
    };
    this.#statements = new pg.Pool({
      ...shared,
      max: STATEMENTS,
      types: { getTypeParser },
      // The server is told a little earlier, so that it does not go on with what nobody waits for.
      statement_timeout: statementMs,
      query_timeout: statementMs + 1_000,
    });
    this.#transactions = new pg.Pool({ ...shared, max: TRANSACTIONS });
    for (const pool of [this.#statements, this.#transactions]) {
      pool.on('error', (error) => {
        log.debug({ err: error }, `an idle connection to the store ${address.shown} was lost`);
      });
      // What uses a connection hears of its end by its own call; an event that nobody hears ends the process.
      pool.on('connect', (client) => client.on('error', () => undefined));
    }
  }

  /** Makes the schema. @throws WB_STORE_UNAVAILABLE, WB_STORE_REFUSED, WB_STORE_NEWER */
  async open(): Promise<void> {
    try {
      await migrate(this.#statements, this.schema.slice(1, -1), this.shown);
    } catch (thrown) {
      throw openFault(this.shown, thrown);
    }
  }

  /**
   * Runs one statement, a transaction of its own, as often as it takes: `$schema` in it is the schema.
   * @throws WB_STORE_UNAVAILABLE: it may or may not have taken effect
   */
  async run<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<QueryResult<Row>> {
    const statement = text.replaceAll('$schema', this.schema);
    let races = 0;
    let retries = 0;
    for (;;) {
      try {
        return await this.#statements.query<Row>(statement, [...values]);
      } catch (thrown) {
        const again = isRace(thrown) && ++races < MOST_RACES;
        const waitMs = isAway(thrown) ? RETRIES[retries++] : undefined;
        if (!again && waitMs === undefined) throw unavailable(this.shown, thrown);
        if (waitMs !== undefined) await pause(this.#clock, waitMs);
      }
    }
  }

  /** A connection of its own, in a transaction. Waits for others to end when there are many. @throws WB_STORE_UNAVAILABLE */
  async begin(): Promise<TransactionClient> {
    await this.#place();
    for (let retries = 0; ; ) {
      let client: PoolClient | undefined;
      try {
        const connected = await this.#transactions.connect();
        client = connected;
        await connected.query('BEGIN');
        const release = (broken: boolean): void => {
          connected.release(broken);
          this.#leave();
        };
        return { client: connected, release };
      } catch (thrown) {
        client?.release(true);
        const waitMs = isAway(thrown) ? RETRIES[retries++] : undefined;
        if (waitMs === undefined) {
          this.#leave();
          throw unavailable(this.shown, thrown);
        }
        await pause(this.#clock, waitMs);
      }
    }
  }

  #place(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** The place goes to whoever waits the longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }

  async close(): Promise<void> {
    await Promise.all([this.#statements.end(), this.#transactions.end()]);
  }
}

import { hostname } from 'node:os';
import type { Clock } from '../../ports/clock.ts';
import type { Database } from './database.ts';
import type { Token } from './token.ts';

/** How long a record is kept once its delivery is settled. @unit milliseconds */
const SETTLED_MS = 15 * 60_000;
/** How long one that was left unsettled is kept: longer than a message can be scheduled ahead. @unit milliseconds */
const LEFT_MS = 60 * 86_400_000;
/** Most releases that are remembered while the store is away; older ones stay on record as if they were left. */
const MOST_RELEASES = 100_000;

/** What was settled at a moment: all below `mark` but the `holes`. */
interface Checkpoint {
  readonly at: number;
  readonly mark: number;
  readonly holes: readonly number[];
}

/** The records of this process: numbers them, and knows which of their deliveries are settled. */
export class Writer {
  readonly id: number;
  readonly #database: Database;
  readonly #clock: Clock;
  #seq = 0;
  /** Not settled yet, with when they were numbered. */
  readonly #open = new Map<number, number>();
  #checkpoints: Checkpoint[] = [];
  #mark: Checkpoint = { at: 0, mark: 0, holes: [] };
  /** Settled records that are not, or no longer, counted by this writer. */
  #releases: Token[] = [];

  private constructor(database: Database, clock: Clock, id: number) {
    this.#database = database;
    this.#clock = clock;
    this.id = id;
  }

  static async register(database: Database, clock: Clock): Promise<Writer> {
    const name = `${hostname()} ${String(process.pid)}`;
    const { rows } = await database.run<{ id: string }>(
      'INSERT INTO $schema.writer (name, seen_at) VALUES ($1, $2) RETURNING id',
      [name, Math.floor(clock.now())],
    );
    return new Writer(database, clock, Number(rows[0]?.id));
  }

  /** The number of the next record. */
  next(): number {
    const seq = this.#seq++;
    this.#open.set(seq, this.#clock.elapsed());
    return seq;
  }

  /** The record of this number was not made after all. */
  forget(seq: number): void {
    this.#open.delete(seq);
  }

  settled(token: Token): void {
    if (token.writer === this.id && this.#open.delete(token.seq)) return;
    this.#releases.push(token);
    if (this.#releases.length > MOST_RELEASES) this.#releases.shift();
  }

  /** Tells the store what is settled. Called every minute or so. @throws WB_STORE_UNAVAILABLE */
  async report(): Promise<void> {
    const now = this.#clock.elapsed();
    await this.#release();
    await this.#leave(now);
    const latest: Checkpoint = { at: now, mark: this.#seq, holes: [...this.#open.keys()] };
    this.#checkpoints.push(latest);
    const due = this.#checkpoints.filter(({ at }) => now - at >= SETTLED_MS);
    this.#mark = due.at(-1) ?? this.#mark;
    this.#checkpoints = this.#checkpoints.filter(({ at }) => now - at < SETTLED_MS);
    await this.#database.run(
      'UPDATE $schema.writer SET seen_at = $2, mark = $3, holes = $4, next_mark = $5, next_holes = $6 WHERE id = $1',
      [this.id, Math.floor(this.#clock.now()), this.#mark.mark, this.#mark.holes, latest.mark, latest.holes],
    );
  }

  /** What is settled without being counted goes by its own time. */
  async #release(): Promise<void> {
    const tokens = this.#releases.splice(0);
    if (tokens.length === 0) return;
    try {
      await this.#database.run(
        `UPDATE $schema.record r SET writer = NULL, free_at = greatest(coalesce(r.keep_until, 0), $4)
         FROM unnest($1::text[], $2::bytea[], $3::bigint[]) AS t(scope, id, seq)
         WHERE r.scope = t.scope AND r.id = t.id AND r.seq = t.seq`,
        [
          tokens.map(({ scope }) => scope),
          tokens.map(({ id }) => id),
          tokens.map(({ seq }) => seq),
          Math.floor(this.#clock.now()) + SETTLED_MS,
        ],
      );
    } catch (error) {
      this.#releases = [...tokens, ...this.#releases].slice(-MOST_RELEASES);
      throw error;
    }
  }

  /** What is open for long belongs most likely to a lease that was lost: whoever gets the message again settles it. */
  async #leave(now: number): Promise<void> {
    const left = [...this.#open].filter(([, since]) => now - since >= SETTLED_MS).map(([seq]) => seq);
    if (left.length === 0) return;
    await this.#database.run(
      `UPDATE $schema.record SET writer = NULL, free_at = greatest(coalesce(keep_until, 0), $3)
       WHERE writer = $1 AND seq = ANY($2::bigint[])`,
      [this.id, left, Math.floor(this.#clock.now()) + LEFT_MS],
    );
    for (const seq of left) this.#open.delete(seq);
  }
}

/** How long a process must not have been seen before others take what it last said for all there is. @unit milliseconds */
const GONE_MS = SETTLED_MS;

/** Most records that one statement deletes. */
const CHUNK = 2_000;
/** Most statements in a row: what is left goes the next time. */
const MOST_CHUNKS = 500;
const ALL = '9223372036854775807';

interface Sweep {
  readonly from: 'record' | 'state';
  readonly choice: string;
}

/** What may go, a chunk at a time, so that no statement takes long; what another process has in hand at the moment is skipped. */
const SWEEPS: readonly Sweep[] = [
  {
    from: 'record',
    choice: `SELECT r.ctid FROM $schema.writer w CROSS JOIN LATERAL (
        SELECT ctid FROM $schema.record
        WHERE writer = w.id AND keep_until IS NULL AND seq < w.mark AND seq <> ALL(w.holes)
        ORDER BY seq LIMIT $2 FOR UPDATE SKIP LOCKED) r
      LIMIT $2`,
  },
  {
    from: 'record',
    choice: `SELECT r.ctid FROM $schema.record r JOIN $schema.writer w ON w.id = r.writer
      WHERE r.keep_until <= $1 AND r.seq < w.mark AND r.seq <> ALL(w.holes)
      ORDER BY r.keep_until LIMIT $2 FOR UPDATE OF r SKIP LOCKED`,
  },
  {
    from: 'record',
    choice: `SELECT ctid FROM $schema.record WHERE writer IS NULL AND free_at <= $1
      ORDER BY free_at LIMIT $2 FOR UPDATE SKIP LOCKED`,
  },
  {
    from: 'state',
    choice: `SELECT ctid FROM $schema.state WHERE forget_at <= $1 ORDER BY forget_at LIMIT $2 FOR UPDATE SKIP LOCKED`,
  },
];

/** Deletes what may go, of all writers, in bounded pieces. @throws WB_STORE_UNAVAILABLE */
export async function sweep(database: Database, now: number, signal: AbortSignal): Promise<void> {
  await database.run(
    'UPDATE $schema.writer SET mark = next_mark, holes = next_holes WHERE seen_at < $1 AND mark < next_mark',
    [now - GONE_MS],
  );
  await database.run(`UPDATE $schema.writer SET mark = ${ALL}, holes = '{}' WHERE seen_at < $1 AND mark < ${ALL}`, [
    now - LEFT_MS,
  ]);
  for (const { from, choice } of SWEEPS) {
    for (let chunk = 0; chunk < MOST_CHUNKS && !signal.aborted; chunk++) {
      const { rowCount } = await database.run(
        `DELETE FROM $schema.${from} WHERE ctid = ANY(ARRAY(${choice})) AND $1::bigint IS NOT NULL`,
        [now, CHUNK],
      );
      if ((rowCount ?? 0) < CHUNK) break;
    }
  }
  await database.run(
    `DELETE FROM $schema.writer w WHERE mark = ${ALL} AND seen_at < $1
     AND NOT EXISTS (SELECT 1 FROM $schema.record r WHERE r.writer = w.id)`,
    [now - LEFT_MS],
  );
}

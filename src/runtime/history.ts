import { hostname } from 'node:os';
import { toError } from '../errors.ts';
import { type EncodedMessage, type Envelope, typeRef } from '../message.ts';
import { type Clock, inTime, type Timer } from '../ports/clock.ts';
import type { HistoryOperation, HistoryRecord } from '../ports/history.ts';
import type { Log } from '../ports/log.ts';
import type { Transport } from '../ports/transport.ts';
import { Share } from './share.ts';

/** How long a record may wait for others, to be kept with them. @unit milliseconds */
const WAIT_MS = 500;
const MOST_TOGETHER = 500;
/** While those before are being kept; what comes beyond is left out. */
const MOST_WAITING = 5_000;
/** How long the last records may take to be kept when the process ends. @unit milliseconds */
const CLOSE_MS = 1_000;
/** How often the log says at most how many are missing. @unit milliseconds */
const SAY_MS = 60_000;

export interface HistoryOptions {
  readonly transport: Pick<Transport, 'record'>;
  readonly clock: Clock;
  readonly log: Log;
  /** How many records this process adds in a second, about: see `Share`. Dead letters are counted for themselves. @range 1 to 10_000 */
  readonly rate: number;
}

/** What a record says of its message, and where it was made. */
export type HistoryHead = Pick<
  HistoryRecord,
  'operation' | 'by' | 'process' | 'message' | 'type' | 'conversation' | 'cause'
>;

/**
 * What this process adds to the message history. Nothing waits for it: a record that cannot be kept is left out, and the log says
 * how many were.
 */
export class History {
  readonly #options: HistoryOptions;
  readonly #usual: Share;
  readonly #dead: Share;
  readonly #process = `${hostname()} ${String(process.pid)}`;
  #waiting: HistoryRecord[] = [];
  #timer: Timer | undefined;
  #keeping: Promise<void> | undefined;
  #leftOut = 0;
  /** When the log said last how many were left out, by the clock's `elapsed`. */
  #saidMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: HistoryOptions) {
    this.#options = options;
    const elapsed = (): number => options.clock.elapsed();
    this.#usual = new Share(options.rate, elapsed);
    this.#dead = new Share(options.rate, elapsed);
  }

  /** Whether what is done with a message is recorded. @param dead it is given up, which is seldom and worth more */
  takes({ correlationId, id }: Envelope, dead = false): boolean {
    return (dead ? this.#dead : this.#usual).takes(correlationId ?? id);
  }

  head(operation: HistoryOperation, by: string, { envelope }: EncodedMessage): HistoryHead {
    const { id, type, version, correlationId = id, causationId } = envelope;
    return {
      operation,
      by,
      process: this.#process,
      message: id,
      type: typeRef(type, version),
      conversation: correlationId,
      ...(causationId !== undefined && { cause: causationId }),
    };
  }

  now(): number {
    return this.#options.clock.now();
  }

  elapsed(): number {
    return this.#options.clock.elapsed();
  }

  add(record: HistoryRecord): void {
    if (this.#closed || this.#waiting.length >= MOST_WAITING) {
      this.#leftOut += 1;
      return;
    }
    this.#waiting.push(record);
    if (this.#waiting.length >= MOST_TOGETHER) void this.#keep();
    else this.#wait();
  }

  #wait(): void {
    this.#timer ??= this.#options.clock.timer(WAIT_MS, () => void this.#keep(), true);
  }

  /** Keeps what there is still, as far as the transport takes it at once. Before the transport is closed. */
  async close(): Promise<void> {
    this.#closed = true;
    await inTime(this.#options.clock, CLOSE_MS, this.#keepRest());
    this.#leftOut += this.#waiting.length;
    this.#waiting = [];
    this.#sayLeftOut();
  }

  async #keepRest(): Promise<void> {
    while (this.#waiting.length > 0 || this.#keeping !== undefined) await this.#keep();
  }

  /** Of those that come meanwhile the next call takes care. Never rejects. */
  #keep(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#keeping ??= this.#keepSome().finally(() => {
      this.#keeping = undefined;
      if (this.#waiting.length > 0 && !this.#closed) this.#wait();
    });
    return this.#keeping;
  }

  async #keepSome(): Promise<void> {
    const records = this.#waiting.splice(0, MOST_TOGETHER);
    if (records.length === 0) return;
    try {
      await this.#options.transport.record(records);
    } catch (thrown) {
      this.#leftOut += records.length;
      this.#options.log.debug({ error: toError(thrown).message }, 'the message history was not added to');
      return;
    }
    if (this.#options.clock.elapsed() - this.#saidMs >= SAY_MS) this.#sayLeftOut();
  }

  #sayLeftOut(): void {
    if (this.#leftOut === 0) return;
    this.#saidMs = this.#options.clock.elapsed();
    this.#options.log.warn({ records: this.#leftOut }, 'the message history lacks records that could not be kept');
    this.#leftOut = 0;
  }
}

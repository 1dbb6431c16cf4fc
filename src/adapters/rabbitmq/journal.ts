import { randomUUID } from 'node:crypto';
import { toError, WaybillError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Connection } from './connection.ts';
import type { RabbitDelivery } from './delivery.ts';
import { parcelId } from './identity.ts';
import { JournalReader } from './journal-reader.ts';
import { JournalRecord, type Settled, type Told } from './journal-record.ts';
import type { Publisher } from './publisher.ts';

export interface JournalOptions {
  readonly connection: Connection;
  readonly publisher: Publisher;
  readonly exchange: string;
  readonly queue: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A durable note comes back sooner, if the broker still knows who reads. @unit milliseconds */
const RETURN = 3_000;
/**
 * So long after its confirm a note counts as missing: then it is published again, and at the first look so long after each time.
 * @unit milliseconds
 */
const MISSING = 1_500;
/** From one look at a note that is awaited to the next. @unit milliseconds */
const LOOK = 1_000;
/** How long a reading may give nothing before the stream is read anew: twice as long after each in vain. @unit milliseconds */
const LONGEST_READING = 60_000;
/** How long traffic waits for a stream that gives nothing, as of a cluster that has just lost nodes. @unit milliseconds */
const LONGEST_WAIT = 9_000;
/** The same of what waits for nothing but to know more, from when it asks: without it a batch is handed over as a whole. @unit milliseconds */
const LONGEST_SYNC = 6_000;
/** How long it waits for a stream that gives notes, when the one that is awaited is not among them. @unit milliseconds */
const LONGEST_SEARCH = 60_000;

interface Waiter {
  /** Among the notes of this process. */
  readonly serial: number;
  readonly note: object;
  readonly resolve: (told: Told) => void;
  readonly reject: (error: Error) => void;
  /** What is done while the stream cannot be read; without it the waiter fails. */
  readonly otherwise: (() => Told) | undefined;
  /** When the note was published, last. */
  publishedAt: number;
  /** Since when the note is confirmed, so that it is to come back. */
  durableAt: number | undefined;
}

/**
 * What processes tell each other of deliveries, in a stream that all of them share: that a suspect one is about to be
 * handled, and what of an AMQP message is settled when the broker may not know it. What comes back from the stream is durable,
 * and its order is the same for all, so a count is exact whoever wrote the earlier notes.
 *
 * A broker may forget a reader when nodes of its cluster are lost, read it a copy that lacks what is durable elsewhere, or, while it
 * starts, confirm what the stream does not get, and say nothing: so a durable note that does not come back is published again, and
 * when nothing else comes either, the stream is read anew. While that gives
 * nothing new, traffic goes on by what was read before: members of a batch may come again, and a message that kills processes
 * may be tried more often.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #record = new JournalRecord();
  readonly #waiters = new Map<string, Waiter>();
  readonly #reader: JournalReader;
  /** Of this process, as it is connected now. */
  readonly #self = randomUUID();
  /** How long this reading may give nothing. @unit milliseconds */
  #readingMs = RETURN;
  /** Of the note for which somebody waited in vain: the broker's copy that is read lacks what is durable elsewhere. */
  #behind: number | undefined;
  #serial = 0;

  constructor(options: JournalOptions) {
    this.#options = options;
    const { connection, queue, clock, log } = options;
    this.#reader = new JournalReader({
      connection,
      queue,
      clock,
      log,
      take: (note) => {
        this.#take(note);
      },
      restarted: () => {
        this.#record.recount();
      },
      ended: (error) => {
        this.#failAll(error);
      },
    });
  }

  /** @throws WB_DELIVERY_REVOKED */
  async begin(delivery: RabbitDelivery): Promise<number> {
    const note = { delivery: identityOf(delivery), by: this.#self };
    const { count } = await this.#write(note, [delivery.lease.signal], () => this.#record.tell(note));
    return count;
  }

  /** @returns those that another process had begun. @throws WB_DELIVERY_REVOKED */
  async beginTogether(deliveries: readonly RabbitDelivery[]): Promise<ReadonlySet<RabbitDelivery>> {
    const together = deliveries.map(identityOf);
    const signals = new Set(deliveries.map(({ lease }) => lease.signal));
    const note = { together, by: this.#self };
    const { known } = await this.#write(note, [...signals], () => this.#record.tell(note));
    return new Set(deliveries.filter((delivery) => known.has(identityOf(delivery))));
  }

  /**
   * Notes what an endpoint has settled of AMQP messages, for whoever gets these there next. Resolves when it is durable; in this
   * process it is known at once.
   * @param deadlineMs Infinity waits as long as it takes @unit milliseconds
   * @throws WB_DEADLINE, WB_CLOSED
   */
  async mark(endpoint: string, settled: ReadonlyMap<string, Settled>, deadlineMs: number): Promise<void> {
    const marks: Record<string, readonly number[] | 'all'> = {};
    for (const [parcel, which] of settled) {
      marks[this.#record.mark(endpoint, parcel, which)] = which === 'all' ? which : [...which];
    }
    await this.#post({ marks }, deadlineMs);
  }

  /** Resolves when everything that was noted before is known here. @throws WB_TRANSPORT_UNAVAILABLE, WB_DELIVERY_REVOKED */
  async sync(signal: AbortSignal): Promise<void> {
    await this.#write({}, [signal]);
  }

  /** What an endpoint had settled of an AMQP message before that came again, as far as is known here. */
  settledOf(endpoint: string, parcel: string): Settled {
    return this.#record.settledOf(endpoint, parcel);
  }

  /** Of members that are settled those of which no note has come back: they may have to be noted again. */
  unread(endpoint: string, parcel: string, settled: ReadonlySet<number>): ReadonlySet<number> {
    return this.#record.unread(endpoint, parcel, settled);
  }

  /** An AMQP message has gone with its channel, and this process lives on. @param returns how often it had come back before */
  excuse(endpoint: string, parcel: string, returns: number): void {
    this.#record.excuse(endpoint, parcel, returns);
  }

  /** How many of its returns say nothing against an AMQP message, which has come back so often by now. */
  excusedOf(endpoint: string, parcel: string, returns: number): number {
    return this.#record.excusedOf(endpoint, parcel, returns);
  }

  stop(): void {
    this.#reader.stop();
    this.#failAll(revoked());
  }

  /**
   * Resolves when the note has come back from the stream, to what it says in its place there.
   * @param otherwise what is done when it is durable and the stream cannot be read @default WB_TRANSPORT_UNAVAILABLE is thrown
   */
  async #write(note: object, signals: readonly AbortSignal[], otherwise?: () => Told): Promise<Told> {
    this.#reader.start();
    this.#serial += 1;
    const serial = this.#serial;
    const nonce = `${this.#self} ${String(serial)}`;
    const { clock } = this.#options;
    const abort = (): void => {
      this.#fail(nonce, revoked());
    };
    const noted = new Promise<Told>((resolve, reject) => {
      const times = { publishedAt: clock.elapsed(), durableAt: undefined };
      this.#waiters.set(nonce, { serial, note: { ...note, nonce }, resolve, reject, otherwise, ...times });
      for (const signal of signals) signal.addEventListener('abort', abort, { once: true });
      if (signals.some(({ aborted }) => aborted)) abort();
    });
    if (otherwise === undefined) this.#expect(nonce, clock.elapsed());
    this.#publish(nonce);
    try {
      return await noted;
    } finally {
      for (const signal of signals) signal.removeEventListener('abort', abort);
    }
  }

  /** Publishes the note of a waiter, first or again. It is durable from its first confirm on. */
  #publish(nonce: string): void {
    const { clock } = this.#options;
    const waiter = this.#waiters.get(nonce);
    if (waiter === undefined) return;
    waiter.publishedAt = clock.elapsed();
    this.#post(waiter.note).then(
      () => {
        if (!this.#waiters.has(nonce) || waiter.durableAt !== undefined) return;
        waiter.durableAt = clock.elapsed();
        if (waiter.otherwise !== undefined) this.#expect(nonce, waiter.durableAt);
      },
      (error: unknown) => {
        // A copy may fail.
        if (waiter.durableAt === undefined) this.#fail(nonce, toError(error));
      },
    );
  }

  /** Gives the note some time to come back: since it is durable, or since somebody wants to know more. */
  #expect(nonce: string, sinceMs: number): void {
    const { clock, log, queue } = this.#options;
    clock.timer(LOOK, () => {
      const waiter = this.#waiters.get(nonce);
      if (waiter === undefined) return;
      const now = clock.elapsed();
      const missing = waiter.durableAt !== undefined && now - waiter.durableAt >= MISSING;
      // A broker that starts may confirm what a stream has not got. Taken twice a note counts once.
      if (missing && now - waiter.publishedAt >= MISSING) this.#publish(nonce);
      if (missing && now - this.#reader.readAt >= this.#readingMs) this.#readAnew();
      const patience = waiter.otherwise === undefined ? LONGEST_SYNC : LONGEST_WAIT;
      const longest = this.#behind === undefined ? patience : RETURN;
      const reads = now - this.#reader.notedAt < RETURN;
      const gives = now - Math.max(this.#reader.newestAt, sinceMs) < longest;
      if ((reads || gives) && now - sinceMs < LONGEST_SEARCH) {
        this.#expect(nonce, sinceMs);
        return;
      }
      // What is not even confirmed says nothing about what is read.
      if (missing && this.#behind === undefined) {
        log.warn({ queue }, 'RabbitMQ does not give the journal: traffic goes on without it');
        this.#behind = waiter.serial;
      }
      this.#waiters.delete(nonce);
      if (waiter.otherwise === undefined) waiter.reject(unreadable());
      else waiter.resolve(waiter.otherwise());
    });
  }

  #readAnew(): void {
    if (!this.#reader.forsake()) return;
    // A broker that is slow to give the stream would else be asked for it again just before it does.
    this.#readingMs = Math.min(LONGEST_READING, this.#readingMs * 2);
  }

  #post(note: object, deadlineMs = Number.POSITIVE_INFINITY): Promise<void> {
    const wire = { body: Buffer.from(JSON.stringify(note)), properties: { contentType: 'application/json' } };
    const { publisher, exchange } = this.#options;
    const content = { kind: 'raw' as const, wire };
    return publisher.send([{ exchange, routingKey: 'journal', key: undefined, content }], deadlineMs);
  }

  #failAll(error: Error): void {
    for (const nonce of [...this.#waiters.keys()]) this.#fail(nonce, error);
  }

  #fail(nonce: string, error: Error): void {
    this.#waiters.get(nonce)?.reject(error);
    this.#waiters.delete(nonce);
  }

  #take(note: object): void {
    const told = this.#record.note(note);
    if (!('nonce' in note) || typeof note.nonce !== 'string') return;
    if (this.#behind !== undefined) this.#catchUp(note.nonce, this.#behind);
    const waiter = this.#waiters.get(note.nonce);
    if (waiter === undefined) return;
    this.#waiters.delete(note.nonce);
    this.#readingMs = RETURN;
    waiter.resolve(told);
  }

  /** A note has come back: if it is of this process, and as late as the one that was missed, the stream is given again. */
  #catchUp(nonce: string, behind: number): void {
    const [by, serial] = nonce.split(' ');
    if (by !== this.#self || Number(serial) < behind) return;
    this.#options.log.info({ queue: this.#options.queue }, 'RabbitMQ gives the journal again');
    this.#behind = undefined;
    this.#readingMs = RETURN;
  }
}

/** Of one delivery until its end: a retry and a redrive are others. */
function identityOf({ message, lease, parcel }: RabbitDelivery): string {
  const { id, source } = message.envelope;
  return JSON.stringify([lease.endpoint, parcelId(parcel.amqp), source, id]);
}

function unreadable(): WaybillError {
  return new WaybillError('WB_TRANSPORT_UNAVAILABLE', 'RabbitMQ does not give back what the journal holds', {
    retryable: true,
  });
}

function revoked(): WaybillError {
  return new WaybillError('WB_DELIVERY_REVOKED', 'the delivery was taken back before it was handled', {
    retryable: true,
  });
}

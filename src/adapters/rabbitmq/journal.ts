import { randomUUID } from 'node:crypto';
import type { Channel, Message } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import { type Clock, pause } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { type Connection, closeChannel, leaveChannel } from './connection.ts';
import type { RabbitDelivery } from './delivery.ts';
import { parcelId } from './identity.ts';
import type { Publisher } from './publisher.ts';

export interface JournalOptions {
  readonly connection: Connection;
  readonly publisher: Publisher;
  readonly exchange: string;
  readonly queue: string;
  readonly clock: Clock;
  readonly log: Log;
}

const NONE: ReadonlySet<number> = new Set();
/**
 * Batches and suspects that are remembered at most, the oldest forgotten first: then members of a batch may come again, and a
 * message that kills processes is tried more often. What is prefetched at all partitions is far less.
 */
const REMEMBERED = 20_000;
/** A durable note comes back sooner, if the broker still knows who reads. @unit milliseconds */
const RETURN = 3_000;
/** How long a reading may give nothing before the stream is read anew: twice as long after each in vain. @unit milliseconds */
const LONGEST_READING = 60_000;
/** How long traffic waits for a stream that gives nothing, as of a cluster that has just lost nodes. @unit milliseconds */
const PATIENCE = 9_000;

/** What a note says of deliveries, read in the order of the stream. */
interface Told {
  /** How often its delivery was begun. */
  readonly count: number;
  /** Of those that it begins together: which an earlier process had begun. */
  readonly known: ReadonlySet<string>;
}

interface Waiter {
  readonly resolve: (told: Told) => void;
  readonly reject: (error: Error) => void;
  /** The stream cannot be read for the moment. */
  readonly goWithout: () => void;
}

/**
 * What processes tell each other of deliveries, in a stream that all of them share: that a suspect one is about to be
 * handled, and which members of a batch are settled when the batch as a whole is not. What comes back from the stream is
 * durable, and its order is the same for all, so a count is exact whoever wrote the earlier notes.
 *
 * A broker may forget a reader when nodes of its cluster are lost, and say nothing: so when a durable note does not come back
 * and nothing else does, the stream is read anew. While that gives nothing either, traffic goes on by what was read before: members
 * of a batch may come again, and a message that kills processes may be tried more often.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #counts = new Map<string, { readonly count: number; readonly by: string | undefined }>();
  /** Which process began a delivery together with others last. */
  readonly #together = new Map<string, string>();
  /** By the endpoint's copy of a batch. */
  readonly #marks = new Map<string, ReadonlySet<number>>();
  readonly #waiters = new Map<string, Waiter>();
  readonly #stop = new AbortController();
  /** Of this process, as it is connected now. */
  readonly #self = randomUUID();
  #follows = false;
  /** Ends the reading, to begin anew. */
  #forsake: (() => void) | undefined;
  /** When a note was read last, or the reading began. */
  #readAt = 0;
  /** How long this reading may give nothing. @unit milliseconds */
  #readingMs = RETURN;
  /** The broker's copy that is read lacks what is durable elsewhere, and somebody has waited for it in vain. */
  #behind = false;

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** @throws WB_DELIVERY_REVOKED */
  async begin(delivery: RabbitDelivery): Promise<number> {
    const note = { delivery: identityOf(delivery), by: this.#self };
    const { count } = await this.#write(note, [delivery.lease.signal], () => this.#told(note));
    return count;
  }

  /** @returns those that another process had begun. @throws WB_DELIVERY_REVOKED */
  async beginTogether(deliveries: readonly RabbitDelivery[]): Promise<ReadonlySet<RabbitDelivery>> {
    const together = deliveries.map(identityOf);
    const signals = new Set(deliveries.map(({ lease }) => lease.signal));
    const note = { together, by: this.#self };
    const { known } = await this.#write(note, [...signals], () => this.#told(note));
    return new Set(deliveries.filter((delivery) => known.has(identityOf(delivery))));
  }

  /**
   * Notes which members of batches an endpoint has settled, for whoever gets these batches there next. Resolves when it is durable;
   * in this process it is known at once.
   */
  async mark(endpoint: string, parcels: ReadonlyMap<string, ReadonlySet<number>>, deadlineMs: number): Promise<void> {
    const marks: Record<string, readonly number[]> = {};
    for (const [parcel, settled] of parcels) {
      const copy = copyOf(endpoint, parcel);
      this.#remember(copy, settled);
      marks[copy] = [...settled];
    }
    await this.#post({ marks }, deadlineMs);
  }

  /** Resolves when everything that was noted before is known here. @throws WB_TRANSPORT_UNAVAILABLE, WB_DELIVERY_REVOKED */
  async sync(signal: AbortSignal): Promise<void> {
    await this.#write({}, [signal], () => {
      throw unreadable();
    });
  }

  /** Members of a batch that an endpoint had settled before it came again, as far as is known here. */
  settledOf(endpoint: string, parcel: string): ReadonlySet<number> {
    return this.#marks.get(copyOf(endpoint, parcel)) ?? NONE;
  }

  stop(): void {
    this.#stop.abort();
    for (const nonce of [...this.#waiters.keys()]) this.#fail(nonce, revoked());
  }

  /**
   * Resolves when the note has come back from the stream, to what it says in its place there.
   * @param otherwise what is done when it is durable and the stream cannot be read
   */
  async #write(note: object, signals: readonly AbortSignal[], otherwise: () => Told): Promise<Told> {
    if (!this.#follows) void this.#follow();
    const nonce = randomUUID();
    const abort = (): void => {
      this.#fail(nonce, revoked());
    };
    const noted = new Promise<Told>((resolve, reject) => {
      const goWithout = (): void => {
        try {
          resolve(otherwise());
        } catch (error) {
          reject(toError(error));
        }
      };
      this.#waiters.set(nonce, { resolve, reject, goWithout });
      for (const signal of signals) signal.addEventListener('abort', abort, { once: true });
      if (signals.some(({ aborted }) => aborted)) abort();
    });
    this.#post({ ...note, nonce }).then(
      () => {
        this.#expect(nonce, this.#options.clock.elapsed());
      },
      (error: unknown) => {
        this.#fail(nonce, toError(error));
      },
    );
    try {
      return await noted;
    } finally {
      for (const signal of signals) signal.removeEventListener('abort', abort);
    }
  }

  /** The note is durable, so it is to come back. */
  #expect(nonce: string, sinceMs: number): void {
    const { clock, log, queue } = this.#options;
    clock.timer(RETURN, () => {
      const waiter = this.#waiters.get(nonce);
      if (waiter === undefined) return;
      const silentMs = clock.elapsed() - this.#readAt;
      const forsake = silentMs >= this.#readingMs ? this.#forsake : undefined;
      if (forsake !== undefined) {
        this.#forsake = undefined;
        // A broker that is slow to give the stream would else be asked for it again just before it does.
        this.#readingMs = Math.min(LONGEST_READING, this.#readingMs * 2);
        forsake();
      }
      const lost = silentMs >= RETURN && (this.#behind || clock.elapsed() - sinceMs >= PATIENCE);
      if (!lost) {
        this.#expect(nonce, sinceMs);
        return;
      }
      if (!this.#behind) log.warn({ queue }, 'RabbitMQ does not give the journal: traffic goes on without it');
      this.#behind = true;
      this.#waiters.delete(nonce);
      waiter.goWithout();
    });
  }

  #post(note: object, deadlineMs = Number.POSITIVE_INFINITY): Promise<void> {
    const wire = { body: Buffer.from(JSON.stringify(note)), properties: { contentType: 'application/json' } };
    const { publisher, exchange } = this.#options;
    const content = { kind: 'raw' as const, wire };
    return publisher.send([{ exchange, routingKey: 'journal', key: undefined, content }], deadlineMs);
  }

  #remember(copy: string, settled: Iterable<number>): void {
    keep(this.#marks, copy, new Set([...(this.#marks.get(copy) ?? []), ...settled]));
  }

  #fail(nonce: string, error: Error): void {
    this.#waiters.get(nonce)?.reject(error);
    this.#waiters.delete(nonce);
  }

  /** Reads the stream from its beginning, and on; from the beginning again after a loss. */
  async #follow(): Promise<void> {
    this.#follows = true;
    const { connection, queue, clock, log } = this.#options;
    const stopped = new Promise<'stopped'>((resolve) => {
      this.#stop.signal.addEventListener(
        'abort',
        () => {
          resolve('stopped');
        },
        { once: true },
      );
    });
    while (!this.#stop.signal.aborted) {
      try {
        const channel = await connection.channel();
        const forsaken = new Promise<'forsaken'>((resolve) => {
          this.#forsake = () => {
            resolve('forsaken');
          };
        });
        const how = await Promise.race([this.#read(channel), stopped, forsaken]);
        this.#forsake = undefined;
        if (how === 'forsaken') {
          log.warn({ queue }, 'RabbitMQ does not give back what it confirmed: the stream is read anew');
          await leaveChannel(channel, clock);
          continue;
        }
      } catch (error) {
        if (connection.closed) return;
        for (const nonce of [...this.#waiters.keys()]) this.#fail(nonce, toError(error));
      }
      await pause(clock, 500, this.#stop.signal);
    }
  }

  /** Resolves when the channel has closed. */
  async #read(channel: Channel): Promise<void> {
    const ended = new Promise<void>((resolve) => channel.once('close', resolve));
    let begun = false;
    this.#readAt = this.#options.clock.elapsed();
    await channel.prefetch(1_000);
    await channel.consume(
      this.#options.queue,
      (message) => {
        if (message === null) {
          void closeChannel(channel);
          return;
        }
        this.#readAt = this.#options.clock.elapsed();
        if (!begun) {
          begun = true;
          // Counted anew from here; before, what was known still holds.
          this.#counts.clear();
          this.#together.clear();
        }
        this.#note(message);
        channel.ack(message);
      },
      { arguments: { 'x-stream-offset': 'first' } },
    );
    await ended;
  }

  #note(message: Message): void {
    const note: unknown = JSON.parse(message.content.toString('utf8'));
    if (typeof note !== 'object' || note === null) return;
    if ('marks' in note && typeof note.marks === 'object' && note.marks !== null) {
      for (const [copy, settled] of Object.entries(note.marks)) {
        if (Array.isArray(settled))
          this.#remember(
            copy,
            settled.filter((index) => typeof index === 'number'),
          );
      }
    }
    const told = this.#told(note);
    if ('nonce' in note && typeof note.nonce === 'string') {
      const waiter = this.#waiters.get(note.nonce);
      if (waiter !== undefined) {
        this.#behind = false;
        this.#readingMs = RETURN;
      }
      waiter?.resolve(told);
      this.#waiters.delete(note.nonce);
    }
  }

  /** What a note says after those before it. The same when it is noted twice in a row. */
  #told(note: object): Told {
    return { count: this.#noteBegun(note), known: this.#noteTogether(note) };
  }

  /** @returns by how many processes in a row its delivery was begun */
  #noteBegun(note: object): number {
    if (!('delivery' in note) || typeof note.delivery !== 'string') return 0;
    const by = 'by' in note && typeof note.by === 'string' ? note.by : undefined;
    const before = this.#counts.get(note.delivery);
    // A process that begins it again lives: it has lost its connection, or its partition.
    const again = before !== undefined && by !== undefined && before.by === by;
    const count = (before?.count ?? 0) + (again ? 0 : 1);
    keep(this.#counts, note.delivery, { count, by });
    return count;
  }

  /** @returns those that another process has begun before */
  #noteTogether(note: object): ReadonlySet<string> {
    const known = new Set<string>();
    if (!('together' in note) || !Array.isArray(note.together) || !('by' in note) || typeof note.by !== 'string')
      return known;
    for (const identity of note.together.filter((each) => typeof each === 'string')) {
      const last = this.#together.get(identity);
      if (this.#counts.has(identity) || (last !== undefined && last !== note.by)) known.add(identity);
      keep(this.#together, identity, note.by);
    }
    return known;
  }
}

/** As the youngest; without the oldest when there are too many. */
function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= REMEMBERED) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

/** Every endpoint that takes a batch has a copy of it, under one id, and settles it by itself. */
function copyOf(endpoint: string, parcel: string): string {
  return `${endpoint} ${parcel}`;
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

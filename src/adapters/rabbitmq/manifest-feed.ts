import type { Message } from 'amqplib';
import { toError } from '../../errors.ts';
import { type Clock, pause } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Manifest } from '../../ports/topology.ts';
import type { Unsubscribe } from '../../ports/transport.ts';
import { type Connection, closeChannel } from './connection.ts';
import { decodeRecord, type ManifestRecord, readManifest } from './manifest-record.ts';
import { queueExists } from './stream.ts';

/** How often a bus without a manifest is looked at. @unit milliseconds */
const ABSENT = 500;
const BACKOFF = 1_000;

/** Follows the manifest of a bus: the last one applied, and each one after it. */
export class ManifestFeed {
  readonly #connection: Connection;
  readonly #queue: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listeners = new Set<(manifest: Manifest) => void>();
  readonly #stop = new AbortController();
  readonly #recordListeners = new Set<(record: ManifestRecord) => void>();
  #offset = -1;
  #record: ManifestRecord | undefined;
  #current: Manifest | undefined;

  constructor(connection: Connection, queue: string, clock: Clock, log: Log) {
    this.#connection = connection;
    this.#queue = queue;
    this.#clock = clock;
    this.#log = log;
  }

  /** As far as this process knows; the broker may have a newer one. */
  get current(): Manifest | undefined {
    return this.#current;
  }

  /** All that the last record says; undefined on a bus that is new. */
  get record(): ManifestRecord | undefined {
    return this.#record;
  }

  /** Resolves when `current` is known, and follows from then on. */
  async start(): Promise<void> {
    await this.read();
    void this.#follow();
  }

  /** The last one, from the broker. */
  async read(): Promise<Manifest | undefined> {
    const connection = this.#connection;
    const found = await connection.surely(() => readManifest(connection, this.#queue, this.#clock));
    if (found !== undefined) this.#take(found.offset, found.record);
    return this.#current;
  }

  onManifest(listener: (manifest: Manifest) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `listener` for each record from now on, before `onManifest`: also while an apply is under way. */
  onRecord(listener: (record: ManifestRecord) => void): Unsubscribe {
    this.#recordListeners.add(listener);
    return () => this.#recordListeners.delete(listener);
  }

  stop(): void {
    this.#stop.abort();
    this.#listeners.clear();
    this.#recordListeners.clear();
  }

  #take(offset: number, record: ManifestRecord): void {
    if (offset <= this.#offset) return;
    this.#offset = offset;
    this.#record = record;
    const manifest = record.applied;
    for (const listener of [...this.#recordListeners]) listener(record);
    // A record of an apply that has begun repeats what was applied before it.
    if (manifest === undefined || isSame(manifest, this.#current)) return;
    this.#current = manifest;
    for (const listener of [...this.#listeners]) listener(manifest);
  }

  async #follow(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      let wait = BACKOFF;
      try {
        if (await queueExists(this.#connection, this.#queue)) await this.#subscribe();
        else wait = ABSENT;
      } catch (error) {
        if (this.#connection.closed) return;
        this.#log.debug({ error: toError(error).message }, 'the manifest cannot be followed for the moment');
      }
      await pause(this.#clock, wait, this.#stop.signal);
    }
  }

  /** Resolves when the subscription has ended, for whatever reason. */
  async #subscribe(): Promise<void> {
    const channel = await this.#connection.channel();
    const ended = new Promise<void>((resolve) => channel.once('close', resolve));
    let cancelled: (() => void) | undefined;
    const gone = new Promise<void>((resolve) => {
      cancelled = resolve;
    });
    await channel.prefetch(10);
    await channel.consume(
      this.#queue,
      (message) => {
        if (message === null) {
          cancelled?.();
          return;
        }
        this.#receive(message);
        channel.ack(message);
      },
      { arguments: { 'x-stream-offset': 'last' } },
    );
    await Promise.race([ended, gone.then(() => closeChannel(channel))]);
  }

  #receive(message: Message): void {
    try {
      const { offset, record } = decodeRecord(message);
      this.#take(offset, record);
    } catch (error) {
      this.#log.error({ error: toError(error).message }, 'a manifest cannot be read');
    }
  }
}

function isSame(one: Manifest, other: Manifest | undefined): boolean {
  if (other?.edition !== one.edition) return false;
  const paused = JSON.stringify(one.paused) === JSON.stringify(other.paused);
  return other.appliedAt === one.appliedAt && other.appliedBy === one.appliedBy && paused;
}

import type { Channel, Message } from 'amqplib';
import { toError } from '../../errors.ts';
import { type Clock, pause } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { type Connection, leaveChannel } from './connection.ts';
import { isRefused, offsetOf } from './stream.ts';

export interface JournalReaderOptions {
  readonly connection: Connection;
  readonly queue: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes the next note of the stream. */
  readonly take: (note: object) => void;
  /** What follows are the notes from the beginning of the stream, be they taken before or not. */
  readonly restarted: () => void;
  /** The connection is closed for good. */
  readonly ended: (error: Error) => void;
}

/** From a reading that failed or ended to the next. @unit milliseconds */
const RETRY = 500;

/** How far the notes were taken: the last of them. */
interface Place {
  readonly offset: number;
  readonly content: Buffer;
}

/** What a message that a reading is given is to it. */
type Found = 'next' | 'known' | 'foreign';

/** Why a reading is over. */
type End = 'closed' | 'foreign' | 'forsaken' | 'stopped';

/** One time that the stream is read, on a channel. */
class Reading {
  readonly channel: Channel;
  /** Where it goes on; without it, from the beginning. It is to be given that note first. */
  readonly from: Place | undefined;
  /** It is given what follows the notes that were taken. */
  begun = false;

  constructor(channel: Channel, from: Place | undefined) {
    this.channel = channel;
    this.from = from;
  }

  classify(message: Message, offset: number): Found {
    if (this.from === undefined || this.begun) return 'next';
    // A broker gives whole chunks, or from the offset on.
    if (offset < this.from.offset) return 'known';
    return offset === this.from.offset && message.content.equals(this.from.content) ? 'known' : 'foreign';
  }
}

/**
 * Reads the journal's stream from its beginning, and on, without end. After a loss it goes on where it was, if the note there is still
 * the one that it knows: else the stream is another, or lost its end, and is read from the beginning again. So is it when it was given
 * up, since what a broker leaves out may be before that place.
 */
export class JournalReader {
  readonly #options: JournalReaderOptions;
  readonly #stop = new AbortController();
  /** What comes on an earlier channel is not taken again. */
  #reading: Reading | undefined;
  #place: Place | undefined;
  /** Ends the reading, once. */
  #end: ((how: End) => void) | undefined;
  #follows = false;
  /** When the reading began, or a note came last, by `clock.elapsed()`. */
  readAt = 0;
  /** When a note came last, be it one that was taken before, by `clock.elapsed()`. */
  notedAt = Number.NEGATIVE_INFINITY;
  /** When a note came that is farther in the stream than any before, by `clock.elapsed()`: one that is read anew is nothing new. */
  newestAt = Number.NEGATIVE_INFINITY;
  #newest = -1;

  constructor(options: JournalReaderOptions) {
    this.#options = options;
  }

  /** Begins to read, if it does not yet. */
  start(): void {
    if (this.#follows) return;
    this.#follows = true;
    void this.#follow();
  }

  stop(): void {
    this.#stop.abort();
    this.#end?.('stopped');
  }

  /** Has the stream read from its beginning, on another channel. @returns whether it is read at the moment */
  forsake(): boolean {
    const end = this.#end;
    this.#end = undefined;
    end?.('forsaken');
    return end !== undefined;
  }

  async #follow(): Promise<void> {
    const { connection, queue, clock, log, ended } = this.#options;
    while (!this.#stopped()) {
      try {
        const channel = await connection.channel();
        if (this.#stopped()) return;
        const how = await this.#read(channel);
        if (how === 'forsaken' || how === 'foreign') {
          this.#leave(channel);
          continue;
        }
      } catch (error) {
        if (connection.closed) {
          ended(toError(error));
          return;
        }
        // Whoever waits goes without after a while.
        log.debug({ queue, error: toError(error).message }, 'the journal cannot be read for the moment');
      }
      await pause(clock, RETRY, this.#stop.signal);
    }
  }

  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Nobody waits for the end of a channel that a broker may have forgotten. */
  #leave(channel: Channel): void {
    const { clock, log, queue } = this.#options;
    leaveChannel(channel, clock).catch((error: unknown) => {
      log.debug({ queue, error: toError(error).message }, 'a channel that is not read any more was not closed');
    });
  }

  /** Resolves when nothing more is to be read on the channel. */
  async #read(channel: Channel): Promise<End> {
    const { queue, clock, log } = this.#options;
    const reading = new Reading(channel, this.#place);
    this.#reading = reading;
    this.readAt = clock.elapsed();
    const over = new Promise<End>((resolve) => {
      this.#end = resolve;
      channel.once('close', () => {
        resolve('closed');
      });
    });
    try {
      const how = await Promise.race([over, this.#attach(reading).then(() => over)]);
      if (how === 'forsaken') {
        log.warn({ queue }, 'RabbitMQ does not give back what it confirmed: the stream is read anew');
      } else if (how === 'foreign') {
        log.info({ queue }, 'the journal is not the one that was read before: it is read from its beginning');
        this.#newest = -1;
      }
      if (how === 'forsaken' || how === 'foreign') this.#place = undefined;
      return how;
    } catch (error) {
      // It may be refused for the place.
      if (isRefused(toError(error))) this.#place = undefined;
      throw error;
    } finally {
      this.#reading = this.#end = undefined;
    }
  }

  async #attach(reading: Reading): Promise<void> {
    const { channel, from } = reading;
    await channel.prefetch(1_000);
    const receive = (message: Message | null): void => {
      if (message === null) this.#leave(channel);
      else if (this.#reading === reading && !this.#receive(reading, message)) {
        this.#reading = undefined;
        this.#end?.('foreign');
      }
    };
    await channel.consume(this.#options.queue, receive, {
      arguments: { 'x-stream-offset': from?.offset ?? 'first' },
    });
  }

  /** @returns false when the stream is not the one that was read before */
  #receive(reading: Reading, message: Message): boolean {
    this.readAt = this.notedAt = this.#options.clock.elapsed();
    const offset = offsetOf(message) ?? 0;
    const found = reading.classify(message, offset);
    if (found === 'foreign') return false;
    reading.channel.ack(message);
    const { content } = message;
    if (found === 'known') {
      if (offset !== reading.from?.offset) return true;
      reading.begun = true;
      return true;
    }
    if (offset > this.#newest) {
      this.#newest = offset;
      this.newestAt = this.notedAt;
    }
    // Until the first comes, what was known still holds.
    if (!reading.begun) this.#options.restarted();
    reading.begun = true;
    this.#place = { offset, content };
    const note: unknown = JSON.parse(content.toString('utf8'));
    if (typeof note === 'object' && note !== null) this.#options.take(note);
    return true;
  }
}

import type { Channel, Message } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import { inTime, pause } from '../../ports/clock.ts';
import { believed } from './arrival.ts';
import { ChannelWatch } from './channel-watch.ts';
import type { Connection } from './connection.ts';
import { Parcels, type ParcelsOptions } from './parcels.ts';
import { isAbsent } from './stream.ts';

export interface PartitionOptions extends ParcelsOptions {
  readonly connection: Connection;
  /** Called when it has been attached, and when it is so no more. */
  readonly changed?: () => void;
}

const FIRST_BACKOFF = 100;
const LONGEST_BACKOFF = 2_000;
const TIMEOUT_FIX =
  'Raise consumer_timeout in rabbitmq.conf (milliseconds, the same on all nodes) above `hold` and the longest handler, or lower `hold` and `timeout`.';
/** Whoever closes does not wait longer for a broker that takes nothing. @unit milliseconds */
const MARK_DEADLINE = 5_000;
/** For the same of what was lost, for which nobody waits. @unit milliseconds */
const LOSS_DEADLINE = 60_000;
/** Whoever closes does not wait longer for a broker that does not answer. @unit milliseconds */
const CLOSE_DEADLINE = 10_000;

/** A channel that consumes, and what it brought. */
interface Line {
  readonly channel: Channel;
  readonly parcels: Parcels;
}

/**
 * One queue on one channel, attached again after each loss: of the connection, of the channel, of the queue.
 *
 * It never cancels: a single-active consumer that cancelled would see later messages handed to the next one while it still
 * holds earlier ones. It closes its channel instead, which returns all that is unsettled first, in order.
 */
export class Partition {
  readonly #options: PartitionOptions;
  readonly #stop = new AbortController();
  readonly #watch: ChannelWatch;
  #line: Line | undefined;
  /** Resolves when every channel that was given up is closed. */
  #parted: Promise<unknown> = Promise.resolve();
  /** Of `start`, until the first attempt that succeeds. */
  #first: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #paused = false;
  #away: string | undefined = 'it has not been attached yet';
  /** It was attached before. */
  #lost = false;

  constructor(options: PartitionOptions) {
    this.#options = options;
    this.#watch = new ChannelWatch({
      clock: options.clock,
      log: options.log,
      queue: options.queue,
      idle: () => this.#line?.parcels.idle ?? true,
      useless: (channel, reason) => {
        options.log.warn({ queue: options.queue, error: reason }, 'a consuming channel is given up');
        this.#away = reason;
        this.#lose();
        this.#part(channel);
      },
    });
  }

  /** Deliveries that were handed over and are not settled. */
  get inHand(): number {
    return this.#line?.parcels.inHand ?? 0;
  }

  /** Messages that are here and were not handed over, a batch as its members once it was opened. */
  get buffered(): number {
    return this.#line?.parcels.buffered ?? 0;
  }

  /** `time` of the first message that is here, not settled, and can be read. */
  get oldest(): string | undefined {
    return this.#line?.parcels.oldest;
  }

  /** Why it is not attached at the moment; undefined while it is. */
  get away(): string | undefined {
    return this.#away;
  }

  get partition(): number {
    return this.#options.partition;
  }

  /** Attaches as soon as it can, however long there is no such queue. */
  attend(): void {
    void this.#supervise();
  }

  /** Resolves when it is attached for the first time; rejects when there is no such queue. */
  async start(): Promise<void> {
    const attached = new Promise<void>((resolve, reject) => {
      this.#first = { resolve, reject };
    });
    void this.#supervise();
    await attached;
  }

  /** Hands over no more; what is prefetched stays here until `close`. */
  stop(): void {
    this.#paused = true;
    this.#line?.parcels.pause();
  }

  /**
   * Gives the queue up for another consumer: hands over no more, lets what is in hand end, and closes.
   * @param timeoutMs what has not ended by then comes again, with the other consumer @unit milliseconds
   */
  async leave(timeoutMs: number): Promise<void> {
    this.stop();
    if (this.#line !== undefined) await inTime(this.#options.clock, timeoutMs, this.#line.parcels.emptied());
    await this.close();
  }

  async close(): Promise<void> {
    this.stop();
    if (this.#stopped()) return;
    const parcels = this.#line?.parcels;
    if (parcels !== undefined) {
      // Without this round trip the broker loses acknowledgements that are on their way when the channel closes.
      const taken = await inTime(
        this.#options.clock,
        CLOSE_DEADLINE,
        parcels.acknowledged().then(() => true),
      );
      // A batch of which some members are settled comes again as a whole: the next one learns which to leave out.
      if (taken === true) await parcels.markParts(MARK_DEADLINE);
      else await parcels.markLost(MARK_DEADLINE);
    }
    this.#stop.abort();
    const channel = this.#line?.channel;
    this.#release();
    if (channel !== undefined) this.#part(channel);
    await this.#parted;
  }

  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #supervise(): Promise<void> {
    const { clock, connection, log, queue } = this.#options;
    let failures = 0;
    while (!this.#stopped()) {
      const line = this.#line;
      if (line === undefined) {
        try {
          await this.#parted;
          await this.#attach();
          if (this.#stopped()) break;
          failures = 0;
          this.#attached();
          this.#first?.resolve();
          this.#first = undefined;
        } catch (error) {
          if (this.#first !== undefined && (connection.closed || isAbsent(toError(error)))) {
            this.#first.reject(toError(error));
            return;
          }
          if (connection.closed) return;
          failures += 1;
          const reason = toError(error).message;
          // The same reason, again and again, is said once.
          if (reason !== this.#away) log.warn({ queue, error: reason }, 'cannot consume for the moment');
          this.#away = reason;
          await pause(clock, Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** failures), this.#stop.signal);
        }
        continue;
      }
      await line.parcels.lease.ended();
      await pause(clock, FIRST_BACKOFF, this.#stop.signal);
    }
    this.#first?.reject(new WaybillError('WB_CLOSED', `the consumer of ${queue} was closed before it was attached`));
  }

  #attached(): void {
    const { log, queue, changed } = this.#options;
    if (this.#line === undefined) return;
    if (this.#lost) log.info({ queue }, 'consuming again');
    this.#lost = false;
    this.#away = undefined;
    changed?.();
  }

  #say(queue: string, reason: string): void {
    const { log } = this.#options;
    this.#away = reason;
    if (/timed out/.test(reason) && /PRECONDITION_FAILED/.test(reason)) {
      log.warn(
        { queue, error: reason, fix: TIMEOUT_FIX },
        'RabbitMQ took back what was not settled in time: it comes again',
      );
    } else log.warn({ queue, error: reason }, 'RabbitMQ closed a consuming channel');
  }

  async #attach(): Promise<void> {
    const { connection, queue, prefetch, log } = this.#options;
    const channel = await connection.channel();
    if (this.#stopped()) {
      this.#part(channel);
      return;
    }
    const parcels = new Parcels(this.#options, channel, this.#watch);
    const lost = (): void => {
      if (this.#line?.channel === channel) this.#lose();
    };
    channel.once('close', lost);
    channel.on('error', (error) => {
      this.#say(queue, error.message);
    });
    const receive = (message: Message | null): void => {
      if (message !== null) parcels.arrive(believed(message));
      else {
        // The broker cancelled: the queue was deleted, or its node is going. The channel is of no more use.
        this.#away = 'RabbitMQ cancelled the consumer: the queue was deleted, or its node is going';
        log.warn({ queue }, 'RabbitMQ cancelled a consumer');
        lost();
        this.#part(channel);
      }
    };
    if (this.#paused) parcels.pause();
    this.#line = { channel, parcels };
    this.#watch.begin(channel);
    try {
      await this.#watch.insist(channel.prefetch(prefetch).then(() => channel.consume(queue, receive)));
    } catch (error) {
      lost();
      this.#part(channel);
      throw error;
    }
  }

  /** What came on the channel goes to nobody else before it is closed. */
  #part(channel: Channel): void {
    this.#parted = Promise.all([this.#parted, this.#options.connection.abandon(channel)]);
  }

  /** The channel is gone, or given up: what came on it and is not settled comes again. */
  #lose(): void {
    void this.#line?.parcels.markLost(LOSS_DEADLINE);
    this.#line?.parcels.excuse();
    this.#release();
  }

  /** Nothing that came can be settled any more. */
  #release(): void {
    const line = this.#line;
    if (line === undefined) return;
    this.#line = undefined;
    this.#watch.end();
    this.#lost = true;
    this.#away ??= 'its channel is lost';
    line.parcels.end();
    this.#options.changed?.();
  }
}

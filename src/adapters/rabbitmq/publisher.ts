import { randomUUID } from 'node:crypto';
import type { ConfirmChannel, Message } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import { type Clock, pause } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { type Connection, leaveChannel } from './connection.ts';
import { Deadlines } from './deadlines.ts';
import { encodeBatch, encodeSingle, type Wire } from './encode.ts';
import { SENT, SentIds } from './identity.ts';
import { type Batch, type Item, Lanes } from './lanes.ts';
import { Pace } from './pace.ts';
import { Patience } from './patience.ts';
import { channelError, closed, isClosedChannel, parkingFull, unwritable } from './publish-faults.ts';
import { type Posting, Sending, type SendingOptions } from './sending.ts';

export interface PublisherOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly log: Log;
  /** Most messages that may be unconfirmed at a time. */
  readonly confirmWindow: number;
  /** Most bytes that may wait. @default 256 MiB */
  readonly waitingBytes?: number;
  /** Most messages of a batch; 1 sends singles only. */
  readonly batchCount: number;
  /** Whether a refusal by the broker can only mean that the parking lot is full. */
  readonly isParking: (exchange: string, routingKey: string) => boolean;
  /** Whether it takes answers: one that is refused is dropped, since whoever asked is gone and the lot for such is full. */
  readonly isReply: (exchange: string) => boolean;
}

/** Unconfirmed bytes at most: what the process holds when the broker is slow. */
const WINDOW_BYTES = 16 * 1_048_576;
/** Bytes that wait or are unconfirmed at most: whoever publishes on without waiting for promises is told so. */
const WAITING_BYTES = 256 * 1_048_576;
/** A batch is closed at this size, so that a consumer's prefetch, which counts batches, stays small. @unit bytes */
const BATCH_BYTES = 130_000;
const FIRST_BACKOFF = 100;
const LONGEST_BACKOFF = 2_000;
/** How long `close` waits for confirms of a broker that takes messages. @unit milliseconds */
const CLOSE_GRACE = 10_000;

/**
 * Publishes with confirms, in order for each exchange and key, in a bounded window.
 *
 * | the broker                  | then                                                                     |
 * |-----------------------------|--------------------------------------------------------------------------|
 * | confirms                    | done; the next of the key may leave                                      |
 * | refuses, or returns it      | held with its key, published again, until confirmed or the deadline      |
 * | refuses, nothing takes it   | WB_PARKING_FULL                                                          |
 * | refuses or returns an answer | dropped, and said so: it must not hold up the request that it answers   |
 * | loses the connection        | what is unconfirmed is published again before newer ones of the key      |
 * | confirms nothing for 6 s    | as if it had lost the connection, on another channel: see {@link Patience} |
 * | does not know the exchange  | WB_PLAN_NOT_APPLIED                                                      |
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #lanes: Lanes;
  readonly #sendings: Deadlines<Sending>;
  readonly #underWay = new Set<Batch>();
  readonly #returned = new Set<string>();
  readonly #stop = new AbortController();
  readonly #ids = new SentIds(randomUUID().slice(0, 8));
  #channel: ConfirmChannel | undefined;
  #pace = new Pace();
  readonly #patience: Patience;
  /** Gives up the channel. */
  #forsake: ((turn: number) => void) | undefined;
  #messages = 0;
  #bytes = 0;
  #pumping = false;
  #closing = false;
  #lastRefusal: string | undefined;
  readonly #idle: (() => void)[] = [];
  /** Of all that is not confirmed, on its way or not. */
  #waitingBytes = 0;
  /** AMQP messages and messages that were confirmed, and AMQP messages that were refused or returned. */
  readonly sent = { parcels: 0, messages: 0, refused: 0 };

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#lanes = new Lanes({ count: options.batchCount, bytes: BATCH_BYTES });
    this.#sendings = new Deadlines(options.clock, (sending) => {
      this.#abandon(sending, this.#late(sending));
    });
    this.#patience = new Patience({
      clock: options.clock,
      underWay: this.#underWay,
      suspended: () => this.#channel === undefined || options.connection.blocked !== undefined,
      exhausted: (turn) => this.#forsake?.(turn),
    });
    void this.#run();
  }

  /** Messages on their way that are not confirmed yet. */
  get unconfirmed(): number {
    return this.#messages;
  }

  /**
   * Resolves when all are confirmed.
   * @param deadlineMs Infinity waits as long as it takes
   * @throws WB_DEADLINE, WB_CLOSED, WB_PARKING_FULL, WB_PLAN_NOT_APPLIED, WB_PUBLISHER_FULL (only with a deadline: what waits
   *   as long as it takes is bounded by the deliveries that it settles)
   */
  send(postings: readonly Posting[], deadlineMs: number, options: SendingOptions = {}): Promise<void> {
    if (this.#closing) return Promise.reject(closed());
    if (postings.length === 0) {
      options.durable?.();
      return Promise.resolve();
    }
    if (this.#waitingBytes > (this.#options.waitingBytes ?? WAITING_BYTES) && Number.isFinite(deadlineMs)) {
      return Promise.reject(this.#full());
    }
    return new Promise((resolve, reject) => {
      const deadline = this.#options.clock.elapsed() + deadlineMs;
      const { sequence, durable } = options;
      const waiter = { resolve, reject };
      const parts = { deadline, deadlineMs, sequence, durable, waiter, finished: this.#finished };
      const sending = new Sending(postings, parts);
      this.#waitingBytes += sending.bytes;
      for (const item of sending.items) this.#lanes.add(item);
      this.#sendings.add(sending);
      this.#pump();
    });
  }

  /** An item is confirmed, or failed for good. One for all items: a closure for each costs whoever publishes many. */
  readonly #finished = (sending: Sending, error: Error | undefined): void => {
    if (error !== undefined) {
      this.#abandon(sending, error);
      return;
    }
    sending.left -= 1;
    if (sending.left > 0) return;
    this.#forget(sending);
    sending.succeed();
    this.#checkIdle();
  };

  /** Waits for what is under way, as long as the broker takes it; the rest fails by name. The connection is closed after it. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const { connection, clock } = this.#options;
    if (this.#sendings.size > 0 && connection.connected && connection.blocked === undefined) {
      const late = new AbortController();
      await Promise.race([
        new Promise<void>((resolve) => this.#idle.push(resolve)),
        pause(clock, CLOSE_GRACE, late.signal),
      ]);
      late.abort();
    }
    for (const sending of this.#sendings.drain()) this.#abandon(sending, closed());
    this.#waitingBytes = 0;
    this.#stop.abort();
    this.#patience.stop();
    this.#channel = undefined;
  }

  /** Gathers what is sent in one turn of the event loop, so that it can share batches. A tick runs after all promise jobs. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    process.nextTick(() => {
      this.#pumping = false;
      while (
        this.#channel !== undefined &&
        this.#messages < this.#options.confirmWindow &&
        this.#bytes < WINDOW_BYTES &&
        (this.#options.batchCount === 1 || this.#underWay.size < this.#pace.limit)
      ) {
        const batch = this.#lanes.next();
        if (batch === undefined) return;
        this.#underWay.add(batch);
        this.#messages += batch.items.length;
        this.#bytes += batch.bytes;
        this.#publish(batch, this.#channel);
      }
    });
  }

  #publish(batch: Batch, channel: ConfirmChannel): void {
    const items = batch.items.some(({ cancelled }) => cancelled)
      ? batch.items.filter(({ cancelled }) => !cancelled)
      : batch.items;
    const first = items[0];
    if (first === undefined) {
      this.#over(batch, undefined);
      return;
    }
    const { clock } = this.#options;
    const id = this.#ids.next(clock.now());
    const began = clock.elapsed();
    const underWay = this.#underWay.size;
    let wire: Wire;
    try {
      wire = encode(items, id);
      const properties = { ...wire.properties, headers: { ...headersOf(wire), [SENT]: id } };
      channel.publish(
        first.exchange,
        first.routingKey,
        wire.body,
        { ...properties, deliveryMode: 2, mandatory: true },
        (error: unknown) => {
          // Of a channel that was given up nothing counts: what it returned is forgotten.
          if (this.#channel !== channel) return;
          this.#pace.confirmed(clock.elapsed() - began, underWay);
          this.#answered(batch, id, channel, error);
        },
      );
      this.#patience.sent(batch);
    } catch (error) {
      // Only what cannot be written on the wire throws here, or a channel that has just closed.
      if (this.#channel === channel && !isClosedChannel(error)) this.#over(batch, unwritable(error));
    }
  }

  #answered(batch: Batch, id: string, channel: ConfirmChannel, error: unknown): void {
    if (!this.#underWay.has(batch)) return;
    const confirmed = error === null || error === undefined;
    // Otherwise the channel has closed.
    if (!confirmed && toError(error).message !== 'message nacked') return;
    if (confirmed) {
      this.#patience.confirmed(batch);
      if (!this.#returned.delete(id)) {
        this.sent.parcels += 1;
        this.sent.messages += batch.items.length;
        this.#over(batch, undefined);
        return;
      }
      this.#lastRefusal = 'no queue takes it: the topology is broken';
    } else this.#lastRefusal = 'the broker refused it';
    this.sent.refused += 1;
    const [first] = batch.items;
    if (first !== undefined && this.#options.isReply(first.exchange)) {
      this.#options.log.warn(
        { to: first.routingKey, why: this.#lastRefusal },
        'an answer is dropped: who asked is gone, and the parking lot does not take it',
      );
      this.#patience.confirmed(batch);
      this.#over(batch, undefined);
      return;
    }
    if (first !== undefined && !confirmed && this.#options.isParking(first.exchange, first.routingKey)) {
      this.#patience.confirmed(batch);
      this.#over(batch, parkingFull(first.routingKey));
      return;
    }
    const wait = Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** batch.refusals);
    batch.refusals += 1;
    this.#options.clock.timer(wait, () => {
      if (this.#channel === channel && this.#underWay.has(batch)) this.#publish(batch, channel);
    });
  }

  #over(batch: Batch, error: Error | undefined): void {
    this.#underWay.delete(batch);
    this.#messages -= batch.items.length;
    this.#bytes -= batch.bytes;
    for (const item of batch.items) if (!item.cancelled) item.finish(error);
    this.#lanes.release(batch);
    this.#pump();
  }

  #abandon(sending: Sending, error: Error): void {
    const { sequence } = sending;
    const order = sequence === undefined ? [sending] : [...sequence];
    for (const each of order.slice(order.indexOf(sending))) {
      this.#forget(each);
      each.fail(error);
    }
    this.#checkIdle();
  }

  #forget(sending: Sending): void {
    this.#sendings.remove(sending);
    this.#waitingBytes -= sending.bytes;
  }

  #full(): WaybillError {
    const mib = String(Math.round(this.#waitingBytes / 1_048_576));
    const { blocked, connected } = this.#options.connection;
    const why =
      blocked === undefined
        ? connected
          ? ''
          : ', and there is no connection'
        : `, and RabbitMQ takes none (${blocked})`;
    return new WaybillError('WB_PUBLISHER_FULL', `${mib} MiB of messages wait to be published${why}`, {
      retryable: true,
      fix: 'Await what `publish` returns before publishing many more.',
    });
  }

  #checkIdle(): void {
    if (this.#sendings.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #late(sending: Sending): WaybillError {
    const { connection } = this.#options;
    const why =
      connection.blocked === undefined
        ? (connection.error ?? this.#lastRefusal ?? 'the broker did not confirm')
        : `the broker takes no messages (${connection.blocked})`;
    const broken = this.#lastRefusal?.startsWith('no queue') === true && connection.connected;
    return new WaybillError(
      'WB_DEADLINE',
      `${String(sending.left)} of ${String(sending.items.length)} messages were not durable within ${String(sending.deadlineMs)} ms: ${why}`,
      { retryable: true, ...(broken ? { fix: 'Run `waybill apply`.' } : {}) },
    );
  }

  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Keeps a channel open until closed, and publishes again what the last one left unconfirmed. */
  async #run(): Promise<void> {
    const { connection, clock, log } = this.#options;
    let failures = 0;
    while (!this.#stopped()) {
      try {
        const channel = await connection.confirmChannel();
        if (this.#stopped()) return;
        let cause: Error | undefined;
        const ended = new Promise<void>((resolve) => channel.once('close', resolve));
        const forsaken = new Promise<number>((resolve) => {
          this.#forsake = resolve;
        });
        channel.on('error', (error) => {
          cause = error;
        });
        channel.on('return', (message) => {
          this.#noteReturn(message);
        });
        this.#channel = channel;
        this.#returned.clear();
        this.#pace = new Pace();
        const again = [...this.#underWay];
        for (const batch of again) this.#publish(batch, channel);
        this.#pump();
        const turn = await Promise.race([ended, forsaken]);
        this.#forsake = undefined;
        this.#channel = undefined;
        this.#patience.renew(turn === undefined);
        if (turn !== undefined) {
          await this.#leave(channel, turn);
          continue;
        }
        if (cause === undefined) failures = 0;
        else if (!this.#stopped()) this.#failed(cause);
      } catch (error) {
        if (connection.closed) return;
        log.warn({ error: toError(error).message }, 'no channel to publish on');
      }
      if (connection.connected) {
        failures += 1;
        await pause(clock, Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** failures), this.#stop.signal);
      }
    }
  }

  /** Closes a channel on which nothing is confirmed; the closing may not be answered either. */
  async #leave(channel: ConfirmChannel, turn: number): Promise<void> {
    const { clock, log } = this.#options;
    const unconfirmed = this.#underWay.size;
    log[turn === 1 ? 'warn' : 'debug'](
      { unconfirmed },
      'RabbitMQ does not confirm: published again on another channel',
    );
    await leaveChannel(channel, clock);
  }

  /** The broker closed the channel for a reason: what gave it fails by name, so that it does not close the next one too. */
  #failed(cause: Error): void {
    const exchange = /(?:no|access to|' in) exchange '([^']+)'/.exec(cause.message)?.[1];
    const topic = /access to topic '([^']+)'/.exec(cause.message)?.[1];
    this.#options.log.error({ error: cause.message }, 'RabbitMQ closed the publishing channel');
    for (const batch of [...this.#underWay]) {
      const [first] = batch.items;
      if (exchange !== undefined && first?.exchange !== exchange) continue;
      if (topic !== undefined && first?.routingKey !== topic) continue;
      this.#over(batch, channelError(cause, exchange));
    }
  }

  #noteReturn(message: Message): void {
    const id: unknown = message.properties.headers?.[SENT];
    if (typeof id === 'string') this.#returned.add(id);
    this.#options.log.error(
      { exchange: message.fields.exchange, routingKey: message.fields.routingKey },
      'RabbitMQ returned a message: no queue takes it, the topology is broken; run `waybill apply`',
    );
  }
}

function encode(items: readonly Item[], id: string): Wire {
  const [first] = items;
  if (first?.content.kind === 'raw') return first.content.wire;
  if (first?.content.kind === 'single') return encodeSingle(first.content.message, first.content.extras);
  if (first !== undefined && items.length === 1) return encodeSingle(first.content.message);
  return encodeBatch(
    items.flatMap(({ content }) => (content.kind === 'batchable' ? content.message : [])),
    id,
  );
}

function headersOf(wire: Wire): Readonly<Record<string, unknown>> {
  const headers: unknown = wire.properties.headers;
  return typeof headers === 'object' && headers !== null ? { ...headers } : {};
}

import type { Channel, Message } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import { type Clock, inTime, pause } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { believed, decodeBelieved } from './arrival.ts';
import { ChannelWatch } from './channel-watch.ts';
import type { Connection } from './connection.ts';
import { isUndecodable, type Undecodable } from './decode.ts';
import { ChannelLease, type Holder, type Parcel, RabbitDelivery } from './delivery.ts';
import { BATCH_TYPE } from './encode.ts';
import { parcelId } from './identity.ts';
import type { Journal } from './journal.ts';
import { isAbsent } from './stream.ts';

export interface PartitionOptions {
  readonly connection: Connection;
  readonly queue: string;
  readonly endpoint: string;
  readonly partition: number;
  /** AMQP messages, each of which may be a batch. The same for all consumers of an ordered queue, for ever. */
  readonly prefetch: number;
  /** Deliveries that may be unsettled at a time. */
  readonly window: number;
  readonly receive: (deliveries: readonly RabbitDelivery[]) => void;
  /** Keeps what cannot be read as a dead letter; then it is settled. */
  readonly bury: (found: Undecodable, amqp: Message) => Promise<void>;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when it has been attached, and when it is so no more. */
  readonly changed?: () => void;
}

const FIRST_BACKOFF = 100;
const LONGEST_BACKOFF = 2_000;
const TIMEOUT_FIX =
  'Raise consumer_timeout in rabbitmq.conf (milliseconds, the same on all nodes) above `hold` and the longest handler, or lower `hold` and `timeout`.';
/** From one round trip for acknowledgements to the next: each costs the broker as much as a message. @unit milliseconds */
const BARRIER_GAP = 10;
/** Whoever closes does not wait longer for a broker that takes nothing. @unit milliseconds */
const MARK_DEADLINE = 5_000;
/** Nor for one that does not answer. @unit milliseconds */
const CLOSE_DEADLINE = 10_000;

/**
 * One queue on one channel, attached again after each loss: of the connection, of the channel, of the queue.
 *
 * It never cancels: a single-active consumer that cancelled would see later messages handed to the next one while it still
 * holds earlier ones. It closes its channel instead, which returns all that is unsettled first, in order.
 */
export class Partition implements Holder {
  readonly #options: PartitionOptions;
  readonly #stop = new AbortController();
  readonly #watch: ChannelWatch;
  #channel: Channel | undefined;
  /** Resolves when every channel that was given up is closed. */
  #parted: Promise<unknown> = Promise.resolve();
  /** Of `start`, until the first attempt that succeeds. */
  #first: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #lease: ChannelLease;
  /** By delivery tag, so in order of delivery. */
  #parcels = new Map<number, Parcel>();
  /** Parcels that no one has been handed anything of. */
  #unopened: Parcel[] = [];
  #unopenedHead = 0;
  /** Of the parcel that is being handed out. */
  #opened: RabbitDelivery[] = [];
  #finished: Parcel[] = [];
  #handed = 0;
  #paused = false;
  #pumping = false;
  #flushing = false;
  #learning = false;
  #away: string | undefined = 'it has not been attached yet';
  /** It was attached before. */
  #lost = false;
  /** Called when nothing is in hand any more. */
  #emptied: (() => void) | undefined;
  #barrier: Promise<void> | undefined;
  #nextBarrier: Promise<void> | undefined;

  constructor(options: PartitionOptions) {
    this.#options = options;
    this.#lease = new ChannelLease(options.endpoint, options.partition, this);
    this.#lease.revoke();
    this.#watch = new ChannelWatch({
      clock: options.clock,
      log: options.log,
      queue: options.queue,
      idle: () => this.#parcels.size === 0,
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
    return this.#handed;
  }

  /** Messages that are here and were not handed over, a batch as its members once it was opened. */
  get buffered(): number {
    return this.#opened.length + this.#unopened.length - this.#unopenedHead;
  }

  /** `time` of the first message that is here, not settled, and can be read. A queue hands out its head first, so nothing older waits. */
  get oldest(): string | undefined {
    for (const parcel of this.#parcels.values()) {
      if (parcel.open === 0) continue;
      const members = parcel.members ?? decodeBelieved(parcel.amqp, () => this.#options.clock.now());
      for (const [index, member] of members.entries()) {
        if (parcel.settled?.has(index) !== true && !isUndecodable(member)) return member.envelope.time;
      }
    }
    return undefined;
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

  finish(deliveries: readonly RabbitDelivery[]): void {
    for (const delivery of deliveries) {
      if (delivery.lease !== this.#lease || this.#lease.revoked) continue;
      this.#handed -= 1;
      delivery.parcel.settled?.add(delivery.index);
      this.#countDown(delivery.parcel);
    }
    if (this.#handed === 0) this.#emptied?.();
    this.#pump();
  }

  acknowledged(): Promise<void> {
    // One round trip is under way at a time; whoever comes meanwhile shares the next.
    if (this.#barrier === undefined) {
      this.#barrier = this.#roundTrip().finally(() => {
        this.#barrier = undefined;
      });
      return this.#barrier;
    }
    this.#nextBarrier ??= Promise.all([this.#barrier, pause(this.#options.clock, BARRIER_GAP)]).then(() => {
      this.#nextBarrier = undefined;
      return this.acknowledged();
    });
    return this.#nextBarrier;
  }

  /** Hands over no more; what is prefetched stays here until `close`. */
  stop(): void {
    this.#paused = true;
  }

  /**
   * Gives the queue up for another consumer: hands over no more, lets what is in hand end, and closes.
   * @param timeoutMs what has not ended by then comes again, with the other consumer @unit milliseconds
   */
  async leave(timeoutMs: number): Promise<void> {
    this.#paused = true;
    const enough = new AbortController();
    const emptied = new Promise<void>((resolve) => {
      this.#emptied = resolve;
    });
    const given = AbortSignal.any([enough.signal, this.#lease.signal, this.#stop.signal]);
    if (this.#handed > 0) await Promise.race([emptied, pause(this.#options.clock, timeoutMs, given)]);
    enough.abort();
    await this.close();
  }

  async close(): Promise<void> {
    this.#paused = true;
    if (this.#stopped()) return;
    this.#flush();
    // Without this round trip the broker loses acknowledgements that are on their way when the channel closes.
    await inTime(this.#options.clock, CLOSE_DEADLINE, this.acknowledged());
    // A batch of which some members are settled comes again as a whole: the next one learns which to leave out.
    await this.#mark();
    this.#stop.abort();
    const channel = this.#channel;
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
      if (this.#channel === undefined) {
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
      await new Promise<void>((resolve) => {
        this.#lease.signal.addEventListener(
          'abort',
          () => {
            resolve();
          },
          { once: true },
        );
        if (this.#lease.revoked) resolve();
      });
      await pause(clock, FIRST_BACKOFF, this.#stop.signal);
    }
    this.#first?.reject(new WaybillError('WB_CLOSED', `the consumer of ${queue} was closed before it was attached`));
  }

  #attached(): void {
    const { log, queue, changed } = this.#options;
    if (this.#channel === undefined) return;
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
    const { connection, queue, endpoint, partition, prefetch, log } = this.#options;
    const channel = await connection.channel();
    if (this.#stopped()) {
      this.#part(channel);
      return;
    }
    const lease = new ChannelLease(endpoint, partition, this);
    const lost = (): void => {
      if (this.#lease === lease) this.#lose();
    };
    channel.once('close', lost);
    channel.on('error', (error) => {
      this.#say(queue, error.message);
    });
    const receive = (message: Message | null): void => {
      if (message !== null) this.#arrive(believed(message), lease);
      else {
        // The broker cancelled: the queue was deleted, or its node is going. The channel is of no more use.
        this.#away = 'RabbitMQ cancelled the consumer: the queue was deleted, or its node is going';
        log.warn({ queue }, 'RabbitMQ cancelled a consumer');
        lost();
        this.#part(channel);
      }
    };
    this.#lease = lease;
    this.#channel = channel;
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
    if (this.#lease.revoked) return;
    void this.#mark();
    this.#release();
  }

  #arrive(amqp: Message, lease: ChannelLease): void {
    if (lease !== this.#lease || lease.revoked) return;
    this.#watch.arrived();
    const unknown = amqp.fields.redelivered && amqp.properties.contentType === BATCH_TYPE;
    const parcel: Parcel = { amqp, lease, open: 1, unknown };
    if (unknown) this.#learn();
    this.#parcels.set(amqp.fields.deliveryTag, parcel);
    this.#unopened.push(parcel);
    this.#pump();
  }

  /** Gathers what comes in one turn of the event loop. */
  #pump(): void {
    if (this.#pumping || this.#paused) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      if (this.#paused || this.#lease.revoked) return;
      const deliveries: RabbitDelivery[] = [];
      while (this.#handed < this.#options.window) {
        if (this.#opened.length === 0 && !this.#open()) break;
        const taken = this.#opened.splice(0, this.#options.window - this.#handed);
        this.#handed += taken.length;
        for (const delivery of taken) deliveries.push(delivery);
      }
      if (deliveries.length > 0) this.#options.receive(deliveries);
    });
  }

  /** Opens the next parcel; false when there is none. */
  #open(): boolean {
    const parcel = this.#unopened[this.#unopenedHead];
    if (parcel === undefined) {
      this.#unopened = [];
      this.#unopenedHead = 0;
      return false;
    }
    if (parcel.unknown) return false;
    const { journal, endpoint } = this.#options;
    this.#unopenedHead += 1;
    const members = decodeBelieved(parcel.amqp, () => this.#options.clock.now());
    if (members.length > 1)
      parcel.settled = new Set(
        parcel.amqp.fields.redelivered ? journal.settledOf(endpoint, parcelId(parcel.amqp)) : [],
      );
    parcel.members = members;
    parcel.open = members.length;
    members.forEach((member, index) => {
      if (parcel.settled?.has(index) === true) this.#countDown(parcel);
      else if (isUndecodable(member)) this.#bury(member, index, parcel);
      else this.#opened.push(new RabbitDelivery(member, parcel, index));
    });
    return true;
  }

  #bury(found: Undecodable, index: number, parcel: Parcel): void {
    const { bury, log, queue } = this.#options;
    bury(found, parcel.amqp).then(
      () => {
        if (parcel.lease !== this.#lease || parcel.lease.revoked) return;
        parcel.settled?.add(index);
        this.#countDown(parcel);
      },
      (error: unknown) => {
        // It stays unsettled, and comes again with the next lease.
        log.error(
          { queue, error: toError(error).message },
          'a message that cannot be read could not be kept as a dead letter',
        );
      },
    );
  }

  /** Finds out what was settled of batches that came again, before anything of them is handed over. */
  #learn(): void {
    if (this.#learning) return;
    this.#learning = true;
    const { journal, log, queue } = this.#options;
    queueMicrotask(() => {
      // Those that arrive later may have been noted later.
      const asked = [...this.#parcels.values()];
      journal
        .sync(this.#lease.signal)
        .catch((error: unknown) => {
          // Then they are handed over as a whole: repeats, with the same ids.
          if (!this.#lease.revoked)
            log.warn({ queue, error: toError(error).message }, 'members of a batch may come again');
        })
        .finally(() => {
          this.#learning = false;
          for (const parcel of asked) parcel.unknown = false;
          if (this.#unopened.some(({ unknown }) => unknown)) this.#learn();
          this.#pump();
        });
    });
  }

  /**
   * Of suspect batches it is durable which members have ended before the next one begins: when that one kills the process,
   * those before it do not come again with it.
   */
  async markSuspects(deliveries: readonly RabbitDelivery[]): Promise<void> {
    const parcels = new Set(deliveries.flatMap(({ suspect, parcel }) => (suspect ? [parcel] : [])));
    await this.#mark(parcels, Number.POSITIVE_INFINITY);
  }

  async #mark(parcels: Iterable<Parcel> = this.#parcels.values(), deadlineMs = MARK_DEADLINE): Promise<void> {
    const marks = new Map<string, ReadonlySet<number>>();
    for (const { amqp, settled, open } of parcels) {
      if (open > 0 && settled !== undefined && settled.size > 0) marks.set(parcelId(amqp), settled);
    }
    if (marks.size === 0) return;
    const { journal, endpoint, log, queue } = this.#options;
    try {
      await journal.mark(endpoint, marks, deadlineMs);
    } catch (error) {
      // Then they come again as a whole: repeats, with the same ids.
      log.warn({ queue, error: toError(error).message }, 'settled members of a batch will come again');
    }
  }

  #countDown(parcel: Parcel): void {
    parcel.open -= 1;
    if (parcel.open > 0) return;
    this.#finished.push(parcel);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flush();
    });
  }

  /** Acknowledges what is finished: all up to the first that is not by one frame, the others one by one. */
  #flush(): void {
    this.#flushing = false;
    const finished = this.#finished;
    this.#finished = [];
    const channel = this.#channel;
    if (channel === undefined || this.#lease.revoked) return;
    try {
      let last: Parcel | undefined;
      for (const [tag, parcel] of this.#parcels) {
        if (parcel.open > 0) break;
        this.#parcels.delete(tag);
        last = parcel;
      }
      if (last !== undefined) channel.ack(last.amqp, true);
      for (const parcel of finished) {
        if (this.#parcels.delete(parcel.amqp.fields.deliveryTag)) channel.ack(parcel.amqp);
      }
    } catch (error) {
      // The channel has just closed: its lease is revoked in the same turn, and these come again.
      this.#options.log.debug({ error: toError(error).message }, 'acknowledgements were lost with their channel');
    }
  }

  async #roundTrip(): Promise<void> {
    this.#flush();
    try {
      await this.#watch.ask();
    } catch (error) {
      // The channel is gone, and the lease with it.
      this.#options.log.debug(
        { error: toError(error).message },
        'a channel closed before it had taken acknowledgements',
      );
    }
  }

  /** Gives up the lease: nothing of it can be settled any more. */
  #release(): void {
    const lease = this.#lease;
    this.#watch.end();
    this.#channel = undefined;
    this.#parcels = new Map();
    this.#unopened = [];
    this.#unopenedHead = 0;
    this.#opened = [];
    this.#finished = [];
    this.#handed = 0;
    if (!lease.revoked) {
      this.#lost = true;
      this.#away ??= 'its channel is lost';
    }
    lease.revoke();
    this.#options.changed?.();
  }
}

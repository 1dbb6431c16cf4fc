import type { Channel, Message } from 'amqplib';
import { toError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { decodeBelieved } from './arrival.ts';
import type { ChannelWatch } from './channel-watch.ts';
import { isBatch, isUndecodable, type Undecodable } from './decode.ts';
import { ChannelLease, type Holder, type Parcel, RabbitDelivery, returnsOf } from './delivery.ts';
import { parseAttempts, textHeader } from './extras.ts';
import { parcelId, sentId } from './identity.ts';
import type { Journal } from './journal.ts';
import type { Settled } from './journal-record.ts';
import { RecentAcks } from './recent-acks.ts';
import { RoundTrips } from './round-trips.ts';

export interface ParcelsOptions {
  readonly queue: string;
  readonly endpoint: string;
  readonly partition: number;
  /** AMQP messages, each of which may be a batch. The same for all consumers of an ordered queue, for ever. */
  readonly prefetch: number;
  /** Deliveries that may be unsettled at a time. */
  readonly window: number;
  /** Nobody else is given anything of the queue meanwhile, so a channel brings first what was in hand on the one before. */
  readonly ordered: boolean;
  readonly receive: (deliveries: readonly RabbitDelivery[]) => void;
  /** Keeps what cannot be read as a dead letter; then it is settled. */
  readonly bury: (found: Undecodable, amqp: Message) => Promise<void>;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * When a channel ends, everything that was prefetched on it is returned, so one return says little. Twice means that the second
 * consumer did not end it either.
 */
const SUSPECT_RETURNS = 2;
/**
 * The same of what an ordered queue gives after as many members as can have been in hand at a time. It is seldom what ended a process:
 * only members that were settled one by one, and come again with their batches, can put before it more than was in hand.
 */
const FAR_SUSPECT_RETURNS = 5;
const NONE: ReadonlySet<number> = new Set();

/**
 * What one channel has brought: unpacked and handed over as far as the window goes, and acknowledged when all of a parcel is
 * settled. Of a channel that is gone nothing can be settled any more.
 */
export class Parcels implements Holder {
  readonly lease: ChannelLease;
  readonly #options: ParcelsOptions;
  readonly #channel: Channel;
  readonly #watch: ChannelWatch;
  readonly #acks: RecentAcks;
  /** By delivery tag, so in order of delivery. */
  readonly #parcels = new Map<number, Parcel>();
  /** Parcels that no one has been handed anything of. */
  #unopened: Parcel[] = [];
  #unopenedHead = 0;
  /** Of the parcel that is being handed out. */
  readonly #opened: RabbitDelivery[] = [];
  #finished: Parcel[] = [];
  #handed = 0;
  /** Members that this channel has brought, as far as they were opened and not known to be settled. */
  #brought = 0;
  #paused = false;
  #pumping = false;
  #flushing = false;
  #learning = false;
  readonly #whenEmptied: (() => void)[] = [];
  readonly #trips: RoundTrips;

  constructor(options: ParcelsOptions, channel: Channel, watch: ChannelWatch) {
    this.#options = options;
    this.#channel = channel;
    this.#watch = watch;
    this.#acks = new RecentAcks(options.prefetch);
    this.#trips = new RoundTrips(options.clock, () => this.#roundTrip());
    this.lease = new ChannelLease(options.endpoint, options.partition, this);
  }

  /** Deliveries that were handed over and are not settled. */
  get inHand(): number {
    return this.#handed;
  }

  /** Messages that are here and were not handed over, a batch as its members once it was opened. */
  get buffered(): number {
    return this.#opened.length + this.#unopened.length - this.#unopenedHead;
  }

  /** Whether everything that came is settled. */
  get idle(): boolean {
    return this.#parcels.size === 0;
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

  arrive(amqp: Message): void {
    if (this.lease.revoked) return;
    this.#watch.arrived();
    this.#acks.arrived(amqp.fields.deliveryTag);
    const unknown = amqp.fields.redelivered && isBatch(amqp);
    const parcel: Parcel = { amqp, lease: this.lease, open: 1, attempts: [], unknown };
    if (unknown) this.#learn();
    this.#parcels.set(amqp.fields.deliveryTag, parcel);
    this.#unopened.push(parcel);
    this.#pump();
  }

  /** Hands over no more. */
  pause(): void {
    this.#paused = true;
  }

  /** Resolves when nothing that was handed over is unsettled, or nothing can be settled any more. */
  async emptied(): Promise<void> {
    if (this.#handed > 0) await new Promise<void>((resolve) => this.#whenEmptied.push(resolve));
  }

  finish(deliveries: readonly RabbitDelivery[]): void {
    if (this.lease.revoked) return;
    for (const delivery of deliveries) {
      this.#handed -= 1;
      delivery.parcel.settled?.add(delivery.index);
      this.#countDown(delivery.parcel);
    }
    if (this.#handed === 0) this.#sayEmptied();
    this.#pump();
  }

  acknowledged(): Promise<void> {
    return this.#trips.next();
  }

  /**
   * Of suspect batches it is durable which members have ended before the next one begins: when that one kills the process,
   * those before it do not come again with it. What has come back by the journal is not noted again.
   */
  async markSuspects(deliveries: readonly RabbitDelivery[]): Promise<void> {
    if (this.lease.revoked || !deliveries.some(({ suspect }) => suspect)) return;
    await this.#noteSuspects(new Set(deliveries.map(({ parcel }) => parcel)));
  }

  /**
   * Notes of which batches that come again some members are settled, for whoever gets them then. Of what is acknowledged the
   * broker is believed to know.
   * @param deadlineMs @unit milliseconds
   */
  async markParts(deadlineMs: number): Promise<void> {
    await this.#note(partsOf(this.#parcels.values()), deadlineMs);
  }

  /**
   * The same, and of what is acknowledged that it is settled, since the broker may not know.
   * @param deadlineMs @unit milliseconds
   */
  async markLost(deadlineMs: number): Promise<void> {
    const settled = partsOf(this.#parcels.values());
    const ended = [...this.#parcels.values()].flatMap(({ amqp, open }) => (open === 0 ? (sentId(amqp) ?? []) : []));
    for (const id of [...this.#acks.pending(), ...ended]) settled.set(id, 'all');
    await this.#note(settled, deadlineMs);
  }

  /** What comes again has not ended this process, so its return does not make a suspect of it. */
  excuse(): void {
    const { journal, endpoint } = this.#options;
    for (const { amqp, open } of this.#parcels.values()) {
      const id = open > 0 ? idOf(amqp) : undefined;
      if (id !== undefined) journal.excuse(endpoint, id, returnsOf(amqp));
    }
  }

  /** The channel is gone, or given up. */
  end(): void {
    this.lease.revoke();
    this.#parcels.clear();
    this.#unopened = [];
    this.#unopenedHead = 0;
    this.#opened.length = 0;
    this.#finished = [];
    this.#handed = 0;
    this.#sayEmptied();
  }

  #sayEmptied(): void {
    for (const resolve of this.#whenEmptied.splice(0)) resolve();
  }

  /** Gathers what comes in one turn of the event loop. */
  #pump(): void {
    if (this.#pumping || this.#paused) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      if (this.#paused || this.lease.revoked) return;
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
    this.#unopenedHead += 1;
    const before = this.#settledBefore(parcel.amqp);
    if (before === 'all') {
      this.#countDown(parcel);
      return true;
    }
    const members = decodeBelieved(parcel.amqp, () => this.#options.clock.now());
    if (members.length > 1) parcel.settled = new Set(before);
    parcel.members = members;
    parcel.attempts = parseAttempts(parcel.amqp);
    const route = textHeader(parcel.amqp, 'route');
    if (route !== undefined) parcel.route = route;
    parcel.suspect = this.#isSuspect(parcel.amqp);
    parcel.open = members.length;
    this.#brought += members.length - (parcel.settled?.size ?? 0);
    members.forEach((member, index) => {
      if (parcel.settled?.has(index) === true) this.#countDown(parcel);
      else if (isUndecodable(member)) this.#bury(member, index, parcel);
      else this.#opened.push(new RabbitDelivery(member, parcel, index));
    });
    return true;
  }

  /** What is known to be settled of a message that comes again. */
  #settledBefore(amqp: Message): Settled {
    const id = amqp.fields.redelivered ? idOf(amqp) : undefined;
    if (id === undefined) return NONE;
    return this.#acks.pending().includes(id) ? 'all' : this.#options.journal.settledOf(this.#options.endpoint, id);
  }

  /** Whether it has come back so often that it may be what ends processes. */
  #isSuspect(amqp: Message): boolean {
    const id = amqp.fields.redelivered ? idOf(amqp) : undefined;
    const returns = returnsOf(amqp);
    const excused = id === undefined ? 0 : this.#options.journal.excusedOf(this.#options.endpoint, id, returns);
    const far = this.#options.ordered && this.#brought >= this.#options.window;
    return returns - excused >= (far ? FAR_SUSPECT_RETURNS : SUSPECT_RETURNS);
  }

  #bury(found: Undecodable, index: number, parcel: Parcel): void {
    const { bury, log, queue } = this.#options;
    bury(found, parcel.amqp).then(
      () => {
        if (this.lease.revoked) return;
        parcel.settled?.add(index);
        this.#countDown(parcel);
        void this.#noteSuspects([parcel]);
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
        .sync(this.lease.signal)
        .catch((error: unknown) => {
          // Then they are handed over as a whole: repeats, with the same ids.
          if (!this.lease.revoked)
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

  async #noteSuspects(parcels: Iterable<Parcel>): Promise<void> {
    const { journal, endpoint } = this.#options;
    const ended = new Map<string, ReadonlySet<number>>();
    for (const { amqp, suspect, open, settled } of parcels) {
      if (suspect !== true || open === 0 || settled === undefined) continue;
      const unread = journal.unread(endpoint, parcelId(amqp), settled);
      if (unread.size > 0) ended.set(parcelId(amqp), unread);
    }
    await this.#note(ended, Number.POSITIVE_INFINITY);
  }

  async #note(settled: ReadonlyMap<string, Settled>, deadlineMs: number): Promise<void> {
    if (settled.size === 0) return;
    const { journal, endpoint, log, queue } = this.#options;
    try {
      await journal.mark(endpoint, settled, deadlineMs);
    } catch (error) {
      // Repeats, with the same ids.
      log.warn({ queue, error: toError(error).message }, 'what was settled may come again');
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
    if (this.lease.revoked) return;
    const channel = this.#channel;
    try {
      let last: Parcel | undefined;
      for (const [tag, parcel] of this.#parcels) {
        if (parcel.open > 0) break;
        this.#parcels.delete(tag);
        this.#acks.add(sentId(parcel.amqp));
        last = parcel;
      }
      if (last !== undefined) channel.ack(last.amqp, true);
      for (const parcel of finished) {
        if (!this.#parcels.delete(parcel.amqp.fields.deliveryTag)) continue;
        this.#acks.add(sentId(parcel.amqp));
        channel.ack(parcel.amqp);
      }
    } catch (error) {
      // The channel is closing: its lease is revoked as soon as that is told, and these come again.
      this.#options.log.debug({ error: toError(error).message }, 'acknowledgements were lost with their channel');
    }
  }

  async #roundTrip(): Promise<void> {
    this.#flush();
    if (this.lease.revoked) return;
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
}

/** Of batches of which some members are settled, and not all: which. */
function partsOf(parcels: Iterable<Parcel>): Map<string, Settled> {
  const parts = new Map<string, Settled>();
  for (const { amqp, settled, open } of parcels) {
    if (open > 0 && settled !== undefined && settled.size > 0) parts.set(parcelId(amqp), settled);
  }
  return parts;
}

/** By which a message is known when it comes again; undefined of a single that somebody else than Waybill has published. */
function idOf(amqp: Message): string | undefined {
  return isBatch(amqp) ? parcelId(amqp) : sentId(amqp);
}

import { toError, WaybillError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { EndpointSpec } from '../../ports/topology.ts';
import type {
  ConsumeOptions,
  Consumer,
  ConsumerState,
  Delivery,
  Outgoing,
  Settlement,
  Tally,
} from '../../ports/transport.ts';
import { Attendance } from './attendance.ts';
import type { Connection } from './connection.ts';
import type { Ledgers } from './counters.ts';
import { delayedFor } from './delays.ts';
import { type Holder, RabbitDelivery } from './delivery.ts';
import { Generations } from './generations.ts';
import type { Journal } from './journal.ts';
import type { EndpointLayout, Generation } from './layout.ts';
import { Partition } from './partition.ts';
import type { Postings } from './postings.ts';
import type { Publisher } from './publisher.ts';
import type { Attendant } from './roster.ts';
import type { Seat, SeatState } from './seats.ts';
import type { Posting, Sequence } from './sending.ts';
import { Share } from './shares.ts';
import { type ChannelSource, isAbsent } from './stream.ts';

/**
 * AMQP messages, each of which may be a batch, that one channel of an ordered queue may hold. It is the same for every
 * consumer whatever its window, and must not shrink from one version of Waybill to the next: a next consumer with a smaller
 * prefetch gets what the last one returned out of order.
 *
 * It bounds memory, since the broker can bound messages only: 128 batches of at most 128 KiB are 16 MiB a partition. Fewer
 * would let a held key stop a partition of single messages sooner.
 */
const ORDERED_PREFETCH = 128;

export interface ConsumerDeps {
  readonly connection: Connection;
  readonly publisher: Publisher;
  readonly journal: Journal;
  readonly ledgers: Ledgers;
  readonly clock: Clock;
  readonly log: Log;
  /** What the broker has of the endpoint; `follow` is told what becomes of it. */
  readonly layout: EndpointLayout;
  readonly source: ChannelSource;
  /** See `GenerationsDeps`. @unit milliseconds */
  readonly settleMs: number;
  /** Of the topology as it is now. */
  readonly postings: () => Postings;
  /** Unlike that of any other consumer of the bus. */
  readonly id: string;
  /** Other consumers of the endpoint that live. */
  readonly others: () => readonly Attendant[];
  /** Called when it attends other queues than before. */
  readonly changed: () => void;
  /** Called once, when it is closed. */
  readonly closed: (consumer: RabbitConsumer) => void;
}

/** The partitions of one endpoint that fall to this consumer. Without an order all consumers take from all partitions. */
export class RabbitConsumer implements Consumer {
  readonly endpoint: string;
  readonly #deps: ConsumerDeps;
  readonly #spec: EndpointSpec;
  readonly #options: ConsumeOptions;
  readonly #generations: Generations;
  readonly #attendance: Attendance;
  readonly #share: Share;
  state: ConsumerState = { heldKeys: 0 };
  /** Of settlements under way. */
  readonly #sends: Sequence = new Set();
  #stopped = false;
  #closing: Promise<void> | undefined;

  constructor(spec: EndpointSpec, options: ConsumeOptions, deps: ConsumerDeps) {
    this.endpoint = spec.name;
    this.#deps = deps;
    this.#spec = spec;
    this.#options = options;
    const { clock, log, settleMs, source } = deps;
    this.#generations = new Generations(deps.layout, {
      names: deps.postings().names,
      source,
      clock,
      log,
      settleMs,
      inHand: () => this.inHand + this.buffered,
      attend: (generation) => this.#attend(generation),
    });
    this.#share = new Share(deps.id, clock);
    this.#attendance = new Attendance({
      open: (seat) => this.#partition(seat),
      choose: (seats, held) => (this.ordered ? this.#share.choose(seats, held, deps.others()) : seats),
    });
  }

  get id(): string {
    return this.#deps.id;
  }

  /** Whether consumers share the partitions that they attend now. */
  get ordered(): boolean {
    return (this.#generations.attended ?? this.#spec).ordering === 'key';
  }

  /** Whether it takes part when partitions are shared. */
  get sharing(): boolean {
    return this.ordered && !this.#stopped;
  }

  /** Queues that it is attached to and means to keep. */
  get queues(): string[] {
    return this.#attendance.queues;
  }

  get seats(): SeatState[] {
    return this.#attendance.states;
  }

  get inHand(): number {
    return this.#attendance.inHand;
  }

  get buffered(): number {
    return this.#attendance.buffered;
  }

  /** `time` of the oldest message that it holds, as far as it can be read. */
  get oldest(): string | undefined {
    return this.#attendance.oldest;
  }

  async start(): Promise<void> {
    try {
      await this.#attendance.start(this.#seatsOf(this.#generations.attended));
    } catch (error) {
      // An old generation may be gone by now: then it is the next one's turn.
      if (!this.#generations.hasNext || !isAbsent(toError(error))) {
        await this.close();
        throw error;
      }
    }
    this.#generations.start();
  }

  /** Other consumers have come or gone, or attend other queues. */
  rebalance(): void {
    this.#attendance.rebalance();
  }

  /** The queues of the endpoint have changed, or are about to. */
  follow(layout: EndpointLayout): void {
    this.#generations.update(layout);
  }

  async settle(settlements: readonly Settlement[], tally?: Tally): Promise<void> {
    const { publisher, postings, clock, ledgers } = this.#deps;
    const live: { settlement: Settlement; delivery: RabbitDelivery }[] = [];
    const sends: Posting[] = [];
    for (const settlement of settlements) {
      const { delivery } = settlement;
      if (!(delivery instanceof RabbitDelivery) || delivery.state !== 'open' || delivery.lease.revoked) continue;
      for (const posting of postings().settlement(settlement, delivery, clock.now())) sends.push(posting);
      live.push({ settlement, delivery });
    }
    for (const { delivery } of live) delivery.state = 'settling';
    if (sends.length > 0) {
      try {
        await publisher.send(sends, Number.POSITIVE_INFINITY, { sequence: this.#sends });
      } catch (error) {
        for (const { delivery } of live) delivery.state = 'open';
        throw error;
      }
    }
    const ended: RabbitDelivery[] = [];
    for (const { settlement, delivery } of live) {
      // Of a lease that was lost meanwhile nothing can be ended: it comes again, and its results repeat with the same ids.
      if (delivery.lease.revoked) continue;
      delivery.state = 'settled';
      this.#count(settlement);
      ended.push(delivery);
    }
    ledgers.tallies.addAll(tally);
    await this.#finish(ended);
  }

  async begin(delivery: Delivery): Promise<number> {
    if (!(delivery instanceof RabbitDelivery) || delivery.lease.revoked) {
      throw takenBack();
    }
    return await this.#deps.journal.begin(delivery);
  }

  async beginTogether(deliveries: readonly Delivery[]): Promise<ReadonlySet<Delivery>> {
    const ours = deliveries.filter(
      (each): each is RabbitDelivery => each instanceof RabbitDelivery && !each.lease.revoked,
    );
    if (ours.length < deliveries.length) throw takenBack();
    return await this.#deps.journal.beginTogether(ours);
  }

  report(state: ConsumerState): void {
    this.state = state;
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#attendance.stop();
    this.#deps.changed();
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.stop();
    this.#generations.stop();
    await this.#attendance.close();
    this.#deps.closed(this);
  }

  /** Gives back what it has of another generation first. */
  #attend(generation: Generation | undefined): Promise<void> {
    return this.#attendance.attend(this.#seatsOf(generation));
  }

  #seatsOf(generation: Generation | undefined): readonly Seat[] {
    if (generation === undefined) return [];
    const { names } = this.#deps.postings();
    return Array.from({ length: generation.partitions }, (_, partition) => ({
      queue: names.queue(this.endpoint, partition, generation.number),
      partition,
    }));
  }

  #partition({ queue, partition }: Seat): Partition {
    const { window, receive } = this.#options;
    const spec = this.#spec;
    const { connection, clock, log, postings, publisher, ledgers, journal } = this.#deps;
    return new Partition({
      connection,
      journal,
      clock,
      log,
      endpoint: spec.name,
      partition,
      queue,
      window,
      ordered: this.ordered,
      // Where no order is promised, what waits here is better off with another consumer.
      prefetch: this.ordered ? ORDERED_PREFETCH : Math.min(window, ORDERED_PREFETCH),
      changed: this.#deps.changed,
      receive: (deliveries) => {
        for (const { parcel } of deliveries) {
          const { routingKey, redelivered } = parcel.amqp.fields;
          if (!redelivered) countDue(ledgers, spec.name, routingKey);
        }
        receive(deliveries);
      },
      bury: async (found, amqp) => {
        log.warn({ endpoint: spec.name, fault: found.fault.code }, 'a message that cannot be read is a dead letter');
        await publisher.send([postings().unreadable(found, amqp, spec.name, clock.now())], Number.POSITIVE_INFINITY);
        ledgers.outcome(spec.name, 'dead');
      },
    });
  }

  #count(settlement: Settlement): void {
    const { ledgers, postings, clock } = this.#deps;
    const { outcome } = settlement;
    ledgers.outcome(this.endpoint, outcome === 'retry' ? 'retried' : outcome);
    if (outcome === 'retry' && settlement.delayMs > 0) ledgers.outcome(this.endpoint, 'delayed');
    if ('sends' in settlement) countMade(ledgers, postings(), settlement.sends, clock.now());
  }

  async #finish(deliveries: readonly RabbitDelivery[]): Promise<void> {
    const byHolder = new Map<Holder, RabbitDelivery[]>();
    for (const delivery of deliveries) {
      const list = byHolder.get(delivery.lease.holder);
      if (list === undefined) byHolder.set(delivery.lease.holder, [delivery]);
      else list.push(delivery);
    }
    await Promise.all(
      [...byHolder].map(async ([holder, list]) => {
        holder.finish(list);
        await Promise.all([holder.acknowledged(), holder.markSuspects(list)]);
      }),
    );
  }
}

/** Notes what arrives after it was delayed. */
function countDue(ledgers: Ledgers, endpoint: string, routingKey: string): void {
  const address = delayedFor(routingKey);
  if (address === 'endpoint') ledgers.outcome(endpoint, 'resumed');
  else if (address === 'bus') ledgers.made.add(endpoint);
}

/** Notes the deliveries that messages on their way make. */
export function countMade(ledgers: Ledgers, postings: Postings, sends: readonly Outgoing[], now: number): void {
  for (const { to, message, dueAt = now } of sends) {
    // An answer is no delivery: nobody has to settle it.
    if (typeof to === 'object' && 'reply' in to) continue;
    if (to !== 'bus') {
      if (dueAt > now) ledgers.outcome(to.endpoint, 'delayed');
      ledgers.made.add(to.endpoint);
      ledgers.made.add('*');
      continue;
    }
    const takers = postings.takersOf(message);
    // Who takes what was scheduled is known when it is due, and counted where it arrives.
    if (dueAt <= now) for (const endpoint of takers) ledgers.made.add(endpoint);
    ledgers.made.add('*', Math.max(1, takers.length));
  }
}

function takenBack(): WaybillError {
  return new WaybillError('WB_DELIVERY_REVOKED', 'the delivery was taken back before it was handled', {
    retryable: true,
  });
}

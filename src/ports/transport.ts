import type { ErrorCode } from '../errors.ts';
import type { EncodedMessage, TypeRef } from '../message.ts';
import type { HistoryRecord } from './history.ts';
import type { StateReader, StateUnit } from './store.ts';
import type { EndpointSpec, Manifest, Pause } from './topology.ts';

/**
 * What carries messages. The embedded store and RabbitMQ implement it, and both pass `test/conformance`.
 *
 * Promises every implementation keeps:
 * - `send` resolves when all its messages are durable (fsynced, or confirmed by the broker). When it rejects, each message
 *   may or may not be durable, so a caller that repeats it repeats the same ids.
 * - Messages of one key, sent one after the other to one address, arrive at an endpoint in that order. A second `send`
 *   need not wait for the first to resolve.
 * - A delivery is settled once. Until then it belongs to its lease; when the lease is revoked (connection lost, partition
 *   handed over, close) the delivery comes again, to whoever consumes then, before any later message of its key.
 * - `settle` makes `sends` durable before, or in one transaction with, the end of the delivery; never after it.
 * - Nothing is dropped: a message without a binding is parked, a delivery given up is a dead letter.
 * - Connections and consumers heal by themselves; callers see it in `status` and in revoked leases only.
 */
export interface Transport {
  readonly kind: 'embedded' | 'rabbitmq';

  /** Its own store: the `unit` of a settlement is written in the transaction that ends the delivery. Undefined where there is none. */
  readonly state?: StateReader;

  /**
   * Hands messages over durably, in order for each key.
   * @throws WB_DEADLINE when not durable within `deadlineMs`, WB_PARKING_FULL, WB_CLOSED, WB_TRANSPORT_UNAVAILABLE
   */
  send(outgoing: readonly Outgoing[], options?: SendOptions): Promise<void>;

  /**
   * Begins to take deliveries from an endpoint of the applied topology, all of its partitions that no one else holds.
   * @throws WB_PLAN_NOT_APPLIED when the endpoint does not exist
   */
  consume(endpoint: string, options: ConsumeOptions): Promise<Consumer>;

  /** Messages as they are published on the bus, from now on, without taking them from anyone. For people who watch. */
  tap(types: readonly TypeRef[] | 'all', onMessage: (message: EncodedMessage) => void): Promise<Tap>;

  /**
   * Makes this process reachable for messages to `{ reply: '<address>.<tag>' }`, whatever the tag, which is one word of letters,
   * digits and hyphens. Resolves when it is. Handed over at most once, and not kept: what comes while the process is away from
   * the bus may be parked. Must not throw.
   * @throws WB_PLAN_NOT_APPLIED when nothing was applied yet
   */
  openReplies(receive: (message: EncodedMessage, tag: string) => void): Promise<Replies>;

  /** Deliveries that were given up, kept until a person redrives or discards them. */
  readonly dead: Office;
  /** Messages of the bus that no route took. Redriving publishes them on the bus again. */
  readonly parked: Office;
  /** Who redrove or discarded what, oldest first. */
  audit(): AsyncIterable<AuditRecord>;

  stats(): Promise<TransportStats>;

  /**
   * Adds to the message history, which keeps the youngest records, for `HISTORY_AGE_MS` and up to `HISTORY_BYTES`. No message depends
   * on it: where it has no room at the moment, or nothing was applied since Waybill keeps one, it takes none.
   * @throws what kept it from it
   */
  record(records: readonly HistoryRecord[]): Promise<void>;
  /**
   * Hands over what the message history holds, oldest first, a part at a time.
   * @returns how many parts of it cannot be read, and were passed over
   */
  history(read: (records: readonly HistoryRecord[]) => void): Promise<number>;

  /** What was applied last; undefined on a bus that is new. */
  manifest(): Promise<Manifest | undefined>;
  /**
   * Makes the transport hold `manifest.topology` and records the manifest: adds, changes and takes away; a second, equal call
   * changes nothing. What waits at an endpoint that is no longer declared becomes dead letters (embedded), or is kept until it
   * is drained (RabbitMQ).
   * @throws WB_MANIFEST_MOVED when another edition than `options.after` is in force by then; nothing was changed
   */
  apply(manifest: Manifest, options?: ApplyOptions): Promise<ApplyResult>;
  /**
   * Records that an endpoint is paused, or with undefined that it is not any more, for all processes: `onManifest` tells them. Two at
   * once are both recorded.
   * @throws WB_DEFINITION_MISSING when nothing was applied
   */
  pause(endpoint: string, pause: Pause | undefined): Promise<void>;
  /** What `apply` would change, without changing it. */
  survey(manifest: Manifest): Promise<Survey>;
  /** Endpoints that the applied plan has no more and that still hold messages or consumers; those of routes with their old plan. */
  retired(): Promise<readonly RetiredEndpoint[]>;
  /** Calls `listener` for each manifest applied from now on, by anyone. */
  onManifest(listener: (manifest: Manifest) => void): Unsubscribe;

  status(): TransportStatus;
  onStatus(listener: (status: TransportStatus) => void): Unsubscribe;

  /** Ends consumers (their unsettled deliveries come again elsewhere), finishes sends in flight, frees everything. Safe to call twice. */
  close(): Promise<void>;
}

export type Unsubscribe = () => void;

/**
 * Where a message goes: onto the bus, for every endpoint bound to its type; to one endpoint alone; or to the process that
 * holds `Replies` of this address. One for a reply address that nobody holds is parked, and dropped by name in the log where
 * the parking lot is full: nobody waits for it any more, so it must not hold up whoever sends it.
 */
export type Address = 'bus' | { readonly endpoint: string } | { readonly reply: string };

export interface Outgoing {
  readonly to: Address;
  readonly message: EncodedMessage;
  /**
   * Not delivered before, and as durable meanwhile as anything that was sent. What goes to the bus takes the bindings there are
   * then. A time that has come means at once, and so does any time of a reply. RabbitMQ waits for whole seconds, rounded up.
   * Sending throws WB_OPTION_INVALID when it is no number or further ahead than 48 days.
   * @unit milliseconds since the Unix epoch @default at once
   */
  readonly dueAt?: number;
}

export interface SendOptions {
  /** How long to wait for durability. @unit milliseconds @default 30_000 */
  readonly deadlineMs?: number;
  /** Counted with the send: in one transaction on the embedded transport, in the process on RabbitMQ. */
  readonly tally?: Tally;
}

/** Amounts by counter name: `service.shop.published`, `route.eu-orders.out`. */
export type Tally = Readonly<Record<string, number>>;

export interface ConsumeOptions {
  /**
   * Most deliveries of one partition that may be unsettled at a time. More come only as these are settled.
   * @range 1 to 5_000
   */
  readonly window: number;
  /**
   * Takes deliveries of one partition, in order; called again before the earlier ones are settled. Must not throw.
   */
  readonly receive: (deliveries: readonly Delivery[]) => void;
}

export interface Consumer {
  /**
   * Ends deliveries. Resolves when the end and all `sends` are durable. Deliveries whose lease was revoked meanwhile are
   * skipped, with their sends: they come again. Settling out of order is allowed. Settlements take effect in the order in
   * which they were given, over calls too, so that the results of one key stay in order.
   *
   * When it rejects none of these settlements ended, and the same call may be made again; results keep their ids.
   */
  settle(settlements: readonly Settlement[], tally?: Tally): Promise<void>;
  /**
   * Records durably, before it is handled, that a suspect delivery is about to be; resolves to how often processes began it so,
   * this time included. Called once for each delivery that a process gets; that a living one got it again may count or not. So a
   * message that kills its process is found out. A transport that cannot read its record for the moment answers by what it knows of
   * it: then such a message may be tried more often. @throws WB_DELIVERY_REVOKED
   */
  begin(delivery: Delivery): Promise<number>;
  /**
   * As `begin`, of suspects that are about to be handled together: one record for all. Resolves to those of them that have to be handled
   * alone, because a process ended after it had begun them, together with others or alone. Absent where each can be begun at
   * little cost. @throws WB_DELIVERY_REVOKED when one of them was
   */
  beginTogether?(deliveries: readonly Delivery[]): Promise<ReadonlySet<Delivery>>;
  /** Shows the state of the endpoint, as this process sees it, in `stats`. Replaces the state shown before. */
  report(state: ConsumerState): void;
  /** Takes no more: after it resolves `receive` is not called again; what is unsettled may still be settled. */
  stop(): Promise<void>;
  /** As `stop`, then gives back what is unsettled, in order. */
  close(): Promise<void>;
}

export interface ConsumerState {
  /** Why the endpoint takes nothing at the moment. */
  readonly paused?: string;
  /** Keys held by a failing delivery. */
  readonly heldKeys: number;
}

/** One message handed to one endpoint, to be settled once. */
export interface Delivery {
  readonly message: EncodedMessage;
  readonly lease: Lease;
  /** Failed attempts of earlier deliveries of it, oldest first. */
  readonly attempts: readonly Attempt[];
  /** A process ended while it may have been in hand: handle it alone after `begin`, or with other suspects after `beginTogether`. */
  readonly suspect: boolean;
  /** Set on a redriven dead letter of one route: only that route takes it. */
  readonly route?: string;
}

/** The right to settle. All deliveries of a partition that came by one consumer share one. */
export interface Lease {
  readonly endpoint: string;
  readonly partition: number;
  readonly revoked: boolean;
  /** Aborts when the lease is revoked, so that work in hand can stop. */
  readonly signal: AbortSignal;
}

/** One failed attempt of a delivery. */
export interface Attempt {
  /** RFC 3339. */
  readonly at: string;
  readonly code: ErrorCode;
  readonly error: string;
}

export type Settlement =
  | {
      readonly delivery: Delivery;
      readonly outcome: 'done' | 'filtered' | 'merged' | 'duplicate';
      readonly sends: readonly Outgoing[];
      /**
       * What the delivery changed of the transport's own store (`Transport.state`). Its versions are not compared: whoever holds the
       * lease is the only one who changes these states. Its cause is recorded only with `keepMs`.
       */
      readonly unit?: StateUnit;
    }
  /** Delivered again after `delayMs`, behind others; for `ordering: none`. */
  | {
      readonly delivery: Delivery;
      readonly outcome: 'retry';
      readonly delayMs: number;
      readonly attempts: readonly Attempt[];
    }
  /** Given up, for one reason or, at the router, for one of each route that failed; other routes' results go out all the same. */
  | {
      readonly delivery: Delivery;
      readonly outcome: 'dead' | 'expired';
      readonly sends: readonly Outgoing[];
      readonly deaths: readonly [Death, ...Death[]];
    }
  /** No route takes it any more: kept in the parking lot. */
  | { readonly delivery: Delivery; readonly outcome: 'parked' };

export interface Death {
  readonly code: ErrorCode;
  readonly error: string;
  /** The route that failed, at the router. */
  readonly route?: string;
  readonly attempts: readonly Attempt[];
}

export interface Tap {
  close(): Promise<void>;
}

/** An address for answers. It stays the same when the connection is lost and comes back. */
export interface Replies {
  readonly address: string;
  /** Resolves when messages to the address come in: at once, but not before the connection is back after a loss. */
  ready(): Promise<void>;
  /** Nothing is handed over any more. Safe to call twice. */
  close(): Promise<void>;
}

/** A message that waits for a person. */
export interface DeadLetter {
  /** Of the dead letter, not of the message. Unique, and sorts by time. */
  readonly id: string;
  /** Where it was given up; `bus` for a parked message. */
  readonly endpoint: string;
  readonly route?: string;
  readonly code: ErrorCode;
  readonly error: string;
  readonly attempts: readonly Attempt[];
  /** RFC 3339. */
  readonly diedAt: string;
  readonly message: EncodedMessage;
}

export interface OfficeFilter {
  readonly ids?: readonly string[];
  readonly endpoint?: string;
  readonly route?: string;
  readonly type?: TypeRef;
  readonly code?: ErrorCode;
  readonly key?: string;
  readonly messageId?: string;
  /** At most so many, oldest first. */
  readonly limit?: number;
}

export interface OfficeAction {
  /** Who asks for it. */
  readonly by: string;
  /** Most messages a second. @default unlimited */
  readonly rate?: number;
  readonly onProgress?: (done: number) => void;
}

/** Keeps dead letters. Nothing done here can lose one: a redriven letter is durable at its endpoint before it leaves. */
export interface Office {
  list(filter?: OfficeFilter): AsyncIterable<DeadLetter>;
  get(id: string): Promise<DeadLetter | undefined>;
  count(): Promise<number>;
  /** Sends letters to the endpoint they died at, as new deliveries; resolves to how many. */
  redrive(filter: OfficeFilter, action: OfficeAction): Promise<number>;
  /** Removes letters; resolves to how many. */
  discard(filter: OfficeFilter, action: OfficeAction): Promise<number>;
}

export interface AuditRecord {
  readonly at: string;
  readonly by: string;
  readonly action: 'redrive' | 'discard';
  readonly letter: string;
  readonly messageId: string;
  readonly endpoint: string;
}

export interface TransportStats {
  /** Whether `ledger` and `tallies` are exact and survive processes. */
  readonly exact: boolean;
  readonly endpoints: readonly EndpointStats[];
  readonly dead: number;
  readonly parked: number;
  /** Messages that wait for their time: scheduled ones and delayed attempts, of all endpoints. */
  readonly delayed: number;
  /** Deliveries by how they were made and how they ended, since the bus began (exact) or since the living processes began. */
  readonly ledger: Ledger;
  readonly tallies: Tally;
}

export interface EndpointStats {
  readonly name: string;
  /** The applied plan has it no more: it takes nothing, and is deleted by `apply` once it is empty. */
  readonly retired?: true;
  /** Messages that nobody has in hand yet. */
  readonly waiting: number;
  /** Messages delivered and not yet settled. */
  readonly inHand: number;
  /** Messages that wait for a delayed attempt, or were scheduled for this endpoint alone. */
  readonly delayed: number;
  /**
   * `time` of the oldest message that is not settled: of each partition the first in order, and the earliest of these. What is
   * `delayed` is left out until its time has come; what was scheduled, retried after a delay or redriven keeps the time at which it
   * was made. Absent where nothing waits or is in hand, and where nobody can tell.
   *
   * | transport | who can tell                                                                                          |
   * |-----------|-------------------------------------------------------------------------------------------------------|
   * | embedded  | the owner of the folder, always; a record that is damaged is passed over                              |
   * | RabbitMQ  | consumers that answer, each for the partitions that it is attached to: what is at the head of a queue |
   * |           | is shown to nobody else. A partition that nobody is attached to is left out, so there may be an older |
   * |           | one. A plain message without a timestamp counts from when it came to its consumer                     |
   * @unit RFC 3339
   */
  readonly oldest?: string;
  readonly consumers: number;
  /** The reports of its consumers. */
  readonly states: readonly ConsumerState[];
  /** Who takes from which partitions; absent where one process has them all. */
  readonly attended?: readonly AttendedBy[];
  /** Outcomes at this endpoint: done, filtered, dead, retried ... */
  readonly outcomes: Tally;
}

export interface AttendedBy {
  /** Of the process, for people: service, host and process id. */
  readonly by: string;
  /** That it is attached to. Where one partition has several, one is active and the others stand by. */
  readonly partitions: readonly number[];
  /** Why it is not attached to others of its share at the moment; it tries again by itself. */
  readonly reattaching?: string;
}

/** made = done + filtered + merged + duplicate + dead + parked + expired + discarded + waiting. */
export interface Ledger {
  readonly made: number;
  readonly done: number;
  readonly filtered: number;
  readonly merged: number;
  readonly duplicate: number;
  /** Dead letters that are kept now. */
  readonly dead: number;
  /** Parked messages that are kept now. */
  readonly parked: number;
  /** Expired letters that are kept now. */
  readonly expired: number;
  readonly discarded: number;
  /** Waiting, delayed or in hand now. */
  readonly waiting: number;
}

export interface TransportStatus {
  readonly connected: boolean;
  /** The broker takes no messages at the moment, and why. */
  readonly blocked?: string;
  /** Why it is not connected. */
  readonly error?: string;
  /** Embedded: whether this process owns the folder, and so runs the router. Always false on RabbitMQ. */
  readonly owner: boolean;
}

export interface ApplyOptions {
  /** The edition that the manifest was made from, null when nothing was applied yet. @default not checked */
  readonly after?: string | null;
}

export interface Survey {
  readonly changes: readonly TopologyChange[];
  /** What is not as the applied plan needs it, or of the bus and not in the plan, one line each; undefined where nobody can tell. */
  readonly drift: readonly string[] | undefined;
}

export interface TopologyChange {
  readonly action: 'add' | 'change' | 'remove';
  readonly what: 'bus' | 'endpoint' | 'binding' | 'exchange' | 'queue';
  /** `oms`; of a binding `shop.order.placed@1 -> oms`. */
  readonly name: string;
  /** `partitions 2 -> 4` */
  readonly note?: string;
  /** Nothing is to be done yet: an `apply` does it once what waits there is handled. */
  readonly whenDrained?: true;
}

/** Takes nothing from the bus any more, and is consumed until it is empty. */
export interface RetiredEndpoint {
  readonly spec: EndpointSpec;
  /** Under which its messages are to be handled: the last plan that had it. Only for `router` and `route`. */
  readonly manifest?: Manifest;
  /** Messages that nobody has in hand. */
  readonly waiting: number;
}

export interface ApplyResult {
  /** What was created or changed, one line each; empty when nothing was. */
  readonly changes: readonly string[];
}

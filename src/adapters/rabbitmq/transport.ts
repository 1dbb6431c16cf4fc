import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { toError, WaybillError } from '../../errors.ts';
import type { EncodedMessage, TypeRef } from '../../message.ts';
import { type Clock, systemClock } from '../../ports/clock.ts';
import type { HistoryRecord } from '../../ports/history.ts';
import type { Log } from '../../ports/log.ts';
import type { Manifest, Pause } from '../../ports/topology.ts';
import type {
  ApplyOptions,
  ApplyResult,
  AuditRecord,
  ConsumeOptions,
  Consumer,
  Office,
  Outgoing,
  Replies,
  RetiredEndpoint,
  SendOptions,
  Survey,
  Tap,
  Transport,
  TransportStats,
  TransportStatus,
  Unsubscribe,
} from '../../ports/transport.ts';
import { checkBusName, parseRabbitUrl, type RabbitAddress } from './address.ts';
import { type ApplyDeps, applyManifest, recordPause } from './apply.ts';
import { readAudit } from './audit.ts';
import { Connection } from './connection.ts';
import { countMade, RabbitConsumer } from './consumer.ts';
import { Ledgers } from './counters.ts';
import { HistoryStream } from './history-stream.ts';
import { LetterIds } from './identity.ts';
import { Journal } from './journal.ts';
import { type EndpointLayout, type Layout, layoutOf } from './layout.ts';
import { ManifestFeed } from './manifest-feed.ts';
import { Members, type Snapshot } from './members.ts';
import { type Names, namesOf } from './names.ts';
import { RabbitOffice } from './office.ts';
import { notApplied, Postings } from './postings.ts';
import { Publisher } from './publisher.ts';
import { RabbitReplies } from './replies.ts';
import { retiredEndpoints } from './retired.ts';
import type { Attendant } from './roster.ts';
import { BATCH_COUNT, gatherStats, NO_STATS } from './stats.ts';
import { isAbsent, queueExists } from './stream.ts';
import { survey } from './survey.ts';
import { DEFAULT_SETTLE } from './switch.ts';
import { RabbitTap } from './tap.ts';
import { secured } from './tls.ts';
import { DEFAULT_PARKING } from './topology.ts';

export interface RabbitOptions {
  /** `amqp(s)://user:password@host:port/vhost?bus=name` */
  readonly url: string;
  /** The bus; the one of the url goes first. */
  readonly bus?: string;
  /** For people who look at the broker's connections. @default waybill */
  readonly service?: string;
  readonly clock?: Clock;
  readonly log?: Log;
  /** For a manifest that does not say it. */
  readonly limits?: { readonly parkingBytes?: number };
  /** Most messages that may be unconfirmed at a time. @default 4_000 @range 1 to 50_000 */
  readonly confirmWindow?: number;
  /**
   * How long a message may be on its way through the broker when queues are changed: consumers do not go on to new queues, and
   * `apply` deletes none, before that. @unit milliseconds @default 5_000
   */
  readonly settleMs?: number;
  /** Whether messages that wait anyway share AMQP messages. @default true */
  readonly batches?: boolean;
}

const CONFIRM_WINDOW = 4_000;
const DEADLINE = 30_000;

const ignore = (): void => undefined;
const silent: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** Opens a bus on RabbitMQ. @throws WB_TRANSPORT_URL, WB_TRANSPORT_REFUSED, WB_TRANSPORT_UNAVAILABLE (retryable) */
export async function openRabbit(options: RabbitOptions): Promise<Transport> {
  const address = await secured(parseRabbitUrl(options.url));
  const bus = address.bus ?? options.bus;
  if (bus === undefined) {
    throw new WaybillError('WB_TRANSPORT_URL', `${address.shown} does not say which bus`, {
      fix: 'Add ?bus=<name> to the url.',
    });
  }
  const transport = new RabbitTransport(address, checkBusName(bus), options);
  await transport.open();
  return transport;
}

/** What there is once both connections are open. */
interface Parts {
  readonly publishing: Connection;
  readonly consuming: Connection;
  readonly publisher: Publisher;
  readonly feed: ManifestFeed;
  readonly journal: Journal;
  readonly history: HistoryStream;
}

class RabbitTransport implements Transport {
  readonly kind = 'rabbitmq';
  readonly dead: Office;
  readonly parked: Office;
  readonly #address: RabbitAddress;
  readonly #bus: string;
  readonly #options: RabbitOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #names: Names;
  readonly #settleMs: number;
  readonly #ids = new LetterIds(randomUUID().slice(0, 8));
  readonly #ledgers = new Ledgers();
  readonly #consumers = new Set<RabbitConsumer>();
  readonly #taps = new Set<RabbitTap>();
  readonly #replies = new Set<RabbitReplies>();
  readonly #listeners = new Set<(status: TransportStatus) => void>();
  #parts: Parts | undefined;
  #members: Members | undefined;
  #postings: Postings | undefined;
  #closing: Promise<void> | undefined;
  #shown = '';

  constructor(address: RabbitAddress, bus: string, options: RabbitOptions) {
    this.#address = address;
    this.#bus = bus;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silent;
    this.#names = namesOf(bus);
    this.#settleMs = options.settleMs ?? DEFAULT_SETTLE;
    this.dead = this.#office('dead', this.#names.dead);
    this.parked = this.#office('parked', this.#names.unrouted);
  }

  async open(): Promise<void> {
    const publishing = await this.#connect('publish');
    let consuming: Connection;
    try {
      consuming = await this.#connect('consume');
    } catch (error) {
      await publishing.close();
      throw error;
    }
    const clock = this.#clock;
    const log = this.#log;
    const { confirmWindow = CONFIRM_WINDOW, batches = true } = this.#options;
    const publisher = new Publisher({
      connection: publishing,
      clock,
      log,
      confirmWindow,
      batchCount: batches ? BATCH_COUNT : 1,
      isParking: (exchange, key) => this.#postings?.isParking(exchange, key) === true,
      isReply: (exchange) => exchange === this.#names.reply,
    });
    const feed = new ManifestFeed(consuming, this.#names.manifest, clock, log);
    const journal = new Journal({
      connection: consuming,
      publisher,
      exchange: this.#names.records,
      queue: this.#names.journal,
      clock,
      log,
    });
    const history = new HistoryStream({ publishing, consuming, names: this.#names, clock, log });
    this.#parts = { publishing, consuming, publisher, feed, journal, history };
    feed.onRecord((record) => {
      this.#follow(layoutOf(record));
    });
    feed.onManifest((manifest) => {
      this.#adopt(manifest);
    });
    try {
      await feed.start();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Not async: each further promise costs whoever publishes many. */
  send(outgoing: readonly Outgoing[], options: SendOptions = {}): Promise<void> {
    try {
      const { publisher } = this.#open();
      const publish = (postings: Postings): Promise<void> => this.#publish(publisher, postings, outgoing, options);
      return this.#postings === undefined ? this.#known().then(publish) : publish(this.#postings);
    } catch (error) {
      return Promise.reject(toError(error));
    }
  }

  /** @throws what `Postings.outgoing` throws */
  #publish(
    publisher: Publisher,
    postings: Postings,
    outgoing: readonly Outgoing[],
    { deadlineMs = DEADLINE, tally }: SendOptions,
  ): Promise<void> {
    const now = this.#clock.now();
    const durable = (): void => {
      countMade(this.#ledgers, postings, outgoing, now);
      this.#ledgers.tallies.addAll(tally);
    };
    return publisher.send(
      outgoing.map((each) => postings.outgoing(each, now)),
      deadlineMs,
      { durable },
    );
  }

  async consume(endpoint: string, options: ConsumeOptions): Promise<Consumer> {
    const { consuming, publisher, journal } = this.#open();
    const known = await this.#knowing(endpoint);
    const layout = this.#layoutOf(endpoint);
    const spec = known.topology.endpoints.find(({ name }) => name === endpoint) ?? layout?.spec;
    if (spec === undefined || layout === undefined) throw notApplied(endpoint);
    const id = randomUUID();
    const consumer = new RabbitConsumer(spec, options, {
      connection: consuming,
      publisher,
      journal,
      ledgers: this.#ledgers,
      clock: this.#clock,
      log: this.#log,
      layout,
      source: consuming,
      settleMs: this.#settleMs,
      postings: () => this.#postings ?? known,
      id,
      others: () => this.#othersOf(endpoint, id),
      changed: () => this.#members?.announce(),
      closed: (closed) => {
        this.#consumers.delete(closed);
        this.#rebalance();
      },
    });
    this.#consumers.add(consumer);
    this.#rebalance();
    try {
      await consumer.start();
    } catch (cause) {
      if (cause instanceof Error && isAbsent(cause)) throw notApplied(endpoint);
      throw cause;
    }
    return consumer;
  }

  async tap(types: readonly TypeRef[] | 'all', onMessage: (message: EncodedMessage) => void): Promise<Tap> {
    const { consuming } = this.#open();
    const first = this.#postings ?? (await this.#known());
    const tap = new RabbitTap({
      connection: consuming,
      clock: this.#clock,
      log: this.#log,
      types,
      onMessage,
      postings: () => this.#postings ?? first,
    });
    await tap.start();
    this.#taps.add(tap);
    return {
      close: async () => {
        this.#taps.delete(tap);
        await tap.close();
      },
    };
  }

  async openReplies(receive: (message: EncodedMessage, tag: string) => void): Promise<Replies> {
    const { consuming } = this.#open();
    if (this.#postings === undefined) await this.#known();
    const exchange = this.#names.reply;
    const options = { connection: consuming, exchange, clock: this.#clock, log: this.#log, receive };
    const replies = new RabbitReplies(options, () => this.#replies.delete(replies));
    this.#replies.add(replies);
    replies.start();
    await replies.ready();
    return replies;
  }

  async *audit(): AsyncIterable<AuditRecord> {
    const { consuming } = this.#open();
    if (await queueExists(consuming, this.#names.audit)) yield* readAudit(consuming, this.#names.audit, this.#clock);
  }

  record(records: readonly HistoryRecord[]): Promise<void> {
    return this.#open().history.add(records);
  }

  history(read: (records: readonly HistoryRecord[]) => void): Promise<number> {
    return this.#open().history.read(read);
  }

  async stats(): Promise<TransportStats> {
    const { consuming } = this.#open();
    await this.manifest();
    if (this.#postings === undefined) return NO_STATS;
    const { topology, names } = this.#postings;
    const members = (await this.#members?.collect()) ?? [this.#snapshot()];
    return await gatherStats(topology, names, consuming, members, layoutOf(this.#open().feed.record ?? {}));
  }

  async manifest(): Promise<Manifest | undefined> {
    return await this.#open().feed.read();
  }

  async apply(manifest: Manifest, options?: ApplyOptions): Promise<ApplyResult> {
    const { feed } = this.#open();
    this.#checkBus(manifest);
    const result = await applyManifest(manifest, this.#applyDeps(), options);
    await feed.read();
    return result;
  }

  async pause(endpoint: string, pause: Pause | undefined): Promise<void> {
    const { feed } = this.#open();
    await recordPause(this.#names, endpoint, pause, this.#applyDeps());
    await feed.read();
  }

  async survey(manifest: Manifest): Promise<Survey> {
    this.#open();
    this.#checkBus(manifest);
    return await survey(manifest, this.#applyDeps());
  }

  async retired(): Promise<readonly RetiredEndpoint[]> {
    const { feed, consuming } = this.#open();
    await feed.read();
    return await consuming.surely(() => retiredEndpoints(feed.record ?? {}, this.#names, consuming));
  }

  /** @throws WB_OPTION_INVALID */
  #checkBus({ bus, topology }: Manifest): void {
    if (bus === this.#bus && topology.bus === this.#bus) return;
    throw new WaybillError('WB_OPTION_INVALID', `the plan is of bus "${bus}", the connection of bus "${this.#bus}"`);
  }

  #applyDeps(): ApplyDeps {
    return {
      address: this.#address,
      clock: this.#clock,
      log: this.#log,
      parking: this.#options.limits?.parkingBytes ?? DEFAULT_PARKING,
      settleMs: this.#settleMs,
    };
  }

  onManifest(listener: (manifest: Manifest) => void): Unsubscribe {
    return this.#open().feed.onManifest(listener);
  }

  status(): TransportStatus {
    const connections = this.#parts === undefined ? [] : [this.#parts.publishing, this.#parts.consuming];
    const blocked = connections.find((connection) => connection.blocked !== undefined)?.blocked;
    const error = connections.find((connection) => !connection.connected)?.error;
    return {
      connected:
        this.#closing === undefined && connections.length > 0 && connections.every(({ connected }) => connected),
      owner: false,
      ...(blocked === undefined ? {} : { blocked }),
      ...(error === undefined ? {} : { error }),
    };
  }

  onStatus(listener: (status: TransportStatus) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const parts = this.#parts;
    if (parts === undefined) return;
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
    await Promise.all([...this.#taps, ...this.#replies].map((each) => each.close()));
    parts.journal.stop();
    parts.feed.stop();
    this.#members?.stop();
    await parts.history.close();
    await parts.publisher.close();
    await Promise.all([parts.publishing.close(), parts.consuming.close()]);
    this.#listeners.clear();
  }

  #connect(purpose: string): Promise<Connection> {
    const name = `waybill ${this.#bus} ${this.#options.service ?? 'waybill'} ${purpose} ${String(process.pid)}-${randomUUID().slice(0, 4)}`;
    const changed = (): void => {
      this.#changed();
    };
    return Connection.open({ address: this.#address, name, clock: this.#clock, log: this.#log, changed });
  }

  #changed(): void {
    const status = this.status();
    const shown = JSON.stringify(status);
    if (shown === this.#shown) return;
    this.#shown = shown;
    for (const listener of [...this.#listeners]) listener(status);
  }

  /** @throws WB_CLOSED */
  #open(): Parts {
    if (this.#parts !== undefined && this.#closing === undefined) return this.#parts;
    throw new WaybillError('WB_CLOSED', 'the connection to RabbitMQ is closed');
  }

  #layoutOf(endpoint: string): EndpointLayout | undefined {
    return layoutOf(this.#open().feed.record ?? {}).find(({ spec }) => spec.name === endpoint);
  }

  #follow(layout: Layout): void {
    for (const consumer of this.#consumers) {
      const endpoint = layout.find(({ spec }) => spec.name === consumer.endpoint);
      if (endpoint !== undefined) consumer.follow(endpoint);
    }
  }

  #adopt(manifest: Manifest): void {
    const retired = layoutOf(this.#parts?.feed.record ?? {}).filter((endpoint) => endpoint.retired !== undefined);
    this.#postings = new Postings(
      manifest.topology,
      this.#ids,
      retired.map(({ spec }) => spec),
    );
    if (this.#parts !== undefined) {
      this.#parts.history.renew();
      this.#members ??= new Members({
        connection: this.#parts.consuming,
        publishing: this.#parts.publishing,
        names: this.#names,
        clock: this.#clock,
        log: this.#log,
        snapshot: () => this.#snapshot(),
        attendants: () => this.#attendants(),
        changed: () => {
          for (const consumer of this.#consumers) consumer.rebalance();
        },
      });
    }
    for (const tap of this.#taps) {
      tap.rebind().catch((error: unknown) => {
        this.#log.warn({ error: String(error) }, 'a tap does not see the types of the new plan');
      });
    }
  }

  /** @throws WB_PLAN_NOT_APPLIED */
  async #known(): Promise<Postings> {
    if (this.#postings === undefined) await this.manifest();
    if (this.#postings === undefined) throw notApplied();
    return this.#postings;
  }

  /** The topology as it is known here, or as the broker knows it when the endpoint is not in it. */
  async #knowing(endpoint: string): Promise<Postings> {
    if (this.#postings?.has(endpoint) !== true) await this.manifest();
    return await this.#known();
  }

  #office(kind: 'dead' | 'parked', queue: string): RabbitOffice {
    const parts = (): Parts => this.#open();
    return new RabbitOffice({
      kind,
      address: this.#address,
      source: { channel: () => parts().consuming.channel() },
      publisher: { send: (postings, deadlineMs) => parts().publisher.send(postings, deadlineMs) },
      ledgers: this.#ledgers,
      clock: this.#clock,
      log: this.#log,
      postings: () => this.#known(),
      queue: async () => {
        this.#open();
        if (this.#postings === undefined) await this.manifest();
        return this.#postings === undefined ? undefined : queue;
      },
    });
  }

  /** Consumers of this process that share partitions with others. */
  #attendants(): Attendant[] {
    return [...this.#consumers]
      .filter(({ sharing }) => sharing)
      .map(({ id, endpoint, queues }) => ({ id, endpoint, queues }));
  }

  #othersOf(endpoint: string, id: string): readonly Attendant[] {
    const here = this.#attendants().filter((other) => other.endpoint === endpoint && other.id !== id);
    return [...here, ...(this.#members?.attendantsOf(endpoint) ?? [])];
  }

  /** A consumer of this process has come, gone, or attends other queues. */
  #rebalance(): void {
    this.#members?.announce();
    for (const consumer of this.#consumers) consumer.rebalance();
  }

  #snapshot(): Snapshot {
    const { made, outcomes, tallies, letters } = this.#ledgers;
    const sent = this.#parts?.publisher.sent ?? { parcels: 0, messages: 0, refused: 0 };
    return {
      made: made.snapshot(),
      outcomes: Object.fromEntries([...outcomes].map(([endpoint, counters]) => [endpoint, counters.snapshot()])),
      tallies: {
        ...tallies.snapshot(),
        'transport.parcels': sent.parcels,
        'transport.messages': sent.messages,
        'transport.refused': sent.refused,
        'transport.unconfirmed': this.#parts?.publisher.unconfirmed ?? 0,
      },
      letters: letters.snapshot(),
      consumers: [...this.#consumers].map(({ endpoint, inHand, buffered, oldest, state, seats }) => ({
        endpoint,
        by: `${this.#options.service ?? 'waybill'} ${hostname()} ${String(process.pid)}`,
        seats,
        inHand,
        buffered,
        ...(oldest === undefined ? undefined : { oldest }),
        state,
      })),
    };
  }
}

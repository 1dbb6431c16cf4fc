import { WaybillError } from '../../errors.ts';
import type { EncodedMessage, TypeRef } from '../../message.ts';
import type { Clock } from '../../ports/clock.ts';
import { decodeHistory, encodeHistory, type HistoryRecord } from '../../ports/history.ts';
import type { Log } from '../../ports/log.ts';
import type { StateReader } from '../../ports/store.ts';
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
import { Berth } from './berth.ts';
import { SteadyConsumer } from './consumer.ts';
import { type Core, CoreLost } from './core.ts';
import { EmbeddedOffice } from './office.ts';
import { SteadyReplies } from './replies.ts';
import { surveyTopology } from './survey.ts';
import { SteadyTap } from './tap.ts';

export interface EmbeddedOptions {
  /** Made when it does not exist, for this user alone. */
  readonly folder: string;
  /** The name of the bus; a folder holds one bus. Without it, whichever the folder holds. */
  readonly bus?: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: {
    /** Largest amount of parked messages. @unit bytes @default what the applied definition says */
    readonly parkingBytes?: number;
  };
}

/**
 * Opens the bus of a folder: as its owner when no process owns it, else attached to the owner. When the owner ends, one of
 * those attached becomes it.
 * @throws WB_STORE_FOLDER, WB_STORE_CORRUPT, WB_STORE_FOREIGN, WB_STORE_NEWER, WB_STORE_BUS, WB_STORE_FULL
 */
export async function openEmbedded(options: EmbeddedOptions): Promise<EmbeddedTransport> {
  const transport = new EmbeddedTransport(options);
  await transport.open();
  return transport;
}

/** How long the owner may take with records. @unit milliseconds */
const RECORD_DEADLINE_MS = 2_000;

/** See `Transport`. Holds no messages: they are with the core, which may change while this lives. */
export class EmbeddedTransport implements Transport, AsyncDisposable {
  readonly kind = 'embedded';
  readonly state: StateReader;
  readonly dead: Office;
  readonly parked: Office;
  readonly #log: Log;
  readonly #consumers = new Set<SteadyConsumer>();
  readonly #taps = new Set<SteadyTap>();
  readonly #replies = new Set<SteadyReplies>();
  readonly #manifestListeners = new Set<(manifest: Manifest) => void>();
  readonly #berth: Berth;
  #closed: Promise<void> | undefined;

  constructor(options: EmbeddedOptions) {
    const { folder, bus, clock, log, limits } = options;
    this.#log = log;
    this.#berth = new Berth(
      { folder, bus, clock, log, parkingBytes: limits?.parkingBytes },
      {
        onManifest: (manifest) => {
          for (const listener of this.#manifestListeners) listener(manifest);
          // Endpoints that were gone may be back.
          if (this.#berth.core !== undefined) this.#settleIn(this.#berth.core);
        },
        onCore: (next) => {
          this.#settleIn(next);
        },
        onLost: () => {
          for (const each of [...this.#replies, ...this.#consumers, ...this.#taps]) each.detach();
        },
      },
    );
    const core = {
      letters: (...args: Parameters<Core['letters']>) => this.#ask((each) => each.letters(...args)),
      letter: (...args: Parameters<Core['letter']>) => this.#ask((each) => each.letter(...args)),
      redrive: (...args: Parameters<Core['redrive']>) => this.#ask((each) => each.redrive(...args)),
      discard: (...args: Parameters<Core['discard']>) => this.#ask((each) => each.discard(...args)),
      stats: () => this.stats(),
    };
    this.dead = new EmbeddedOffice('dead', core, clock);
    this.parked = new EmbeddedOffice('parked', core, clock);
    this.state = { load: (...args) => this.#ask((each) => each.load(...args)) };
  }

  /** Called once, by `openEmbedded`. */
  async open(): Promise<void> {
    await this.#berth.open();
  }

  send(outgoing: readonly Outgoing[], options?: SendOptions): Promise<void> {
    const own = this.#closed === undefined ? this.#berth.own : undefined;
    // The owner's way has no step of its own: it is taken a hundred thousand times a second.
    if (own !== undefined) return own.send(outgoing, options);
    return this.#ask((core) => core.send(outgoing, options), options?.deadlineMs);
  }

  async consume(endpoint: string, options: ConsumeOptions): Promise<Consumer> {
    const { window } = options;
    if (!Number.isInteger(window) || window < 1 || window > 5_000) {
      throw new WaybillError(
        'WB_OPTION_INVALID',
        `window must be a whole number from 1 to 5000, not ${String(window)}`,
      );
    }
    const consumer = new SteadyConsumer(endpoint, options, (closed) => {
      this.#consumers.delete(closed);
    });
    this.#consumers.add(consumer);
    try {
      await this.#ask((core) => consumer.moveTo(core));
    } catch (thrown) {
      this.#consumers.delete(consumer);
      throw thrown;
    }
    return consumer;
  }

  async tap(types: readonly TypeRef[] | 'all', onMessage: (message: EncodedMessage) => void): Promise<Tap> {
    const tap = new SteadyTap(types, onMessage, (closed) => {
      this.#taps.delete(closed);
    });
    this.#taps.add(tap);
    try {
      await this.#ask((core) => tap.moveTo(core));
    } catch (thrown) {
      this.#taps.delete(tap);
      throw thrown;
    }
    return tap;
  }

  async openReplies(receive: (message: EncodedMessage, tag: string) => void): Promise<Replies> {
    const replies = new SteadyReplies(receive, (closed) => {
      this.#replies.delete(closed);
    });
    this.#replies.add(replies);
    try {
      await this.#ask((core) => replies.moveTo(core));
    } catch (thrown) {
      this.#replies.delete(replies);
      throw thrown;
    }
    return replies;
  }

  async *audit(): AsyncIterable<AuditRecord> {
    let after = '';
    for (;;) {
      const from = after;
      const page = await this.#ask((core) => core.audit(from, 500));
      yield* page.items;
      if (page.next === undefined) return;
      after = page.next;
    }
  }

  record(records: readonly HistoryRecord[]): Promise<void> {
    // Nothing waits for a record, so it waits for nobody either: an owner may be long in coming.
    if (!this.#berth.status.connected) return Promise.reject(new CoreLost('nobody owns the folder at the moment'));
    const text = encodeHistory(records);
    return this.#ask((core) => core.record(text), RECORD_DEADLINE_MS);
  }

  async history(read: (records: readonly HistoryRecord[]) => void): Promise<number> {
    let after = '';
    let unreadable = 0;
    for (;;) {
      const from = after;
      const page = await this.#ask((core) => core.history(from));
      for (const text of page.items) {
        const records = decodeHistory(text);
        if (records === undefined) unreadable += 1;
        else read(records);
      }
      if (page.next === undefined) return unreadable;
      after = page.next;
    }
  }

  stats(): Promise<TransportStats> {
    return this.#ask((core) => core.stats());
  }

  manifest(): Promise<Manifest | undefined> {
    return this.#ask((core) => core.manifest());
  }

  pause(endpoint: string, pause: Pause | undefined): Promise<void> {
    return this.#ask((core) => core.pause(endpoint, pause));
  }

  apply(manifest: Manifest, options?: ApplyOptions): Promise<ApplyResult> {
    return this.#ask((core) => core.apply(manifest, options));
  }

  async survey({ topology }: Manifest): Promise<Survey> {
    return surveyTopology((await this.manifest())?.topology, topology);
  }

  /** None: what waits at an endpoint that is removed becomes dead letters. */
  retired(): Promise<readonly RetiredEndpoint[]> {
    return Promise.resolve([]);
  }

  onManifest(listener: (manifest: Manifest) => void): Unsubscribe {
    this.#manifestListeners.add(listener);
    return () => {
      this.#manifestListeners.delete(listener);
    };
  }

  status(): TransportStatus {
    return this.#berth.status;
  }

  onStatus(listener: (status: TransportStatus) => void): Unsubscribe {
    return this.#berth.onStatus(listener);
  }

  /** Calls `listener` whenever this process becomes the owner of the folder, or no longer is. */
  onOwner(listener: (owner: boolean) => void): Unsubscribe {
    let { owner } = this.status();
    return this.onStatus((status) => {
      if (status.owner === owner) return;
      ({ owner } = status);
      listener(owner);
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const consumers = [...this.#consumers];
    this.#consumers.clear();
    await Promise.all(consumers.map((consumer) => consumer.close()));
    await Promise.all([...this.#taps, ...this.#replies].map((each) => each.close()));
    await this.#berth.close();
  }

  #ask<T>(question: (core: Core) => Promise<T>, deadlineMs?: number): Promise<T> {
    if (this.#closed !== undefined)
      return Promise.reject(new WaybillError('WB_CLOSED', 'the bus connection is closed'));
    return this.#berth.ask(question, deadlineMs);
  }

  /** All go on with the core, reply addresses first, so that no answer comes before its address; those whose endpoint the plan does not hold wait for the next plan. */
  #settleIn(core: Core): void {
    for (const each of [...this.#replies, ...this.#consumers, ...this.#taps]) {
      if (each.attached) continue;
      each.moveTo(core).catch((thrown: unknown) => {
        if (!(thrown instanceof CoreLost)) this.#log.warn({ err: thrown }, 'a consumer cannot go on yet');
      });
    }
  }
}

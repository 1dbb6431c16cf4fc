import { toError, WaybillError } from '../../errors.ts';
import type { EncodedMessage, TypeRef } from '../../message.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Cause, Loaded, StateRef } from '../../ports/store.ts';
import { keepPauses, type Manifest, type Pause, withPause } from '../../ports/topology.ts';
import type {
  ApplyOptions,
  ApplyResult,
  AuditRecord,
  ConsumeOptions,
  ConsumerState,
  DeadLetter,
  Outgoing,
  SendOptions,
  Settlement,
  Tally,
  Tap,
  TransportStats,
} from '../../ports/transport.ts';
import { applyPlan } from './apply.ts';
import { Blockage } from './blockage.ts';
import type { Core, CoreEvents, Page, TakeAnswer } from './core.ts';
import { Desk } from './desk.ts';
import { otherBus, type Store } from './folder.ts';
import { Held } from './held.ts';
import { HistoryLog } from './history-log.ts';
import { Journal } from './journal.ts';
import { Mailroom } from './mailroom.ts';
import { writeEndpoints } from './records.ts';
import { finish, parkingNeed } from './settling.ts';
import { type Start, State } from './state.ts';
import { Subscription, type SubscriptionHost } from './subscription.ts';
import { Taps } from './taps.ts';

export interface EngineContext {
  readonly store: Store;
  readonly epoch: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: CoreEvents;
  readonly parkingBytes: number | undefined;
}

/** The bus of a folder in the process that owns it. */
export class Engine implements Core, SubscriptionHost {
  readonly #context: EngineContext;
  readonly #journal: Journal;
  readonly #taps: Taps;
  readonly #mailroom: Mailroom;
  readonly #desk: Desk;
  readonly #history: HistoryLog;
  readonly #blockage: Blockage;
  readonly #subscriptions = new Set<Subscription>();
  #state: State;
  #closed = false;

  constructor(context: EngineContext, start: Start) {
    this.#context = context;
    const { store, epoch, clock, log, parkingBytes } = context;
    this.#journal = new Journal(store, epoch, clock, {
      onFailure: (error) => {
        this.#recover(error);
      },
      onLoss: () => {
        this.#end();
        context.events.onEnd('another process has taken the folder');
      },
    });
    this.#taps = new Taps(this.#journal);
    this.#mailroom = new Mailroom(this.#journal, clock, (message) => {
      this.#parkAnswer(message);
    });
    this.#blockage = new Blockage(store, this.#journal, clock, () => {
      this.#unblock();
    });
    this.#desk = new Desk(this.#journal, () => this.#state);
    this.#history = new HistoryLog({ store, journal: this.#journal, clock });
    this.#state = new State({ store, journal: this.#journal, clock, log, parkingBytes, show: this.#show }, start);
  }

  send(outgoing: readonly Outgoing[], options?: SendOptions): Promise<void> {
    try {
      this.#check();
      let parking = 0;
      for (const each of outgoing) parking += parkingNeed(this.#state, each);
      if (parking > 0) this.#state.checkParking(parking);
      for (const each of outgoing) this.#dispatch(each);
      if (options?.tally !== undefined) this.#state.ledger.tally(options.tally);
      else if (outgoing.length === 0) return Promise.resolve();
      return this.#journal.within(this.#journal.durable, options?.deadlineMs);
    } catch (thrown) {
      return Promise.reject(toError(thrown));
    }
  }

  consume(name: string, options: ConsumeOptions): Promise<Subscription> {
    try {
      this.#checkOpen();
      this.#state.exchange.endpoint(name);
    } catch (thrown) {
      return Promise.reject(toError(thrown));
    }
    const subscription = new Subscription(this, name, options);
    this.#subscriptions.add(subscription);
    // The caller holds the consumer before it is handed anything.
    setImmediate(() => {
      this.#admit(subscription);
    });
    return Promise.resolve(subscription);
  }

  /** Resolves when it is durable. Throws, at once and without having done anything, what refuses it. */
  settle(settlements: readonly Settlement[], tally: Tally | undefined): Promise<void> {
    const state = this.#state;
    let parking = 0;
    let live = 0;
    for (const settlement of settlements) {
      const { delivery } = settlement;
      if (!(delivery instanceof Held) || !delivery.open) continue;
      live += 1;
      if (settlement.outcome === 'parked') parking += delivery.message.body.length;
      else if (settlement.outcome !== 'retry') {
        for (const each of settlement.sends) parking += parkingNeed(state, each);
      }
    }
    if (live === 0) return Promise.resolve();
    if (parking > 0) state.checkParking(parking);
    for (const settlement of settlements) {
      const { delivery } = settlement;
      if (!(delivery instanceof Held) || !delivery.open) continue;
      if (settlement.outcome !== 'retry' && settlement.outcome !== 'parked') {
        for (const each of settlement.sends) this.#dispatch(each);
      }
      finish(state, delivery, settlement);
    }
    if (tally !== undefined) state.ledger.tally(tally);
    return this.#journal.durable;
  }

  stop(subscription: Subscription): void {
    this.#state.endpoints.get(subscription.endpoint)?.stop(subscription);
  }

  leave(subscription: Subscription, suspect: boolean): void {
    this.#subscriptions.delete(subscription);
    this.#state.endpoints.get(subscription.endpoint)?.leave(subscription, suspect);
  }

  report(subscription: Subscription, state: ConsumerState): void {
    this.#state.endpoints.get(subscription.endpoint)?.report(subscription, state);
  }

  tap(types: readonly TypeRef[] | 'all', onMessage: (message: EncodedMessage) => void): Promise<Tap> {
    const close = this.#taps.open(types, onMessage);
    return Promise.resolve({
      close: () => {
        close();
        return Promise.resolve();
      },
    });
  }

  replies(address: string, take: TakeAnswer): Promise<Tap> {
    const close = this.#mailroom.open(address, take);
    return Promise.resolve({
      close: () => {
        close();
        return Promise.resolve();
      },
    });
  }

  letters(...args: Parameters<Core['letters']>): Promise<Page<DeadLetter>> {
    return this.#desk.letters(...args);
  }

  letter(...args: Parameters<Core['letter']>): Promise<DeadLetter | undefined> {
    return this.#desk.letter(...args);
  }

  async redrive(...args: Parameters<Core['redrive']>): Promise<number> {
    this.#check();
    return this.#desk.redrive(...args);
  }

  async discard(...args: Parameters<Core['discard']>): Promise<number> {
    this.#check();
    return this.#desk.discard(...args);
  }

  audit(...args: Parameters<Core['audit']>): Promise<Page<AuditRecord>> {
    return this.#desk.audit(...args);
  }

  record(text: string): Promise<void> {
    try {
      this.#check();
      return this.#history.add(text);
    } catch (thrown) {
      return Promise.reject(toError(thrown));
    }
  }

  async history(after: string): Promise<Page<string>> {
    this.#checkOpen();
    await this.#journal.settled();
    return this.#history.page(after);
  }

  load(cause: Cause | undefined, refs: readonly StateRef[]): Promise<Loaded> {
    const { states, recorded } = this.#state.units.load(cause, refs);
    // A record needs no settling: its delivery was settled with it.
    return Promise.resolve({ states, recorded });
  }

  stats(): Promise<TransportStats> {
    const { ledger, endpoints } = this.#state;
    return Promise.resolve({
      exact: true,
      endpoints: [...endpoints.values()].map((endpoint) => endpoint.stats()),
      dead: ledger.deadLetters,
      parked: ledger.parkedLetters,
      ...ledger.stats(),
    });
  }

  manifest(): Promise<Manifest | undefined> {
    return Promise.resolve(this.#state.manifest);
  }

  async apply(manifest: Manifest, { after }: ApplyOptions = {}): Promise<ApplyResult> {
    this.#check();
    const changes = await this.#journal.exclusively((now) => {
      const held = this.#state.manifest?.edition;
      // Also when this is asked again because the first answer was lost.
      if (held === manifest.edition) return [];
      if (after !== undefined && after !== (held ?? null)) throw moved(after, held);
      try {
        return applyPlan(this.#state, keepPauses(manifest, this.#state.manifest), now);
      } catch (thrown) {
        // The transaction left nothing behind, but the state may have been changed.
        this.#reload();
        throw thrown;
      }
    });
    if (changes.length > 0) {
      for (const subscription of this.#subscriptions) this.#admit(subscription);
      this.#context.events.onManifest(this.#state.manifest ?? manifest);
    }
    return { changes };
  }

  async pause(endpoint: string, pause: Pause | undefined): Promise<void> {
    this.#check();
    const manifest = await this.#journal.exclusively((now) => {
      const held = this.#state.manifest;
      if (held === undefined) throw nothingApplied(this.#context.store.folder);
      const next = withPause(held, endpoint, pause);
      now(() => {
        this.#context.store.meta.putSync('manifest', next);
      });
      this.#state.manifest = next;
      return next;
    });
    this.#context.events.onManifest(manifest);
  }

  /** Why nothing can be written at the moment. */
  get blocked(): string | undefined {
    return this.#blockage.reason?.message;
  }

  /** Why a process may not attach. */
  refuse(sameProtocol: boolean, bus: unknown): WaybillError | undefined {
    if (!sameProtocol) {
      return new WaybillError('WB_TRANSPORT_UNAVAILABLE', 'the owner of the folder runs another version of Waybill', {
        fix: 'Let all processes of the folder run the same version.',
      });
    }
    const held = this.#state.manifest?.bus;
    if (typeof bus !== 'string' || held === undefined || bus === held) return undefined;
    return otherBus(this.#context.store.folder, held, bus);
  }

  /** Finishes what is under way. @throws when the last commits fail */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const subscription of [...this.#subscriptions]) await subscription.close();
    this.#mailroom.close();
    await this.#journal.drained();
    const suspects = this.#state.suspects();
    this.#end();
    if (this.#journal.ended === undefined) {
      await this.#journal.exclusively((now) => {
        now(() => {
          this.#context.store.meta.putSync('suspects', suspects);
        });
      });
    }
    this.#journal.end(closed());
  }

  #dispatch({ to, message, dueAt }: Outgoing): void {
    const state = this.#state;
    const { ledger, exchange } = state;
    if (typeof to === 'object' && 'reply' in to) {
      this.#mailroom.post(to.reply, message);
      return;
    }
    if (dueAt !== undefined && dueAt > this.#context.clock.now()) {
      state.schedule(dueAt, { to, message, extra: undefined });
      return;
    }
    if (to === 'bus') {
      state.publish(message);
      return;
    }
    state.deliver(exchange.endpoint(to.endpoint), exchange.slot(message.envelope), message);
    ledger.add('made', 1);
  }

  readonly #show = (message: EncodedMessage): void => {
    if (this.#taps.watched) this.#taps.show(message);
  };

  /** Nobody waits for it any more: where it cannot be kept it is dropped, and said so. */
  #parkAnswer(message: EncodedMessage): void {
    const { ledger } = this.#state;
    try {
      if (this.#blockage.reason !== undefined) throw this.#blockage.reason;
      if (this.#journal.ended !== undefined) throw this.#journal.ended;
      this.#state.checkParking(message.body.length);
      ledger.add('made', 1);
      this.#state.park(message);
    } catch (thrown) {
      const { id, causationId } = message.envelope;
      this.#context.log.warn(
        { messageId: id, causationId, why: toError(thrown).message },
        'an answer is dropped: who asked is gone, and the parking lot does not take it',
      );
    }
  }

  /** Lets a subscription take deliveries, once it is durable how many it may have in hand. */
  #admit(subscription: Subscription): void {
    const endpoint = this.#state.endpoints.get(subscription.endpoint);
    if (this.#closed || this.#blockage.reason !== undefined || subscription.stopped || endpoint === undefined) return;
    if (endpoint.has(subscription)) return;
    const { mostInHand } = endpoint;
    const { window } = subscription;
    const most = endpoint.spec.ordering === 'key' ? Math.max(mostInHand, window) : mostInHand + window;
    if (most <= endpoint.knownWindow) {
      endpoint.join(subscription);
      endpoint.report(subscription, subscription.state);
      return;
    }
    endpoint.window = Math.max(endpoint.window, most);
    // When the commit fails it is tried again with all that is read anew.
    this.#journal.enlist({
      write: (store) => {
        writeEndpoints(store, this.#state.endpoints.values());
      },
      written: () => {
        endpoint.knownWindow = Math.max(endpoint.knownWindow, most);
        this.#admit(subscription);
      },
    });
  }

  #checkOpen(): void {
    if (this.#closed) throw closed();
    if (this.#journal.ended !== undefined) throw this.#journal.ended;
  }

  #check(): void {
    this.#checkOpen();
    if (this.#blockage.reason !== undefined) throw this.#blockage.reason;
  }

  /** A commit failed. What is durable is read again; what was in hand comes again once writing works. */
  #recover(error: WaybillError): void {
    const { log, events } = this.#context;
    log.error({ code: error.code, err: error }, `a commit failed, what is durable is read again: ${error.message}`);
    this.#reload();
    if (this.#blockage.reason === undefined) events.onBlocked(error.message);
    this.#blockage.begin(error);
  }

  #reload(): void {
    const { store, clock, log, parkingBytes } = this.#context;
    const before = this.#state;
    this.#taps.forget();
    this.#history.forget();
    this.#mailroom.forget();
    this.#state = new State(
      { store, journal: this.#journal, clock, log, parkingBytes, show: this.#show },
      before.suspects(),
    );
    // Last, since whoever hears of it may send at once: what is sent then must find the new state.
    before.close();
  }

  #unblock(): void {
    if (this.#closed) return;
    this.#context.log.info({}, 'the folder can be written to again');
    this.#context.events.onBlocked(undefined);
    for (const subscription of this.#subscriptions) this.#admit(subscription);
  }

  #end(): void {
    this.#closed = true;
    this.#blockage.close();
    this.#state.close();
  }
}

function closed(): WaybillError {
  return new WaybillError('WB_CLOSED', 'the bus connection is closed');
}

function nothingApplied(folder: string): WaybillError {
  return new WaybillError('WB_DEFINITION_MISSING', `nothing was applied to the folder ${folder} yet`, {
    fix: 'Run `waybill apply`.',
  });
}

function moved(after: string | null, held: string | undefined): WaybillError {
  return new WaybillError(
    'WB_MANIFEST_MOVED',
    `the plan was made from ${edition(after)}, and ${edition(held ?? null)} is applied by now`,
    { fix: 'Read what is applied, and apply again.' },
  );
}

function edition(of: string | null): string {
  return of === null ? 'no plan' : `edition ${of}`;
}

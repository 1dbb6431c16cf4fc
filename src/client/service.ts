import type { ServiceDefinition } from '../config/definition.ts';
import { toError, WaybillError } from '../errors.ts';
import { showJson } from '../json.ts';
import { type EncodedMessage, type Message, type TypeRef, typeRef } from '../message.ts';
import { didYouMean } from '../nearest.ts';
import type { Plan } from '../plan/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { failureOf, NO_TRACING, retrace, type Span, type Tracing } from '../ports/tracing.ts';
import type { Outgoing, Tally, Transport } from '../ports/transport.ts';
import { answerType } from '../runtime/answer.ts';
import type { Control } from '../runtime/control.ts';
import { CLOSE_MS, Dispatcher } from '../runtime/dispatcher.ts';
import type { LazyStore } from '../runtime/lazy-store.ts';
import { Drafts, type Lineage, NO_OPTIONS, type PublishOptions, publishedCounter, type Refusal } from './draft.ts';
import { type Handler, Handling, type Responder } from './handling.ts';
import { type Inbox, OwnInbox, StoredInbox } from './inbox.ts';
import { checkOptions, type Names } from './options.ts';
import { Requester, type RequestOptions } from './requester.ts';
import type { AnswerOf, KnownRef, PayloadOf, RequestRef } from './types.ts';

/** Messages that `publishMany` hands over at a time. */
const BULK = 500;

export interface HandleOptions {
  /**
   * Most handlers of the service at a time in this process; the largest one asked for counts.
   * @range a whole number, at least 1
   * @default `concurrency` of waybill.yaml
   */
  readonly concurrency?: number;
  /**
   * How long one attempt may take; the longest one asked for counts.
   * @unit milliseconds
   * @range at least 1
   * @default `timeout` of waybill.yaml
   */
  readonly timeoutMs?: number;
  /**
   * Handles each message once: that it was handled goes on record, and one that comes again is a duplicate, for as long as
   * `inbox: { keep }` of the service says. Needs a store where the transport has none of its own.
   * @default false
   */
  readonly inbox?: boolean;
}

const HANDLE_OPTIONS: Names<HandleOptions> = { concurrency: true, timeoutMs: true, inbox: true };

export interface CloseOptions {
  /** How long what is in hand may take to end. @unit milliseconds @default 10_000 */
  readonly timeoutMs?: number;
}

/** One message of `publishMany`. */
export type Publication<Ref extends KnownRef = KnownRef> = PublishOptions & {
  readonly type: Ref;
  readonly data: PayloadOf<Ref>;
};

/** What is told a publisher whose message is durable. */
export interface Receipt {
  readonly id: string;
}

export interface ServiceParts {
  readonly name: string;
  readonly plan: () => Plan;
  /** Of the applied plan, where this process goes on with another one. @default nothing is refused */
  readonly refusal?: Refusal;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  /** @default nobody listens */
  readonly tracing?: Tracing;
  /** What inboxes are kept in. @default the transport's own store */
  readonly store?: LazyStore;
  /** What people paused. @default nothing */
  readonly control?: Control;
  /** Frees what was opened for the service, within its timeout. */
  readonly release: (timeoutMs: number) => Promise<void>;
}

/** A named application on the bus: publishes what it declares, handles what it receives. Made by `connect`. */
export class Service implements AsyncDisposable {
  readonly name: string;
  readonly #parts: ServiceParts;
  readonly #drafts: Drafts;
  readonly #requester: Requester;
  readonly #tracing: Tracing;
  readonly #handling: Handling;
  readonly #options: HandleOptions[] = [];
  readonly #counter: string;
  /** The tally of one message. */
  readonly #one: Tally;
  #dispatcher: Dispatcher | undefined;
  /** Why this process alone takes nothing: `pause`. */
  #pausedHere: string | undefined;
  #unlead: (() => void) | undefined;
  #started = false;
  #closing: Promise<void> | undefined;

  constructor(parts: ServiceParts) {
    this.name = parts.name;
    this.#counter = publishedCounter(parts.name);
    this.#one = Object.freeze({ [this.#counter]: 1 });
    this.#parts = parts;
    this.#tracing = parts.tracing ?? NO_TRACING;
    this.#drafts = new Drafts(parts.plan, parts.name, parts.clock, parts.refusal);
    const own = { ...parts, service: parts.name, drafts: this.#drafts, tracing: this.#tracing };
    this.#requester = new Requester(own);
    this.#handling = new Handling({ ...own, requester: this.#requester });
  }

  /** The transport, for what the SDK has no word for: dead letters, statistics. */
  get transport(): Transport {
    return this.#parts.transport;
  }

  /**
   * Checks a message against its contract and hands it to the bus. Resolves when the transport has it durably.
   * @throws WB_NOT_DECLARED, WB_OPTION_INVALID, WB_CONTRACT_UNKNOWN, WB_CONTRACT_VIOLATED, WB_MESSAGE_INVALID, WB_MESSAGE_TOO_LARGE,
   *   WB_DEADLINE, WB_PARKING_FULL, WB_TRANSPORT_UNAVAILABLE, WB_CLOSED
   */
  publish<Ref extends KnownRef>(
    type: Ref,
    data: PayloadOf<Ref>,
    options: PublishOptions = NO_OPTIONS,
  ): Promise<Receipt> {
    return this.#publish(type, options, (lineage) => this.#drafts.draft(type, data, options, lineage));
  }

  /** As `publish`, of JSON bytes from outside, which travel untouched. Duplicate and `__proto__` keys are refused. */
  publishRaw(type: TypeRef, json: Uint8Array | string, options: PublishOptions = {}): Promise<Receipt> {
    return this.#publish(type, options, (lineage) => this.#drafts.draftRaw(type, json, options, lineage));
  }

  /**
   * Publishes many messages, in order. All are checked before the first is sent, so a bad one means that none was sent.
   * Resolves when all are durable. @throws as `publish`; the message names the position
   */
  async publishMany<Ref extends KnownRef>(publications: readonly Publication<Ref>[]): Promise<readonly Receipt[]> {
    this.#open();
    const messages = publications.map(({ type, data, ...options }, index) => {
      try {
        return this.#scheduled(type, this.#drafts.draft(type, data, options), options);
      } catch (error) {
        if (!(error instanceof WaybillError)) throw error;
        throw new WaybillError(
          error.code,
          `message ${String(index)} of ${String(publications.length)}: ${error.message}`,
          {
            cause: error,
            ...(error.fix === undefined ? {} : { fix: error.fix }),
          },
        );
      }
    });
    const parts: Promise<void>[] = [];
    const deadlineMs = publications.reduce<number | undefined>(
      (longest, { deadlineMs: ms }) => (ms === undefined ? longest : Math.max(longest ?? 0, ms)),
      undefined,
    );
    for (let from = 0; from < messages.length; from += BULK)
      parts.push(this.#sendMany(messages.slice(from, from + BULK), deadlineMs));
    await Promise.all(parts);
    return messages.map(({ message }) => ({ id: message.envelope.id }));
  }

  /**
   * Says how messages of a declared type are handled. Before `start()`.
   * @throws WB_NOT_DECLARED, WB_OPTION_INVALID, WB_ALREADY_STARTED
   */
  handle<Ref extends KnownRef>(type: Ref, handler: Handler<Ref>, options: HandleOptions = {}): this {
    this.#declare('handle', type, handler, options);
    this.#handling.add(type, handler as Handler, options.inbox === true);
    this.#options.push(options);
    return this;
  }

  /**
   * As `handle`, for a request: what the responder returns is its answer, of the type that the contract's `x-reply` names. It is
   * checked, and sent before the request is settled. A request that is given up tells its requester at once.
   * @throws as `handle`; WB_REQUEST_TYPE
   */
  respond<Ref extends RequestRef>(type: Ref, responder: Responder<Ref>, options: HandleOptions = {}): this {
    this.#declare('respond', type, responder, options);
    const answer = answerType(this.#parts.plan().contracts.require(type));
    this.#handling.addResponder(type, answer, responder as Responder, options.inbox === true);
    this.#options.push(options);
    return this;
  }

  /**
   * Sends a request, and resolves to its answer, checked against its contract.
   * @throws WB_REQUEST_TYPE, WB_REQUEST_UNROUTED, and as `publish`, before anything is sent; WB_REQUEST_FAILED when the responder
   *   or a route to it gave it up; WB_REQUEST_TIMEOUT (retryable), naming why as far as the bus shows it; WB_CLOSED (retryable)
   */
  async request<Ref extends RequestRef>(
    type: Ref,
    data: PayloadOf<Ref>,
    options?: RequestOptions,
  ): Promise<Message<AnswerOf<Ref>>> {
    this.#open();
    const answer = await this.#requester.request(type, data, options);
    // Checked against the contract that the type was made of.
    return answer as Message<AnswerOf<Ref>>;
  }

  /** What `handle` and `respond` have in common. */
  #declare(call: string, type: TypeRef, handler: unknown, options: HandleOptions): void {
    this.#open();
    if (this.#started) throw new WaybillError('WB_ALREADY_STARTED', `the handler of ${type} was added after start()`);
    const { receives } = this.#definition();
    if (!receives.includes(type)) {
      const known = this.#parts.plan().contracts.all.some(({ ref }) => ref === type);
      const near = known ? undefined : didYouMean(type, receives);
      throw new WaybillError('WB_NOT_DECLARED', `the service ${this.name} does not declare that it receives ${type}`, {
        fix: near ?? `In waybill.yaml, under services: ${this.name}: { receives: [${[...receives, type].join(', ')}] }`,
      });
    }
    if (this.#handling.types.includes(type))
      throw new WaybillError('WB_OPTION_INVALID', `${type} has a handler already`);
    if (typeof handler !== 'function') {
      throw new WaybillError(
        'WB_OPTION_INVALID',
        `${call}('${type}', handler): expected a function, found ${typeof handler}`,
      );
    }
    checkOptions(`${call}('${type}', handler, options)`, options, HANDLE_OPTIONS);
    checkAtLeastOne(type, 'concurrency', options.concurrency);
    checkAtLeastOne(type, 'timeoutMs', options.timeoutMs);
    if (options.inbox !== undefined && typeof options.inbox !== 'boolean') {
      throw new WaybillError(
        'WB_OPTION_INVALID',
        `inbox of ${type} must be true or false, not ${showJson(options.inbox)}`,
      );
    }
  }

  /**
   * Begins to take messages. Resolves when the endpoint is attended.
   * @throws WB_HANDLER_MISSING when a declared type has no handler, WB_ALREADY_STARTED, WB_PLAN_NOT_APPLIED; where a handler has an
   *   inbox WB_STORE_MISSING, WB_STORE_UNAVAILABLE, WB_STORE_REFUSED, WB_STORE_NEWER and others of the store
   */
  async start(): Promise<void> {
    this.#open();
    if (this.#started) throw new WaybillError('WB_ALREADY_STARTED', 'start() was called twice');
    const definition = this.#definition();
    const missing = definition.receives.filter((type) => !this.#handling.types.includes(type));
    if (missing.length > 0) {
      throw new WaybillError(
        'WB_HANDLER_MISSING',
        `the service ${this.name} receives ${missing.join(', ')} but has no handler for it`,
        {
          fix: `Add ${missing.map((type) => `handle('${type}', ...)`).join(', ')} before start(), or take it from \`receives\`.`,
        },
      );
    }
    this.#started = true;
    if (definition.receives.length === 0) return;
    const { clock, log, transport } = this.#parts;
    const tracing = this.#tracing;
    const dispatcher = new Dispatcher({
      endpoint: this.name,
      ordering: definition.ordering,
      retry: definition.retry,
      holdMs: definition.holdMs,
      timeoutMs: Math.max(...this.#options.map(({ timeoutMs }) => timeoutMs ?? definition.timeoutMs)),
      concurrency: Math.max(...this.#options.map(({ concurrency }) => concurrency ?? definition.concurrency)),
      process: this.#handling.process,
      tracing,
      trace: ({ delivery, attempt }) => (tracing.on ? tracing.process(delivery, attempt) : undefined),
      unanswered: (delivery, death) => this.#handling.unanswered(delivery, death),
      clock,
      log,
    });
    this.#dispatcher = dispatcher;
    this.#unlead = this.#parts.control?.lead(this.name, {
      pause: (reason) => {
        dispatcher.pause(reason);
      },
      resume: () => {
        if (this.#pausedHere === undefined) dispatcher.resume();
        else dispatcher.pause(this.#pausedHere);
      },
    });
    if (this.#parts.control?.reason(this.name) === undefined && this.#pausedHere !== undefined)
      dispatcher.pause(this.#pausedHere);
    try {
      if (this.#handling.needsInbox) this.#handling.useInbox(await this.#inbox(definition));
      await dispatcher.start(transport);
    } catch (error) {
      // So that it can be started once its plan is applied.
      this.#started = false;
      this.#unlead?.();
      this.#dispatcher = undefined;
      throw error;
    }
  }

  /** Why no messages are taken at the moment: an outage that was noticed, or `pause`. */
  get paused(): string | undefined {
    return this.#dispatcher?.paused;
  }

  /** Takes no messages in this process until `resume`; the bus keeps them. */
  pause(reason = 'paused by hand'): void {
    this.#pausedHere = reason;
    this.#dispatcher?.pause(reason);
  }

  /** Takes messages again, unless the endpoint is paused for all processes (`waybill pause`). */
  resume(): void {
    this.#pausedHere = undefined;
    if (this.#parts.control?.reason(this.name) === undefined) this.#dispatcher?.resume();
  }

  /** Stops taking, lets handlers in hand end, gives back the rest, flushes. Ends within its timeout. Safe to call twice. */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options.timeoutMs ?? CLOSE_MS);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    const { clock, release } = this.#parts;
    const began = clock.elapsed();
    this.#unlead?.();
    try {
      // Handlers in hand may wait for answers, so the requester goes after them.
      await this.#dispatcher?.close(timeoutMs);
    } finally {
      await this.#requester.close();
      await release(Math.max(0, timeoutMs - (clock.elapsed() - began)));
    }
  }

  /** @throws WB_STORE_MISSING, and what opening the store throws */
  async #inbox({ inboxKeepMs }: ServiceDefinition): Promise<Inbox> {
    const { store, transport } = this.#parts;
    const of = { scope: `inbox.${this.name}`, keepMs: inboxKeepMs };
    if (store !== undefined) {
      await store.open();
      return new StoredInbox(store, of);
    }
    if (transport.state !== undefined) return new OwnInbox(transport.state, of);
    throw new WaybillError(
      'WB_STORE_MISSING',
      `a handler of ${this.name} has an inbox, and there is no store to keep it in`,
      {
        fix: 'Add `store: postgres://...` to waybill.yaml, set WAYBILL_STORE, or write connect({ store }).',
      },
    );
  }

  #scheduled(type: TypeRef, message: EncodedMessage, options: PublishOptions): Outgoing {
    return this.#drafts.outgoing(message, this.#drafts.schedule(type, options));
  }

  /** One message. Not async: each further promise costs whoever publishes many. @param draft makes it */
  #publish(type: TypeRef, options: PublishOptions, draft: (lineage?: Lineage) => EncodedMessage): Promise<Receipt> {
    try {
      this.#open();
      const tracing = this.#tracing;
      const span = tracing.on ? tracing.publish(type, 1, this.name, options) : undefined;
      const outgoing = this.#drafted(type, options, draft, span);
      const { id } = outgoing.message.envelope;
      const sent = this.#send([outgoing], options.deadlineMs);
      return (span === undefined ? sent : span.until(sent)).then(() => ({ id }));
    } catch (error) {
      return Promise.reject(toError(error));
    }
  }

  #drafted(
    type: TypeRef,
    options: PublishOptions,
    draft: (lineage?: Lineage) => EncodedMessage,
    span: Span | undefined,
  ): Outgoing {
    if (span === undefined) return this.#scheduled(type, draft(), options);
    try {
      const outgoing = this.#scheduled(type, draft({ traced: span.context }), options);
      if (span.recording) span.about([outgoing.message]);
      return outgoing;
    } catch (thrown) {
      span.end(failureOf(thrown));
      throw thrown;
    }
  }

  /** Several at once, in one span. */
  #sendMany(outgoing: readonly Outgoing[], deadlineMs: number | undefined): Promise<void> {
    const [first] = outgoing;
    if (first === undefined || !this.#tracing.on) return this.#send(outgoing, deadlineMs);
    const { type, version } = first.message.envelope;
    const span = this.#tracing.publish(typeRef(type, version), outgoing.length, this.name, NO_OPTIONS);
    if (span.recording) span.about(outgoing.map(({ message }) => message));
    const traced = outgoing.map((each) => {
      // What one of several says of itself is its own.
      const stays = outgoing.length > 1 && each.message.envelope.traceparent !== undefined;
      return stays ? each : { ...each, message: retrace(each.message, span.context) };
    });
    return span.until(this.#send(traced, deadlineMs));
  }

  #send(outgoing: readonly Outgoing[], deadlineMs: number | undefined): Promise<void> {
    const tally = outgoing.length === 1 ? this.#one : { [this.#counter]: outgoing.length };
    return this.#parts.transport.send(outgoing, deadlineMs === undefined ? { tally } : { tally, deadlineMs });
  }

  #definition(): ServiceDefinition {
    const definition = this.#parts.plan().service(this.name);
    if (definition === undefined)
      throw new WaybillError('WB_SERVICE_UNKNOWN', `the service ${this.name} is no longer declared`);
    return definition;
  }

  #open(): void {
    if (this.#closing !== undefined) throw new WaybillError('WB_CLOSED', `the service ${this.name} is closed`);
  }
}

function checkAtLeastOne(type: TypeRef, name: keyof HandleOptions, value: number | undefined): void {
  if (value === undefined || (Number.isFinite(value) && value >= 1)) return;
  throw new WaybillError(
    'WB_OPTION_INVALID',
    `${name} of ${type} must be a number of at least 1, not ${String(value)}`,
  );
}

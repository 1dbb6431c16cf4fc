import { ByType } from '../by-type.ts';
import type { Cast, Contract, Contracts } from '../contracts/contracts.ts';
import { WaybillError } from '../errors.ts';
import { parseJson } from '../json.ts';
import type { EncodedMessage, Envelope, Message, TypeRef } from '../message.ts';
import { typeRef } from '../message.ts';
import type { Plan } from '../plan/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { failureOf, retrace, type Span, type Tracing } from '../ports/tracing.ts';
import type { Death, Delivery, Outgoing } from '../ports/transport.ts';
import { logFields } from '../runtime/failure.ts';
import { noAnswer, replyAddress } from '../runtime/no-answer.ts';
import type { Attempting, Done, Process, Verdict } from '../runtime/verdict.ts';
import { type Drafts, NO_OPTIONS, type PublishOptions, publishedCounter } from './draft.ts';
import type { HandlerTransaction, Inbox, InboxAttempt } from './inbox.ts';
import type { Requester, RequestOptions } from './requester.ts';
import type { Schedule } from './schedule.ts';
import type { AnswerOf, KnownRef, PayloadOf, RequestRef } from './types.ts';

/** What a handler may use while it handles one message. */
export interface HandlerContext {
  /**
   * Publishes as a result of the message in hand. It is checked now, and held until the handler returns; then it is made
   * durable, and only after that the message is settled. Ids derive from the message's, so that a repeat is recognisable;
   * correlation, causation and trace ids flow.
   * @returns the id
   * @throws as `publish`, at once; and WB_CLOSED when the attempt is over
   */
  publish<Ref extends KnownRef>(type: Ref, data: PayloadOf<Ref>, options?: Omit<PublishOptions, 'deadlineMs'>): string;
  /**
   * Asks another service, and waits for its answer. Unlike `publish` it goes out at once, and again with each attempt, so what
   * it brings about must bear repeating; its id derives from the message in hand, so that a repeat is recognisable. Its timeout
   * should be well under that of the handler.
   * @throws as `Service.request`; and WB_CLOSED when the attempt is over
   */
  request<Ref extends RequestRef>(
    type: Ref,
    data: PayloadOf<Ref>,
    options?: RequestOptions,
  ): Promise<Message<AnswerOf<Ref>>>;
  /**
   * The database of the store, in a transaction that ends with the attempt: committed together with the record that the message was
   * handled, or taken back when the handler throws. The same one whenever it is asked for. Only of a handler with an inbox
   * (`{ inbox: true }`), where the store is PostgreSQL. Never commit or roll it back yourself.
   * @throws WB_OPTION_INVALID, WB_STORE_MISSING; WB_STORE_UNAVAILABLE (retryable); WB_CLOSED when the attempt is over
   */
  transaction(): Promise<HandlerTransaction>;
  /** Counts from 1. */
  readonly attempt: number;
  /** Aborts when the attempt ran out of time or its delivery was taken back: its result will not count. */
  readonly signal: AbortSignal;
  /** Says which message it is about. */
  readonly log: Log;
}

/** Handles one message. It is settled when this resolves; a throw is a failed attempt. */
export type Handler<Ref extends string = string> = (
  message: Message<PayloadOf<Ref>>,
  context: HandlerContext,
) => Promise<void> | void;

/** Answers one request with what it returns or resolves to. A throw is a failed attempt; the last one tells the requester. */
export type Responder<Ref extends string = string> = (
  message: Message<PayloadOf<Ref>>,
  context: HandlerContext,
) => Promise<AnswerOf<Ref>> | AnswerOf<Ref>;

export interface HandlingParts {
  readonly service: string;
  readonly plan: () => Plan;
  readonly drafts: Drafts;
  readonly requester: Requester;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
}

/** How a type is handled. */
interface Entry {
  readonly run: (message: Message, context: HandlerContext) => unknown;
  /** Of a responder: what its result becomes. */
  readonly answer: TypeRef | undefined;
  /** Whether each message is handled once. */
  readonly once: boolean;
}

const DONE: Done = { outcome: 'done', sends: [] };

/** Who handles messages of a type, and what they are read by. */
interface Reading {
  /** Of the type as it comes. */
  readonly sent: Contract;
  readonly entry: Entry;
  /** Of what the handler gets. */
  readonly contract: Contract;
  /** From the one to the other. */
  readonly cast: Cast | undefined;
}

/** The handlers of one service, by type, as one process of its endpoint. */
export class Handling {
  readonly #handlers = new Map<TypeRef, Entry>();
  readonly #plan: () => Plan;
  readonly #clock: Clock;
  /** What the contexts of all messages have in common. */
  readonly #parts: ContextParts;
  #inbox: Inbox | undefined;
  /** Forgotten when the plan brings other contracts. */
  readonly #readings = new ByType<Reading>();
  #contracts: Contracts | undefined;

  constructor({ plan, clock, ...parts }: HandlingParts) {
    this.#plan = plan;
    this.#clock = clock;
    this.#parts = { ...parts, counter: publishedCounter(parts.service) };
  }

  get types(): readonly TypeRef[] {
    return [...this.#handlers.keys()];
  }

  /** Whether a handler asks for an inbox. */
  get needsInbox(): boolean {
    return [...this.#handlers.values()].some(({ once }) => once);
  }

  /** Before the first message, where one is needed. */
  useInbox(inbox: Inbox): void {
    this.#inbox = inbox;
  }

  add(ref: TypeRef, handler: Handler, once: boolean): void {
    this.#handlers.set(ref, { run: handler, answer: undefined, once });
  }

  /** @param answer the type of what it returns */
  addResponder(ref: TypeRef, answer: TypeRef, responder: Responder, once: boolean): void {
    this.#handlers.set(ref, { run: responder, answer, once });
  }

  /** What a requester is told when its request is given up here; nothing where another service is to answer. */
  unanswered(delivery: Delivery, death: Death): readonly Outgoing[] {
    const { envelope } = delivery.message;
    const entry = this.#entry(typeRef(envelope.type, envelope.version))?.entry;
    if (entry !== undefined && entry.answer === undefined) return [];
    return noAnswer(delivery.message, `/${this.#parts.service}`, death, this.#clock.now());
  }

  readonly process: Process = (attempting) => {
    const { message } = attempting.delivery;
    const { envelope } = message;
    const reading = this.#reading(envelope);
    const { entry, contract } = reading;
    // Not a spread, which is slower; this runs for each message.
    const received: Message = Object.freeze(Object.assign({}, envelope, { data: this.#read(reading, message.body) }));
    if (entry.once) return this.#once(entry, received, contract, attempting);
    const context = new Context(this.#parts, attempting, received, contract);
    const result = entry.run(received, context);
    // Whatever can be awaited: a query builder's promise, or one of another realm, is no `Promise` of this one.
    if (!isThenable(result)) return context.verdict(this.#answer(entry, result, attempting));
    return Promise.resolve(result).then((value) => context.verdict(this.#answer(entry, value, attempting)));
  };

  async #once(entry: Entry, message: Message, contract: Contract, attempting: Attempting): Promise<Verdict> {
    const { delivery } = attempting;
    if (this.#inbox === undefined) throw new TypeError('a message came before the inbox was opened');
    const attempt: InboxAttempt = await this.#inbox.begin(delivery, attempting.signal);
    try {
      if (attempt.before !== undefined) return attempt.before;
      // The next attempt may have begun while the record was looked for.
      if (attempting.signal.aborted) throw outOfTime();
      const context = new Context(this.#parts, attempting, message, contract, attempt);
      const value = await entry.run(message, context);
      const verdict = context.verdict(this.#answer(entry, value, attempting));
      // What nobody waits for any more leaves no trace: it is handled again.
      return attempting.live ? await attempt.end(verdict) : verdict;
    } finally {
      await attempt.close();
    }
  }

  /** Checked also where nobody waits for it, so that a responder's fault does not depend on who asks. */
  #answer({ answer }: Entry, value: unknown, { delivery, span }: Attempting): Outgoing | undefined {
    if (answer === undefined) return undefined;
    const { envelope } = delivery.message;
    const message = this.#parts.drafts.answer(answer, value, envelope);
    const reply = replyAddress(envelope, this.#clock.now());
    if (reply === undefined) return undefined;
    return { to: { reply }, message: span === undefined ? message : retrace(message, span.context) };
  }

  /** Parses, validates and, where only a later major has a handler, casts up. */
  #read({ sent, cast }: Reading, body: Uint8Array): unknown {
    const parsed = parseJson(body, { maxDepth: this.#plan().definition.limits.depth });
    const violation = sent.validate(parsed);
    if (violation !== undefined) throw violation;
    return cast === undefined ? parsed : cast(parsed);
  }

  /** @throws WB_CONTRACT_UNKNOWN, WB_HANDLER_MISSING */
  #reading(envelope: Envelope): Reading {
    const { contracts } = this.#plan();
    if (contracts !== this.#contracts) {
      this.#contracts = contracts;
      this.#readings.clear();
    }
    const known = this.#readings.get(envelope);
    if (known !== undefined) return known;
    const ref = typeRef(envelope.type, envelope.version);
    const sent = contracts.require(ref);
    const found = this.#entry(ref);
    if (found === undefined) {
      const service = this.#parts.service;
      throw new WaybillError('WB_HANDLER_MISSING', `the service ${service} has no handler for ${ref}`, {
        fix: `Add handle('${ref}', ...) and redrive.`,
      });
    }
    const reading: Reading = { sent, ...found };
    this.#readings.set(envelope, reading);
    return reading;
  }

  /** The handler of a type or, where only a later major has one, that one with the cast to it. */
  #entry(ref: TypeRef): Omit<Reading, 'sent'> | undefined {
    const { contracts } = this.#plan();
    const exact = this.#handlers.get(ref);
    if (exact !== undefined) return { entry: exact, contract: contracts.require(ref), cast: undefined };
    for (const [handled, entry] of this.#handlers) {
      const cast = contracts.cast(ref, handled);
      if (cast !== undefined) return { entry, contract: contracts.require(handled), cast };
    }
    return undefined;
  }
}

/** The fields of a log line; where one is the message in hand or its data, with sensitive values masked. */
function shownFields(fields: object, message: Message, contract: Contract): object {
  const shown = (value: unknown): unknown => {
    if (value === message) return { ...message, data: contract.mask(message.data) };
    return value === message.data ? contract.mask(value) : value;
  };
  const whole = shown(fields);
  if (typeof whole !== 'object' || whole === null) return { data: whole };
  if (whole !== fields) return whole;
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, shown(value)]));
}

function outOfTime(): WaybillError {
  return new WaybillError('WB_CLOSED', 'the attempt was over before its handler began', { retryable: true });
}

function noInbox(ref: TypeRef): WaybillError {
  return new WaybillError(
    'WB_OPTION_INVALID',
    `the handler of ${ref} has no inbox, so no transaction to take part in`,
    {
      fix: `Write handle('${ref}', ..., { inbox: true }).`,
    },
  );
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

interface ContextParts extends Omit<HandlingParts, 'plan' | 'clock'> {
  readonly counter: string;
}

/** Something that a handler publishes. */
interface Held {
  readonly message: EncodedMessage;
  readonly schedule: Schedule;
  /** Until it is durable. */
  readonly span: Span | undefined;
}

class Context implements HandlerContext {
  readonly #parts: ContextParts;
  readonly #attempting: Attempting;
  readonly #message: Message;
  readonly #contract: Contract;
  readonly #inbox: InboxAttempt | undefined;
  #sends: Held[] | undefined;
  #requests = 0;
  #over = false;

  /**
   * @param contract of the data, which may have been cast up
   * @param inbox where the handler has one
   */
  constructor(parts: ContextParts, attempting: Attempting, message: Message, contract: Contract, inbox?: InboxAttempt) {
    this.#parts = parts;
    this.#attempting = attempting;
    this.#message = message;
    this.#contract = contract;
    this.#inbox = inbox;
  }

  get attempt(): number {
    return this.#attempting.attempt;
  }

  get signal(): AbortSignal {
    return this.#attempting.signal;
  }

  get log(): Log {
    const { log: parent } = this.#parts;
    const fields = logFields(this.#attempting.delivery);
    const shown = (more: object): object => shownFields(more, this.#message, this.#contract);
    return {
      debug: (more, text) => {
        parent.debug({ ...fields, ...shown(more) }, text);
      },
      info: (more, text) => {
        parent.info({ ...fields, ...shown(more) }, text);
      },
      warn: (more, text) => {
        parent.warn({ ...fields, ...shown(more) }, text);
      },
      error: (more, text) => {
        parent.error({ ...fields, ...shown(more) }, text);
      },
    };
  }

  publish(type: TypeRef, data: unknown, options: Omit<PublishOptions, 'deadlineMs'> = NO_OPTIONS): string {
    this.#checkLive(type, 'published');
    const { drafts, tracing, service } = this.#parts;
    const lineage = { origin: this.#attempting.delivery.message, ordinal: this.#sends?.length ?? 0 };
    if (!tracing.on) return this.#hold(drafts.draft(type, data, options, lineage), drafts.schedule(type, options));
    const span = tracing.publish(type, 1, service, options);
    try {
      const message = drafts.draft(type, data, options, { ...lineage, traced: span.context });
      if (span.recording) span.about([message]);
      return this.#hold(message, drafts.schedule(type, options), span);
    } catch (thrown) {
      span.end(failureOf(thrown));
      throw thrown;
    }
  }

  #hold(message: EncodedMessage, schedule: Schedule, span?: Span): string {
    (this.#sends ??= []).push({ message, schedule, span });
    return message.envelope.id;
  }

  async request<Ref extends RequestRef>(
    type: Ref,
    data: PayloadOf<Ref>,
    options: RequestOptions = NO_OPTIONS,
  ): Promise<Message<AnswerOf<Ref>>> {
    this.#checkLive(type, 'requested');
    const { message: origin } = this.#attempting.delivery;
    const answer = await this.#parts.requester.request(type, data, options, origin, this.#requests++);
    // Checked against the contract that the type was made of.
    return answer as Message<AnswerOf<Ref>>;
  }

  async transaction(): Promise<HandlerTransaction> {
    this.#checkLive('a transaction', 'asked for');
    if (this.#inbox === undefined) throw noInbox(typeRef(this.#message.type, this.#message.version));
    return await this.#inbox.transaction();
  }

  #checkLive(type: string, what: string): void {
    if (!this.#over && this.#attempting.live) return;
    throw new WaybillError('WB_CLOSED', `${type} was ${what} after its handler had ended or run out of time`, {
      fix: 'Await all work before the handler returns.',
    });
  }

  verdict(answer: Outgoing | undefined): Done {
    this.#over = true;
    if (this.#sends === undefined) return answer === undefined ? DONE : { outcome: 'done', sends: [answer] };
    const held = this.#sends;
    const { drafts, counter } = this.#parts;
    const results = held.map(({ message, schedule }) => drafts.outgoing(message, schedule));
    const sends = answer === undefined ? results : [...results, answer];
    const done: Done = { outcome: 'done', sends, tally: { [counter]: held.length } };
    if (held.every(({ span }) => span === undefined)) return done;
    return {
      ...done,
      settled: () => {
        for (const { span } of held) span?.end();
      },
    };
  }
}

import { randomUUID } from 'node:crypto';
import type { Limits, ServiceDefinition } from '../config/definition.ts';
import type { Contract } from '../contracts/contracts.ts';
import { WaybillError } from '../errors.ts';
import { encodeJson, parseJsonStrictly } from '../json.ts';
import {
  derivedId,
  type EncodedMessage,
  type Envelope,
  type EnvelopeDraft,
  headerNameFault,
  isTraceparent,
  type TypeRef,
} from '../message.ts';
import type { Plan } from '../plan/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Traced } from '../ports/tracing.ts';
import type { Outgoing } from '../ports/transport.ts';
import { answerEnvelope } from '../runtime/no-answer.ts';
import { checkOptions, type Names } from './options.ts';
import { type Schedule, type ScheduleOptions, scheduleOf } from './schedule.ts';

/** What a publisher may say beside the data. All optional. */
export interface PublishOptions extends ScheduleOptions {
  /** The entity the message is about. @default what the contract's `x-key` points to */
  readonly key?: string;
  /** At most 128 bytes; a repeat must carry the same one. @default a random UUID */
  readonly id?: string;
  readonly subject?: string;
  /** When it happened, RFC 3339. @default now */
  readonly time?: string;
  /** @default the id of the message that began the conversation */
  readonly correlationId?: string;
  readonly causationId?: string;
  /** W3C trace context to carry; one that is malformed is dropped. @default that of the active span, or of the message in hand */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** Extension attributes: lower-case letters and digits, 1 to 20 characters. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long to wait until the message is durable. @unit milliseconds @default 30_000 */
  readonly deadlineMs?: number;
}

const OPTIONS: Names<PublishOptions> = {
  key: true,
  id: true,
  subject: true,
  time: true,
  correlationId: true,
  causationId: true,
  traceparent: true,
  tracestate: true,
  expiryTime: true,
  expiresIn: true,
  delay: true,
  deliverAt: true,
  headers: true,
  deadlineMs: true,
};

/** What is given when nothing is: there is nothing to check then. */
export const NO_OPTIONS: PublishOptions = Object.freeze({});
const AT_ONCE: Schedule = Object.freeze({});
const LONGEST_ID = 128;
const LONGEST_KEY = 255;

/** What a message comes of, beside what its publisher says. */
export interface Lineage {
  /** In whose handling it is published. */
  readonly origin?: EncodedMessage;
  /** Tells those apart that one handling publishes. @default 0 */
  readonly ordinal?: number;
  /** Of the span that publishes it; without a `traceparent` it has none. */
  readonly traced?: Traced;
}

const NO_LINEAGE: Lineage = Object.freeze({});

/** Why data that keeps its contract cannot be published all the same; undefined when it can. */
export type Refusal = (type: TypeRef, data: unknown) => WaybillError | undefined;

/** Makes checked, encoded messages of what a service publishes. */
export class Drafts {
  readonly #plan: () => Plan;
  readonly #refusal: Refusal;
  readonly #service: string;
  readonly #clock: Clock;
  readonly #source: string;
  /** The latest time that was asked for, and its text: many messages are made in one millisecond. */
  #nowMs = Number.NaN;
  #nowText = '';

  constructor(plan: () => Plan, service: string, clock: Clock, refusal: Refusal = () => undefined) {
    this.#plan = plan;
    this.#refusal = refusal;
    this.#service = service;
    this.#source = `/${service}`;
    this.#clock = clock;
  }

  /** @throws WB_NOT_DECLARED, WB_CONTRACT_UNKNOWN, WB_CONTRACT_VIOLATED, WB_MESSAGE_INVALID, WB_MESSAGE_TOO_LARGE, WB_JSON_DEPTH, WB_JSON_INVALID, WB_PLAN_OUTDATED */
  draft(ref: TypeRef, data: unknown, options: PublishOptions, lineage: Lineage = NO_LINEAGE): EncodedMessage {
    const { contract, limits } = this.#declared(ref);
    const body = checked(contract, data, limits);
    const refusal = this.#refusal(ref, data);
    if (refusal !== undefined) throw refusal;
    return this.#encode(contract, limits, data, body, options, lineage);
  }

  /** As `draft`, of JSON bytes from outside, which travel untouched. @throws WB_JSON_DUPLICATE_KEY, WB_JSON_PROTO, WB_JSON_UTF8 and as `draft` */
  draftRaw(ref: TypeRef, json: Uint8Array | string, options: PublishOptions, lineage = NO_LINEAGE): EncodedMessage {
    const { contract, limits } = this.#declared(ref);
    const body = typeof json === 'string' ? Buffer.from(json, 'utf8') : json;
    checkSize(ref, body.byteLength, limits);
    const data = parseJsonStrictly(body, { maxDepth: limits.depth });
    const violation = contract.validate(data) ?? this.#refusal(ref, data);
    if (violation !== undefined) throw violation;
    return this.#encode(contract, limits, data, body, options, lineage);
  }

  /** The answer to a request, in a type that the service need not declare: the contract of the request names it. @throws as `draft` */
  answer(ref: TypeRef, data: unknown, request: Envelope): EncodedMessage {
    const plan = this.#plan();
    const contract = plan.contracts.require(ref);
    const body = checked(contract, data, plan.definition.limits);
    checkSize(ref, body.byteLength, plan.definition.limits);
    const envelope = answerEnvelope(request, this.#source, contract, this.#clock.now());
    const key = contract.key(data);
    return { envelope: key === undefined ? envelope : { ...envelope, key }, body };
  }

  /** @throws WB_OPTION_INVALID */
  schedule(ref: TypeRef, options: PublishOptions): Schedule {
    if (options === NO_OPTIONS) return AT_ONCE;
    return scheduleOf(`publish('${ref}', data, options)`, options, this.#clock.now());
  }

  /** As the transport takes it, of a message that is sent now. */
  outgoing(message: EncodedMessage, { dueAt, delayMs }: Schedule): Outgoing {
    const due = delayMs === undefined ? dueAt : this.#clock.now() + delayMs;
    return due === undefined ? { to: 'bus', message } : { to: 'bus', message, dueAt: due };
  }

  #now(): string {
    const now = this.#clock.now();
    if (now !== this.#nowMs) {
      this.#nowMs = now;
      this.#nowText = new Date(now).toISOString();
    }
    return this.#nowText;
  }

  #declared(ref: TypeRef): { contract: Contract; limits: Limits } {
    const plan = this.#plan();
    const contract = plan.contracts.require(ref);
    const service = plan.service(this.#service);
    if (service?.publishes.includes(ref) !== true) throw undeclared(this.#service, service, ref);
    return { contract, limits: plan.definition.limits };
  }

  #encode(
    contract: Contract,
    limits: Limits,
    data: unknown,
    body: Uint8Array,
    options: PublishOptions,
    { origin, ordinal = 0, traced }: Lineage,
  ): EncodedMessage {
    if (options !== NO_OPTIONS) {
      checkOptions(`publish('${contract.ref}', data, options)`, options, OPTIONS);
      checkTexts(contract.ref, options);
    }
    checkSize(contract.ref, body.byteLength, limits);
    const cause = origin?.envelope;
    const key = options.key ?? contract.key(data);
    const id = options.id ?? (cause === undefined ? randomUUID() : derivedId(cause, this.#source, ordinal));
    const { type, version } = contract;
    const source = this.#source;
    const time = options.time ?? this.#now();
    const correlationId = options.correlationId ?? cause?.correlationId ?? cause?.id ?? id;
    // Two literals: a property that is added later costs each message more room.
    const envelope: EnvelopeDraft =
      key === undefined
        ? { id, source, type, version, time, correlationId }
        : { id, source, type, version, time, key, correlationId };
    if (cause !== undefined) envelope.causationId = cause.id;
    if (options !== NO_OPTIONS) override(envelope, options);
    carry(envelope, tracedBy(traced, options, cause));
    checkIdAndKey(contract.ref, id, key);
    if (options !== NO_OPTIONS) {
      checkAttributes(contract.ref, options);
      const { expiryTime } = this.schedule(contract.ref, options);
      if (expiryTime !== undefined) envelope.expiryTime = expiryTime;
    }
    return { envelope, body };
  }
}

/** The counter of what a service published, from its handlers or not. */
export function publishedCounter(service: string): string {
  return `service.${service}.published`;
}

/** The data as bytes, when it keeps its contract. What could be encoded holds no `ExactNumber`, which saves looking for one. */
function checked(contract: Contract, data: unknown, limits: Limits): Buffer {
  let body: Buffer;
  try {
    body = encodeJson(data, { maxDepth: limits.depth });
  } catch (error) {
    // The contract tells better what is wrong with the data than JSON does.
    throw contract.validate(data) ?? error;
  }
  const violation = contract.validate(data, false);
  if (violation !== undefined) throw violation;
  return body;
}

/** Which trace a message is part of: that of the span that publishes it, else what the publisher says, else that of its cause. */
function tracedBy(span: Traced | undefined, said: Traced, cause: Traced | undefined): Traced | undefined {
  if (span?.traceparent !== undefined) return span;
  return said.traceparent !== undefined && isTraceparent(said.traceparent) ? said : cause;
}

function carry(draft: EnvelopeDraft, traced: Traced | undefined): void {
  if (traced?.traceparent === undefined) return;
  draft.traceparent = traced.traceparent;
  if (traced.tracestate !== undefined) draft.tracestate = traced.tracestate;
}

function override(draft: EnvelopeDraft, options: PublishOptions): void {
  const { subject, causationId, headers } = options;
  if (subject !== undefined) draft.subject = subject;
  if (causationId !== undefined) draft.causationId = causationId;
  if (headers !== undefined) draft.headers = headers;
}

function checkSize(ref: TypeRef, size: number, limits: Limits): void {
  if (size <= limits.size) return;
  throw new WaybillError(
    'WB_MESSAGE_TOO_LARGE',
    `the data of ${ref} has ${String(size)} bytes; at most ${String(limits.size)} are allowed`,
    {
      fix: 'Send a reference to the data instead, or raise limits.size in waybill.yaml.',
    },
  );
}

function checkIdAndKey(ref: TypeRef, id: string, key: string | undefined): void {
  if (id === '' || Buffer.byteLength(id) > LONGEST_ID) invalid(ref, 'id', `1 to ${String(LONGEST_ID)} bytes`, id);
  if (key !== undefined && key.length > LONGEST_KEY)
    invalid(ref, 'key', `at most ${String(LONGEST_KEY)} characters`, key);
}

/** Only what a caller set can be malformed. */
function checkAttributes(ref: TypeRef, options: PublishOptions): void {
  if (options.time !== undefined && Number.isNaN(Date.parse(options.time)))
    invalid(ref, 'time', 'an RFC 3339 time', options.time);
  if (options.expiryTime !== undefined && Number.isNaN(Date.parse(options.expiryTime))) {
    invalid(ref, 'expiryTime', 'an RFC 3339 time', options.expiryTime);
  }
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    const fault = headerNameFault(name);
    if (fault !== undefined) throw new WaybillError('WB_MESSAGE_INVALID', `headers of ${ref}: ${fault}`);
    if (typeof value !== 'string') invalid(ref, `headers.${name}`, 'a string', typeof value);
  }
}

const TEXTS = [
  'key',
  'id',
  'subject',
  'time',
  'correlationId',
  'causationId',
  'traceparent',
  'tracestate',
  'expiryTime',
] as const;

/** Plain JavaScript may hand in anything, and what is no text would be told apart wrongly from what stands behind it. */
function checkTexts(ref: TypeRef, options: PublishOptions): void {
  for (const name of TEXTS) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'string') invalid(ref, name, 'a string', typeof value);
  }
  const headers: unknown = options.headers;
  if (headers !== undefined && (typeof headers !== 'object' || headers === null || Array.isArray(headers)))
    invalid(ref, 'headers', 'an object', typeof headers);
}

function invalid(ref: TypeRef, name: string, expected: string, found: string): never {
  throw new WaybillError(
    'WB_MESSAGE_INVALID',
    `${name} of ${ref} must be ${expected}, not ${JSON.stringify(found.slice(0, 80))}`,
  );
}

function undeclared(name: string, service: ServiceDefinition | undefined, ref: TypeRef): WaybillError {
  const publishes = [...(service?.publishes ?? []), ref].join(', ');
  return new WaybillError('WB_NOT_DECLARED', `the service ${name} does not declare that it publishes ${ref}`, {
    fix: `In waybill.yaml, under services: ${name}: { publishes: [${publishes}] }`,
  });
}

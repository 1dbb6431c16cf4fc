import { hash } from 'node:crypto';

/**
 * The message: one CloudEvents 1.0 event. An event, a command or a request.
 *
 * `Message` is what people hold: flat, frozen, typed. `EncodedMessage` is what travels: the attributes beside the
 * very bytes of `data`, so that what the bus did not change it does not rewrite.
 */

/** A type at a major version, written together: `shop.order.placed@1`. */
export type TypeRef = string;

/** The attributes of a message: CloudEvents 1.0 context attributes and extensions, in camel case. */
export interface Envelope {
  /** Unique with `source`. At most 128 bytes. */
  readonly id: string;
  /** The application that made it, as a path: `/crm`. */
  readonly source: string;
  /** The type without its version: `crm.customer.updated`. */
  readonly type: string;
  /** The contract's major version, from `dataschema` (`waybill:crm.customer.updated@1`). */
  readonly version: number;
  /** When it happened, RFC 3339. */
  readonly time: string;
  readonly subject?: string;
  /** The entity it is about (`partitionkey`): ordering and partitioning go by it. */
  readonly key?: string;
  /** W3C trace context, carried as it came. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** The id of the message that began the conversation. */
  readonly correlationId?: string;
  /** The id of the message that caused this one. */
  readonly causationId?: string;
  /** RFC 3339; after it the message is no longer delivered. */
  readonly expiryTime?: string;
  /** Of a request: where its answer goes. The bus makes it; nobody else reads anything into it. */
  readonly replyTo?: string;
  /** Other CloudEvents extension attributes: lower-case names, string values. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An envelope in the making. */
export type EnvelopeDraft = { -readonly [Name in keyof Envelope]: Envelope[Name] };

export interface Message<Data = unknown> extends Envelope {
  readonly data: Data;
}

/** A message as it travels: `body` is `data` as UTF-8 JSON, passed through byte for byte. */
export interface EncodedMessage {
  readonly envelope: Envelope;
  readonly body: Uint8Array;
}

/** Attributes that CloudEvents 1.0 or `Envelope` gives a meaning of its own, by their names on the wire. */
const RESERVED: ReadonlySet<string> = new Set([
  ...['id', 'source', 'specversion', 'type', 'datacontenttype', 'dataschema', 'subject', 'time', 'data'],
  ...['partitionkey', 'traceparent', 'tracestate', 'correlationid', 'causationid', 'expirytime', 'replyto'],
]);

/**
 * Why `name` cannot be one of `Envelope.headers`; undefined when it can. Lower-case letters and digits, 1 to 20 of them
 * (CloudEvents 1.0, 3.1), and not an attribute that has its own field.
 */
export function headerNameFault(name: string): string | undefined {
  if (!/^[a-z0-9]{1,20}$/.test(name))
    return `a header's name is 1 to 20 lower-case letters and digits, not ${JSON.stringify(name)}`;
  return RESERVED.has(name) ? `${name} is an attribute of the envelope, not a header` : undefined;
}

/** `shop.order.placed`, 1 -> `shop.order.placed@1`. */
export function typeRef(type: string, version: number): TypeRef {
  return `${type}@${String(version)}`;
}

/** What a type with its version looks like, for shapes and editors. */
export const TYPE_REF = /^([a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)+)@([1-9][0-9]{0,5})$/;

/**
 * Whether a `traceparent` says which trace a message belongs to (W3C Trace Context, 3.2): one that does not is as good as none.
 * Later versions may have more behind the flags, version 00 may not; an id of zeros is none.
 */
export function isTraceparent(text: string): boolean {
  const match = TRACEPARENT.exec(text);
  return match !== null && match[1] !== 'ff' && (match[1] !== '00' || match[2] === undefined);
}

const TRACEPARENT = /^([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/;

/** Splits `shop.order.placed@1`; undefined when `ref` is not of that form (lower case, two words or more, a major version). */
export function parseTypeRef(ref: string): { type: string; version: number } | undefined {
  const match = TYPE_REF.exec(ref);
  if (match?.[1] === undefined) return undefined;
  return { type: match[1], version: Number(match[2]) };
}

/**
 * The id of a result: 27 characters of base64url, the same whenever `by` makes it of `cause` again, so that a repeat is
 * recognisable, and another for every other cause, maker and ordinal. The source belongs to it, since ids are unique only
 * within one (CloudEvents 1.0, 3.1). An underscore stands for a hyphen at its beginning, which command lines take for an option.
 */
export function derivedId(cause: Envelope, by: string, ordinal: number): string {
  const id = hash('sha1', `${cause.source}\0${cause.id}\0${by}\0${String(ordinal)}`, 'base64url');
  return id.startsWith('-') ? `_${id.slice(1)}` : id;
}

/** Whether its time has passed. One without an expiry, or with one that is no time, never expires. */
export function hasExpired({ expiryTime }: Envelope, now: number): boolean {
  return expiryTime !== undefined && Date.parse(expiryTime) < now;
}

/** The earliest of RFC 3339 times; what is no time is passed over. Undefined where none is left. */
export function earliest(times: Iterable<string | undefined>): string | undefined {
  let first: string | undefined;
  let firstMs = Number.POSITIVE_INFINITY;
  for (const time of times) {
    const ms = time === undefined ? Number.NaN : Date.parse(time);
    if (!(ms < firstMs)) continue;
    first = time;
    firstMs = ms;
  }
  return first;
}

/** For what a person redrives: whoever does that has decided that it is wanted still. */
export function withoutExpiry(message: EncodedMessage): EncodedMessage {
  if (message.envelope.expiryTime === undefined) return message;
  const { expiryTime: _expiryTime, ...envelope } = message.envelope;
  return { ...message, envelope };
}

/** What ordering and partitioning go by: the key, and without one the id, for which no order is promised. */
export function orderingKey(envelope: Envelope): string {
  return envelope.key ?? envelope.id;
}

/**
 * The slot of a key: FNV-1a (32 bits) of its UTF-8 bytes, modulo `slots`. Any client that speaks AMQP can compute it.
 * Test vectors stand in the reference. @range slots: a power of two, 1 to 64
 */
export function slotOf(key: string, slots: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    if (unit >= 0x80) return hashBytes(new TextEncoder().encode(key)) % slots;
    hash = Math.imul(hash ^ unit, 0x01000193);
  }
  return (hash >>> 0) % slots;
}

function hashBytes(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

const FEWEST_SLOTS = 4;
const MOST_SLOTS = 64;

/**
 * The fewest slots that give each of so many partitions about as many keys as the next: as many where `partitions` is a power of
 * two, else four to a partition or more, and 64 at most, which more than 16 such partitions share less evenly.
 * @param partitions @range 1 to 64
 */
export function slotsNeeded(partitions: number): number {
  const wanted = Number.isInteger(Math.log2(partitions)) ? partitions : 4 * partitions;
  return Math.min(MOST_SLOTS, 2 ** Math.ceil(Math.log2(wanted)));
}

/** Slots for a bus whose endpoints have so many partitions. Few, since messages of different slots share no batch. */
export function slotsFor(partitions: readonly number[]): number {
  return Math.max(FEWEST_SLOTS, ...partitions.map(slotsNeeded));
}

/** The partition that serves a slot. Partitions divide the slots as evenly as modulo does. */
export function partitionOf(slot: number, partitions: number): number {
  return slot % partitions;
}

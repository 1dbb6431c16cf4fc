import { WaybillError } from '../../errors.ts';
import type { EncodedMessage, Envelope } from '../../message.ts';
import type { Attempt } from '../../ports/transport.ts';
import type { Slab } from './slab.ts';

/** What a waiting message carries beside itself, when it has a history. */
export interface Extra {
  readonly attempts?: readonly Attempt[];
  /** Redriven for this route alone. */
  readonly route?: string;
  /** It may have been in hand when a process ended. */
  readonly suspect?: boolean;
}

/** Messages, each with what else is known of it, as they are stored and sent between processes. */
export interface Packed {
  readonly messages: readonly EncodedMessage[];
  /** Plain JSON values at the places of their messages. */
  readonly extras: readonly unknown[] | undefined;
}

/**
 * The form of a record. All strings of all its messages stand in one text, told apart by their lengths in UTF-16 units, so
 * that one call of the engine writes or reads them all:
 *
 * | bytes | what                                                                                  |
 * |-------|---------------------------------------------------------------------------------------|
 * | 1     | form, 1                                                                               |
 * | 4 x 4 | messages, bytes of lengths, bytes of text, units of text (little endian)              |
 * | ...   | lengths as varints: each string's + 1 (0 when absent), version, body's; for each message |
 * | ...   | text, UTF-8                                                                           |
 * | ...   | bodies                                                                                |
 */
const FORM = 1;
const HEAD = 17;
const STRINGS = 11;
/** Most bytes that the lengths of one message take: 13 varints. */
const LENGTHS = 13 * 5;

export function pack(slab: Slab, messages: readonly EncodedMessage[], extras?: readonly unknown[]): Buffer {
  let text = '';
  let bodies = 0;
  const tails: string[] | undefined = extras?.map((extra) => (extra === undefined ? '' : JSON.stringify(extra)));
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i];
    if (message === undefined) break;
    const e = message.envelope;
    bodies += message.body.length;
    text += e.id + e.source + e.type + e.time;
    if (e.key !== undefined) text += e.key;
    if (e.subject !== undefined) text += e.subject;
    if (e.correlationId !== undefined) text += e.correlationId;
    if (e.causationId !== undefined) text += e.causationId;
    if (e.traceparent !== undefined) text += e.traceparent;
    if (hasRest(e) || tails !== undefined) text += rest(e);
    if (tails !== undefined) text += tails[i] ?? '';
  }
  const bound = HEAD + messages.length * LENGTHS + text.length * 3 + bodies;
  const out = slab.take(bound);
  let at = HEAD;
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i];
    if (message === undefined) break;
    const e = message.envelope;
    at = putLength(out, at, e.id.length + 1);
    at = putLength(out, at, e.source.length + 1);
    at = putLength(out, at, e.type.length + 1);
    at = putLength(out, at, e.time.length + 1);
    at = putOptional(out, at, e.key);
    at = putOptional(out, at, e.subject);
    at = putOptional(out, at, e.correlationId);
    at = putOptional(out, at, e.causationId);
    at = putOptional(out, at, e.traceparent);
    at = hasRest(e) || tails !== undefined ? putLength(out, at, rest(e).length + 1) : putLength(out, at, 0);
    at = tails === undefined ? putLength(out, at, 0) : putLength(out, at, (tails[i] ?? '').length + 1);
    at = putLength(out, at, e.version);
    at = putLength(out, at, message.body.length);
  }
  const lengths = at - HEAD;
  const textBytes = out.write(text, at, 'utf8');
  at += textBytes;
  for (const { body } of messages) {
    out.set(body, at);
    at += body.length;
  }
  out[0] = FORM;
  out.writeUInt32LE(messages.length, 1);
  out.writeUInt32LE(lengths, 5);
  out.writeUInt32LE(textBytes, 9);
  out.writeUInt32LE(text.length, 13);
  slab.done(at);
  return out.subarray(0, at);
}

/** The seldom attributes, together: `tracestate`, `expirytime`, headers and, which older records lack, `replyto`. */
function hasRest(e: Envelope): boolean {
  return e.tracestate !== undefined || e.expiryTime !== undefined || e.headers !== undefined || e.replyTo !== undefined;
}

function rest(e: Envelope): string {
  if (!hasRest(e)) return '';
  const list: unknown[] = [e.tracestate ?? null, e.expiryTime ?? null, e.headers ?? null];
  if (e.replyTo !== undefined) list.push(e.replyTo);
  return JSON.stringify(list);
}

function putOptional(out: Buffer, at: number, text: string | undefined): number {
  return putLength(out, at, text === undefined ? 0 : text.length + 1);
}

function putLength(out: Buffer, start: number, value: number): number {
  let at = start;
  let left = value;
  while (left >= 0x80) {
    out[at++] = (left & 0x7f) | 0x80;
    left >>>= 7;
  }
  out[at++] = left;
  return at;
}

/** Reads what `pack` wrote. The bodies are views of `bytes`. @throws WB_STORE_CORRUPT */
export function unpack(bytes: Buffer): Packed {
  if (bytes.length < HEAD || bytes[0] !== FORM) throw damaged('its form is unknown');
  const count = bytes.readUInt32LE(1);
  const lengths = bytes.readUInt32LE(5);
  const textBytes = bytes.readUInt32LE(9);
  const units = bytes.readUInt32LE(13);
  const textAt = HEAD + lengths;
  if (textAt + textBytes > bytes.length || count > lengths) throw damaged('it is too short');
  const text = bytes.toString(units === textBytes ? 'latin1' : 'utf8', textAt, textAt + textBytes);
  if (text.length !== units) throw damaged('its text is not of the written length');
  const reader = new Reader(bytes, text, textAt + textBytes);
  const messages: EncodedMessage[] = [];
  let extras: unknown[] | undefined;
  for (let i = 0; i < count; i++) {
    const { message, extra } = reader.next();
    messages.push(message);
    if (extra !== '') {
      extras ??= [];
      extras[i] = parsed(extra);
    }
  }
  return { messages, extras };
}

class Reader {
  readonly #bytes: Buffer;
  readonly #text: string;
  readonly #sizes: number[] = [];
  #at = HEAD;
  #textAt = 0;
  #bodyAt: number;

  constructor(bytes: Buffer, text: string, bodyAt: number) {
    this.#bytes = bytes;
    this.#text = text;
    this.#bodyAt = bodyAt;
  }

  next(): { message: EncodedMessage; extra: string } {
    for (let i = 0; i < STRINGS + 2; i++) this.#sizes[i] = this.#varint();
    const id = this.#string(0) ?? '';
    const source = this.#string(1) ?? '';
    const type = this.#string(2) ?? '';
    const time = this.#string(3) ?? '';
    const key = this.#string(4);
    const subject = this.#string(5);
    const correlationId = this.#string(6);
    const causationId = this.#string(7);
    const traceparent = this.#string(8);
    const seldom = this.#string(9);
    const extra = this.#string(10) ?? '';
    const size = this.#sizes[STRINGS + 1] ?? 0;
    if (this.#bodyAt + size > this.#bytes.length) throw damaged('a body is cut off');
    const body = this.#bytes.subarray(this.#bodyAt, this.#bodyAt + size);
    this.#bodyAt += size;
    const envelope: Envelope = {
      id,
      source,
      type,
      version: this.#sizes[STRINGS] ?? 0,
      time,
      ...(key === undefined ? undefined : { key }),
      ...(subject === undefined ? undefined : { subject }),
      ...(correlationId === undefined ? undefined : { correlationId }),
      ...(causationId === undefined ? undefined : { causationId }),
      ...(traceparent === undefined ? undefined : { traceparent }),
      ...(seldom === undefined || seldom === '' ? undefined : seldomOf(seldom)),
    };
    return { message: { envelope, body }, extra };
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw damaged('a length is not a number');
  }

  #string(index: number): string | undefined {
    const size = this.#sizes[index] ?? 0;
    if (size === 0) return undefined;
    const from = this.#textAt;
    this.#textAt += size - 1;
    return this.#text.slice(from, this.#textAt);
  }
}

function seldomOf(text: string): Partial<Envelope> {
  const value = parsed(text);
  if (!Array.isArray(value)) throw damaged('its attributes are not a list');
  const [tracestate, expiryTime, headers, replyTo] = value as readonly unknown[];
  return {
    ...(typeof tracestate === 'string' ? { tracestate } : undefined),
    ...(typeof expiryTime === 'string' ? { expiryTime } : undefined),
    ...(typeof headers === 'object' && headers !== null ? { headers: stringsOf(headers) } : undefined),
    ...(typeof replyTo === 'string' ? { replyTo } : undefined),
  };
}

function stringsOf(value: object): Record<string, string> {
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, String(each)]));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damaged('a part of it is not JSON', cause);
  }
}

function damaged(why: string, cause?: unknown): WaybillError {
  return new WaybillError('WB_STORE_CORRUPT', `a record of messages cannot be read: ${why}`, {
    fix: 'Restore the folder from a backup, or keep it aside and start with a new one.',
    cause,
  });
}

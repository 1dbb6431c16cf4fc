import { randomUUID } from 'node:crypto';
import type { Message } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import { parseJsonStrictly } from '../../json.ts';
import { type EncodedMessage, type Envelope, parseTypeRef } from '../../message.ts';
import { fromAttributes } from './attributes.ts';
import { ATTRIBUTE_PREFIX, BATCH_TYPE, OFFSETS, STRUCTURED_TYPE } from './encode.ts';
import { sliceArray, sliceObject } from './json-slice.ts';
import { DATA, HeadReader } from './member-head.ts';

/** One message of an AMQP message, or why there is none, with the bytes as they came. */
export type Decoded = EncodedMessage | Undecodable;

export interface Undecodable {
  readonly fault: WaybillError;
  readonly body: Buffer;
  /** What could be told of it all the same. */
  readonly envelope?: Envelope;
}

export function isUndecodable(decoded: Decoded): decoded is Undecodable {
  return 'fault' in decoded;
}

/** The messages that an AMQP message holds, told apart by its content type; one or more. Never throws. */
export function decodeMessage(message: Message, now: () => number): Decoded[] {
  const contentType = contentTypeOf(message);
  if (contentType === BATCH_TYPE) return decodeBatch(message.content, headersOf(message)[OFFSETS]);
  return [
    attempt(message.content, () =>
      contentType === STRUCTURED_TYPE ? structured(message.content) : single(message, now),
    ),
  ];
}

/** Without parameters, in lower case. */
export function contentTypeOf({ properties }: Message): string | undefined {
  return textProperty(properties.contentType)?.split(';')[0]?.trim().toLowerCase();
}

export function isBatch(message: Message): boolean {
  return contentTypeOf(message) === BATCH_TYPE;
}

export function headersOf(message: Message): Readonly<Record<string, unknown>> {
  const headers: Readonly<Record<string, unknown>> | undefined = message.properties.headers;
  return headers ?? {};
}

/** A property or header that should be text. */
export function textProperty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Binary form, and plain messages of clients without the SDK, whose properties stand in for attributes. */
function single(message: Message, now: () => number): EncodedMessage {
  const headers = headersOf(message);
  const attributes: Record<string, unknown> = {};
  let found = false;
  for (const name in headers) {
    if (!name.startsWith(ATTRIBUTE_PREFIX)) continue;
    attributes[name.slice(ATTRIBUTE_PREFIX.length)] = headers[name];
    found = true;
  }
  if (found) return { envelope: fromAttributes(attributes), body: message.content };
  const plain = plainEnvelope(message, now);
  parseJsonStrictly(message.content);
  return { envelope: fromAttributes({}, plain), body: message.content };
}

/** What an AMQP client that knows no CloudEvents says about its message. Without `message_id` each delivery gets a new id. */
function plainEnvelope(message: Message, now: () => number): Partial<Envelope> {
  const { properties } = message;
  const ref = parseTypeRef(textProperty(properties.type) ?? '');
  const seconds: unknown = properties.timestamp;
  const correlationId = textProperty(properties.correlationId);
  const replyTo = textProperty(properties.replyTo);
  return {
    id: textProperty(properties.messageId) ?? randomUUID(),
    source: `/${textProperty(properties.appId) ?? textProperty(properties.userId) ?? 'unknown'}`,
    time: new Date(typeof seconds === 'number' ? seconds * 1_000 : now()).toISOString(),
    ...(ref ?? {}),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(replyTo === undefined ? {} : { replyTo }),
  };
}

function structured(bytes: Buffer): EncodedMessage {
  parseJsonStrictly(bytes);
  return sliceMember(bytes);
}

/** A CloudEvent in JSON, whose `data` stays as it was written. */
function sliceMember(bytes: Buffer, start = 0): EncodedMessage {
  const attributes: Record<string, unknown> = {};
  let body: Buffer | undefined;
  for (const [name, slice] of sliceObject(bytes, start)) {
    if (name === 'data') body = bytes.subarray(slice.start, slice.end);
    else if (name !== 'datacontenttype') attributes[name] = JSON.parse(bytes.toString('utf8', slice.start, slice.end));
  }
  if (body === undefined) {
    throw new WaybillError('WB_MESSAGE_INVALID', 'the CloudEvent has no data', {
      fix: 'Send data as JSON; data_base64 is not taken.',
    });
  }
  return { envelope: fromAttributes(attributes), body };
}

function decodeBatch(bytes: Buffer, offsets: unknown): Decoded[] {
  if (Buffer.isBuffer(offsets) && offsets.length > 0 && offsets.length % 8 === 0) {
    const members = sliceByOffsets(bytes, offsets);
    if (members !== undefined) return members;
  }
  try {
    parseJsonStrictly(bytes);
    const members = sliceArray(bytes);
    if (members.length === 0) throw new WaybillError('WB_MESSAGE_INVALID', 'the batch is empty');
    return members.map(({ start, end }) => attempt(bytes.subarray(start, end), () => sliceMember(bytes, start)));
  } catch (error) {
    return [{ fault: faultOf(error), body: bytes }];
  }
}

/** Undefined when the offsets do not fit the bytes: then somebody else wrote them. */
function sliceByOffsets(bytes: Buffer, offsets: Buffer): Decoded[] | undefined {
  const members: Decoded[] = [];
  const heads = new HeadReader();
  let start = 1;
  for (let at = 0; at < offsets.length; at += 8) {
    const dataStart = offsets.readUInt32BE(at);
    const dataEnd = offsets.readUInt32BE(at + 4);
    const headEnd = dataStart - DATA.length;
    if (headEnd <= start || dataEnd < dataStart || dataEnd >= bytes.length) return undefined;
    if (bytes.compare(DATA, 0, DATA.length, headEnd, dataStart) !== 0) return undefined;
    try {
      const head = bytes.toString('utf8', start, headEnd);
      members.push({ envelope: heads.read(head) ?? parseHead(head, heads), body: bytes.subarray(dataStart, dataEnd) });
    } catch (error) {
      members.push({ fault: faultOf(error), body: bytes.subarray(start, dataEnd + 1) });
    }
    start = dataEnd + 2;
  }
  return start === bytes.length ? members : undefined;
}

function parseHead(head: string, heads: HeadReader): Envelope {
  const value: unknown = JSON.parse(`${head}}`);
  if (!isRecord(value)) throw new WaybillError('WB_MESSAGE_INVALID', 'a member of the batch is no object');
  const envelope = fromAttributes(value);
  heads.learn(envelope);
  return envelope;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function attempt(body: Buffer, decode: () => EncodedMessage): Decoded {
  try {
    return decode();
  } catch (error) {
    return { fault: faultOf(error), body };
  }
}

function faultOf(thrown: unknown): WaybillError {
  if (thrown instanceof WaybillError) return thrown;
  return new WaybillError('WB_MESSAGE_INVALID', toError(thrown).message, { cause: thrown });
}

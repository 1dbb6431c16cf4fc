import type { Options } from 'amqplib';
import { bufferOf } from '../../bytes.ts';
import { type EncodedMessage, type Envelope, typeRef } from '../../message.ts';
import { toAttributes } from './attributes.ts';
import { batchBody } from './batch-body.ts';
import { ByteWriter } from './byte-writer.ts';
import { DATA, HeadWriter } from './member-head.ts';

const JSON_TYPE = 'application/json';
export const STRUCTURED_TYPE = 'application/cloudevents+json';
export const BATCH_TYPE = 'application/cloudevents-batch+json';
/** Of the AMQP binding of CloudEvents. */
export const ATTRIBUTE_PREFIX = 'cloudEvents:';
/** Where the `data` of each member of a batch begins and ends: big-endian, 32 bits each. */
export const OFFSETS = 'waybill-offsets';

/** A message as AMQP carries it. */
export interface Wire {
  readonly body: Buffer;
  readonly properties: Options.Publish;
}

/** Headers of Waybill's own beside the attributes. */
export type Extras = Readonly<Record<string, string>>;

/**
 * Attributes beyond this go into the body (structured form), since all headers must fit one AMQP frame.
 * @unit characters
 */
const MOST_IN_HEADERS = 40_000;

/** Longest text of an AMQP property. @unit bytes */
const SHORT_TEXT = 255;

/** Binary form: the body is `data`, any AMQP client can read it. */
export function encodeSingle(message: EncodedMessage, extras: Extras = {}): Wire {
  const { envelope } = message;
  const attributes = toAttributes(envelope);
  const body = bufferOf(message.body);
  let size = 0;
  for (const name in attributes) size += name.length + (attributes[name]?.length ?? 0);
  if (size > MOST_IN_HEADERS) {
    return {
      body: structured(message, size),
      properties: { ...propertiesOf(envelope), contentType: STRUCTURED_TYPE, headers: extras },
    };
  }
  const headers: Record<string, string> = {};
  for (const name in attributes) headers[ATTRIBUTE_PREFIX + name] = attributes[name] ?? '';
  // By the names that other instrumentations read.
  if (envelope.traceparent !== undefined) headers['traceparent'] = envelope.traceparent;
  if (envelope.tracestate !== undefined) headers['tracestate'] = envelope.tracestate;
  for (const name in extras) headers[name] = extras[name] ?? '';
  return { body, properties: { ...propertiesOf(envelope), contentType: JSON_TYPE, headers } };
}

const CLOSING = Buffer.from('}');

/** @param messages at least one, all of one type */
export function encodeBatch(messages: readonly EncodedMessage[], id: string): Wire {
  const { body, offsets } = batchBody(messages);
  const first = messages[0];
  return {
    body,
    properties: {
      contentType: BATCH_TYPE,
      messageId: id,
      ...(first === undefined ? {} : { type: typeRef(first.envelope.type, first.envelope.version) }),
      headers: { [OFFSETS]: offsets },
    },
  };
}

/** @param size of the attributes, about @unit bytes */
function structured({ envelope, body }: EncodedMessage, size: number): Buffer {
  const writer = new ByteWriter(2 * size + body.byteLength);
  new HeadWriter(writer).write(envelope);
  writer.bytes(DATA);
  writer.bytes(body);
  writer.bytes(CLOSING);
  return writer.written();
}

function propertiesOf(envelope: Envelope): Options.Publish {
  const type = typeRef(envelope.type, envelope.version);
  const seconds = Math.floor(Date.parse(envelope.time) / 1_000);
  const properties: Options.Publish = {};
  if (isShort(envelope.id)) properties.messageId = envelope.id;
  if (isShort(type)) properties.type = type;
  if (seconds >= 0) properties.timestamp = seconds;
  if (envelope.correlationId !== undefined && isShort(envelope.correlationId))
    properties.correlationId = envelope.correlationId;
  if (envelope.replyTo !== undefined && isShort(envelope.replyTo)) properties.replyTo = envelope.replyTo;
  return properties;
}

function isShort(text: string): boolean {
  return text.length * 3 <= SHORT_TEXT || Buffer.byteLength(text) <= SHORT_TEXT;
}

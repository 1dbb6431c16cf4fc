import { createHash } from 'node:crypto';
import type { Message } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import { parseJsonStrictly } from '../../json.ts';
import { type Envelope, isTraceparent, parseTypeRef } from '../../message.ts';
import { SENDER } from '../../ports/gateway.ts';
import { fromAttributes } from './attributes.ts';
import { contentTypeOf, type Decoded, decodeMessage, headersOf, textProperty, type Undecodable } from './decode.ts';
import { ATTRIBUTE_PREFIX, BATCH_TYPE, STRUCTURED_TYPE } from './encode.ts';
import { sliceArray, sliceObject } from './json-slice.ts';

/** What clients without the SDK publish at the gateway. Nothing that they write is believed, but what the broker checks. */

/** `<bus>.gateway`; the name of a bus has no dot. */
const GATEWAY_EXCHANGE = /^[^.]+\.gateway$/;

/** `limits.depth` is at most 512, and an event is two levels around its data in a batch. It is looked at again with the limit. */
const DEEPEST = 514;

/** Year 9999. @unit seconds since the epoch */
const LATEST = 253_402_300_799;

/** A type that no bus has, for what does not say its own. */
const UNKNOWN = { type: 'unknown.message', version: 1 };

/**
 * The message as it may be believed. What came by the gateway loses the headers that Waybill and the broker write
 * themselves; any other is as it came.
 */
export function believed(amqp: Message): Message {
  if (!GATEWAY_EXCHANGE.test(amqp.fields.exchange) && topicOf(amqp) === undefined) return amqp;
  const direct = GATEWAY_EXCHANGE.test(amqp.fields.exchange);
  const kept = Object.entries(headersOf(amqp)).filter(([name]) => {
    if (name.startsWith('waybill-')) return false;
    // The broker counts from the second delivery on.
    if (name === 'x-delivery-count') return amqp.fields.redelivered;
    return !direct || !/^x-(first-|last-)?death/.test(name);
  });
  return { ...amqp, properties: { ...amqp.properties, headers: Object.fromEntries(kept) } };
}

/** The messages of an AMQP message, by whatever way it came; one or more. Never throws. */
export function decodeBelieved(amqp: Message, now: () => number): Decoded[] {
  const topic = topicOf(amqp);
  return topic === undefined ? decodeMessage(amqp, now) : decodeArrival(amqp, topic, now);
}

/** The routing key under which a client published it at the gateway, also when the broker has given it up since. */
function topicOf({ fields, properties }: Message): string | undefined {
  if (GATEWAY_EXCHANGE.test(fields.exchange)) return fields.routingKey;
  const [death] = properties.headers?.['x-death'] ?? [];
  if (death === undefined || !GATEWAY_EXCHANGE.test(death.exchange)) return undefined;
  return death['routing-keys'][0] ?? '';
}

function decodeArrival(amqp: Message, topic: string, now: () => number): Decoded[] {
  const contentType = contentTypeOf(amqp);
  const { content } = amqp;
  const sender = senderOf(amqp, topic);
  const attempt = (body: Buffer, ordinal: number, decode: (fallback: Partial<Envelope>) => Decoded): Decoded => {
    try {
      return decode(fallbackOf(amqp, topic, ordinal, now));
    } catch (error) {
      return refused(error, body, { ...standIn(amqp, topic, ordinal, now), headers: sender });
    }
  };
  if (contentType === BATCH_TYPE) {
    try {
      parseJsonStrictly(content, { maxDepth: DEEPEST });
      const members = sliceArray(content);
      if (members.length === 0) throw new WaybillError('WB_MESSAGE_INVALID', 'the batch is empty');
      return members.map(({ start, end }, n) =>
        attempt(content.subarray(start, end), n, (fallback) => event(content, start, fallback, sender)),
      );
    } catch (error) {
      return [refused(error, content, { ...standIn(amqp, topic, 0, now), headers: sender })];
    }
  }
  return [
    attempt(content, 0, (fallback) => {
      if (contentType === STRUCTURED_TYPE) {
        parseJsonStrictly(content, { maxDepth: DEEPEST });
        return event(content, 0, fallback, sender);
      }
      return { envelope: vouched(fromAttributes(binaryAttributes(amqp), fallback), sender), body: content };
    }),
  ];
}

/** Binary attributes of CloudEvents; none on a plain message. */
function binaryAttributes(amqp: Message): Record<string, unknown> {
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(headersOf(amqp))) {
    // Version 1.0 of the AMQP binding writes a colon, clients of 0.9.1 that cannot write an underscore.
    if (/^cloudEvents[:_]/.test(name)) attributes[name.slice(ATTRIBUTE_PREFIX.length)] = value;
  }
  return attributes;
}

function event(
  bytes: Buffer,
  start: number,
  fallback: Partial<Envelope>,
  sender: Readonly<Record<string, string>>,
): Decoded {
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
  return { envelope: vouched(fromAttributes(attributes, fallback), sender), body };
}

function vouched(envelope: Envelope, sender: Readonly<Record<string, string>>): Envelope {
  const { [SENDER.user]: _user, [SENDER.topic]: _topic, ...headers } = envelope.headers ?? {};
  // Request and reply are the SDK's: an address of one's own choice could be another's.
  const { replyTo: _, traceparent, tracestate, ...rest } = envelope;
  // One that cannot be read says nothing, and must not go on as if it did.
  const traced = traceparent !== undefined && isTraceparent(traceparent);
  return {
    ...rest,
    ...(traced && { traceparent, ...(tracestate !== undefined && { tracestate }) }),
    headers: { ...headers, ...sender },
  };
}

function senderOf(amqp: Message, topic: string): Record<string, string> {
  const user = textProperty(amqp.properties.userId);
  return { ...(user === undefined ? {} : { [SENDER.user]: user }), [SENDER.topic]: topic };
}

/** What stands in for attributes that the client does not write. */
function fallbackOf(amqp: Message, topic: string, ordinal: number, now: () => number): Partial<Envelope> {
  const { properties } = amqp;
  const correlationId = textProperty(properties.correlationId);
  const type = textProperty(properties.type) ?? topic;
  return {
    id: textProperty(properties.messageId) ?? derivedIdOf(amqp, topic, ordinal),
    // The router writes the service's name over it.
    source: '/gateway',
    time: timeOf(properties.timestamp, now),
    ...parseTypeRef(type),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...traceOf(amqp),
  };
}

/** By the names that instrumentations of AMQP clients write. */
function traceOf(amqp: Message): Pick<Envelope, 'traceparent' | 'tracestate'> {
  const headers = headersOf(amqp);
  const traceparent = textProperty(headers['traceparent']);
  const tracestate = textProperty(headers['tracestate']);
  if (traceparent === undefined) return {};
  return { traceparent, ...(tracestate !== undefined && { tracestate }) };
}

function timeOf(timestamp: unknown, now: () => number): string {
  if (typeof timestamp !== 'number') return new Date(now()).toISOString();
  if (timestamp < 0 || timestamp > LATEST) {
    throw new WaybillError('WB_MESSAGE_INVALID', `the timestamp ${String(timestamp)} is no time`, {
      fix: 'AMQP counts it in seconds since 1970.',
    });
  }
  return new Date(timestamp * 1_000).toISOString();
}

/**
 * The id of a message whose client gives it none: the same each time the message is delivered, since a router that ends
 * between publishing and acknowledging gets it again. The broker writes nothing on a message that tells it from another, so
 * messages that are alike in every property and byte are one to whoever looks at ids.
 */
function derivedIdOf(amqp: Message, topic: string, ordinal: number): string {
  const { properties } = amqp;
  const headers = Object.entries(headersOf(amqp)).filter(([name]) => !name.startsWith('x-'));
  const texts = [properties.contentType, properties.contentEncoding, properties.correlationId, properties.type]
    .concat(properties.appId, properties.userId)
    .map((text) => textProperty(text) ?? '');
  const hash = createHash('sha256').update(
    JSON.stringify([topic, ordinal, texts, String(properties.timestamp), headers]),
  );
  return hash.update('\0').update(amqp.content).digest('base64url').slice(0, 27);
}

function standIn(amqp: Message, topic: string, ordinal: number, now: () => number): Envelope {
  const id = textProperty(amqp.properties.messageId) ?? derivedIdOf(amqp, topic, ordinal);
  return { id, source: '/gateway', ...UNKNOWN, time: new Date(now()).toISOString() };
}

function refused(thrown: unknown, body: Buffer, envelope: Envelope): Undecodable {
  const fault =
    thrown instanceof WaybillError
      ? thrown
      : new WaybillError('WB_MESSAGE_INVALID', toError(thrown).message, { cause: thrown });
  return { fault, body, envelope };
}

import { derivedId, type EncodedMessage, type Envelope, type TypeRef, typeRef } from '../message.ts';
import type { Death, Outgoing } from '../ports/transport.ts';

/** The type of what a requester is told in place of an answer. It has no contract, and no route takes it. */
const TYPE = 'waybill.request.failed';
const VERSION = 1;
export const NO_ANSWER: TypeRef = typeRef(TYPE, VERSION);

/** Longest reply address; RabbitMQ takes no longer routing key. @unit characters */
const LONGEST_ADDRESS = 100;

/** Its data. */
export interface NoAnswer {
  readonly code: string;
  readonly error: string;
}

/** Where the answer to a message goes; undefined when it is no request, or when nobody waits for the answer any more. */
export function replyAddress({ replyTo, expiryTime }: Envelope, nowMs: number): string | undefined {
  if (replyTo === undefined || replyTo.length > LONGEST_ADDRESS || !/^[\w.-]+$/.test(replyTo)) return undefined;
  return expiryTime !== undefined && Date.parse(expiryTime) < nowMs ? undefined : replyTo;
}

/** What an answer has of the request; its id is the same whenever `by` answers the request again. */
export function answerEnvelope(
  request: Envelope,
  by: string,
  ref: { type: string; version: number },
  nowMs: number,
): Envelope {
  const { traceparent, tracestate, expiryTime } = request;
  return {
    id: derivedId(request, `${by} answer`, 0),
    source: by,
    type: ref.type,
    version: ref.version,
    time: new Date(nowMs).toISOString(),
    correlationId: request.correlationId ?? request.id,
    causationId: request.id,
    ...(traceparent === undefined ? undefined : { traceparent }),
    ...(tracestate === undefined ? undefined : { tracestate }),
    ...(expiryTime === undefined ? undefined : { expiryTime }),
  };
}

/** Tells whoever waits for an answer to `message` that none will come; nothing where nobody does. */
export function noAnswer(
  { envelope }: EncodedMessage,
  by: string,
  { code, error }: Pick<Death, 'code' | 'error'>,
  nowMs: number,
): readonly Outgoing[] {
  const reply = replyAddress(envelope, nowMs);
  if (reply === undefined) return [];
  const told: NoAnswer = { code, error };
  const message: EncodedMessage = {
    envelope: answerEnvelope(envelope, by, { type: TYPE, version: VERSION }, nowMs),
    body: Buffer.from(JSON.stringify(told)),
  };
  return [{ to: { reply }, message }];
}

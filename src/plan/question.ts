import { WaybillError } from '../errors.ts';
import { encodeJson } from '../json.ts';
import { derivedId, type EncodedMessage, type Envelope } from '../message.ts';
import type { StepQuestion } from '../ports/mediator.ts';
import type { ServiceQuestion } from '../ports/resources.ts';
import { type Entry, exitGone } from './entry.ts';
import { tooLarge } from './result.ts';
import type { Transit } from './transit.ts';

/** Who asks, and about what. */
export interface Asking {
  readonly entry: Entry;
  readonly message: Transit;
  /** The id of the step. */
  readonly step: string;
}

/**
 * The request that a step makes of a message. As a result of the route it has the conversation, the trace and the time of the input,
 * and an id that is the same whenever the same is asked.
 * @throws WB_CONTRACT_VIOLATED, WB_NUMBER_EXACT, WB_MESSAGE_TOO_LARGE; WB_STATE_OUTDATED when the step did not ask its scope for the way
 */
export function makeQuestion(question: StepQuestion, { entry, message, step }: Asking): ServiceQuestion {
  const { exit, data, timeoutMs, name = '' } = question;
  const { style, exits, route } = entry;
  const { service, as } = exits.get(exit.id)?.exit.destination ?? {};
  if (service === undefined || as === undefined) throw exitGone(route, exit.id);
  if (as.reply === undefined) throw new WaybillError('WB_REQUEST_TYPE', `${as.ref} is no request`);
  const violated = as.validate(data);
  if (violated !== undefined) throw violated;
  const body = encodeJson(data);
  if (body.byteLength > style.maxSize) throw tooLarge(`the request ${as.ref}`, body.byteLength, style.maxSize);
  const { envelope: cause } = message.input;
  const { traceparent, tracestate, time } = cause;
  const key = as.key(data) ?? message.envelope.key;
  const envelope: Envelope = {
    id: derivedId(cause, `${route}${message.progress.trail}/${step} ${name}`, 0),
    source: style.source,
    type: as.type,
    version: as.version,
    time,
    ...(key !== undefined && { key }),
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
    correlationId: cause.correlationId ?? cause.id,
    causationId: cause.id,
  };
  const asked: EncodedMessage = { envelope, body };
  return { service, message: asked, answer: as.reply, timeoutMs };
}

import type { Contract } from '../contracts/contracts.ts';
import { WaybillError } from '../errors.ts';
import { encodeJson } from '../json.ts';
import { derivedId, type EncodedMessage, type EnvelopeDraft } from '../message.ts';
import type { FlowDestination } from './flow.ts';
import type { Transit } from './transit.ts';

/** What the results of one route have in common. */
export interface ResultStyle {
  readonly route: string;
  /** `/<bus>/<route>`. */
  readonly source: string;
  /** Largest body. @unit bytes */
  readonly maxSize: number;
}

/** The contracts that the data keeps before and after the steps. */
export interface Passage {
  readonly start: Contract;
  readonly end: Contract;
}

/** Whether the message is still what it was when it came: then it is the same message, delivered elsewhere. */
export function isUnaltered(transit: Transit, { start }: Passage, destination: FlowDestination): boolean {
  const { rewritten, envelope, input, progress } = transit;
  return !rewritten && envelope === input.envelope && progress.trail === '' && destination.as === start;
}

/**
 * The message that a route makes for a destination. What it says of itself is its own (id, source, type); the
 * conversation, the trace, the time and the expiry are those of the input, so that it is the same today and in a replay.
 * @throws WB_CONTRACT_VIOLATED, WB_NUMBER_EXACT, WB_MESSAGE_TOO_LARGE, and what a cast throws
 */
export function makeResult(
  transit: Transit,
  passage: Passage,
  destination: FlowDestination,
  style: ResultStyle,
): EncodedMessage {
  const { as, cast, ordinal } = destination;
  const { input, progress } = transit;
  const body = encodeFor(transit, passage, destination, style);
  // Not a spread, which is slower; this runs for each result.
  const envelope: EnvelopeDraft = Object.assign({}, transit.envelope);
  envelope.id = derivedId(input.envelope, style.route + progress.trail, ordinal);
  envelope.source = style.source;
  envelope.type = as.type;
  envelope.version = as.version;
  envelope.time = input.envelope.time;
  envelope.correlationId = input.envelope.correlationId ?? input.envelope.id;
  envelope.causationId = input.envelope.id;
  // Casts keep the key, so the data before one has it as well.
  const key = progress.keyFollows ? (cast === undefined ? as : passage.end).key(transit.data) : undefined;
  if (key !== undefined) envelope.key = key;
  return { envelope, body };
}

function encodeFor(
  transit: Transit,
  { start, end }: Passage,
  { as, cast }: FlowDestination,
  style: ResultStyle,
): Uint8Array {
  if (!transit.rewritten && cast === undefined && as === start) return transit.input.body;
  const data = cast === undefined ? transit.data : cast(checked(transit, end));
  // Before validation, so that a number that cannot be rewritten is refused by its own name.
  const body = transit.rewritten || cast !== undefined ? encodeJson(data) : transit.input.body;
  if (body.byteLength > style.maxSize) throw tooLarge(`the result of ${as.ref}`, body.byteLength, style.maxSize);
  const violated = as.validate(data);
  if (violated !== undefined) throw violated;
  return body;
}

/** The data before a cast, which may rely on the contract it casts from. */
function checked(transit: Transit, end: Contract): unknown {
  const violated = transit.rewritten ? end.validate(transit.data) : undefined;
  if (violated !== undefined) throw violated;
  return transit.data;
}

export function tooLarge(what: string, size: number, max: number): WaybillError {
  return new WaybillError('WB_MESSAGE_TOO_LARGE', `${what} has ${String(size)} bytes; limits.size is ${String(max)}`, {
    fix: 'Send less, or raise limits.size.',
  });
}

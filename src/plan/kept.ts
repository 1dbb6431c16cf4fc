import { bufferOf } from '../bytes.ts';
import { WaybillError } from '../errors.ts';
import { encodeJson, type JsonLimits, parseJson, showJson } from '../json.ts';
import type { EncodedMessage, Envelope, TypeRef } from '../message.ts';
import { type Progress, type Surroundings, Transit } from './transit.ts';

/** A message in the middle of a route, as plain JSON. Its body is kept as text, byte for byte. */
export interface Kept {
  /** The contract that the data kept when it was put away. */
  readonly of: TypeRef;
  readonly envelope: Envelope;
  readonly body: string;
  /** What the route had made of it; what is not there is as in the message. */
  readonly now?: Partial<Progress>;
}

/** Deep enough for data at any limit, within what is kept around it. */
const NESTED: JsonLimits = { maxDepth: 10_000 };

export function keep(transit: Transit, of: TypeRef): Kept {
  const { envelope, body } = transit.input;
  const { progress } = transit;
  const now = {
    ...(progress.envelope !== envelope && { envelope: progress.envelope }),
    ...(progress.data !== undefined && { data: progress.data }),
    ...(Object.keys(progress.vars).length > 0 && { vars: progress.vars }),
    ...(progress.keyFollows && { keyFollows: true }),
    ...(progress.trail !== '' && { trail: progress.trail }),
    ...(progress.turn > 0 && { turn: progress.turn }),
    ...(progress.exit !== undefined && { exit: progress.exit }),
  };
  const kept = { of, envelope, body: bufferOf(body).toString('utf8') };
  return Object.keys(now).length === 0 ? kept : { ...kept, now };
}

/** @throws WB_STATE_OUTDATED when `kept` is nothing that `keep` made */
export function restore(
  kept: unknown,
  surroundings: Surroundings,
): { readonly message: Transit; readonly of: TypeRef } {
  if (!isKept(kept)) {
    throw new WaybillError('WB_STATE_OUTDATED', 'what the state holds is no message that this Waybill kept');
  }
  const message: EncodedMessage = { envelope: kept.envelope, body: Buffer.from(kept.body, 'utf8') };
  const { progress } = Transit.of(message, surroundings);
  return { message: Transit.resumed(message, surroundings, { ...progress, ...kept.now }), of: kept.of };
}

/** What was written is only ever read by this file, so its inside is trusted. */
function isKept(value: unknown): value is Kept {
  return typeof value === 'object' && value !== null && 'of' in value && 'envelope' in value && 'body' in value;
}

/** The bytes of a state, and back. A number that is not exact is put away as it was written: nothing new is made of it here. */
export function encodeState(state: unknown): Uint8Array {
  try {
    return encodeJson(state, NESTED);
  } catch (thrown) {
    if (thrown instanceof WaybillError && thrown.code === 'WB_NUMBER_EXACT')
      return Buffer.from(showJson(state), 'utf8');
    throw thrown;
  }
}

export function decodeState(bytes: Uint8Array): unknown {
  return parseJson(bytes, NESTED);
}

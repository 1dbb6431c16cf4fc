import { bufferOf } from '../bytes.ts';
import type { EncodedMessage } from '../message.ts';
import { decodeState, encodeState } from '../plan/kept.ts';
import type { Outgoing } from '../ports/transport.ts';

/** What a record keeps of the messages that handling caused: their bodies as text, since they are JSON, byte for byte. */
interface Effect {
  readonly to: Outgoing['to'];
  readonly envelope: EncodedMessage['envelope'];
  readonly body: string;
  readonly dueAt?: number;
}

export function encodeEffects(sends: readonly Outgoing[]): Uint8Array {
  const effects = sends.map(({ to, message: { envelope, body }, dueAt }): Effect => {
    const text = bufferOf(body).toString('utf8');
    return { to, envelope, body: text, ...(dueAt !== undefined && { dueAt }) };
  });
  return encodeState(effects);
}

/** Only ever of what `encodeEffects` made. */
export function decodeEffects(bytes: Uint8Array): readonly Outgoing[] {
  const effects = decodeState(bytes);
  if (!isEffects(effects)) throw new TypeError('the record of a message holds no effects');
  return effects.map(({ to, envelope, body, dueAt }) => {
    const message: EncodedMessage = { envelope, body: Buffer.from(body, 'utf8') };
    return { to, message, ...(dueAt !== undefined && { dueAt }) };
  });
}

function isEffects(value: unknown): value is readonly Effect[] {
  return Array.isArray(value);
}

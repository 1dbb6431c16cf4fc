import type { EncodedMessage, Envelope } from '../../message.ts';
import type { Cause, Loaded, StateChange, StateRecord, StateRef, StateUnit } from '../../ports/store.ts';
import { broken, type Frame } from './frames.ts';
import { isRecord, numberIn, stringIn } from './shapes.ts';

/**
 * Units and states between processes. Their bytes follow the messages of a frame as bodies of messages without attributes, and
 * the header names them by their place among them, -1 for none.
 */

const BARE: Envelope = Object.freeze({ id: '', source: '', type: '', version: 0, time: '' });

export function asMessage(body: Uint8Array): EncodedMessage {
  return { envelope: BARE, body };
}

export function blobsOf(messages: readonly EncodedMessage[]): Uint8Array[] {
  return messages.map(({ body }) => body);
}

function put(blobs: Uint8Array[], bytes: Uint8Array | undefined): number {
  return bytes === undefined ? -1 : blobs.push(bytes) - 1;
}

function take(blobs: readonly Uint8Array[], at: unknown): Uint8Array | undefined {
  if (at === -1) return undefined;
  const bytes = typeof at === 'number' ? blobs[at] : undefined;
  if (bytes === undefined) throw broken('a unit without its bytes');
  return bytes;
}

/** @param blobs to which its bytes are added */
export function unitToWire({ cause, changes, effects, keepMs }: StateUnit, blobs: Uint8Array[]): object {
  return {
    cause,
    changes: changes.map(({ ref, basedOn, value, forgetAtMs = null }) => [
      ref.scope,
      ref.key,
      basedOn,
      put(blobs, value),
      forgetAtMs,
    ]),
    effects: put(blobs, effects),
    ...(keepMs !== undefined && { keepMs }),
  };
}

export function unitOf(value: Readonly<Record<string, unknown>>, blobs: readonly Uint8Array[]): StateUnit {
  const cause = causeOf(value['cause']);
  const { changes, keepMs } = value;
  if (cause === undefined || !Array.isArray(changes)) throw broken('half a unit');
  return {
    cause,
    changes: (changes as readonly unknown[]).map((each) => changeOf(each, blobs)),
    effects: take(blobs, value['effects']) ?? new Uint8Array(),
    ...(typeof keepMs === 'number' && { keepMs }),
  };
}

function changeOf(value: unknown, blobs: readonly Uint8Array[]): StateChange {
  const [scope, key, basedOn, at, forgetAtMs] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  if (typeof scope !== 'string' || typeof key !== 'string' || typeof basedOn !== 'number')
    throw broken('half a change of state');
  return {
    ref: { scope, key },
    basedOn,
    value: take(blobs, at),
    ...(typeof forgetAtMs === 'number' && { forgetAtMs }),
  };
}

export function causeOf(value: unknown): Cause | undefined {
  return isRecord(value) ? { scope: stringIn(value, 'scope'), id: stringIn(value, 'id') } : undefined;
}

export function refsOf(value: unknown): StateRef[] {
  if (!Array.isArray(value)) throw broken('states that are not a list');
  return value.filter(isRecord).map((each) => ({ scope: stringIn(each, 'scope'), key: stringIn(each, 'key') }));
}

export function loadedToWire({ states, recorded }: Loaded): { value: object; messages: EncodedMessage[] } {
  const blobs: Uint8Array[] = [];
  const value = {
    states: states.map((state) => ({ version: state.version, at: put(blobs, state.value) })),
    recorded: put(blobs, recorded),
  };
  return { value, messages: blobs.map(asMessage) };
}

export function loadedOf({ header, packed: { messages } }: Frame): Loaded {
  const value = isRecord(header['value']) ? header['value'] : {};
  const { states } = value;
  if (!Array.isArray(states)) throw broken('states that are not a list');
  const blobs = blobsOf(messages);
  return {
    states: states
      .filter(isRecord)
      .map((state): StateRecord => ({ version: numberIn(state, 'version'), value: take(blobs, state['at']) })),
    recorded: take(blobs, value['recorded']),
  };
}

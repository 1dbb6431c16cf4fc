import { storeKeyText } from '../../ports/store-key.ts';

/** A state as it is kept. */
export interface StoredState {
  readonly version: number;
  /** @unit milliseconds since the Unix epoch */
  readonly changedAt: number;
  /** From then on it is as if there were none; 0 for never. @unit milliseconds since the Unix epoch */
  readonly forgetAt: number;
  /** The name of a state whose key holds only its hash. */
  readonly long: Buffer | undefined;
  readonly value: Buffer;
}

/** What is kept of a message that was handled. */
export interface StoredHandled {
  /** Another one for each record that was ever made. */
  readonly serial: number;
  /** Not to go before. @unit milliseconds since the Unix epoch */
  readonly keepUntil: number;
  readonly effects: Buffer;
}

/** A record, or a state, in a list of those that go together. */
export interface Listed {
  readonly what: 'record' | 'state';
  readonly key: Buffer;
  /** Of the record, or the version of the state: another one is not meant. */
  readonly serial: number;
  readonly keepUntil: number;
}

/** Where a state or a record stands: those of one scope together. */
export function unitKey(scope: string, { bytes }: { readonly bytes: Buffer }): Buffer {
  return Buffer.concat([Buffer.from(scope, 'utf8'), END_OF_SCOPE, bytes]);
}

const END_OF_SCOPE = Buffer.of(0);

/** The name of the state at `key`. */
export function stateName(key: Buffer, { long }: StoredState): string {
  return storeKeyText({ bytes: key.subarray(key.indexOf(0) + 1), long });
}

const STATE_HEAD = 22;

/** Version (6 bytes), both times (6, 6), length of the long name (4; 0 when there is none), the name, the value. */
export function packState({ version, changedAt, forgetAt, long, value }: StoredState): Buffer {
  const out = Buffer.allocUnsafe(STATE_HEAD + (long?.length ?? 0) + value.length);
  out.writeUIntBE(version, 0, 6);
  out.writeUIntBE(Math.floor(changedAt), 6, 6);
  out.writeUIntBE(forgetAt, 12, 6);
  out.writeUInt32BE(long?.length ?? 0, 18);
  if (long !== undefined) out.set(long, STATE_HEAD);
  out.set(value, STATE_HEAD + (long?.length ?? 0));
  return out;
}

export function readState(bytes: Buffer): StoredState {
  const value = STATE_HEAD + bytes.readUInt32BE(18);
  return {
    version: bytes.readUIntBE(0, 6),
    changedAt: bytes.readUIntBE(6, 6),
    forgetAt: bytes.readUIntBE(12, 6),
    long: value === STATE_HEAD ? undefined : bytes.subarray(STATE_HEAD, value),
    value: bytes.subarray(value),
  };
}

/** Serial (6 bytes), time (6), the effects. */
export function packHandled({ serial, keepUntil, effects }: StoredHandled): Buffer {
  const out = Buffer.allocUnsafe(12 + effects.length);
  out.writeUIntBE(serial, 0, 6);
  out.writeUIntBE(keepUntil, 6, 6);
  out.set(effects, 12);
  return out;
}

export function readHandled(bytes: Buffer): StoredHandled {
  return { serial: bytes.readUIntBE(0, 6), keepUntil: bytes.readUIntBE(6, 6), effects: bytes.subarray(12) };
}

/** In the length of a key: it is a state's. */
const STATE = 0x8000;

/** For each serial (6 bytes), time (6), length of the key (2), the key. */
export function packList(listed: readonly Listed[]): Buffer {
  const out = Buffer.allocUnsafe(listed.reduce((sum, { key }) => sum + 14 + key.length, 0));
  let at = 0;
  for (const { what, key, serial, keepUntil } of listed) {
    out.writeUIntBE(serial, at, 6);
    out.writeUIntBE(keepUntil, at + 6, 6);
    out.writeUInt16BE(what === 'state' ? key.length | STATE : key.length, at + 12);
    out.set(key, at + 14);
    at += 14 + key.length;
  }
  return out;
}

export function readList(bytes: Buffer): Listed[] {
  const listed: Listed[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt16BE(at + 12);
    const end = at + 14 + (length & ~STATE);
    listed.push({
      what: (length & STATE) === 0 ? 'record' : 'state',
      serial: bytes.readUIntBE(at, 6),
      keepUntil: bytes.readUIntBE(at + 6, 6),
      key: bytes.subarray(at + 14, end),
    });
    at = end;
  }
  return listed;
}

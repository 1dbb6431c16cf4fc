import { createHash } from 'node:crypto';

/** Indexes take keys of some thousand bytes at most; a longer one is known by its hash. @unit bytes */
const LONGEST = 400;

/** A key or an id as a store's index takes it: the same bytes for the same text, whatever is in it, and others for every other. */
export interface StoreKey {
  /** At most 401 bytes. */
  readonly bytes: Buffer;
  /** The text, where `bytes` is only its hash. */
  readonly long: Buffer | undefined;
}

export function storeKey(text: string): StoreKey {
  const plain = Buffer.from(text, 'utf8');
  if (plain.length <= LONGEST && !HALF_PAIR.test(text))
    return { bytes: Buffer.concat([PLAIN, plain]), long: undefined };
  const long = Buffer.from(text, 'utf16le');
  return { bytes: Buffer.concat([HASHED, createHash('sha256').update(long).digest()]), long };
}

/** The text that a key was made of. */
export function storeKeyText({ bytes, long }: { readonly bytes: Buffer; readonly long: Buffer | undefined }): string {
  return long === undefined ? bytes.toString('utf8', 1) : long.toString('utf16le');
}

/** UTF-8 has no bytes for half a surrogate pair, which JSON may hold. */
const HALF_PAIR = /\p{Surrogate}/u;
const PLAIN = Buffer.of(1);
const HASHED = Buffer.of(2);

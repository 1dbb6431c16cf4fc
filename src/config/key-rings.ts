import { didYouMean } from '../nearest.ts';
import type { KeyRing } from '../ports/resources.ts';
import type { Problem } from '../routes/problem.ts';
import type { BusFile } from './bus-file.ts';

/** AES-256. @unit bytes */
const KEY_BYTES = 32;

type RingFile = BusFile['keys'][string];

/**
 * The key rings of `keys:`, by name; what cannot be a key is reported. Nothing of a key is ever in a problem.
 */
export function readKeyRings(
  keys: BusFile['keys'],
  report: (problem: Omit<Problem, 'file'>) => void,
): ReadonlyMap<string, KeyRing> {
  const rings = new Map<string, KeyRing>();
  for (const [name, ring] of Object.entries(keys)) {
    const read = readRing(name, ring, report);
    if (read !== undefined) rings.set(name, read);
  }
  return rings;
}

function readRing(name: string, ring: RingFile, report: (problem: Omit<Problem, 'file'>) => void): KeyRing | undefined {
  const known = new Map<string, Uint8Array>();
  for (const [id, text] of Object.entries(ring.keys)) {
    const key = decodeKey(text);
    if (key !== undefined) known.set(id, key);
    else {
      report({
        code: 'WB_OPTION_INVALID',
        path: ['keys', name, 'keys', id],
        message: `keys.${name}.keys.${id}: expected 32 bytes in base64 or hex, found something else`,
        fix: 'Make one by: openssl rand -base64 32',
      });
    }
  }
  const current = known.get(ring.current);
  if (current !== undefined) return new SecretKeyRing(ring.current, current, known);
  if (!Object.hasOwn(ring.keys, ring.current)) {
    report({
      code: 'WB_OPTION_INVALID',
      path: ['keys', name, 'current'],
      message: `keys.${name}.current: there is no key ${ring.current} in the ring`,
      fix: didYouMean(ring.current, Object.keys(ring.keys)) ?? 'Name one of those under keys.',
    });
  }
  return undefined;
}

/** 32 bytes as 64 hexadecimal digits or as base64, of either alphabet, padded or not. */
function decodeKey(text: string): Uint8Array | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex');
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.byteLength === KEY_BYTES ? bytes : undefined;
}

/** Shows nothing of its keys when it is printed, logged or serialised. */
class SecretKeyRing implements KeyRing {
  readonly #current: KeyRing['current'];
  readonly #keys: ReadonlyMap<string, Uint8Array>;

  constructor(id: string, key: Uint8Array, keys: ReadonlyMap<string, Uint8Array>) {
    this.#current = { id, key };
    this.#keys = keys;
  }

  get current(): KeyRing['current'] {
    return this.#current;
  }

  find(id: string): Uint8Array | undefined {
    return this.#keys.get(id);
  }
}

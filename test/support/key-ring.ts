import { readKeyRings } from '../../src/config/key-rings.ts';
import type { KeyRing } from '../../src/ports/resources.ts';

/** A ring of keys that are nothing but their number; the last one is current. */
export function keyRing(...ids: readonly string[]): KeyRing {
  const keys = Object.fromEntries(ids.map((id) => [id, Buffer.alloc(32, id).toString('base64')]));
  const ring = readKeyRings({ test: { current: ids.at(-1) ?? '', keys } }, ({ message }) => {
    throw new Error(message);
  }).get('test');
  if (ring === undefined) throw new Error('no ring');
  return ring;
}

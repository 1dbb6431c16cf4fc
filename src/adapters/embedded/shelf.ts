import { toError } from '../../errors.ts';
import { type Packed, unpack } from './codec.ts';
import type { Store } from './folder.ts';
import { recordKey, seqOf } from './keys.ts';
import { Segment } from './segment.ts';
import { extraOf } from './shapes.ts';

/** Where the records of a partition stand. */
export interface Shelf {
  readonly endpoint: number;
  readonly partition: number;
}

/** Most messages that a record may be taken for that cannot be read, so that none to come gets a number of its own. */
const UNREADABLE = 65_536;

/**
 * Reads records of a partition from `from` to `to`, at least one and as many as `enough` says.
 * @param onUnreadable told of a record that is damaged, by the number of its first message; it is passed over and stays in the
 * store. Without it the fault is thrown
 * @throws WB_STORE_CORRUPT
 */
export function readSegments(
  store: Store,
  place: Shelf,
  from: number,
  to: number,
  enough: (messages: number, bytes: number) => boolean,
  onUnreadable?: (first: number, fault: Error) => void,
): Segment[] {
  const segments: Segment[] = [];
  let messages = 0;
  let bytes = 0;
  const range = store.log.getRange({
    start: recordKey(place.endpoint, place.partition, from),
    end: recordKey(place.endpoint, place.partition, to),
  });
  for (const { key, value } of range) {
    let packed: Packed;
    try {
      packed = unpack(Buffer.from(value));
    } catch (fault) {
      if (onUnreadable === undefined) throw fault;
      onUnreadable(seqOf(key), toError(fault));
      continue;
    }
    const { messages: found, extras } = packed;
    const settled = store.progress.get(key);
    const segment = new Segment(
      seqOf(key),
      Buffer.from(key),
      found,
      extras?.map(extraOf),
      settled === undefined ? undefined : Buffer.from(settled),
    );
    segments.push(segment);
    messages += segment.left;
    bytes += segment.bytes;
    if (enough(messages, bytes)) break;
  }
  return segments;
}

/** The number of the first message in the store, and the one after the last. */
export function extent(store: Store, place: Shelf): { readonly first: number; readonly end: number } {
  const low = recordKey(place.endpoint, place.partition, 0);
  const high = recordKey(place.endpoint, place.partition, 2 ** 48 - 1);
  const [first] = store.log.getKeys({ start: low, end: high, limit: 1 });
  const [last] = store.log.getKeys({ start: high, end: low, inclusiveEnd: true, reverse: true, limit: 1 });
  if (first === undefined || last === undefined) return { first: 0, end: 0 };
  // Whoever takes the messages tells of it.
  const unreadable = (): void => undefined;
  const [segment] = readSegments(store, place, seqOf(last), 2 ** 48 - 1, () => true, unreadable);
  return { first: seqOf(first), end: segment?.end ?? seqOf(last) + UNREADABLE };
}

/** How often the suspects of a partition were begun, by number. */
export function readBegun(store: Store, place: Shelf): Map<number, number> {
  const range = store.begun.getRange({
    start: recordKey(place.endpoint, place.partition, 0),
    end: recordKey(place.endpoint, place.partition, 2 ** 48 - 1),
  });
  const begun = new Map<number, number>();
  for (const { key, value } of range) begun.set(seqOf(key), value);
  return begun;
}

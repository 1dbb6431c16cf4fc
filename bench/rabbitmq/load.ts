import { slotOf } from '../../src/message.ts';
import { type Order, order, TYPES, typeName } from '../corpus.ts';

/** How often a key comes: all alike, or the n-th most frequent one 1/n times as often as the first. */
export type Spread = 'uniform' | 'zipf';

const KEYS = 10_000;
const DATA_BYTES = 350;
/** Orders made beforehand; they are sent over and over. */
const POOL = 20_000;

/** Data with the moment of its sending in it, so that whoever gets it knows how long it took. */
export interface Stamped extends Omit<Order, 'note'> {
  readonly note: string;
  /** By `moment()`. */
  at: number;
}

export interface Load {
  readonly ref: string;
  readonly key: string;
  readonly data: Stamped;
  /** Whether the route of the second hop takes it. */
  readonly taken: boolean;
}

/** Milliseconds on the clock that all processes of a machine share. */
export function moment(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/** What one publisher sends, the same in each column. A key has one type, as a customer or an order has in most. */
export function loads(spread: Spread): readonly Load[] {
  const random = generator(20_261_124);
  const pick = spread === 'uniform' ? (): number => Math.floor(random() * KEYS) : zipf(random);
  const at = moment();
  return Array.from({ length: POOL }, (_, n) => {
    const k = pick();
    const plain = order(n, DATA_BYTES - `,"at":${String(at)}`.length, k);
    return {
      ref: `${typeName(k)}@1`,
      key: plain.customerId,
      data: { ...plain, at },
      taken: plain.shipTo.country !== 'US',
    };
  });
}

export function refs(): readonly string[] {
  return Array.from({ length: TYPES }, (_, n) => `${typeName(n)}@1`);
}

/** The partition of a key, as in Waybill. */
export function slot(key: string): number {
  return slotOf(key, 16);
}

function zipf(random: () => number): () => number {
  const upTo: number[] = [];
  let sum = 0;
  for (let n = 1; n <= KEYS; n++) upTo.push((sum += 1 / n));
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = KEYS - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((upTo[middle] ?? sum) < wanted) low = middle + 1;
      else high = middle;
    }
    // Spread over the names, so that frequent ones are not all of one type.
    return (low * 7_919) % KEYS;
  };
}

/** Mulberry32: the same orders in each process and each run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

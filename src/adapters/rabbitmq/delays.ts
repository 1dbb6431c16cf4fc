import type { TypeRef } from '../../message.ts';
import { type Names, typeWord } from './names.ts';

/**
 * Delays by binary levels: level `l` holds a message for 2^l seconds. A message's routing key begins with the bits of its
 * delay, highest first, so it visits one queue for each bit that is set, and hops no exchange for the others.
 */
export const LEVELS = 22;

/** The longest delay. @unit seconds (48.5 days) */
const LONGEST = 2 ** LEVELS - 1;

/**
 * Of a jittered retry: whole seconds, rounded up to 3 significant bits, so that it passes at most three queues.
 * Never less than asked for. @range result: 1 to 2^22 - 1
 */
export function delaySeconds(delayMs: number): number {
  const seconds = Math.max(1, Math.ceil(delayMs / 1_000));
  const step = 2 ** Math.max(0, Math.floor(Math.log2(seconds)) - 2);
  return Math.min(LONGEST, Math.ceil(seconds / step) * step);
}

/** Whole seconds for a message that must not come early, and is to come on its second. @range waitMs: above 0; result: 1 to 2^22 - 1 */
export function exactSeconds(waitMs: number): number {
  return Math.min(LONGEST, Math.ceil(waitMs / 1_000));
}

/** Stands where an endpoint stands, for what goes to the bus; no endpoint can be called so. */
const BUS = '@bus';

/**
 * `0.0 ... 1.0.1.<endpoint>.<type>.<slot>`
 * @param endpoint undefined for the bus
 */
export function delayKey(seconds: number, endpoint: string | undefined, key: string): string {
  const bits = seconds.toString(2).padStart(LEVELS, '0').split('').join('.');
  return `${bits}.${endpoint === undefined ? BUS : typeWord(endpoint)}.${key}`;
}

/** To where a message was delayed that has this routing key; undefined when it was not. */
export function delayedFor(key: string): 'bus' | 'endpoint' | undefined {
  // Such a key begins with a bit, and no type does: most keys need no split.
  if (!/^[01]/.test(key)) return undefined;
  const words = key.split('.', LEVELS + 3);
  if (words.length !== LEVELS + 3) return undefined;
  return words[LEVELS] === BUS ? 'bus' : 'endpoint';
}

/** Of the exchange of a level, to the queue of the same or a lower one: the highest bit still set. */
export function levelPattern(level: number, queueLevel: number): string {
  const passed = Array.from({ length: LEVELS - 1 - level }, () => '*');
  const zeros = Array.from({ length: level - queueLevel }, () => '0');
  return [...passed, ...zeros, '1', '#'].join('.');
}

/** Of the exchange of a level, to the exchange of what is due: no bit is left. */
export function duePattern(level: number): string {
  const passed = Array.from({ length: LEVELS - 1 - level }, () => '*');
  const zeros = Array.from({ length: level + 1 }, () => '0');
  return [...passed, ...zeros, '#'].join('.');
}

/** Of the exchange of what is due, to the exchange of an endpoint. */
export function endpointPattern(endpoint: string): string {
  return [...Array.from({ length: LEVELS }, () => '*'), typeWord(endpoint), '*', '*'].join('.');
}

/** Of the exchange of what is due, to whatever takes a type from the bus. */
export function busPattern(type: TypeRef): string {
  return [...Array.from({ length: LEVELS }, () => '*'), BUS, typeWord(type), '*'].join('.');
}

/** Of the exchange of an endpoint, to the queue of a slot, for what was delayed. */
export function delayedSlotPattern(slot: number): string {
  return [...Array.from({ length: LEVELS + 2 }, () => '*'), String(slot)].join('.');
}

/** How long a level holds a message. @unit milliseconds */
export function levelTtl(level: number): number {
  return 2 ** level * 1_000;
}

/** Where level `l` sends what has waited: the level below, and from the lowest what is due. */
export function belowLevel(names: Names, level: number): string {
  return level === 0 ? names.due : names.delayExchange(level - 1, LEVELS);
}

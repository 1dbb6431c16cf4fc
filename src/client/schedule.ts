import { parseQuantity } from '../config/units.ts';
import { WaybillError } from '../errors.ts';
import { waitUntil } from '../ports/delay.ts';

/** When a message is delivered, and until when. */
export interface ScheduleOptions {
  /**
   * Delivered no earlier than so long after it is sent: milliseconds, or text like `30s`. Of a result it counts from the end of
   * its handler. Not together with `deliverAt`.
   * @range 0 to 48 days @default at once
   */
  readonly delay?: number | string;
  /** Delivered no earlier: a `Date`, or RFC 3339. A time that has come means at once. @range at most 48 days ahead */
  readonly deliverAt?: Date | string;
  /** RFC 3339: not delivered after it. */
  readonly expiryTime?: string;
  /**
   * Not delivered later than so long after it may first be delivered: milliseconds, or text like `10m`. Not together with
   * `expiryTime`.
   * @range above 0
   */
  readonly expiresIn?: number | string;
}

/** What the options mean for a message that is made now. */
export interface Schedule {
  /** @unit milliseconds since the Unix epoch */
  readonly dueAt?: number;
  /** Counts from when it is sent. @unit milliseconds */
  readonly delayMs?: number;
  /** RFC 3339 */
  readonly expiryTime?: string;
}

/** @param call how the call is written, for the message @throws WB_OPTION_INVALID */
export function scheduleOf(call: string, options: ScheduleOptions, now: number): Schedule {
  const { delay, deliverAt, expiresIn } = options;
  if (delay !== undefined && deliverAt !== undefined)
    refuse(call, 'delay and deliverAt say the same; give one of them');
  if (expiresIn !== undefined && options.expiryTime !== undefined)
    refuse(call, 'expiresIn and expiryTime say the same; give one of them');
  const delayMs = delay === undefined ? undefined : duration(call, 'delay', delay);
  const at = deliverAt === undefined ? undefined : instant(call, deliverAt);
  const dueAt = at ?? (delayMs === undefined ? undefined : now + delayMs);
  waitUntil(dueAt, now);
  const from = Math.max(now, dueAt ?? now);
  const expires = expiresIn === undefined ? undefined : from + duration(call, 'expiresIn', expiresIn);
  const expiryTime = expires === undefined ? options.expiryTime : rfc3339(call, expires);
  if (dueAt !== undefined && expiryTime !== undefined && Date.parse(expiryTime) < dueAt)
    refuse(call, `it would expire (${expiryTime}) before it may be delivered (${new Date(dueAt).toISOString()})`);
  return {
    ...(dueAt === undefined ? undefined : { dueAt }),
    ...(delayMs === undefined ? undefined : { delayMs }),
    ...(expiryTime === undefined ? undefined : { expiryTime }),
  };
}

function duration(call: string, name: 'delay' | 'expiresIn', value: unknown): number {
  const ms = typeof value === 'string' ? parseQuantity('duration', value) : value;
  if (typeof ms === 'number' && Number.isFinite(ms) && (name === 'delay' ? ms >= 0 : ms > 0)) return ms;
  return refuse(call, `${name} must be milliseconds or text like 30s, not ${shown(value)}`);
}

function instant(call: string, value: unknown): number {
  const ms = value instanceof Date ? value.getTime() : typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? refuse(call, `deliverAt must be a Date or an RFC 3339 time, not ${shown(value)}`) : ms;
}

/** The last time that a `Date` can hold is far enough for whoever wants none. */
function rfc3339(call: string, ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? refuse(call, 'expiresIn is too long') : date.toISOString();
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value);
}

function refuse(call: string, what: string): never {
  throw new WaybillError('WB_OPTION_INVALID', `${call}: ${what}`);
}

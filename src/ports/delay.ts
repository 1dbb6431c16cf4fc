import { WaybillError } from '../errors.ts';

/** How far ahead a message may be scheduled: 48 days. @unit milliseconds */
export const LONGEST_DELAY = 48 * 86_400_000;

/**
 * How long a message that is due at `dueAt` has to wait; 0 when it is not scheduled, or its time has come.
 * @param dueAt milliseconds since the Unix epoch
 * @throws WB_OPTION_INVALID
 */
export function waitUntil(dueAt: number | undefined, now: number): number {
  if (dueAt === undefined) return 0;
  const wait = dueAt - now;
  if (wait <= LONGEST_DELAY) return Math.max(0, wait);
  const found = Number.isNaN(wait) ? String(dueAt) : `${String(Math.ceil(wait / 1_000))} s ahead`;
  throw new WaybillError('WB_OPTION_INVALID', `a message may be scheduled at most 48 days ahead, not ${found}`, {
    fix: 'Keep what is due later in a database, and publish it when its time is near.',
  });
}

import { setTimeout as sleep } from 'node:timers/promises';

/** `WAYBILL_TEST_PATIENCE` multiplies them: what breaks on purpose need not be waited for as long. */
const PATIENCE = Number(process.env['WAYBILL_TEST_PATIENCE'] ?? '1');
/** How long a test waits for something before it fails: long, since a loaded machine is no fault. @unit milliseconds */
const DEADLINE = 90_000;
/** How long what must end by itself may take. @unit milliseconds */
const END = 60_000;

/**
 * Waits until `probe` gives something other than undefined, false or null, and resolves to it.
 * @param what names the condition in the failure
 * @param describe says what there was instead, in the failure
 */
export async function until<T>(
  what: string,
  probe: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  options: { deadlineMs?: number; describe?: () => string } = {},
): Promise<T> {
  const deadlineMs = (options.deadlineMs ?? DEADLINE) * PATIENCE;
  const end = performance.now() + deadlineMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== null && value !== false) return value;
    if (performance.now() > end) {
      const found = options.describe === undefined ? '' : `; found ${options.describe()}`;
      throw new Error(`waited ${String(deadlineMs)} ms for ${what}${found}`);
    }
    await sleep(5);
  }
}

/** Rejects, naming `what`, when the promise is not settled by then. */
export async function within<T>(what: string, promise: Promise<T>, ms: number = END): Promise<T> {
  const deadlineMs = ms * PATIENCE;
  const giveUp = new AbortController();
  try {
    return await Promise.race([
      promise,
      sleep(deadlineMs, undefined, { signal: giveUp.signal }).then(() => {
        throw new Error(`${what} did not end within ${String(deadlineMs)} ms`);
      }),
    ]);
  } finally {
    giveUp.abort();
  }
}

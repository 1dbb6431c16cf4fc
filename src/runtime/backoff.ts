import type { RetryPolicy } from '../config/definition.ts';

/** Jitter keeps attempts of many deliveries apart: a delay is spread over its upper half. */
const JITTER = 0.5;

/**
 * How long to wait before the next attempt, after `failed` failed ones. The first `immediate` attempts follow at once.
 * @returns milliseconds, or undefined when no attempt is left
 */
export function nextDelay(policy: RetryPolicy, failed: number, random: number): number | undefined {
  if (failed >= policy.attempts) return undefined;
  if (failed < policy.immediate) return 0;
  const full = Math.min(policy.maxMs, policy.delayMs * policy.factor ** (failed - policy.immediate));
  return Math.round(full * (1 - JITTER * random));
}

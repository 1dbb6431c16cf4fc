import { expect } from 'chai';
import fc from 'fast-check';
import { nextDelay } from '../../../src/runtime/backoff.ts';

const policy = { immediate: 2, attempts: 5, delayMs: 1_000, factor: 2, maxMs: 3_000 };

describe('backoff', () => {
  it('tries at once, then later and later up to the longest delay, then no more', () => {
    expect([1, 2, 3, 4, 5].map((failed) => nextDelay(policy, failed, 0))).to.deep.equal([
      0,
      1_000,
      2_000,
      3_000,
      undefined,
    ]);
  });

  it('spreads a delay over its upper half', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 2, max: 4 }), (random, failed) => {
        const full = nextDelay(policy, failed, 0) ?? 0;
        const delay = nextDelay(policy, failed, random) ?? -1;
        return delay <= full && delay >= full / 2 - 1;
      }),
    );
  });
});

import { expect } from 'chai';
import { age } from '../../../src/cli/age.ts';

describe('an age', () => {
  const shown: readonly (readonly [number, string])[] = [
    [-5_000, '0.0 s'],
    [0, '0.0 s'],
    [3_299, '3.2 s'],
    [9_999, '9.9 s'],
    [10_000, '10 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [3_599_999, '59 min'],
    [3_600_000, '1 h'],
    [86_399_999, '23 h'],
    [172_800_000, '2 d'],
  ];
  for (const [ms, text] of shown) {
    it(`of ${String(ms)} ms is ${text}`, () => {
      expect(age(ms)).to.equal(text);
    });
  }
});

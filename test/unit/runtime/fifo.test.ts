import { expect } from 'chai';
import fc from 'fast-check';
import { Fifo } from '../../../src/runtime/fifo.ts';

describe('fifo', () => {
  it('gives what an array would, in any mix of push and shift', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 5_000, size: 'max' }), (pushes) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        pushes.forEach((push, i) => {
          if (push) {
            fifo.push(i);
            model.push(i);
          } else expect(fifo.shift()).to.equal(model.shift());
          expect(fifo.size).to.equal(model.length);
        });
      }),
      { numRuns: 30 },
    );
  });
});

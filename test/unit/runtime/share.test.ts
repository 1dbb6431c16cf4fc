import { expect } from 'chai';
import { Share } from '../../../src/runtime/share.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const ids = (amount: number, from = 0): string[] =>
  Array.from({ length: amount }, (_, n) => `5b0c8f6e-63d5-4a0c-9a52-${String(from + n).padStart(12, '0')}`);

describe('the share of conversations that is recorded', () => {
  const shareOf = (most: number): { clock: ManualClock; share: Share } => {
    const clock = new ManualClock();
    return { clock, share: new Share(most, () => clock.elapsed()) };
  };

  it('is all of them while there are few', () => {
    const { clock, share } = shareOf(10);
    for (let second = 0; second < 5; second++) {
      expect(ids(10, second * 10).filter((id) => share.takes(id))).to.have.length(10);
      clock.advance(1_000);
    }
  });

  it('becomes smaller with more of them, and whole again when they are gone', () => {
    const { clock, share } = shareOf(10);
    const taken: number[] = [];
    for (let second = 0; second < 8; second++) {
      taken.push(ids(10_000, second * 10_000).filter((id) => share.takes(id)).length);
      clock.advance(1_000);
    }
    expect(Math.max(...taken)).to.be.below(100);
    // Never nothing: what is taken is a part of what there is.
    expect(Math.min(...taken)).to.be.above(0);
    clock.advance(20_000);
    expect(ids(10).filter((id) => share.takes(id))).to.have.length(10);
  });

  it('is of the same conversations in each process, more of them where there is less to do', () => {
    const busy = shareOf(10).share;
    const calm = shareOf(100).share;
    const all = ids(20_000);
    for (const id of all) {
      busy.takes(id);
      calm.takes(id);
    }
    // Within the second, so that both stay at what they came to.
    const rest = ids(2_000, 50_000);
    const busyTakes = rest.filter((id) => busy.takes(id));
    const calmTakes = new Set(rest.filter((id) => calm.takes(id)));
    expect(busyTakes.filter((id) => !calmTakes.has(id))).to.deep.equal([]);
    expect(calmTakes.size).to.be.above(busyTakes.length);
  });
});

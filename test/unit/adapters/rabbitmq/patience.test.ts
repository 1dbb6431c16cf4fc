import { expect } from 'chai';
import { type Owed, Patience } from '../../../../src/adapters/rabbitmq/patience.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

describe('the patience of a publisher', () => {
  const scene = () => {
    const clock = new ManualClock();
    const underWay = new Set<Owed>();
    const state = { suspended: false, exhausted: 0 };
    const patience = new Patience({
      clock,
      underWay,
      suspended: () => state.suspended,
      exhausted: () => {
        state.exhausted += 1;
        for (const owed of underWay) patience.sent(owed);
      },
    });
    const send = (): Owed => {
      const owed: Owed = { sentAt: undefined, unanswered: 0 };
      underWay.add(owed);
      patience.sent(owed);
      return owed;
    };
    const confirm = (owed: Owed): void => {
      patience.answered(owed);
      underWay.delete(owed);
    };
    return { clock, state, patience, send, confirm };
  };

  it('ends when nothing is answered, later each time, and no later than 300 s', () => {
    const { clock, state, send } = scene();
    send();
    const found: number[] = [];
    for (let second = 1; second <= 1_300; second++) {
      const before = state.exhausted;
      clock.advance(1_000);
      if (state.exhausted > before) found.push(second);
    }
    expect(found.map((at, n) => at - (found[n - 1] ?? 0))).to.deep.equal([6, 12, 24, 48, 96, 192, 300, 300, 300]);
  });

  it('begins with 6 s again when nothing is left of what was sent again', () => {
    const { clock, state, send, confirm } = scene();
    const first = send();
    clock.advance(6_000);
    confirm(first);
    send();
    clock.advance(6_000);
    expect(state.exhausted).to.equal(2);
  });

  it('bears a slow broker, as long as it answers what was sent about as early', () => {
    const { clock, state, send, confirm } = scene();
    const burst = Array.from({ length: 60 }, send);
    for (const owed of burst) {
      clock.advance(1_000);
      confirm(owed);
    }
    expect(state.exhausted).to.equal(0);
  });

  it('ends when others that were sent long after it are answered', () => {
    const { clock, state, send, confirm } = scene();
    send();
    for (let second = 0; second < 8; second++) {
      confirm(send());
      clock.advance(1_000);
    }
    expect(state.exhausted).to.equal(1);
  });

  it('begins anew after the broker took nothing for a while', () => {
    const { clock, state, send } = scene();
    send();
    state.suspended = true;
    clock.advance(60_000);
    state.suspended = false;
    clock.advance(5_000);
    expect(state.exhausted).to.equal(0);
    clock.advance(1_000);
    expect(state.exhausted).to.equal(1);
  });

  it('keeps no timer when nothing is under way', () => {
    const { clock, send, confirm } = scene();
    confirm(send());
    clock.advance(1_000);
    expect(clock.armed).to.equal(0);
  });
});

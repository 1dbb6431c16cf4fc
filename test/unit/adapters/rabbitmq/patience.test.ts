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
        patience.renew(false);
        for (const owed of underWay) patience.sent(owed);
      },
    });
    const send = (road = 'orders'): Owed => {
      const owed: Owed = { road, sentAt: undefined };
      underWay.add(owed);
      patience.sent(owed);
      return owed;
    };
    const confirm = (owed: Owed): void => {
      patience.confirmed(owed);
      underWay.delete(owed);
    };
    const giveUp = (owed: Owed): void => {
      underWay.delete(owed);
    };
    return { clock, state, patience, send, confirm, giveUp };
  };

  it('ends when nothing is confirmed, soon again for a minute, then later each time, and no later than 300 s', () => {
    const { clock, state, send } = scene();
    send();
    const found: number[] = [];
    for (let second = 1; second <= 1_300; second++) {
      const before = state.exhausted;
      clock.advance(1_000);
      if (state.exhausted > before) found.push(second);
    }
    expect(found.map((at, n) => at - (found[n - 1] ?? 0))).to.deep.equal([
      6, 10, 10, 10, 10, 10, 10, 20, 40, 80, 160, 300, 300, 300,
    ]);
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

  it('bears a slow broker, as long as it confirms what was sent about as early', () => {
    const { clock, state, send, confirm } = scene();
    const burst = Array.from({ length: 60 }, () => send());
    for (const owed of burst) {
      clock.advance(1_000);
      confirm(owed);
    }
    expect(state.exhausted).to.equal(0);
  });

  it('ends when others that were sent long after it are confirmed', () => {
    const { clock, state, send, confirm } = scene();
    send('mails');
    for (let second = 0; second < 8; second++) {
      confirm(send());
      clock.advance(1_000);
    }
    expect(state.exhausted).to.equal(1);
  });

  it('ends when something is refused again and again while others that were sent after it are confirmed', () => {
    const { clock, state, patience, send, confirm } = scene();
    const refused = send('mails');
    for (let second = 0; second < 8; second++) {
      confirm(send());
      clock.advance(1_000);
      patience.sent(refused);
    }
    expect(state.exhausted).to.equal(1);
  });

  it('ends when all that goes one road is given up before its patience ends, and others are confirmed', () => {
    const { clock, state, send, confirm, giveUp } = scene();
    for (let second = 0; second < 8; second++) {
      const late = send('mails');
      confirm(send());
      clock.advance(1_000);
      giveUp(late);
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

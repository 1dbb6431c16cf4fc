import { expect } from 'chai';
import { RoundTrips } from '../../../../src/adapters/rabbitmq/round-trips.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

/** Round trips that end when they are told to. */
function trips(): { readonly clock: ManualClock; readonly trips: RoundTrips; readonly under: (() => void)[] } {
  const clock = new ManualClock();
  const under: (() => void)[] = [];
  const make = (): Promise<void> => new Promise((resolve) => under.push(resolve));
  return { clock, trips: new RoundTrips(clock, make), under };
}

/** All promise jobs that are ready. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('round trips', () => {
  it('begin at once where none was made lately', async () => {
    const { clock, trips: own, under } = trips();
    const first = own.next();
    expect(under).to.have.length(1);
    under[0]?.();
    await first;
    clock.advance(25);
    const second = own.next();
    expect(under).to.have.length(2);
    under[1]?.();
    await second;
  });

  it('are shared by all who ask until the last one is long enough over', async () => {
    const { clock, trips: own, under } = trips();
    const first = own.next();
    under[0]?.();
    await first;
    const second = own.next();
    const third = own.next();
    await turn();
    clock.advance(24);
    await turn();
    expect(under).to.have.length(1);
    clock.advance(1);
    await turn();
    expect(under).to.have.length(2);
    under[1]?.();
    await Promise.all([second, third]);
  });

  it('never answer whoever asked after they had begun', async () => {
    const { clock, trips: own, under } = trips();
    const first = own.next();
    let over = false;
    const second = own.next().then(() => {
      over = true;
    });
    under[0]?.();
    await first;
    await turn();
    expect(over).to.be.false;
    clock.advance(25);
    await turn();
    under[1]?.();
    await second;
    expect(over).to.be.true;
  });
});

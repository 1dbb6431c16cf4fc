import { expect } from 'chai';
import type { Store } from '../../../src/ports/store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { CAUSES, change, done, read, recordOf, SCOPE, unit, versionOf } from '../../support/units.ts';
import { until } from '../../support/until.ts';
import { storeConformance } from './harness.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

/** Lets time pass, a minute at a time, until a record is gone; resolves to how many minutes that took. */
async function minutesUntilGone(store: Store, clock: ManualClock, id: string): Promise<number> {
  let minutes = 0;
  await until(`the record of ${id} to go`, async () => {
    if ((await recordOf(store, id)) === undefined) return true;
    clock.advance(MINUTE);
    minutes += 1;
    return false;
  });
  return minutes;
}

/** Lets so much time pass that what may go is gone: a record that was settled at the beginning of it tells. */
async function pass(store: Store, clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms);
  const fence = `fence ${String(clock.now())}`;
  store.settled(done(await store.commit(unit(fence))));
  await minutesUntilGone(store, clock, fence);
}

storeConformance('states', ({ open }) => {
  it('that end by themselves read as if there were none from then on, and are swept', async function () {
    this.timeout(480_000);
    const clock = new ManualClock();
    const store = await open(clock);
    const forgetAtMs = clock.now() + 10 * MINUTE;
    const brief = { ...change('brief', 0, 'one'), forgetAtMs };
    done(
      await store.commit(
        unit('m1', [brief, { ...change('renewed', 0, 'one'), forgetAtMs }, change('lasting', 0, 'one')]),
      ),
    );
    clock.advance(9 * MINUTE);
    expect(await read(store, 'brief', 'renewed', 'lasting')).to.deep.equal(['one', 'one', 'one']);
    const renewed = await versionOf(store, 'renewed');
    const brief1 = await versionOf(store, 'brief');
    done(await store.commit(unit('m2', [{ ...change('renewed', renewed, 'two'), forgetAtMs: clock.now() + DAY }])));
    clock.advance(MINUTE);
    expect(await read(store, 'brief', 'renewed', 'lasting')).to.deep.equal([undefined, 'two', 'one']);
    expect(await versionOf(store, 'brief')).to.equal(0);
    expect((await store.list(SCOPE)).map(({ key }) => key)).to.not.include('brief');
    expect((await store.commit(unit('m3', [change('brief', brief1, 'three')]))).outcome).to.equal('moved');
    done(await store.commit(unit('m4', [change('brief', 0, 'four')])));
    await pass(store, clock, 20 * MINUTE);
    expect(await read(store, 'brief', 'renewed', 'lasting')).to.deep.equal(['four', 'two', 'one']);
    await pass(store, clock, DAY);
    expect(await read(store, 'brief', 'renewed', 'lasting')).to.deep.equal(['four', undefined, 'one']);
  });
});

storeConformance('records', ({ open, shared }) => {
  it('go no sooner than 15 minutes after their delivery is settled, and the states stay', async function () {
    this.timeout(480_000);
    const clock = new ManualClock();
    const store = await open(clock);
    store.settled(done(await store.commit(unit('m1', [change('a', 0, 'one')]))));
    expect(await minutesUntilGone(store, clock, 'm1')).to.be.at.least(15);
    expect(await read(store, 'a')).to.deep.equal(['one']);
    done(await store.commit(unit('m1')));
  });

  it('do not go before their delivery is settled, however long that takes', async function () {
    this.timeout(480_000);
    const clock = new ManualClock();
    const store = await open(clock);
    const token = done(await store.commit(unit('slow')));
    store.settled(done(await store.commit(unit('quick'))));
    await minutesUntilGone(store, clock, 'quick');
    for (let day = 0; day < 3; day++) await pass(store, clock, DAY);
    expect(await recordOf(store, 'slow')).to.equal('effects of slow');
    store.settled(token);
    await minutesUntilGone(store, clock, 'slow');
  });

  it('of an inbox are kept as long as it says, and do not go before they are settled', async function () {
    this.timeout(480_000);
    const clock = new ManualClock();
    const store = await open(clock);
    store.settled(done(await store.commit(unit('kept', [], { keepMs: 7 * DAY }))));
    const open2 = done(await store.commit(unit('open', [], { keepMs: DAY })));
    await pass(store, clock, 6 * DAY);
    expect(await recordOf(store, 'kept')).to.equal('effects of kept');
    expect(await recordOf(store, 'open')).to.equal('effects of open');
    await pass(store, clock, DAY);
    expect(await recordOf(store, 'kept')).to.equal(undefined);
    expect(await recordOf(store, 'open')).to.equal('effects of open');
    store.settled(open2);
    await minutesUntilGone(store, clock, 'open');
  });

  it('that a process left unsettled are found by whoever gets the message, who may settle them', async function () {
    this.timeout(480_000);
    const clock = new ManualClock();
    const before = await open(clock);
    done(await before.commit(unit('left')));
    done(await before.commit(unit('lost')));
    await before.close();
    const store = await open(clock);
    await pass(store, clock, 20 * DAY);
    const { recorded, token } = await store.load({ scope: CAUSES, id: 'left' }, []);
    expect(recorded).to.not.equal(undefined);
    if (token === undefined) throw new Error('a record without a token');
    store.settled(token);
    await minutesUntilGone(store, clock, 'left');
    expect(await recordOf(store, 'lost')).to.equal('effects of lost');
  });

  it('that nobody ever settled go after 60 days', async function () {
    this.timeout(480_000);
    const clock = new ManualClock();
    const before = await open(clock);
    for (let n = 0; n < 30; n++) done(await before.commit(unit(`left${String(n)}`)));
    await before.close();
    const store = await open(clock);
    await pass(store, clock, 59 * DAY);
    expect(await recordOf(store, 'left29')).to.equal('effects of left29');
    clock.advance(2 * DAY);
    for (let n = 0; n < 30; n++) await minutesUntilGone(store, clock, `left${String(n)}`);
  });

  it('that a repeat found may be settled by it as well', async function () {
    this.timeout(480_000);
    const clock = new ManualClock();
    const store = await open(clock);
    done(await store.commit(unit('m1')));
    const other = shared ? await open(clock) : store;
    const answer = await other.commit(unit('m1'));
    if (answer.outcome !== 'repeated') throw new Error(`expected repeated, found ${answer.outcome}`);
    other.settled(answer.token);
    await minutesUntilGone(other, clock, 'm1');
  });

  it('go in pieces, all of them', async function () {
    this.timeout(600_000);
    const clock = new ManualClock();
    const store = await open(clock);
    const ids = Array.from({ length: 5_000 }, (_, n) => `m${String(n)}`);
    const answers = await Promise.all(ids.map((id) => store.commit(unit(id))));
    for (const answer of answers.slice(0, -1)) store.settled(done(answer));
    for (const id of ['m0', 'm2500']) await minutesUntilGone(store, clock, id);
    // LMDB lets 64 records of one commit go together.
    const most = store.kind === 'embedded' ? 64 : 1;
    await until('all others to go', async () => {
      const found = await Promise.all(ids.map((id) => recordOf(store, id)));
      clock.advance(MINUTE);
      return found.filter((each) => each !== undefined).length <= most;
    });
    expect(await recordOf(store, 'm4999')).to.equal('effects of m4999');
  });
});

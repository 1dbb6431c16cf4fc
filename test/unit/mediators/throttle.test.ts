import { expect } from 'chai';
import type { EncodedMessage } from '../../../src/message.ts';
import type { RouteRun } from '../../support/route-run.ts';
import { faultsOf, idsSent, item, runOf } from '../../support/step-run.ts';

async function takeAll(run: RouteRun, ids: readonly string[]): Promise<string> {
  const sent: string[] = [];
  for (const id of ids) sent.push(...(await run.take(item(id))).sent);
  return idsSent(sent);
}

/** What waits, taken out of the endpoint's hands, in the order of its time. */
function waiting(run: RouteRun): readonly EncodedMessage[] {
  return run.later.map(({ message }) => message);
}

describe('throttle', () => {
  it('lets messages go on evenly, in their order, each under its own id', async () => {
    const run = runOf('- throttle: { rate: 10/s }');
    expect(await takeAll(run, ['a', 'b', 'c', 'd'])).to.equal('a');
    expect(run.waits).to.deep.equal([100, 200, 300]);
    expect(idsSent(await run.advance(99))).to.equal('');
    expect(idsSent(await run.advance(1))).to.equal('b');
    expect(idsSent(await run.advance(200))).to.equal('c, d');
    expect(run.sends.map(({ message }) => message.envelope.id)).to.deep.equal(['a', 'b', 'c', 'd']);
  });

  it('keeps messages that come later behind those that wait', async () => {
    const run = runOf('- throttle: { rate: 1/s }');
    await takeAll(run, ['a', 'b', 'c']);
    expect(idsSent(await run.advance(1_500))).to.equal('b');
    expect(await takeAll(run, ['d'])).to.equal('');
    expect(idsSent(await run.advance(1_500))).to.equal('c, d');
  });

  it('lets go at once what comes no faster, and remembers nothing of it for longer than a turn', async () => {
    const run = runOf('- throttle: { rate: 600/h }');
    for (const id of ['a', 'b', 'c']) {
      expect(await takeAll(run, [id])).to.equal(id);
      run.nowMs += 6_000;
    }
    expect(run.later).to.deep.equal([]);
  });

  it('has a rate for each value of `by`', async () => {
    const run = runOf('- throttle: { rate: 1/m, by: data.id }');
    expect(await takeAll(run, ['a', 'b', 'a', 'b'])).to.equal('a, b');
    expect(run.waits).to.deep.equal([60_000, 60_000]);
  });

  it('keeps the order when the transport brings messages back in another one', async () => {
    const run = runOf('- throttle: { rate: 1/s }');
    await takeAll(run, ['a', 'b', 'c', 'd']);
    const [b, c, d] = waiting(run);
    if (b === undefined || c === undefined || d === undefined) throw new Error('three wait');
    run.nowMs += 3_000;
    expect(idsSent((await run.take(d)).sent)).to.equal('');
    expect(idsSent((await run.take(c)).sent)).to.equal('');
    expect(idsSent((await run.take(b)).sent)).to.equal('b, c, d');
  });

  it('waits a while for one before that does not come, then goes on, and lets it go when it comes', async () => {
    const run = runOf('- throttle: { rate: 1/s }');
    await takeAll(run, ['a', 'b', 'c', 'd']);
    const lost = waiting(run)[0];
    if (lost === undefined) throw new Error('it waits');
    const without = runOf('- throttle: { rate: 1/s }', '', { after: run, without: lost });
    expect(idsSent(await without.advance(61_999))).to.equal('');
    expect(idsSent(await without.advance(1))).to.equal('c, d');
    expect(idsSent((await without.take(lost)).sent)).to.equal('b');
    await without.advance(60_000);
    expect(without.later).to.deep.equal([]);
  });

  it('refuses by name what would have to wait too long', async () => {
    const run = runOf('- throttle: { rate: 1/m, longest: 90s }');
    expect(await takeAll(run, ['a', 'b'])).to.equal('a');
    expect((await run.take(item('c'))).dead).to.equal(
      'WB_THROTTLE_FULL step 1 (throttle): it would have to wait 120 s, and longest is less',
    );
    // The next turn is still there for another.
    run.nowMs += 60_000;
    expect(idsSent((await run.take(item('c'))).sent)).to.equal('');
  });

  it('waits no longer than a turn when the clock went back', async () => {
    const run = runOf('- throttle: { rate: 1/m }');
    await takeAll(run, ['a']);
    run.nowMs -= 3_600_000;
    await takeAll(run, ['b']);
    expect(run.waits).to.deep.equal([60_000]);
  });

  it('refuses a rate that is none', () => {
    for (const rate of ['10', '0/s', '10/second', '1.5/s'])
      expect(faultsOf(`- throttle: { rate: '${rate}' }`).map((fault) => fault.split(':')[0])).to.deep.equal([
        'WB_MEDIATOR_OPTION steps.0.throttle.rate',
      ]);
  });
});

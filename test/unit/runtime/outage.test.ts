import { expect } from 'chai';
import { Outage } from '../../../src/runtime/outage.ts';
import { ManualClock } from '../../support/manual-clock.ts';

describe('outage', () => {
  function make() {
    const clock = new ManualClock();
    const probes: number[] = [];
    const outage = new Outage(clock, () => {
      probes.push(clock.elapsed());
      outage.probeStarted();
    });
    return { clock, probes, outage };
  }

  function fail(outage: Outage, times: number, keys = 2): void {
    for (let i = 0; i < times; i++) outage.failed(`k${String(i % keys)}`, 'refused');
  }

  it('pauses after twenty failures in a row over two keys, and says why', () => {
    const { outage } = make();
    fail(outage, 19);
    expect(outage.reason).to.equal(undefined);
    expect(outage.failed('k1', 'connection refused')).to.equal(true);
    expect(outage.reason).to.equal('connection refused');
  });

  it('does not take one bad key for an outage', () => {
    const { outage } = make();
    fail(outage, 100, 1);
    expect(outage.reason).to.equal(undefined);
  });

  it('begins to count again after a success and after a message that was bad itself', () => {
    const { outage } = make();
    fail(outage, 19);
    outage.succeeded();
    fail(outage, 19);
    outage.failedForGood();
    fail(outage, 19);
    expect(outage.reason).to.equal(undefined);
  });

  it('probes after 1 s, then twice as late each time, at most every 60 s', () => {
    const { outage, clock, probes } = make();
    fail(outage, 20);
    for (let i = 0; i < 9; i++) {
      clock.advance(60_000);
      outage.probeFailed();
    }
    const gaps = probes.map((at, i) => at - (probes[i - 1] ?? 0));
    expect(gaps[0]).to.equal(1_000);
    expect(probes).to.have.length(9);
    expect(clock.armed).to.equal(1);
  });

  it('ends with the first success, and counts the time it took', () => {
    const { outage, clock } = make();
    fail(outage, 20);
    clock.advance(5_000);
    expect(outage.pausedMs).to.equal(5_000);
    expect(outage.succeeded()).to.equal(true);
    clock.advance(5_000);
    expect(outage.pausedMs).to.equal(5_000);
    expect(outage.reason).to.equal(undefined);
    expect(clock.armed).to.equal(0);
  });

  it('asks for no probe any more when it is paused by hand while one is due, or ends', () => {
    const clock = new ManualClock();
    const outage = new Outage(clock, () => undefined);
    fail(outage, 20);
    clock.advance(1_000);
    expect(outage.probeDue).to.equal(true);
    outage.pause('stock-taking');
    expect(outage.probeDue).to.equal(false);
    outage.resume();
    fail(outage, 20);
    clock.advance(1_000);
    expect(outage.probeDue).to.equal(true);
    outage.succeeded();
    expect(outage.probeDue).to.equal(false);
  });

  it('stays paused by hand until a person resumes, without probes', () => {
    const { outage, clock, probes } = make();
    outage.pause('stock-taking');
    outage.succeeded();
    clock.advance(600_000);
    expect(outage.reason).to.equal('stock-taking');
    expect(probes).to.deep.equal([]);
    expect(outage.resume()).to.equal(true);
    expect(outage.reason).to.equal(undefined);
  });
});

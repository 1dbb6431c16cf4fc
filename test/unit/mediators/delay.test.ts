import { expect } from 'chai';
import { faultsOf, item, runOf } from '../../support/step-run.ts';

describe('delay', () => {
  it('lets a message go on after its time, and not before', async () => {
    const run = runOf('- delay: { for: 5m }');
    expect((await run.take(item('a'))).sent).to.deep.equal([]);
    expect(run.waits).to.deep.equal([300_000]);
    expect(await run.advance(299_999)).to.deep.equal([]);
    expect(await run.advance(1)).to.deep.equal(['oms {"id":"a"}']);
  });

  it('takes a date of the message, and lets go at once what it has passed for', async () => {
    const run = runOf("- delay: { until: data.?due.orValue('2026-01-01T00:01:00Z') }");
    await run.take(item('a'));
    expect(run.waits).to.deep.equal([60_000]);
    expect((await run.take(item('b', { due: '2025-12-31T00:00:00Z' }))).sent).to.deep.equal([
      'oms {"id":"b","due":"2025-12-31T00:00:00Z"}',
    ]);
    expect((await run.take(item('c', { due: 'soon' }))).dead).to.equal(
      `WB_EXPRESSION_FAILED step 1 (delay): data.?due.orValue('2026-01-01T00:01:00Z') is no date: "soon"`,
    );
  });

  it('waits once for each delay of a route', async () => {
    const run = runOf('- delay: { for: 1s }\n- delay: { for: 2s }');
    await run.take(item('a'));
    expect(await run.advance(2_999)).to.deep.equal([]);
    expect(await run.advance(1)).to.deep.equal(['oms {"id":"a"}']);
  });

  it('refuses options that make no time, each at its place', () => {
    expect(faultsOf('- delay: { for: 5 minutes }')).to.deep.equal([
      'WB_MEDIATOR_OPTION steps.0.delay.for: for: expected a duration from 1ms to 365d, such as 30s, found 5 minutes',
    ]);
    expect(faultsOf('- delay: { for: 400d }')[0]).to.contain('found 400d');
    expect(faultsOf('- delay: {}')).to.have.length(1);
    expect(faultsOf('- delay: { for: 1s, until: data.due }')).to.have.length(1);
    expect(faultsOf('- delay: { until: data.n }').map((fault) => fault.split(':')[0])).to.deep.equal([
      'WB_EXPRESSION_ABSENT steps.0.delay.until',
    ]);
    expect(faultsOf('- delay: { until: data.?due }').map((fault) => fault.split(':')[0])).to.deep.equal([
      'WB_EXPRESSION_ABSENT steps.0.delay.until',
    ]);
    expect(faultsOf('- delay: { until: size(data.id) }')).to.deep.equal([
      'WB_EXPRESSION_TYPE steps.0.delay.until: size(data.id) is a whole number, and there has to be a date here',
    ]);
  });
});

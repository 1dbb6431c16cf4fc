import { expect } from 'chai';
import { faultsOf, idsSent, item, runOf } from '../../support/step-run.ts';

describe('dedupe', () => {
  it('lets the first message of a value go on, byte for byte and under its own id, and no other for a while', async () => {
    const run = runOf('- dedupe: { by: data.id, for: 1h }');
    const first = item('a', {}, { id: 'm-1' });
    expect((await run.take(first)).sent).to.deep.equal(['oms {"id":"a"}']);
    expect(run.sends[0]?.message).to.equal(first);
    const again = await run.take(item('a', { n: 1 }, { id: 'm-2' }));
    expect(again.sent).to.deep.equal([]);
    expect(again.result).to.deep.include({ absorbed: 'duplicate', filtered: false });
    expect(idsSent((await run.take(item('b'))).sent)).to.equal('b');
    run.nowMs += 3_599_999;
    expect((await run.take(item('a', {}, { id: 'm-3' }))).sent).to.deep.equal([]);
    run.nowMs += 1;
    expect((await run.take(item('a', {}, { id: 'm-4' }))).sent).to.have.length(1);
  });

  it('goes by the source and id of the message unless told otherwise', async () => {
    const run = runOf('- dedupe: { for: 1h }');
    await run.take(item('a'));
    expect((await run.take(item('a', { n: 2 }))).sent).to.have.length(0);
    expect((await run.take(item('a', {}, { id: 'other' }))).sent).to.have.length(1);
    expect((await run.take(item('a', {}, { source: '/pos' }))).sent).to.have.length(1);
  });

  it('does not take for a duplicate what a later step failed on', async () => {
    const failing = runOf('- dedupe: { by: data.id, for: 1h }\n- map: { set: { id: text(number(data.id)) } }');
    const { dead } = await failing.take(item('a'));
    expect(dead).to.match(/^WB_EXPRESSION_FAILED step 2 \(map\)/);
    expect(failing.stored.entries()).to.deep.equal({});
  });

  it('refuses what is no value to go by, and no window', () => {
    expect(faultsOf('- dedupe: { by: data.tags, for: 0s }').map((fault) => fault.split(':')[0])).to.include.members([
      'WB_MEDIATOR_OPTION steps.0.dedupe.for',
    ]);
    expect(faultsOf("- dedupe: { by: 'data.?tags.orValue([])', for: 1h }")[0]).to.match(
      /^WB_EXPRESSION_TYPE steps.0.dedupe.by: .* there has to be text, a number, a date, true or false here$/,
    );
    expect(faultsOf('- dedupe: { by: data.id }')).to.deep.equal([
      'WB_MEDIATOR_OPTION steps.0.dedupe: dedupe needs for',
    ]);
  });
});

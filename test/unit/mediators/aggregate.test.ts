import { expect } from 'chai';
import type { RouteRun } from '../../support/route-run.ts';
import { faultsOf, item, runOf } from '../../support/step-run.ts';

const REPORT =
  '- map: { to: store.report@1, set: { id: data.id, ids: "vars.parts.map(p, p.id)", count: size(vars.parts) } }';
const by = (options: string): string =>
  `- aggregate: { by: "data.?note.orValue('')", as: parts, ${options} }\n${REPORT}`;
/** A member of the group `g`, unless told otherwise. */
const member = (id: string, data: object = {}) => item(id, { note: 'g', ...data });
const report = (...ids: string[]): string => `oms ${JSON.stringify({ id: ids.at(-1), ids, count: ids.length })}`;

async function takeAll(run: RouteRun, ids: readonly string[]): Promise<readonly string[]> {
  const said: string[] = [];
  for (const id of ids) {
    const { sent, dead } = await run.take(member(id));
    said.push(...sent, ...(dead === undefined ? [] : [`dead ${dead}`]));
  }
  return said;
}

describe('aggregate', () => {
  it('makes one message of a group that has its size, with all data in order, and merges the others', async () => {
    const run = runOf(by('size: 3, timeout: 1m'));
    const first = await run.take(member('a'));
    expect(first.sent).to.deep.equal([]);
    expect(first.result).to.deep.include({ absorbed: 'merged', filtered: false });
    expect(first.result.counts).to.deep.equal([
      ['r', 'in', 1],
      ['r', 'merged', 1],
    ]);
    await run.take(item('x', { note: 'other' }));
    expect(await takeAll(run, ['b', 'c'])).to.deep.equal([report('a', 'b', 'c')]);
    expect(run.sends[0]?.message.envelope).to.deep.include({ causationId: 'c', key: 'c' });
  });

  it('takes the size from the member that came last, and goes by the key unless told otherwise', async () => {
    const run = runOf(`- aggregate: { as: parts, size: data.?total.orValue(9), timeout: 1m }\n${REPORT}`);
    await run.take(item('a', {}, { key: 'k' }));
    expect((await run.take(item('b', { total: 2 }, { key: 'k' }))).sent).to.deep.equal([report('a', 'b')]);
  });

  it('is complete when its predicate says so, over the data of all members', async () => {
    const run = runOf(by("when: 'sum(vars.parts.map(p, p.?n.orValue(0))) >= 10', timeout: 1m"));
    expect((await run.take(member('a', { n: 4 }))).sent).to.deep.equal([]);
    expect((await run.take(member('b', { n: 5 }))).sent).to.deep.equal([]);
    expect((await run.take(member('c', { n: 1 }))).sent).to.deep.equal([report('a', 'b', 'c')]);
  });

  it('goes on when its time is over, where nothing else makes it complete, and only once', async () => {
    const run = runOf(by('timeout: 1m'));
    await takeAll(run, ['a']);
    expect(await run.advance(30_000)).to.deep.equal([]);
    await takeAll(run, ['b']);
    expect(await run.advance(30_000)).to.deep.equal([report('a', 'b')]);
    await takeAll(run, ['c']);
    expect(await run.advance(59_999)).to.deep.equal([]);
    expect(await run.advance(1)).to.deep.equal([report('c')]);
  });

  it('leaves a new group alone when the timer of an earlier one comes', async () => {
    const run = runOf(by('size: 2, timeout: 1m, onTimeout: complete'));
    await takeAll(run, ['a', 'b']);
    run.nowMs += 30_000;
    await takeAll(run, ['c']);
    expect(await run.advance(30_000)).to.deep.equal([]);
    expect(await run.advance(30_000)).to.deep.equal([report('c')]);
  });

  it('takes a message that comes again for a duplicate, before the group is complete and after', async () => {
    const run = runOf(by('size: 2, timeout: 1m'));
    await takeAll(run, ['a']);
    expect((await run.take(member('a'))).result).to.deep.include({ absorbed: 'duplicate' });
    expect(await takeAll(run, ['b'])).to.deep.equal([report('a', 'b')]);
    expect((await run.take(member('b'))).result).to.deep.include({ absorbed: 'duplicate', sends: [] });
    expect(await takeAll(run, ['c', 'd'])).to.deep.equal([report('c', 'd')]);
  });

  it('forgets a group that ended after a while', async () => {
    const run = runOf(by('size: 1, timeout: 1m, remember: 2m'));
    await takeAll(run, ['a']);
    run.nowMs += 120_000;
    expect(await takeAll(run, ['a'])).to.deep.equal([report('a')]);
  });

  describe('a late member', () => {
    const late = (what: string): RouteRun => runOf(by(`size: 2, timeout: 1m, late: ${what}, remember: 5m`));

    it('begins a new group', async () => {
      expect(await takeAll(late('new'), ['a', 'b', 'c', 'd'])).to.deep.equal([report('a', 'b'), report('c', 'd')]);
    });

    it('is filtered out, and counted as that', async () => {
      const run = late('drop');
      await takeAll(run, ['a', 'b']);
      expect((await run.take(member('c'))).result).to.deep.include({ filtered: true, sends: [] });
      run.nowMs += 300_000;
      await takeAll(run, ['d']);
      expect(await takeAll(run, ['e'])).to.deep.equal([report('d', 'e')]);
    });

    it('is a dead letter', async () => {
      expect(await takeAll(late('dead'), ['a', 'b', 'c'])).to.deep.equal([
        report('a', 'b'),
        'dead WB_AGGREGATE_LATE step 1 (aggregate): its group ended before it came',
      ]);
    });
  });

  describe('a group that is not complete in time', () => {
    const EXPIRED = 'dead WB_AGGREGATE_EXPIRED step 1 (aggregate): its 2 members did not become complete in time';

    it('is one dead letter that holds its members, and joins what came meanwhile when it is redriven', async () => {
      const run = runOf(by('size: 3, timeout: 1m'));
      await takeAll(run, ['a', 'b']);
      expect(await run.advance(60_000)).to.deep.equal([EXPIRED]);
      const [letter] = run.dead;
      if (letter === undefined) throw new Error('no letter');
      expect((await run.redrive(letter.message)).dead).to.contain('WB_AGGREGATE_EXPIRED');
      await takeAll(run, ['c']);
      expect((await run.redrive(letter.message)).sent).to.deep.equal([report('c', 'a', 'b')]);
    });

    it('goes on with the members it has, where that is wanted', async () => {
      const run = runOf(by('size: 3, timeout: 1m, onTimeout: complete'));
      await takeAll(run, ['a', 'b']);
      expect(await run.advance(60_000)).to.deep.equal([report('a', 'b')]);
    });

    it('goes on with what a redriven letter holds, once that is wanted', async () => {
      const run = runOf(by('size: 3, timeout: 1m'));
      await takeAll(run, ['a', 'b']);
      await run.advance(60_000);
      const [letter] = run.dead;
      if (letter === undefined) throw new Error('no letter');
      const mended = runOf(by('size: 3, timeout: 1m, onTimeout: complete'), '', { after: run });
      expect((await mended.redrive(letter.message)).sent).to.deep.equal([report('a', 'b')]);
    });

    it('goes on without taking with it the group that came to be meanwhile', async () => {
      const run = runOf(by('size: 3, timeout: 1m'));
      await takeAll(run, ['a', 'b']);
      await run.advance(60_000);
      await takeAll(run, ['c']);
      const [letter] = run.dead;
      if (letter === undefined) throw new Error('no letter');
      const mended = runOf(by('size: 3, timeout: 1m, onTimeout: complete'), '', { after: run });
      expect((await mended.redrive(letter.message)).sent).to.deep.equal([report('a', 'b')]);
      expect(await mended.advance(60_000)).to.deep.equal([report('c')]);
    });

    it('ends when it is full, by members or by bytes', async () => {
      const few = runOf(by("when: 'false', timeout: 1h, max: { members: 2 }"));
      await takeAll(few, ['a', 'b']);
      expect(await few.advance(0)).to.deep.equal([EXPIRED]);
      const large = runOf(by('timeout: 1h, max: { bytes: 1KiB }'));
      await large.take(member('a', { tags: ['x'.repeat(600)] }));
      expect((await large.take(member('b', { tags: ['x'.repeat(600)] }))).sent).to.deep.equal([report('a', 'b')]);
    });
  });

  it('keeps members as they came, also those with numbers that are not exact', async () => {
    const run = runOf(`- aggregate: { by: "data.?note.orValue('')", as: parts, size: 2, timeout: 1m }
- map: { set: { id: "vars.parts[0].id", note: "text(vars.parts[0].?n.orValue(0))" } }`);
    const body = (id: string) => Buffer.from(`{"id":"${id}","note":"g","n":12345678901234567890}`);
    await run.take({ ...member('a'), body: body('a') });
    expect((await run.take({ ...member('b'), body: body('b') })).sent).to.deep.equal([
      'oms {"id":"a","note":"12345678901234567890"}',
    ]);
  });

  it('types what it gathers, and refuses what does not fit', () => {
    const faults = (options: string) => faultsOf(`- aggregate: { ${options} }`).map((fault) => fault.split(':')[0]);
    expect(faultsOf(by('size: 2, timeout: 1m').replace('p.id', 'p.ip'))[0]).to.contain('WB_EXPRESSION_FIELD');
    expect(faults('as: parts, size: 2')).to.deep.equal(['WB_MEDIATOR_OPTION steps.0.aggregate']);
    expect(faults('as: 1x, timeout: 1m')).to.deep.equal(['WB_MEDIATOR_OPTION steps.0.aggregate.as']);
    expect(faults('as: parts, timeout: 1m, size: data.id')).to.deep.equal([
      'WB_EXPRESSION_TYPE steps.0.aggregate.size',
    ]);
    expect(faults('as: parts, timeout: 1m, size: 1001')).to.deep.equal(['WB_MEDIATOR_OPTION steps.0.aggregate.size']);
    expect(faults('as: parts, timeout: 1m, when: size(vars.part) > 1')).to.deep.equal([
      'WB_EXPRESSION_FIELD steps.0.aggregate.when',
    ]);
    expect(faults('as: parts, timeout: 1m, max: { bytes: 9MiB }')).to.deep.equal([
      'WB_MEDIATOR_OPTION steps.0.aggregate.max.bytes',
    ]);
    expect(
      faultsOf('- aggregate: { as: parts, timeout: 1m }', 'from: [shop.item.sold@1, store.report@1]')[0],
    ).to.contain('WB_ROUTE_TYPE steps.0.aggregate: aggregate brings messages together');
  });

  it('is kept whole as a dead letter when it fails after a wait, whatever onError says of single messages', async () => {
    const failing = '- map: { to: store.report@1, set: { id: data.id, count: 1 / (size(vars.parts) - 2) } }';
    const steps = `- aggregate: { by: "'g'", as: parts, size: 2, timeout: 1h }\n- delay: { for: 1m }\n${failing}`;
    const run = runOf(steps, 'onError: ops');
    await takeAll(run, ['a', 'b']);
    await run.advance(60_000);
    expect(run.sends, 'nothing of one member alone').to.deep.equal([]);
    expect(run.dead.map(({ code }) => code)).to.deep.equal(['WB_EXPRESSION_FAILED']);
  });
});

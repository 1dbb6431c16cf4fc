import { expect } from 'chai';
import fc from 'fast-check';
import type { RouteRun } from '../../support/route-run.ts';
import { item, runOf } from '../../support/step-run.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A message, or none; then time goes on, and the clock is set. @unit milliseconds */
interface Happening {
  readonly comes: boolean;
  readonly passes: number;
  readonly setBy: number;
}

const HAPPENINGS = fc.array(
  fc.record<Happening>({
    comes: fc.boolean(),
    passes: fc.integer({ min: 0, max: 20 * MINUTE }),
    setBy: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: -2 * HOUR, max: 2 * HOUR })),
  }),
  { minLength: 1, maxLength: 25 },
);

/** Messages with the ids `m0`, `m1` ... of one key while the clock is set now and then; at the end time goes on for long. */
async function live(run: RouteRun, happenings: readonly Happening[]): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const { comes, passes, setBy } of happenings) {
    if (comes) {
      const id = `m${String(ids.length)}`;
      ids.push(id);
      await run.take(item(id, {}, { key: 'k' }));
    }
    await run.advance(passes);
    run.nowMs += setBy;
  }
  // As far as the clock was ever set back, and all that waits.
  await run.advance(25 * 2 * HOUR + 10 * HOUR);
  return ids;
}

const outOf = (run: RouteRun): readonly { readonly id: string; readonly ids?: readonly string[] }[] =>
  run.sends
    .filter(({ to }) => typeof to === 'object' && 'endpoint' in to && to.endpoint === 'oms')
    .map(({ message }) => JSON.parse(Buffer.from(message.body).toString()) as { id: string; ids?: string[] });

const idsOut = (run: RouteRun): readonly string[] => outOf(run).map(({ id }) => id);

describe('a clock that is set', () => {
  const holds = async (steps: string, check: (run: RouteRun, ids: readonly string[]) => void): Promise<void> => {
    await fc.assert(
      fc.asyncProperty(HAPPENINGS, async (happenings) => {
        const run = runOf(steps);
        const ids = await live(run, happenings);
        expect(run.dead).to.deep.equal([]);
        expect(run.later).to.deep.equal([]);
        check(run, ids);
      }),
      { numRuns: 60 },
    );
  };

  it('loses, repeats and holds up nothing that is delayed', () =>
    holds('- delay: { for: 30m }', (run, ids) => {
      expect([...idsOut(run)].sort()).to.deep.equal([...ids].sort());
    }));

  it('loses, repeats and holds up nothing at a throttle, and keeps the order', () =>
    holds('- throttle: { rate: 6/h, longest: 7d }', (run, ids) => {
      expect(idsOut(run)).to.deep.equal(ids);
    }));

  it('loses and repeats no member of an aggregate, and lets none wait for ever', () =>
    holds(
      `- aggregate: { by: data.note.orValue("all"), size: 3, timeout: 30m, onTimeout: complete, as: all }
- map: { to: store.report@1, set: { id: data.id, ids: "vars.all.map(each, each.id)" } }`.replace(
        'data.note',
        'data.?note',
      ),
      (run, ids) => {
        const gathered = outOf(run).flatMap(({ ids: members = [] }) => members);
        expect([...gathered].sort()).to.deep.equal([...ids].sort());
      },
    ));

  it('leaves a window of dedupe as long as it is: a value is not kept out for longer', async () => {
    const run = runOf('- dedupe: { by: data.?note.orValue("same"), for: 1h }');
    await run.take(item('a'));
    run.nowMs += 1_000 * 24 * HOUR;
    await run.take(item('b'));
    run.nowMs -= 1_000 * 24 * HOUR;
    await run.take(item('c'));
    await run.advance(59 * MINUTE);
    await run.take(item('d'));
    await run.advance(MINUTE);
    await run.take(item('e'));
    expect(idsOut(run)).to.deep.equal(['a', 'b', 'e']);
  });

  it('loses, repeats and holds up nothing that is put in order', () =>
    fc.assert(
      fc.asyncProperty(HAPPENINGS, fc.integer({ min: 1, max: 5 }), async (happenings, missing) => {
        const run = runOf(
          '- resequence: { by: data.?note.orValue("all"), sequence: data.?seq.orValue(0), first: 1, timeout: 30m, onGap: skip }',
        );
        const ids: string[] = [];
        for (const [index, { passes, setBy }] of happenings.entries()) {
          // One number never comes.
          if (index + 1 !== missing) {
            ids.push(`m${String(index)}`);
            await run.take(item(`m${String(index)}`, { seq: index + 1 }, { key: 'k' }));
          }
          await run.advance(passes);
          run.nowMs += setBy;
        }
        await run.advance(25 * 2 * HOUR + 10 * HOUR);
        expect(run.later).to.deep.equal([]);
        expect(idsOut(run)).to.deep.equal(ids);
      }),
      { numRuns: 60 },
    ));
});

import { expect } from 'chai';
import fc from 'fast-check';
import { RouteRun } from '../../support/route-run.ts';
import { faultsOf, idsSent, item, planOfSteps, runOf } from '../../support/step-run.ts';

const steps = (options: string): string =>
  `- resequence: { by: "data.?note.orValue('s')", sequence: "data.?seq.orValue(0)", timeout: 30s${options} }`;
const nth = (seq: number, more: object = {}) => item(String(seq), { seq, ...more });

/** What goes on as messages of these numbers come: `1, 2 | | 3`; `!CODE` for one that dies. */
async function take(run: RouteRun, ...numbers: number[]): Promise<string> {
  const said: string[] = [];
  for (const number of numbers) {
    const { sent, dead } = await run.take(nth(number));
    said.push(dead === undefined ? idsSent(sent) : `!${dead.split(' ')[0] ?? ''}`);
  }
  return said.join(' | ');
}

describe('resequence', () => {
  it('lets messages go on in the order of their numbers, as they came', async () => {
    const run = runOf(steps(''));
    expect(await take(run, 1, 3, 4, 2, 5)).to.equal('1 |  |  | 2, 3, 4 | 5');
    expect(run.sends.map(({ message }) => message.envelope.id)).to.deep.equal(['1', '2', '3', '4', '5']);
  });

  it('merges what waits, and takes a number that comes again for a duplicate', async () => {
    const run = runOf(steps(''));
    await take(run, 1);
    expect((await run.take(nth(3))).result).to.deep.include({ absorbed: 'merged' });
    expect((await run.take(nth(3))).result).to.deep.include({ absorbed: 'duplicate' });
    expect((await run.take(nth(1))).result).to.deep.include({ absorbed: 'duplicate' });
    expect(await take(run, 2)).to.equal('2, 3');
  });

  it('keeps a sequence for each value of `by`, from `first` on', async () => {
    const run = runOf(steps(', first: 10'));
    expect(await take(run, 11)).to.equal('');
    expect(idsSent((await run.take(nth(10, { note: 'other' }))).sent)).to.equal('10');
    expect(await take(run, 10)).to.equal('10, 11');
    expect((await run.take(nth(9))).dead).to.equal(
      'WB_MESSAGE_INVALID step 1 (resequence): data.?seq.orValue(0) is 9, and numbers of the sequence are whole and begin with 10',
    );
  });

  it('goes on without the one that is missing after a while, counted from when the first began to wait', async () => {
    const run = runOf(steps(''));
    await take(run, 1, 3);
    run.nowMs += 20_000;
    await take(run, 5);
    expect(idsSent(await run.advance(9_999))).to.equal('');
    expect(idsSent(await run.advance(1))).to.equal('3');
    // For the next gap it waits anew.
    expect(idsSent(await run.advance(29_999))).to.equal('');
    expect(idsSent(await run.advance(1))).to.equal('5');
    expect(await take(run, 6)).to.equal('6');
  });

  it('leaves alone what waits for another number when an earlier patience ends', async () => {
    const run = runOf(steps(''));
    await take(run, 2);
    run.nowMs += 20_000;
    await take(run, 1, 4);
    expect(idsSent(await run.advance(10_000))).to.equal('');
    expect(idsSent(await run.advance(20_000))).to.equal('4');
  });

  describe('one that was not waited for', () => {
    const skipping = async (late: string): Promise<RouteRun> => {
      const run = runOf(steps(`, late: ${late}`));
      await take(run, 1, 5);
      await run.advance(30_000);
      return run;
    };

    it('is a dead letter', async () => {
      const run = await skipping('dead');
      expect((await run.take(nth(3))).dead).to.equal(
        'WB_SEQUENCE_LATE step 1 (resequence): number 3 came after those behind it had gone on',
      );
    });

    it('goes on all the same, once', async () => {
      expect(await take(await skipping('pass'), 3, 3, 2, 4, 6)).to.equal('3 |  | 2 | 4 | 6');
    });

    it('is filtered out', async () => {
      const run = await skipping('drop');
      expect((await run.take(nth(3))).result).to.deep.include({ filtered: true, sends: [] });
      expect((await run.take(nth(3))).result).to.deep.include({ absorbed: 'duplicate' });
    });
  });

  describe('messages that must not go on without the one that is missing', () => {
    it('are one dead letter, and go on when it came and the letter is redriven', async () => {
      const run = runOf(steps(', onGap: dead'));
      await take(run, 1, 3, 4);
      expect(await run.advance(30_000)).to.deep.equal([
        'dead WB_SEQUENCE_GAP step 1 (resequence): number 2 did not come in time',
      ]);
      const [letter] = run.dead;
      if (letter === undefined) throw new Error('no letter');
      expect((await run.take(letter.message)).dead).to.contain('WB_SEQUENCE_GAP');
      expect(await take(run, 5, 2)).to.equal(' | 2');
      expect(idsSent((await run.take(letter.message)).sent)).to.equal('3, 4, 5');
    });

    it('go on with a redriven letter once that is wanted', async () => {
      const run = runOf(steps(', onGap: dead'));
      await take(run, 1, 3);
      await run.advance(30_000);
      const [letter] = run.dead;
      if (letter === undefined) throw new Error('no letter');
      const mended = runOf(steps(''), '', { after: run });
      expect(idsSent((await mended.take(letter.message)).sent)).to.equal('3');
    });
  });

  describe('one that fails later, when it goes on with others', () => {
    const failing = `
- resequence: { by: "'s'", sequence: "data.?seq.orValue(0)", timeout: 30s }
- map: { to: store.report@1, set: { id: data.id, count: "number(data.?note.orValue('1'))" } }`;
    const bad = { note: 'none' };
    const DEAD = 'dead WB_EXPRESSION_FAILED step 2 (map)';
    const deaths = (said: readonly string[]): readonly string[] =>
      said.map((each) => (each.startsWith(DEAD) ? 'dead' : idsSent([each])));

    it('is the dead letter; the others go on, and those behind it do not wait', async () => {
      const run = runOf(failing);
      await take(run, 1, 4);
      await run.take(nth(3, bad));
      expect(await take(run, 2, 5)).to.equal('2, 4 | 5');
      expect(deaths(await run.advance(0))).to.deep.equal(['dead']);
      expect(run.waits).to.deep.equal([30_000]);
      const [letter] = run.dead;
      if (letter === undefined) throw new Error('no letter');
      expect(letter.message.envelope).to.include({ key: '3', causationId: '3' });
      const mended = runOf(failing.replace('number', 'size'), '', { after: run });
      expect(idsSent((await mended.take(letter.message)).sent)).to.equal('3');
      expect(await take(mended, 6)).to.equal('6');
    });

    it('also as the one whose turn it was', async () => {
      const run = runOf(failing);
      await take(run, 2, 3);
      expect(idsSent((await run.take(nth(1, bad))).sent)).to.equal('2, 3');
      expect(deaths(await run.advance(0))).to.deep.equal(['dead']);
      expect(await take(run, 4)).to.equal('4');
    });

    it('also when the one before it did not come in time', async () => {
      const run = runOf(failing);
      await run.take(nth(2, bad));
      expect(deaths(await run.advance(30_000))).to.deep.equal(['dead']);
      expect(await take(run, 3)).to.equal('3');
    });

    it('goes where `onError` says, as it came', async () => {
      const run = runOf(failing, 'onError: { service: ops }');
      await run.take(nth(2, bad));
      await take(run, 1);
      expect(await run.advance(0)).to.deep.equal(['ops {"id":"2","seq":2,"note":"none"}']);
      expect(run.sends.map(({ message }) => message.envelope.causationId ?? message.envelope.id)).to.deep.equal([
        '1',
        '2',
      ]);
    });

    it('is as if it had not come when it goes on alone', async () => {
      const run = runOf(failing);
      expect((await run.take(nth(1, bad))).dead).to.contain('WB_EXPRESSION_FAILED');
      expect(await take(run, 2, 1)).to.equal(' | 1, 2');
    });

    it('loses, repeats and holds up none, in whatever order they come', async () => {
      const plan = planOfSteps(failing);
      await fc.assert(
        fc.asyncProperty(
          fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 8 }),
          fc.subarray([1, 2, 3, 4, 5, 6, 7, 8]),
          async (numbers, faulty) => {
            const run = new RouteRun(plan);
            for (const number of numbers) await run.take(nth(number, faulty.includes(number) ? bad : {}));
            // One that fails alone is missing, and waited for.
            await run.advance(300_000);
            const good = numbers.filter((number) => !faulty.includes(number)).sort((a, b) => a - b);
            expect(run.sends.map(({ message }) => Number(message.envelope.causationId))).to.deep.equal(good);
            expect(run.dead.map(({ code }) => code)).to.deep.equal(faulty.map(() => 'WB_EXPRESSION_FAILED'));
            expect(run.later).to.deep.equal([]);
          },
        ),
        { numRuns: 60 },
      );
    });
  });

  it('goes on without the one that is missing when too many wait', async () => {
    const run = runOf(steps(', max: 2'));
    expect(await take(run, 1, 3, 4, 6)).to.equal('1 |  |  | 3, 4');
    expect(await take(run, 5)).to.equal('5, 6');
  });

  it('forgets a sequence that ended, never one in which something waits', async () => {
    const run = runOf(steps(', forget: 1m'));
    await take(run, 1, 2);
    run.nowMs += 60_000;
    expect(await take(run, 1, 3)).to.equal('1 | ');
    run.nowMs += 600_000;
    expect(await take(run, 2)).to.equal('2, 3');
  });

  it('lets each go on once and in order, in whatever order and however often they come', async () => {
    const plan = planOfSteps(steps(''));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 8 }), { maxLength: 40 }).map((extra) => [...extra, 1, 2, 3, 4, 5, 6, 7, 8]),
        fc.infiniteStream(fc.nat()),
        async (numbers, swaps) => {
          const run = new RouteRun(plan);
          const left = [...numbers];
          while (left.length > 0) {
            const [next] = left.splice((swaps.next().value ?? 0) % left.length, 1);
            if (next !== undefined) await run.take(nth(next));
          }
          expect(run.sends.map(({ message }) => Number(message.envelope.id))).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('refuses numbers that are none', () => {
    const faults = (options: string) => faultsOf(`- resequence: { ${options} }`).map((fault) => fault.split(':')[0]);
    expect(faults('sequence: data.id, timeout: 1s')).to.deep.equal(['WB_EXPRESSION_TYPE steps.0.resequence.sequence']);
    expect(faults('sequence: data.seq, timeout: 1s')).to.deep.equal([
      'WB_EXPRESSION_ABSENT steps.0.resequence.sequence',
    ]);
    expect(faults('sequence: size(data.id)')).to.deep.equal(['WB_MEDIATOR_OPTION steps.0.resequence']);
    expect(faults('sequence: size(data.id), timeout: 1ms')).to.deep.equal([
      'WB_MEDIATOR_OPTION steps.0.resequence.timeout',
    ]);
  });
});

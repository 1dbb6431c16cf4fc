import { expect } from 'chai';
import fc from 'fast-check';
import type { EncodedMessage } from '../../../src/message.ts';
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
      expect((await run.redrive(letter.message)).dead).to.contain('WB_SEQUENCE_GAP');
      expect(await take(run, 5, 2)).to.equal(' | 2');
      expect(idsSent((await run.redrive(letter.message)).sent)).to.equal('3, 4, 5');
    });

    it('go on with a redriven letter once that is wanted', async () => {
      const run = runOf(steps(', onGap: dead'));
      await take(run, 1, 3);
      await run.advance(30_000);
      const [letter] = run.dead;
      if (letter === undefined) throw new Error('no letter');
      const mended = runOf(steps(''), '', { after: run });
      expect(idsSent((await mended.redrive(letter.message)).sent)).to.equal('3');
    });
  });

  describe('a redriven letter of messages whose turn has passed meanwhile', () => {
    /** 3, 4 and 7 waited for 2 in vain; then 8 came, and those before it were not waited for. */
    const passed = async (late: string): Promise<{ run: RouteRun; letter: EncodedMessage }> => {
      const before = runOf(steps(', onGap: dead'));
      await take(before, 1, 3, 4, 7);
      await before.advance(30_000);
      const [letter] = before.dead;
      if (letter === undefined) throw new Error('no letter');
      const run = runOf(steps(`, late: ${late}`), '', { after: before });
      await take(run, 6);
      expect(idsSent(await run.advance(30_000))).to.equal('6');
      return { run, letter: letter.message };
    };

    it('lets those go on whose turn it is, and is a dead letter of the others', async () => {
      const { run, letter } = await passed('dead');
      expect(idsSent((await run.redrive(letter)).sent)).to.equal('7');
      const LATE = 'WB_SEQUENCE_LATE step 1 (resequence): number 3 came after those behind it had gone on';
      expect(await run.advance(0)).to.deep.equal([`dead ${LATE}`]);
      const [late] = run.dead;
      if (late === undefined) throw new Error('no letter');
      expect((await run.redrive(late.message)).dead).to.equal(LATE);
      const mended = runOf(steps(', late: pass'), '', { after: run });
      expect(idsSent((await mended.redrive(late.message)).sent)).to.equal('3, 4');
      expect((await mended.redrive(late.message)).result).to.deep.include({ absorbed: 'duplicate', sends: [] });
    });

    it('lets all go on', async () => {
      const { run, letter } = await passed('pass');
      expect(idsSent((await run.redrive(letter)).sent)).to.equal('7');
      expect(idsSent(await run.advance(0))).to.equal('3, 4');
      expect(await take(run, 3, 5, 8)).to.equal(' | 5 | 8');
    });

    it('filters them out, and says so', async () => {
      const { run, letter } = await passed('drop');
      await run.redrive(letter);
      const [{ message } = { message: letter }] = run.later;
      expect((await run.take(message)).result).to.deep.include({ filtered: true, sends: [] });
      expect((await run.take(nth(3))).result).to.deep.include({ absorbed: 'duplicate' });
    });

    it('tells what came again from what is late, and waits for what is still missing', async () => {
      const run = runOf(steps(', onGap: dead'));
      await take(run, 3, 6);
      await run.advance(30_000);
      const [letter] = run.dead;
      if (letter === undefined) throw new Error('no letter');
      await take(run, 1, 2, 3);
      expect((await run.redrive(letter.message)).sent).to.deep.equal([]);
      // 3 is a repeated one, and 6 waits for 4.
      expect(await run.advance(0)).to.deep.equal([]);
      expect(run.waits).to.deep.equal([30_000]);
      expect(await take(run, 4, 5)).to.equal('4 | 5, 6');
    });

    it('gives up on no other gap than the one that it waited for', async () => {
      const before = runOf(steps(', onGap: dead'));
      await take(before, 1, 3);
      await before.advance(30_000);
      const [letter] = before.dead;
      if (letter === undefined) throw new Error('no letter');
      await take(before, 2, 3, 5);
      const run = runOf(steps(''), '', { after: before });
      expect((await run.redrive(letter.message)).result).to.deep.include({ absorbed: 'duplicate' });
      expect(await take(run, 4)).to.equal('4, 5');
    });
  });

  it('waits its whole time for a number that an earlier wait was for', async () => {
    const run = runOf(steps(', max: 2, onGap: dead'));
    await take(run, 1, 3, 4);
    run.nowMs += 20_000;
    // Too many wait: they are a letter, and the timer of their wait is still on its way.
    await take(run, 5);
    expect(await run.advance(0)).to.have.length(1);
    await take(run, 6);
    expect(await run.advance(29_999)).to.deep.equal([]);
    expect(await run.advance(1)).to.deep.equal([
      'dead WB_SEQUENCE_GAP step 1 (resequence): number 2 did not come in time',
    ]);
  });

  it('takes no message for a repeated one because many gaps came after it', async () => {
    const run = runOf(steps(', late: pass'));
    for (let number = 2; number <= 240; number += 2) {
      await take(run, number);
      await run.advance(30_000);
    }
    expect(await take(run, 1, 41, 39, 239, 239)).to.equal('1 | 41 | 39 | 239 | ');
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
      expect(idsSent((await mended.redrive(letter.message)).sent)).to.equal('3');
      expect(await take(mended, 6)).to.equal('6');
    });

    it('fails as it did then, whatever the others have done to what later steps remember', async () => {
      const once = `
- resequence: { by: "'s'", sequence: "data.?seq.orValue(0)", timeout: 30s }
- dedupe: { by: "'same'", for: 1h }
- map: { to: store.report@1, set: { id: data.id, count: "number(data.?note.orValue('1'))" } }`;
      const run = runOf(once);
      await take(run, 2);
      await run.take(nth(1, bad));
      // The other one has passed since: tried again, this one would be its duplicate.
      expect((await run.advance(0)).map((each) => each.split(' ').slice(0, 2).join(' '))).to.deep.equal([
        'dead WB_EXPRESSION_FAILED',
      ]);
    });

    it('fails as it did also when it is delivered again, and under another plan', async () => {
      const run = runOf(failing);
      await run.take(nth(2, bad));
      await take(run, 1);
      const [{ message } = { message: nth(0) }] = run.later;
      const mended = runOf(failing.replace('number', 'size'), '', { after: run });
      const without = runOf(failing.slice(failing.indexOf('- map')), 'isolate: true', { after: run });
      for (const each of [run, run, mended, without]) {
        const { dead, sent } = await each.take(message);
        expect(dead).to.match(/^WB_EXPRESSION_FAILED step 2 \(map\): /);
        expect(sent).to.deep.equal([]);
      }
      // A person has it tried again: where its step is gone nobody knows from where on.
      expect((await run.redrive(message)).dead).to.contain('WB_EXPRESSION_FAILED');
      expect((await without.redrive(message)).dead).to.contain('WB_STATE_OUTDATED');
      expect(idsSent((await mended.redrive(message)).sent)).to.equal('2');
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

import { expect } from 'chai';
import { WaybillError } from '../../../src/errors.ts';
import { askingFaults, askingOf } from '../../support/asking.ts';
import { object, TEXT } from '../../support/definitions.ts';
import { message } from '../../support/messages.ts';
import { rejection } from '../../support/rejection.ts';
import type { RouteRun } from '../../support/route-run.ts';

const order = (stops: readonly unknown[] = ['first', 'second', 'third'], id = 'a') =>
  message({ id, source: '/shop', key: id, data: { id, sku: 'tea', stops } });
const MAP = '- map: { to: oms.order.create@1, set: { id: data.id, price: "vars.?one.?price.orValue(0)" } }';
const STEPS = `
- routing-slip:
    slip: data.?stops.orValue([])
    timeout: 2s
    stops:
      first:
        service: pricing
        type: pricing.quote@1
        set: { sku: data.sku }
        as: one
        undo: { type: pricing.cancel@1, set: { sku: "data.sku + text(vars.one.price)" } }
      second:
        service: stock
        type: stock.check@1
        set: { sku: data.sku }
      third:
        service: rival
        type: pricing.quote@1
        set: { sku: "data.sku + text(vars.?one.?price.orValue(0))" }
        undo: { type: pricing.cancel@1, set: { sku: data.sku } }
${MAP}
`;

type Says = Readonly<Record<string, () => void>>;

const timedOut = (): never => {
  throw new WaybillError('WB_REQUEST_TIMEOUT', 'no answer', { retryable: true });
};
const givenUp = (): never => {
  throw new WaybillError('WB_REQUEST_FAILED', 'given up');
};

/** What was asked, `service type sku`, besides the run. */
function running(says: Says = {}, steps = STEPS, after?: RouteRun): { run: RouteRun; asked: string[] } {
  const asked: string[] = [];
  const run = askingOf(steps, {
    ...(after !== undefined && { after }),
    answers: ({ service, message: { envelope } }, data) => {
      const { sku } = data as { sku: string };
      asked.push(`${service} ${envelope.type.split('.')[1] ?? ''} ${sku}`);
      says[`${service} ${envelope.type}`]?.();
      return service === 'stock' ? { pieces: 1 } : { price: 7 };
    },
  });
  return { run, asked };
}

async function ends(run: RouteRun, from: ReturnType<typeof order>): Promise<readonly string[]> {
  const { sent, dead } = await run.take(from);
  return [...sent, ...(dead === undefined ? [] : [`dead ${dead}`]), ...(await run.advance(0))];
}

describe('routing-slip', () => {
  it('asks the stops of the slip in its order, each seeing what those before it answered', async () => {
    const { run, asked } = running();
    expect(await ends(run, order())).to.deep.equal(['oms {"id":"a","price":7}']);
    expect(asked).to.deep.equal(['pricing quote tea', 'stock check tea', 'rival quote tea7']);
    const other = running();
    expect(await ends(other.run, order(['third', 'second']))).to.deep.equal(['oms {"id":"a","price":0}']);
    expect(other.asked).to.deep.equal(['rival quote tea0', 'stock check tea']);
  });

  it('goes on at once when nothing is on the slip', async () => {
    const { run, asked } = running();
    expect(await ends(run, order([]))).to.deep.equal(['oms {"id":"a","price":0}']);
    expect(asked).to.deep.equal([]);
  });

  it('asks nothing when the slip names what is no stop', async () => {
    const { run, asked } = running();
    expect(await ends(run, order(['first', 'secnd']))).to.deep.equal([
      'dead WB_SLIP_UNKNOWN step 1 (routing-slip): the slip names "secnd", which is no stop',
    ]);
    expect(await ends(run, order(Array.from({ length: 101 }, () => 'first')))).to.match(/WB_SLIP_UNKNOWN/);
    expect(asked).to.deep.equal([]);
  });

  it('comes again by a delivery of its own after each stop, so that none is asked again', async () => {
    let dark = true;
    const first = running({
      'stock stock.check': () => {
        if (dark) timedOut();
      },
    });
    await first.run.take(order());
    expect(first.run.waits).to.deep.equal([0]);
    expect(await rejection(first.run.advance(0))).to.include({ code: 'WB_REQUEST_TIMEOUT' });
    dark = false;
    // Another process goes on where the first one ended.
    const second = running({}, STEPS, first.run);
    expect(await second.run.advance(0)).to.deep.equal(['oms {"id":"a","price":7}']);
    expect(second.asked).to.deep.equal(['stock check tea', 'rival quote tea7']);
  });

  it('gives each visit an id of its own, the same whenever it is asked again', async () => {
    const [one, two] = [running(), running()];
    for (const { run } of [one, two]) await ends(run, order(['first', 'first', 'third']));
    const ids = one.run.questions.map((question) => question.message.envelope.id);
    expect(two.run.questions.map((question) => question.message.envelope.id)).to.deep.equal(ids);
    expect(new Set(ids).size).to.equal(3);
  });

  it('sends itself messages with ids of their own', async () => {
    const { run } = running();
    const ids: (string | undefined)[] = [];
    await run.take(order());
    ids.push(run.later[0]?.message.envelope.id);
    // One at a time: what is due is taken, and the next one waits.
    const [next] = run.later;
    if (next === undefined) throw new Error('nothing waits');
    await run.take(next.message);
    ids.push(...run.later.map(({ message: each }) => each.envelope.id));
    expect(new Set(ids).size).to.equal(2);
  });

  describe('when a stop fails', () => {
    const FAILED = 'step 1 (routing-slip): the stop third failed; what was done before it is undone. It said: given up';

    it('undoes those that answered, the last first, and fails by name', async () => {
      const { run, asked } = running({ 'rival pricing.quote': givenUp });
      expect(await ends(run, order())).to.deep.equal([`dead WB_SLIP_FAILED ${FAILED}`]);
      expect(asked.slice(3)).to.deep.equal(['pricing cancel tea7']);
      const twice = running({ 'stock stock.check': givenUp });
      await ends(twice.run, order(['first', 'third', 'second']));
      expect(twice.asked.slice(3)).to.deep.equal(['rival cancel tea', 'pricing cancel tea7']);
    });

    it('has decided so for good, before it undoes anything', async () => {
      let undoing = true;
      const { run } = running({
        'rival pricing.quote': givenUp,
        'pricing pricing.cancel': () => {
          if (undoing) timedOut();
        },
      });
      await run.take(order());
      expect(await rejection(run.advance(0))).to.include({ code: 'WB_REQUEST_TIMEOUT' });
      undoing = false;
      // The stop would answer by now, and is not asked any more.
      const later = running({}, STEPS, run);
      expect(await later.run.advance(0)).to.deep.equal([`dead WB_SLIP_FAILED ${FAILED}`]);
      expect(later.asked).to.deep.equal(['pricing cancel tea7']);
    });

    it('fails at once when there is nothing to undo', async () => {
      const { run } = running({ 'pricing pricing.quote': givenUp });
      expect(await ends(run, order())).to.deep.equal([
        'dead WB_SLIP_FAILED step 1 (routing-slip): the stop first failed; there was nothing to undo. It said: given up',
      ]);
    });

    it('says what cannot be undone, and goes on with it when it is redriven', async () => {
      const { run } = running({ 'rival pricing.quote': givenUp, 'pricing pricing.cancel': givenUp });
      expect(await ends(run, order())).to.deep.equal([
        'dead WB_SLIP_FAILED step 1 (routing-slip): the stop third failed; first cannot be undone: given up. It said: given up',
      ]);
      const [letter] = run.dead;
      if (letter === undefined) throw new Error('no letter');
      const later = running({}, STEPS, run);
      expect(await ends(later.run, letter.message)).to.deep.equal([`dead WB_SLIP_FAILED ${FAILED}`]);
      expect(later.asked).to.deep.equal(['pricing cancel tea7']);
    });

    it('is asked again when it did not answer, and has failed after so many attempts where that is wanted', async () => {
      const { run } = running({ 'pricing pricing.quote': timedOut });
      expect(await rejection(run.take(order()))).to.include({ code: 'WB_REQUEST_TIMEOUT', retryable: true });
      const impatient = STEPS.replace('timeout: 2s', 'timeout: 2s\n    attempts: 1').replace(
        'text(vars.one.price)',
        'text(vars.?one.?price.orValue(0))',
      );
      const given = running({ 'rival pricing.quote': timedOut }, impatient);
      const [dead] = await ends(given.run, order());
      expect(dead).to.match(
        /^dead WB_SLIP_FAILED .*the stop third failed; what was done before it is undone. It said: no answer/,
      );
      // Nobody knows what it did.
      expect(given.asked.slice(3)).to.deep.equal(['rival cancel tea', 'pricing cancel tea7']);
    });

    it('is refused by name when the stop is gone from the route by then', async () => {
      const { run } = running();
      await run.take(order());
      const other = running({}, STEPS.replaceAll('second', 'last'), run);
      const [dead] = await other.run.advance(0);
      expect(dead).to.match(/^dead WB_STATE_OUTDATED .*the stop second, or its undo, is gone/);
    });
  });

  describe('is checked', () => {
    const FAULTS: readonly (readonly [string, string, string, string])[] = [
      ['its stops', 'service: stock', 'service: stok', 'WB_SERVICE_UNKNOWN 0/routing-slip/stops/second/type'],
      [
        'what they are asked',
        'set: { sku: data.sku }\n        as',
        'set: { sku: 3 }\n        as',
        'WB_MAPPING_TYPE 0/routing-slip/stops/first/set/sku',
      ],
      [
        'answers that may be absent',
        'text(vars.?one.?price.orValue(0))',
        'text(vars.one.price)',
        'WB_EXPRESSION_ABSENT 0/routing-slip/stops/third/set/sku',
      ],
      [
        'how they are undone',
        'type: pricing.cancel@1, set: { sku: data.sku }',
        'type: pricing.cancl@1, set: { sku: data.sku }',
        'WB_CONTRACT_UNKNOWN 0/routing-slip/stops/third/undo/type',
      ],
      [
        'what undoes a stop that may not have answered',
        'timeout: 2s',
        'timeout: 2s\n    attempts: 2',
        'WB_EXPRESSION_ABSENT 0/routing-slip/stops/first/undo/set/sku',
      ],
      [
        'that the slip is a list',
        'slip: data.?stops.orValue([])',
        'slip: data.sku',
        'WB_EXPRESSION_TYPE 0/routing-slip/slip',
      ],
      [
        'how long it may take',
        'timeout: 2s',
        'timeout: 40s\n    attempts: 2',
        'WB_MEDIATOR_OPTION 0/routing-slip/attempts',
      ],
      [
        'names of answers',
        'service: stock',
        'as: one\n        service: stock',
        'WB_MEDIATOR_OPTION 0/routing-slip/stops/second/as',
      ],
    ];
    for (const [what, from, to, expected] of FAULTS) {
      it(what, () => {
        expect(askingFaults(STEPS.replace(from, to)).join('\n')).to.contain(expected);
      });
    }
    const named = (slip: string, stops: object = { type: 'string', enum: ['first', 'secnd', 'fourth'] }): string[] =>
      askingFaults(STEPS.replace('slip: data.?stops.orValue([])', `slip: ${JSON.stringify(slip)}`), 'warnings', {
        'shop.order.placed@1': object(
          { id: TEXT, sku: TEXT, 'stops?': { type: 'array', items: stops } },
          { 'x-key': '/id' },
        ),
      }).filter((warning) => warning.startsWith('WB_SLIP_UNKNOWN'));

    it('and warned of, where the slip may name what is no stop', () => {
      const at = 'WB_SLIP_UNKNOWN 0/routing-slip/slip';
      const dead = 'such a message is a dead letter';
      expect(named('data.?stops.orValue([])')).to.deep.equal([
        `${at}: data.?stops.orValue([]) may name secnd, fourth, which are no stops: ${dead}`,
      ]);
      expect(named("data.sku == 'tea' ? ['first', 'last'] : ['third']")).to.deep.equal([
        `${at}: data.sku == 'tea' ? ['first', 'last'] : ['third'] may name last, which is no stop: ${dead}`,
      ]);
      expect(named("['first', 'third']")).to.deep.equal([]);
      expect(named('data.?stops.orValue([])', { type: 'string', enum: ['first', 'third'] })).to.deep.equal([]);
      // Any text may be a stop.
      expect(named('data.?stops.orValue([])', TEXT)).to.deep.equal([]);
    });

    it('each stop for itself: what others say of the answer of a faulty one is no fault of theirs', () => {
      const faults = askingFaults(
        STEPS.replace(
          'pricing.quote@1\n        set: { sku: data.sku }\n        as',
          'pricing.quot@1\n        set: { sku: data.sku }\n        as',
        ),
      );
      expect(faults).to.deep.equal([
        'WB_CONTRACT_UNKNOWN 0/routing-slip/stops/first/type: there is no contract for pricing.quot@1',
      ]);
    });
  });
});

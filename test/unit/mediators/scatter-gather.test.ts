import { expect } from 'chai';
import { WaybillError } from '../../../src/errors.ts';
import type { ServiceQuestion } from '../../../src/ports/resources.ts';
import { askingFaults, askingOf } from '../../support/asking.ts';
import { message } from '../../support/messages.ts';
import { rejection } from '../../support/rejection.ts';
import type { RouteRun } from '../../support/route-run.ts';

const order = (id = 'a') => message({ id, source: '/shop', key: id, data: { id, sku: 'tea' } });
const quote = (service: string, more = ''): string =>
  `{ service: ${service}, type: pricing.quote@1, set: { sku: data.sku }${more} }`;
const MAP = '- map: { to: oms.order.create@1, set: { id: data.id, prices: "vars.offers.map(o, o.price)" } }';
const asking = (options = ''): string =>
  `- scatter-gather: { ask: [${quote('pricing')}, ${quote('rival')}], as: offers, timeout: 2s${options} }\n${MAP}`;

const timedOut = () => new WaybillError('WB_REQUEST_TIMEOUT', 'no answer', { retryable: true });
const givenUp = () => new WaybillError('WB_REQUEST_FAILED', 'given up');

/** What each service says: a price, or an error. */
function run(options: string, says: Readonly<Record<string, number | Error | Promise<never>>>): RouteRun {
  return askingOf(asking(options), {
    answers: async ({ service }: ServiceQuestion) => {
      const said = await says[service];
      if (typeof said === 'number') return { price: said };
      throw said ?? new Error('nobody');
    },
  });
}

describe('scatter-gather', () => {
  it('asks all at once, and has all answers at hand, in the order in which they are asked', async () => {
    const both = run('', { pricing: 7, rival: 5 });
    expect((await both.take(order())).sent).to.deep.equal(['oms {"id":"a","prices":[7,5]}']);
    const ids = both.questions.map((question) => question.message.envelope.id);
    await both.take(order());
    expect(both.questions.slice(2).map((question) => question.message.envelope.id)).to.deep.equal(ids);
    expect(new Set(ids).size).to.equal(2);
  });

  it('goes on with the answers that came, where they are enough', async () => {
    for (const failure of [timedOut(), givenUp()]) {
      const one = run(', need: 1', { pricing: failure, rival: 5 });
      expect((await one.take(order())).sent).to.deep.equal(['oms {"id":"a","prices":[5]}']);
    }
    const none = run(', need: 0', { pricing: timedOut(), rival: givenUp() });
    expect((await none.take(order())).sent).to.deep.equal(['oms {"id":"a","prices":[]}']);
  });

  it('is tried again while those that are missing may still answer, and else fails by name', async () => {
    const slow = await rejection(run('', { pricing: timedOut(), rival: 5 }).take(order()));
    expect(slow).to.include({ code: 'WB_GATHER_INCOMPLETE', retryable: true });
    expect(slow.message).to.equal('step 1 (scatter-gather): 1 of 2 answered, and 2 have to: pricing: no answer');
    expect((await run('', { pricing: givenUp(), rival: 5 }).take(order())).dead).to.equal(
      'WB_GATHER_INCOMPLETE step 1 (scatter-gather): 1 of 2 answered, and 2 have to: pricing: given up',
    );
    expect((await run(', need: 2', { pricing: givenUp(), rival: timedOut() }).take(order())).dead).to.match(
      /^WB_GATHER/,
    );
    expect(await rejection(run(', need: 1', { pricing: givenUp(), rival: timedOut() }).take(order()))).to.include({
      retryable: true,
    });
  });

  it('waits for no more than it needs, where that is wanted', async () => {
    const never = new Promise<never>(() => undefined);
    const enough = run(', need: 1, wait: enough', { pricing: never, rival: 5 });
    expect((await enough.take(order())).sent).to.deep.equal(['oms {"id":"a","prices":[5]}']);
  });

  it('throws what is no failure to answer as it is', async () => {
    const closed = new WaybillError('WB_CLOSED', 'the router closed', { retryable: true });
    expect(await rejection(run(', need: 0', { pricing: closed, rival: 5 }).take(order()))).to.include({
      code: 'WB_CLOSED',
    });
  });

  it('has answers by name, which may be absent unless all are needed', async () => {
    const named = (price: string, need: string): string =>
      `- scatter-gather: { ask: [${quote('pricing', ', as: ours')}, { service: stock, type: stock.check@1, set: { sku: data.sku }, as: there }]${need} }
- map: { to: oms.order.create@1, set: { id: data.id, price: "${price}" } }`;
    const both = askingOf(named('vars.ours.price + vars.there.pieces', ''), {
      answers: ({ service }) => (service === 'stock' ? { pieces: 2 } : { price: 7 }),
    });
    expect((await both.take(order())).sent).to.deep.equal(['oms {"id":"a","price":9}']);
    expect(askingFaults(named('vars.ours.price', ', need: 1')).join('\n')).to.contain('WB_EXPRESSION_ABSENT');
    const one = askingOf(named('vars.?ours.?price', ', need: 1'), {
      answers: ({ service }) => {
        if (service === 'stock') return { pieces: 2 };
        throw givenUp();
      },
    });
    expect((await one.take(order())).sent).to.deep.equal(['oms {"id":"a"}']);
  });

  describe('is checked', () => {
    const FAULTS: readonly (readonly [string, string, string])[] = [
      [
        'who is asked',
        asking().replace('service: rival', 'service: rivl'),
        'WB_SERVICE_UNKNOWN 0/scatter-gather/ask/1/type',
      ],
      ['how many are needed', asking(', need: 3'), 'WB_MEDIATOR_OPTION 0/scatter-gather/need'],
      [
        'that a list is of one type',
        asking().replace(quote('rival'), '{ service: stock, type: stock.check@1, set: { sku: data.sku } }'),
        'WB_ROUTE_TYPE 0/scatter-gather/as',
      ],
      ['what is asked', asking().replace('sku: data.sku', 'sku: 3'), 'WB_MAPPING_TYPE 0/scatter-gather/ask/0/set/sku'],
      ['its timeout', asking().replace('2s', '2h'), 'WB_MEDIATOR_OPTION 0/scatter-gather/timeout'],
    ];
    for (const [what, steps, expected] of FAULTS) {
      it(what, () => {
        expect(askingFaults(steps).join('\n')).to.contain(expected);
      });
    }
  });
});

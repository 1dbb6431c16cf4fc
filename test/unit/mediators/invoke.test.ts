import { expect } from 'chai';
import { WaybillError } from '../../../src/errors.ts';
import { askingFaults, askingOf, waysOf } from '../../support/asking.ts';
import { message } from '../../support/messages.ts';
import { rejection } from '../../support/rejection.ts';

const STEPS = `
- invoke: { service: pricing, type: pricing.quote@1, set: { sku: data.sku }, as: quote, timeout: 2s }
- map: { to: oms.order.create@1, set: { id: data.id, price: vars.quote.price } }
`;
const order = (id: string) =>
  message({
    id,
    source: '/shop',
    key: id,
    time: '2026-01-02T00:00:00Z',
    traceparent: '00-t',
    data: { id, sku: 'tea' },
  });

describe('invoke', () => {
  it('asks a service, and has its answer at hand', async () => {
    const run = askingOf(STEPS, {
      answers: ({ service }, asked) => ({ price: service === 'pricing' && asked ? 7 : 0 }),
    });
    expect((await run.take(order('a'))).sent).to.deep.equal(['oms {"id":"a","price":7}']);
    const [question] = run.questions;
    expect(question).to.deep.include({ service: 'pricing', answer: 'pricing.quoted@1', timeoutMs: 2_000 });
    expect(question?.message.envelope).to.deep.include({
      ...{ type: 'pricing.quote', version: 1, source: '/retail/r', key: 'tea', time: '2026-01-02T00:00:00Z' },
      ...{ correlationId: 'a', causationId: 'a', traceparent: '00-t' },
    });
  });

  it('asks under the same id again, and under another for another message or step', async () => {
    const twice = `- invoke: { service: pricing, type: pricing.quote@1, set: { sku: data.sku } }\n${STEPS.trim()}`;
    const run = askingOf(twice, { answers: () => ({ price: 7 }) });
    for (const id of ['a', 'a', 'b']) await run.take(order(id));
    const ids = run.questions.map((question) => question.message.envelope.id);
    expect(ids.slice(0, 2)).to.deep.equal(ids.slice(2, 4));
    expect(new Set(ids).size).to.equal(4);
  });

  it('throws what may heal, and ends in a dead letter what the service gave up', async () => {
    const failing = (code: 'WB_REQUEST_TIMEOUT' | 'WB_REQUEST_FAILED', retryable: boolean) =>
      askingOf(STEPS, {
        answers: () => {
          throw new WaybillError(code, 'no', { retryable });
        },
      });
    expect(await rejection(failing('WB_REQUEST_TIMEOUT', true).take(order('a')))).to.include({
      code: 'WB_REQUEST_TIMEOUT',
    });
    expect((await failing('WB_REQUEST_FAILED', false).take(order('a'))).dead).to.equal(
      'WB_REQUEST_FAILED step 1 (invoke): no',
    );
  });

  it('refuses to ask what breaks the contract of the request', async () => {
    const run = askingOf(STEPS.replace('data.sku }', '"data.sku + text(1 / 0)" }'), { answers: () => ({ price: 7 }) });
    expect((await run.take(order('a'))).dead).to.be.a('string');
    expect(run.questions).to.deep.equal([]);
  });

  it('is a way of the route, which the plan shows', () => {
    expect(waysOf(STEPS)).to.deep.equal([
      { service: 'oms', as: 'oms.order.create@1' },
      { service: 'pricing', as: 'pricing.quote@1' },
    ]);
  });

  describe('is checked', () => {
    const FAULTS: readonly (readonly [string, string, string, string])[] = [
      [
        'the service',
        'service: pricing',
        'service: pricng',
        'WB_SERVICE_UNKNOWN 0/invoke/type: there is no service pricng',
      ],
      ['what it receives', 'service: pricing', 'service: stock', 'WB_NOT_DECLARED 0/invoke/type'],
      [
        'that it can answer',
        'service: pricing',
        'service: legacy',
        'WB_REQUEST_TYPE 0/invoke/type: legacy is a client without the SDK, which answers nobody',
      ],
      [
        'that it is a request',
        'service: pricing, type: pricing.quote@1',
        'service: stock, type: stock.told@1',
        'WB_REQUEST_TYPE 0/invoke/type: stock.told@1 is no request: its contract names no answer',
      ],
      ['what is asked', 'sku: data.sku', 'sku: 3', 'WB_MAPPING_TYPE 0/invoke/set/sku'],
      [
        'that the data is the request where nothing else is',
        'set: { sku: data.sku }, ',
        '',
        'WB_ROUTE_TYPE 0/invoke/type: pricing is asked by pricing.quote@1, and the data is shop.order.placed@1 here',
      ],
      ['who reads the answer', 'vars.quote.price', 'vars.quote.prize', 'WB_EXPRESSION_FIELD 1/map/set/price'],
      ['its timeout', 'timeout: 2s', 'timeout: 2m', 'WB_MEDIATOR_OPTION 0/invoke/timeout'],
      ['its variable', 'as: quote', 'as: a-b', 'WB_MEDIATOR_OPTION 0/invoke/as'],
    ];
    for (const [what, from, to, expected] of FAULTS) {
      it(what, () => {
        expect(askingFaults(STEPS.replace(from, to)).join('\n')).to.contain(expected);
      });
    }
  });
});

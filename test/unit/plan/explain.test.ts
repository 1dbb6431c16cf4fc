import { expect } from 'chai';
import { explainPlan, formatPlan } from '../../../src/plan/explain.ts';
import { NUMBER, object, planOf, TEXT } from '../../support/definitions.ts';

describe('the plan, explained', () => {
  const sketch = {
    contracts: {
      'shop.order.placed@1': object({ id: TEXT, total: NUMBER }),
      'shop.order.big@1': object({ id: TEXT }),
      'shop.order.lost@1': object({ id: TEXT }),
    },
    services: {
      shop: { publishes: ['shop.order.placed@1', 'shop.order.lost@1'] },
      oms: { receives: ['shop.order.placed@1'] },
      finance: { receives: ['shop.order.big@1'], client: 'plain' as const },
    },
    routes: {
      orders: 'from: shop.order.placed@1\nto: oms',
      big: 'from: shop.order.placed@1\nwhen: data.total > 1000.0\nsteps: [map: { to: shop.order.big@1, set: { id: data.id } }]\nto: { publish: shop.order.big@1 }',
      finance: 'from: shop.order.big@1\nto: finance',
      off: 'from: shop.order.placed@1\nenabled: false\nto: oms',
    },
  };

  it('says who publishes what to whom, where it is taken, and what is parked', () => {
    const report = explainPlan(planOf(sketch));
    expect(report.flows).to.deep.equal([
      { type: 'shop.order.big@1', publishers: ['big'], routes: ['finance'], receivers: ['finance'] },
      { type: 'shop.order.lost@1', publishers: ['shop'], routes: [], receivers: [] },
      { type: 'shop.order.placed@1', publishers: ['shop'], routes: ['orders', 'big'], receivers: ['oms'] },
    ]);
    expect(report.parked).to.deep.equal(['shop.order.lost@1']);
    expect(report.disabled).to.deep.equal(['off']);
    expect(report.endpoints.map(({ name, takes, routes }) => [name, takes, routes])).to.deep.equal([
      ['finance', [], ['finance']],
      ['oms', ['shop.order.placed@1'], ['orders']],
      ['router', ['shop.order.big@1', 'shop.order.placed@1'], ['big', 'finance']],
    ]);
    expect(JSON.parse(JSON.stringify(report))).to.deep.equal(report);
  });

  it('is readable', () => {
    const plan = planOf(sketch);
    expect(formatPlan(explainPlan(plan)).split('\n')).to.deep.equal([
      `bus retail, edition ${plan.edition}`,
      '',
      'routes (3)',
      '  orders   direct    selection by type alone, receiver with the SDK',
      '                     shop.order.placed@1 -> oms (shop.order.placed@1)',
      '  big      inline    it has a predicate',
      '                     shop.order.placed@1 -> publish shop.order.big@1',
      '  finance  inline    finance is a client without the SDK',
      '                     shop.order.big@1 -> finance (shop.order.big@1)',
      '  disabled: off',
      '',
      'endpoints (3)',
      '  finance: ordered by key, 1 partition, plain',
      '  oms: ordered by key, 1 partition; takes shop.order.placed@1',
      '  router: ordered by key, 4 partitions; takes shop.order.big@1, shop.order.placed@1',
      '',
      'parked, since no route takes them: shop.order.lost@1',
    ]);
  });
});

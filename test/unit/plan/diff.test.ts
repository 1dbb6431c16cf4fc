import { expect } from 'chai';
import { differenceLine, diffPlans } from '../../../src/plan/diff.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { type DefinitionSketch, NUMBER, object, planOf, TEXT } from '../../support/definitions.ts';

const BEFORE: DefinitionSketch = {
  contracts: { 'shop.order.placed@1': object({ id: TEXT, total: NUMBER }), 'shop.order.paid@1': object({ id: TEXT }) },
  services: { shop: { publishes: ['shop.order.placed@1'] }, oms: { receives: ['shop.order.placed@1'] } },
  routes: { orders: 'from: shop.order.placed@1\nto: oms' },
};

function lines(before: Plan | undefined, after: Plan): string[] {
  return diffPlans(before, after).map(differenceLine);
}

describe('the difference of two plans', () => {
  it('is empty between a plan and what a manifest kept of it', () => {
    const plan = planOf(BEFORE);
    const { definition, topology } = JSON.parse(JSON.stringify(plan)) as Plan;
    expect(diffPlans({ definition, topology }, plan)).to.deep.equal([]);
  });

  it('does not mind where things stand in files', () => {
    const plan = planOf(BEFORE);
    const moved = {
      ...plan.definition,
      routes: plan.definition.routes.map((route) => ({ ...route, file: 'x.yaml', path: [1], describe: 'd' })),
    };
    expect(diffPlans(plan, { ...plan, definition: moved })).to.deep.equal([]);
  });

  it('does not show fewer slots, since slots never shrink', () => {
    const wide = planOf({ ...BEFORE, slots: 16 });
    const narrow = planOf({ ...BEFORE, slots: 4 });
    expect(lines(wide, narrow)).to.deep.equal([]);
    expect(lines(narrow, wide)).to.deep.equal(['~ bus retail (slots: 4 -> 16)']);
  });

  it('is everything on a new bus, causes before effects', () => {
    expect(lines(undefined, planOf(BEFORE))).to.deep.equal([
      '+ bus retail',
      '+ contract shop.order.paid@1',
      '+ contract shop.order.placed@1',
      '+ service oms',
      '+ service shop',
      '+ route orders',
      '+ endpoint oms',
      '+ binding shop.order.placed@1 -> oms',
    ]);
  });

  it('tells what was added, changed and removed, and of what changed both values', () => {
    const after = planOf({
      ...BEFORE,
      contracts: { 'shop.order.placed@1': object({ id: TEXT, total: NUMBER, 'note?': TEXT }) },
      services: {
        ...BEFORE.services,
        oms: { receives: ['shop.order.placed@1'], partitions: 2 },
        mail: { receives: ['shop.order.placed@1'] },
      },
      routes: {
        orders: 'from: shop.order.placed@1\nwhen: data.total > 1\nto: oms',
        news: 'from: shop.order.placed@1\nto: mail',
      },
    });
    expect(lines(planOf(BEFORE), after)).to.deep.equal([
      '- contract shop.order.paid@1',
      '~ contract shop.order.placed@1 (schema)',
      '+ service mail',
      '~ service oms (partitions: 1 -> 2)',
      '+ route news',
      '~ route orders (when: none -> "data.total > 1")',
      '+ endpoint mail',
      '~ endpoint oms (partitions: 1 -> 2)',
      '+ endpoint router',
      '+ binding shop.order.placed@1 -> mail',
      '- binding shop.order.placed@1 -> oms',
      '+ binding shop.order.placed@1 -> router',
    ]);
  });
});

import { expect } from 'chai';
import type { PartDefinition } from '../../../src/config/definition.ts';
import { formatFault } from '../../../src/errors.ts';
import { compileParts } from '../../../src/plan/compile-parts.ts';
import { editionOf } from '../../../src/plan/edition.ts';
import { mergeParts, partsOf } from '../../../src/plan/parts.ts';
import { type DefinitionSketch, definition, object, TEXT } from '../../support/definitions.ts';

const ORDER = object({ id: TEXT }, { 'x-key': '/id' });

function part(name: string, sketch: DefinitionSketch, states: PartDefinition['states'] = []): PartDefinition {
  return { ...definition(sketch), part: name, states };
}

const shop = part('shop', {
  services: { shop: { publishes: ['shop.order.placed@1'] } },
  contracts: { 'shop.order.placed@1': ORDER },
});
const stock = part('stock', {
  services: { wms: { receives: ['shop.order.placed@1'] } },
  routes: { picking: 'from: shop.order.placed@1\nto: wms' },
});

function faultsOf(parts: readonly PartDefinition[], own?: string): string {
  return compileParts(parts, own).faults.map(formatFault).join('\n');
}

describe('the parts of a bus', () => {
  it('make one plan, whoever looks at it', () => {
    const here = compileParts([shop, stock], 'shop').plan;
    const there = compileParts([stock, shop], 'stock').plan;
    expect(here?.edition).to.be.a('string').and.equal(there?.edition);
    expect(here?.topology.bindings).to.deep.equal([{ type: 'shop.order.placed@1', endpoint: 'wms' }]);
    expect(here?.definition.parts).to.deep.equal({ shop: editionOf(shop), stock: editionOf(stock) });
  });

  it('are one plain plan when there is only `main`', () => {
    const whole = definition({ services: { shop: {} } });
    const { definition: merged } = mergeParts([{ ...whole, part: 'main', states: [] }]);
    expect(merged).to.deep.equal(whole);
    expect(editionOf(merged)).to.equal(editionOf(whole));
  });

  it('may not claim the same, which is told with both names and a fix, all at once', () => {
    const other = part('copy', {
      services: { shop: {} },
      contracts: { 'shop.order.placed@1': ORDER },
      routes: { picking: 'from: shop.order.placed@1\nto: shop' },
      sources: { crm: {} },
    });
    const again = part('third', { sources: { crm: {} }, casts: {} });
    const told = faultsOf([shop, stock, other, again], 'copy');
    expect(told).to.contain(
      'waybill.yaml  WB_PART_CONFLICT\n  the service shop is in the part shop and in the part copy\n  Give one of the two another name',
    );
    expect(told).to.contain(
      'schemas/shop/order.placed.v1.json  WB_PART_CONFLICT\n  the contract shop.order.placed@1 is in the part shop and in the part copy\n  A contract has one owner: leave it to shop',
    );
    expect(told).to.contain(
      'routes/picking.yaml  WB_PART_CONFLICT\n  the route picking is in the part stock and in the part copy',
    );
    expect(told).to.contain('the source crm is in the part third and in the part copy');
    expect(told).not.to.contain('WB_CONTRACT_DUPLICATE').and.not.to.contain('WB_ROUTE_DUPLICATE');
  });

  it('that no longer fit name the part and the file of what breaks', () => {
    const without = part('shop', { services: { shop: {} } });
    expect(faultsOf([without, stock], 'shop'))
      .to.contain('stock:routes/picking.yaml')
      .and.to.contain('shop.order.placed@1');
    expect(faultsOf([without, stock], 'shop')).to.contain('stock:waybill.yaml  WB_CONTRACT_UNKNOWN');
    expect(faultsOf([without, stock], 'stock')).to.contain('\nwaybill.yaml  WB_CONTRACT_UNKNOWN');
  });

  it('have the most slots and partitions that one asks for, and the limits that are stated', () => {
    const one = part('one', { slots: 32, limits: { size: 2_048, depth: 64, parking: 5_000_000 } }, ['size', 'depth']);
    const two = part('two', { routerPartitions: 8, limits: { size: 1_048_576, depth: 9, parking: 9_000_000 } }, [
      'parking',
    ]);
    expect(mergeParts([one, two]).definition).to.deep.include({
      slots: 32,
      routerPartitions: 8,
      limits: { size: 2_048, depth: 64, parking: 9_000_000 },
    });
    const three = part('three', { limits: { size: 4_096, depth: 64, parking: 1 } }, ['size', 'depth']);
    const { faults } = mergeParts([one, three], 'three');
    expect(faults).to.have.length(1);
    expect(faults[0]).to.include({
      code: 'WB_PART_CONFLICT',
      message: 'limits.size is 2048 in the part one and 4096 in the part three',
      file: 'waybill.yaml',
    });
  });

  it('of what was applied before there were parts are one, `main`', () => {
    const { plan } = compileParts([{ ...shop, part: 'main' }], 'main');
    if (plan === undefined) throw new Error('the part is faulty');
    const { definition: whole, edition, topology } = plan;
    const manifest = {
      format: 1,
      bus: 'retail',
      edition,
      appliedAt: 'then',
      appliedBy: 'ada',
      topology,
      definition: whole,
    } as const;
    expect(partsOf(manifest)).to.deep.equal([
      { name: 'main', edition, appliedAt: 'then', appliedBy: 'ada', definition: whole },
    ]);
    expect(partsOf(undefined)).to.deep.equal([]);
  });
});

import { expect } from 'chai';
import type { Plan } from '../../../src/plan/plan.ts';
import { type DefinitionSketch, NUMBER, object, planOf, TEXT } from '../../support/definitions.ts';

const ORDER = object({ id: TEXT, total: NUMBER });
const CONTRACTS = { 'shop.order.placed@1': ORDER, 'shop.order.paid@1': ORDER, 'crm.customer.updated@1': ORDER };
const PUBLISHER = { publishes: Object.keys(CONTRACTS) };

function plan(sketch: DefinitionSketch): Plan {
  return planOf({
    ...sketch,
    contracts: { ...CONTRACTS, ...sketch.contracts },
    services: { shop: PUBLISHER, ...sketch.services },
  });
}

function roadsOf({ routes }: Plan): Record<string, string> {
  return Object.fromEntries(routes.map(({ name, road }) => [name, road]));
}

function because({ routes }: Plan, name: string): string {
  return routes.find((route) => route.name === name)?.because ?? '';
}

const ALL = { receives: Object.keys(CONTRACTS) };

describe('roads', () => {
  it('is direct where the type alone selects and the receiver has the SDK', () => {
    const made = plan({ services: { oms: ALL }, routes: { orders: 'from: shop.order.placed@1\nto: oms' } });
    expect(roadsOf(made)).to.deep.equal({ orders: 'direct' });
    expect(because(made, 'orders')).to.equal('selection by type alone, receiver with the SDK');
    expect(made.topology.bindings).to.deep.equal([{ type: 'shop.order.placed@1', endpoint: 'oms' }]);
    expect(made.topology.endpoints.map(({ name }) => name)).to.deep.equal(['oms']);
    expect(made.program('router')).to.equal(undefined);
  });

  it('is direct to several services and from several types, and through choose without a predicate', () => {
    const made = plan({
      services: { oms: ALL, mail: ALL, wms: ALL },
      routes: {
        both: 'from: shop.order.*@1\nto: [oms, mail]',
        chosen: 'from: crm.customer.updated@1\nchoose: [{ otherwise: wms }]',
      },
    });
    expect(roadsOf(made)).to.deep.equal({ both: 'direct', chosen: 'direct' });
    expect(made.topology.bindings).to.have.length(5);
  });

  const inline: Record<string, [route: string, because: RegExp]> = {
    'has a predicate': ['from: shop.order.placed@1\nwhen: data.total > 1\nto: oms', /predicate/],
    'has a step': ['from: shop.order.placed@1\nsteps: [filter: data.total > 1]\nto: oms', /a step/],
    'has a destination with a predicate': [
      'from: shop.order.placed@1\nto: { service: oms, when: data.total > 1 }',
      /way to oms/,
    ],
    'chooses by predicates': ['from: shop.order.placed@1\nchoose: [{ when: data.total > 1, to: oms }]', /chooses/],
    publishes: [
      'from: shop.order.placed@1\nsteps: [map: { to: shop.order.paid@1, set: { id: data.id, total: data.total } }]\nto: { publish: shop.order.paid@1 }',
      /step/,
    ],
  };
  for (const [what, [text, reason]] of Object.entries(inline)) {
    it(`is inline when it ${what}`, () => {
      const made = plan({ services: { oms: ALL }, routes: { orders: text } });
      expect(roadsOf(made)).to.deep.equal({ orders: 'inline' });
      expect(because(made, 'orders')).to.match(reason);
      expect(made.topology.bindings).to.deep.equal([{ type: 'shop.order.placed@1', endpoint: 'router' }]);
      expect(made.program('router')).not.to.equal(undefined);
    });
  }

  it('is inline to a client without the SDK', () => {
    const made = plan({
      services: { wms: { ...ALL, client: 'plain' } },
      routes: { orders: 'from: shop.order.placed@1\nto: wms' },
    });
    expect(roadsOf(made)).to.deep.equal({ orders: 'inline' });
    expect(made.topology.endpoints.find(({ name }) => name === 'wms')?.plain).to.equal(true);
  });

  it('is isolated when it says so, with an endpoint of its own', () => {
    const made = plan({
      services: { oms: ALL },
      routes: { slow: 'from: shop.order.placed@1\nisolate: true\nto: oms' },
    });
    expect(made.routes[0]).to.include({ road: 'isolated', endpoint: 'route.slow' });
    expect(made.topology.bindings).to.deep.equal([{ type: 'shop.order.placed@1', endpoint: 'route.slow' }]);
    expect(made.topology.endpoints.find(({ name }) => name === 'route.slow')).to.deep.equal({
      name: 'route.slow',
      kind: 'route',
      ordering: 'key',
      partitions: 4,
      plain: false,
    });
    expect(made.program('route.slow')).not.to.equal(undefined);
    expect(made.program('router')).to.equal(undefined);
  });

  it('keeps a disabled route off every road', () => {
    const made = plan({
      services: { oms: ALL },
      routes: { orders: 'from: shop.order.placed@1\nenabled: false\nto: oms' },
    });
    expect(made.routes).to.deep.equal([]);
    expect(made.topology.bindings).to.deep.equal([]);
  });

  describe('into a service that keeps the order of keys', () => {
    const filtered = 'from: shop.order.paid@1\nwhen: data.total > 1\nto: oms';
    const direct = 'from: shop.order.placed@1\nto: oms';

    it('leaves the direct road when another route leads there through the router', () => {
      const made = plan({ services: { oms: ALL }, routes: { direct, filtered } });
      expect(roadsOf(made)).to.deep.equal({ direct: 'inline', filtered: 'inline' });
      expect(because(made, 'direct')).to.equal(
        'oms keeps the order of keys, and filtered leads to it through the router',
      );
    });

    it('takes along the routes that then share a service with it', () => {
      const made = plan({
        services: { oms: ALL, mail: ALL },
        routes: {
          filtered,
          both: 'from: shop.order.placed@1\nto: [oms, mail]',
          news: 'from: crm.customer.updated@1\nto: mail',
        },
      });
      expect(roadsOf(made)).to.deep.equal({ filtered: 'inline', both: 'inline', news: 'inline' });
      expect(because(made, 'news')).to.contain('mail keeps the order');
    });

    it('stays direct when only an isolated or a disabled route leads there too', () => {
      const made = plan({
        services: { oms: ALL },
        routes: { direct, slow: `${filtered}\nisolate: true`, off: `${filtered}\nenabled: false` },
      });
      expect(roadsOf(made)).to.deep.equal({ direct: 'direct', slow: 'isolated' });
    });

    it('does not matter to a service without order', () => {
      const made = plan({ services: { oms: { ...ALL, ordering: 'none' } }, routes: { direct, filtered } });
      expect(roadsOf(made)).to.deep.equal({ direct: 'direct', filtered: 'inline' });
    });
  });

  it('is inline where two routes bring a service the same type, so that it gets each of them', () => {
    const made = plan({
      services: { oms: ALL },
      routes: { one: 'from: shop.order.placed@1\nto: oms', two: 'from: shop.order.*@1\nto: oms' },
    });
    expect(roadsOf(made)).to.deep.equal({ one: 'inline', two: 'inline' });
    expect(because(made, 'one')).to.equal('two brings shop.order.placed@1 to oms too, and each delivers its own');
  });

  it('makes room for the slots that the largest endpoint needs, and sorts what the transport holds', () => {
    const made = plan({
      slots: 8,
      services: { wms: { ...ALL, partitions: 12 }, oms: ALL },
      routes: { b: 'from: shop.order.placed@1\nto: [wms, oms]', a: 'from: shop.order.paid@1\nto: oms' },
    });
    expect(made.topology.slots).to.equal(16);
    expect(made.topology.endpoints.map(({ name }) => name)).to.deep.equal(['oms', 'wms']);
    expect(made.topology.bindings.map(({ type, endpoint }) => `${type} ${endpoint}`)).to.deep.equal([
      'shop.order.paid@1 oms',
      'shop.order.placed@1 oms',
      'shop.order.placed@1 wms',
    ]);
  });

  describe('with two majors of a type', () => {
    const casts = {
      'shop.order.placed@1-2': {
        up: { id: 'data.id', total: 'data.total', currency: { $const: 'EUR' } },
        down: { id: 'data.id', total: 'data.total' },
      },
    };
    const contracts = { 'shop.order.placed@2': object({ id: TEXT, total: NUMBER, currency: TEXT }) };
    const newer = { receives: ['shop.order.placed@2'] };

    it('takes the older one too when somebody publishes it, through the router', () => {
      const made = plan({
        contracts,
        casts,
        services: { oms: newer },
        routes: { orders: 'from: shop.order.placed@2\nto: oms' },
      });
      expect(made.routes[0]).to.deep.include({ road: 'inline', from: ['shop.order.placed@2', 'shop.order.placed@1'] });
      expect(because(made, 'orders')).to.equal('shop.order.placed@1 is cast to shop.order.placed@2');
      expect(made.topology.bindings.map(({ type }) => type)).to.deep.equal([
        'shop.order.placed@1',
        'shop.order.placed@2',
      ]);
    });

    it('is direct when nobody publishes the older one', () => {
      const made = plan({
        contracts,
        casts,
        services: { shop: { publishes: ['shop.order.placed@2'] }, oms: newer },
        routes: { orders: 'from: shop.order.placed@2\nto: oms' },
      });
      expect(made.routes[0]).to.deep.include({ road: 'direct', from: ['shop.order.placed@2'] });
    });

    it('casts up, or down, to the major that the service receives', () => {
      const up = plan({
        contracts,
        casts,
        services: { oms: newer },
        routes: { orders: 'from: shop.order.placed@1\nto: oms' },
      });
      expect(up.routes[0]).to.deep.include({ road: 'inline', to: [{ service: 'oms', as: 'shop.order.placed@2' }] });
      expect(because(up, 'orders')).to.equal('shop.order.placed@1 is cast to shop.order.placed@2 for oms');
      const down = plan({
        contracts,
        casts,
        services: { shop: { publishes: ['shop.order.placed@2'] }, oms: { receives: ['shop.order.placed@1'] } },
        routes: { orders: 'from: shop.order.placed@2\nto: oms' },
      });
      expect(down.routes[0]?.to).to.deep.equal([{ service: 'oms', as: 'shop.order.placed@1' }]);
    });

    it('does not cast a type that the route names itself', () => {
      const made = plan({
        contracts,
        casts,
        services: { oms: { receives: ['shop.order.placed@1', 'shop.order.placed@2'] } },
        routes: { orders: 'from: [shop.order.placed@1, shop.order.placed@2]\nto: oms' },
      });
      expect(made.routes[0]).to.deep.include({ road: 'direct' });
      expect(made.routes[0]?.to.map((each) => ('as' in each ? each.as : ''))).to.deep.equal([
        'shop.order.placed@1',
        'shop.order.placed@2',
      ]);
    });
  });
});

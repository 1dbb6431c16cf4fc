import { expect } from 'chai';
import type { Definition } from '../../../src/config/definition.ts';
import { canonicalJson, editionOf } from '../../../src/plan/edition.ts';
import { definition, NUMBER, object, TEXT } from '../../support/definitions.ts';

const BASE = definition({
  contracts: { 'shop.order.placed@1': object({ id: TEXT, total: NUMBER }), 'shop.order.paid@1': object({ id: TEXT }) },
  services: { shop: { publishes: ['shop.order.placed@1'] }, oms: { receives: ['shop.order.placed@1'] } },
  routes: {
    a: 'from: shop.order.placed@1\nsteps: [filter: data.total > 1]\nto: oms',
    b: 'from: shop.order.placed@1\nto: oms',
  },
});

function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, each]) => [key, shuffled(each)]),
  );
}

describe('the edition', () => {
  it('is the same for what only people read, for the files, and for the order of files and keys', () => {
    const edition = editionOf(BASE);
    expect(edition).to.match(/^[A-Za-z0-9_-]{22}$/);
    expect(editionOf(shuffled(BASE) as Definition)).to.equal(edition);
    const moved: Definition = {
      ...BASE,
      services: BASE.services.toReversed().map((service) => ({ ...service, describe: 'x' })),
      contracts: BASE.contracts.toReversed().map((contract) => ({ ...contract, file: 'elsewhere.json' })),
      routes: BASE.routes.toReversed().map((route) => ({ ...route, describe: 'x', file: 'elsewhere.yaml', path: [3] })),
    };
    expect(editionOf(moved)).to.equal(edition);
    expect(editionOf(JSON.parse(JSON.stringify(BASE)) as Definition)).to.equal(edition);
  });

  const edits: Record<string, (base: Definition) => Definition> = {
    'a limit': (base) => ({ ...base, limits: { ...base.limits, depth: 65 } }),
    'a service': (base) => ({ ...base, services: base.services.map((each) => ({ ...each, partitions: 2 })) }),
    'a contract': (base) => ({ ...base, contracts: base.contracts.slice(1) }),
    'a predicate': (base) => ({ ...base, routes: base.routes.map((each) => ({ ...each, when: 'data.total > 2' })) }),
    'the options of a step': (base) => ({
      ...base,
      routes: base.routes.map((each) => ({ ...each, steps: each.steps.map((step) => ({ ...step, options: 'true' })) })),
    }),
    'a destination': (base) => ({
      ...base,
      routes: base.routes.map((each) => ({
        ...each,
        branches: [{ path: [], to: [{ target: { service: 'shop' }, path: [] }] }],
      })),
    }),
    onError: (base) => ({
      ...base,
      routes: base.routes.map((each) => ({ ...each, onError: [{ target: { service: 'shop' }, path: [] }] })),
    }),
    enabled: (base) => ({ ...base, routes: base.routes.map((each) => ({ ...each, enabled: false })) }),
    'the bus': (base) => ({ ...base, bus: 'other' }),
  };
  for (const [what, edit] of Object.entries(edits)) {
    it(`is another one when ${what} changes`, () => {
      expect(editionOf(edit(BASE))).not.to.equal(editionOf(BASE));
    });
  }

  it('stands on JSON with sorted keys', () => {
    expect(canonicalJson({ b: [{ d: 1, c: undefined }], a: null })).to.equal('{"a":null,"b":[{"d":1}]}');
  });
});

import { expect } from 'chai';
import type { RouteDefinition } from '../../../src/config/definition.ts';
import { checkRoutes } from '../../../src/routes/check.ts';
import { normaliseRoute } from '../../../src/routes/normalise.ts';
import type { Route } from '../../../src/routes/route-file.ts';

const known = {
  services: new Set(['oms', 'mail']),
  types: new Set(['shop.order.placed@1', 'shop.order.placed@2', 'oms.order.create@2']),
};

function route(more: Partial<Route>, file = 'routes/a.yaml'): RouteDefinition {
  const whole: Route = { from: 'shop.order.placed@1', enabled: true, isolate: false, steps: [], to: 'oms', ...more };
  return normaliseRoute(whole, { file, path: [], fallbackName: 'a' }).route;
}

const problemsOf = (...routes: RouteDefinition[]): string[] =>
  checkRoutes(routes, known).map(
    ({ code, path, message, fix }) => `${code} ${path.join('.')}: ${message}; ${fix ?? ''}`,
  );

describe('the names in routes', () => {
  it('are right when all are declared', () => {
    expect(
      problemsOf(
        route({ from: ['shop.order.*@2', 'oms.order.create@2'], to: ['oms', { publish: 'oms.order.create@2' }] }),
      ),
    ).to.deep.equal([]);
  });

  it('are unique', () => {
    expect(problemsOf(route({}), route({}, 'routes/b.yaml'), route({ name: 'other' }))).to.deep.equal([
      'WB_ROUTE_DUPLICATE name: a route of the name a stands in routes/a.yaml already; Give one of them another `name`.',
    ]);
  });

  it('mean a service, wherever a message can go', () => {
    expect(problemsOf(route({ to: ['oms', 'omss'], onError: 'mial' }))).to.deep.equal([
      'WB_SERVICE_UNKNOWN to.1.service: there is no service omss; did you mean oms?',
      'WB_SERVICE_UNKNOWN onError.service: there is no service mial; did you mean mail?',
    ]);
    expect(problemsOf(route({ to: 'oms.order.create@2' }))).to.deep.equal([
      'WB_SERVICE_UNKNOWN to.service: there is no service oms.order.create@2; write { publish: oms.order.create@2 }',
    ]);
  });

  it('mean a type with a contract', () => {
    expect(
      problemsOf(route({ from: ['shop.order.plced@1', 'crm.customer.gone@1'], to: { publish: 'oms.order.create' } })),
    ).to.deep.equal([
      'WB_CONTRACT_UNKNOWN from.0: there is no contract for shop.order.plced@1; did you mean shop.order.placed@1?',
      'WB_CONTRACT_UNKNOWN from.1: there is no contract for crm.customer.gone@1; Add schemas/crm/customer.gone.v1.json.',
      'WB_CONTRACT_UNKNOWN to.publish: oms.order.create is not a type with its major version; write oms.order.create@2',
    ]);
  });

  it('under from are types or patterns that match one', () => {
    expect(problemsOf(route({ from: ['shop.order.placed', 'shop.*@1', 'oms.order.*@1', 'Shop.x@1'] }))).to.deep.equal([
      'WB_ROUTE_FROM from.0: shop.order.placed is neither a type with its major version nor a pattern of types; write shop.order.placed@1 or shop.order.placed@2',
      'WB_ROUTE_FROM from.1: no contract is of the pattern shop.*@1; a * stands for one word; Write the pattern of types that have a contract under schemas/.',
      'WB_ROUTE_FROM from.2: no contract is of the pattern oms.order.*@1; a * stands for one word; did you mean oms.order.*@2?',
      'WB_ROUTE_FROM from.3: Shop.x@1 is neither a type with its major version nor a pattern of types; Write it as shop.order.placed@1 or shop.order.*@1.',
    ]);
  });
});

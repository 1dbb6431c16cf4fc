import { compilePlan } from '../../src/plan/compile.ts';
import { type DefinitionSketch, definition, NUMBER, object, planOf, TEXT } from './definitions.ts';
import { RouteRun, type RouteRunOptions } from './route-run.ts';

/** A bus whose route `r` takes orders through these steps (a YAML list) to `oms`, and may ask what there is. */
function sketch(steps: string, contracts: DefinitionSketch['contracts'] = {}): DefinitionSketch {
  const item = object({ sku: TEXT }, { 'x-key': '/sku', 'x-reply': 'pricing.quoted@1' });
  return {
    contracts: {
      'shop.order.placed@1': object(
        { id: TEXT, sku: TEXT, 'stops?': { type: 'array', items: TEXT } },
        { 'x-key': '/id' },
      ),
      'oms.order.create@1': object(
        { id: TEXT, 'price?': NUMBER, 'prices?': { type: 'array', items: NUMBER } },
        { 'x-key': '/id' },
      ),
      'pricing.quote@1': item,
      'pricing.quoted@1': object({ price: NUMBER }),
      'pricing.cancel@1': item,
      'stock.check@1': object({ sku: TEXT }, { 'x-reply': 'stock.checked@1' }),
      'stock.checked@1': object({ pieces: NUMBER }),
      'stock.told@1': object({ sku: TEXT }),
      ...contracts,
    },
    services: {
      shop: { publishes: ['shop.order.placed@1'] },
      oms: { receives: ['shop.order.placed@1', 'oms.order.create@1'] },
      pricing: { receives: ['pricing.quote@1', 'pricing.cancel@1'] },
      rival: { receives: ['pricing.quote@1', 'pricing.cancel@1'] },
      stock: { receives: ['stock.check@1', 'stock.told@1'] },
      legacy: { receives: ['pricing.quote@1'], client: 'plain' },
    },
    routes: { r: `from: shop.order.placed@1\nsteps:\n${steps.trim().replaceAll(/^/gm, '  ')}\nto: oms` },
  };
}

export function askingOf(steps: string, options: RouteRunOptions = {}): RouteRun {
  return new RouteRun(planOf(sketch(steps)), 'r', options);
}

/** What the route of these steps leads to, as `waybill plan` shows it. */
export function waysOf(steps: string): readonly unknown[] {
  return planOf(sketch(steps)).routes[0]?.to ?? [];
}

/** The faults of a route with these steps, or what it is warned of, each as `code path: message`. */
export function askingFaults(
  steps: string,
  what: 'faults' | 'warnings' = 'faults',
  contracts: DefinitionSketch['contracts'] = {},
): string[] {
  const places: string[] = [];
  const found = compilePlan(definition(sketch(steps, contracts)), {
    locate: (file, path) => {
      places.push(path.slice(1).join('/'));
      return { file, line: places.length };
    },
  });
  return found[what].map(({ code, message: text, at }) => `${code} ${places[(at?.line ?? 0) - 1] ?? ''}: ${text}`);
}

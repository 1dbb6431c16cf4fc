import type { EncodedMessage, Envelope } from '../../src/message.ts';
import { compilePlan } from '../../src/plan/compile.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { type DefinitionSketch, definition, NUMBER, object, planOf, TEXT } from './definitions.ts';
import { message } from './messages.ts';
import { RouteRun, type RouteRunOptions } from './route-run.ts';

const ITEM = object(
  {
    id: TEXT,
    'n?': NUMBER,
    'seq?': { type: 'integer' },
    'total?': { type: 'integer' },
    'note?': TEXT,
    'due?': { type: 'string', format: 'date-time' },
    'tags?': { type: 'array', items: TEXT },
  },
  { 'x-key': '/id' },
);
const ITEM_TYPE = 'shop.item.sold@1';
const CONTRACTS = {
  [ITEM_TYPE]: ITEM,
  'shop.item.returned@1': ITEM,
  'store.report@1': object({ id: TEXT, 'count?': NUMBER, 'ids?': { type: 'array', items: TEXT }, 'sum?': NUMBER }),
};

/** A bus with one route, `r`, that takes items through these steps (a YAML list) to `oms`. */
function busOf(steps: string, more: string): DefinitionSketch {
  const from = more.includes('from:') ? '' : `from: ${ITEM_TYPE}\n`;
  return {
    contracts: CONTRACTS,
    services: {
      shop: { publishes: [ITEM_TYPE, 'shop.item.returned@1'] },
      oms: { receives: Object.keys(CONTRACTS) },
      ops: { receives: Object.keys(CONTRACTS) },
    },
    routes: { r: `${from}${more}\nsteps:\n${steps.trim().replaceAll(/^/gm, '  ')}\nto: oms` },
  };
}

export function planOfSteps(steps: string, more = ''): Plan {
  return planOf(busOf(steps, more));
}

/** Runs items through a route with these steps. */
export function runOf(steps: string, more = '', options: RouteRunOptions = {}): RouteRun {
  return new RouteRun(planOfSteps(steps, more), 'r', options);
}

/** The faults of a route with these steps, each as `code path: message`. */
export function faultsOf(steps: string, more = ''): string[] {
  const places: string[] = [];
  const { faults } = compilePlan(definition(busOf(steps, more)), {
    locate: (file, path) => {
      places.push(path.join('.'));
      return { file, line: places.length };
    },
  });
  return faults.map(({ code, message: text, at }) => `${code} ${places[(at?.line ?? 0) - 1] ?? ''}: ${text}`);
}

/** An item whose message has the id of its data unless told otherwise: `item('a')` is `a` with the key `a`. */
export function item(id: string, data: object = {}, envelope: Partial<Envelope> = {}): EncodedMessage {
  return message({ id, source: '/shop', type: 'shop.item.sold', key: id, data: { id, ...data }, ...envelope });
}

/** The ids in what left a route: `a, b`. */
export function idsSent(said: readonly string[]): string {
  return said.map((each) => /"id":"([^"]*)"/.exec(each)?.[1] ?? each).join(', ');
}

import { typeRef } from '../message.ts';
import { canonicalJson } from './edition.ts';
import type { Plan } from './plan.ts';

/** What is compared: of a plan, or of a manifest. */
export type Planned = Pick<Plan, 'definition' | 'topology'>;

export interface Difference {
  readonly change: 'added' | 'changed' | 'removed';
  readonly kind:
    | 'bus'
    | 'part'
    | 'contract'
    | 'cast'
    | 'service'
    | 'source'
    | 'plugin'
    | 'route'
    | 'endpoint'
    | 'binding';
  /** `oms`, `shop.order.placed@1`, `shop.order.placed@1 -> router`. */
  readonly name: string;
  /** What changed, one clause each: `partitions: 2 -> 4`. Empty for what was added or removed. */
  readonly details: readonly string[];
}

/** Everything in which two plans differ, by kind and name; empty when none would notice. Without `before` all is added. */
export function diffPlans(before: Planned | undefined, after: Planned): readonly Difference[] {
  const old = before === undefined ? new Map<string, Item>() : itemsOf(before);
  // Slots never shrink, also where a plan needs fewer.
  const slots = Math.max(after.topology.slots, before?.topology.slots ?? 0);
  const now = itemsOf(after, slots);
  const differences: Difference[] = [];
  for (const id of new Set([...now.keys(), ...old.keys()])) {
    const left = old.get(id);
    const right = now.get(id);
    const { kind, name } = right ?? left ?? {};
    if (kind === undefined || name === undefined) continue;
    if (left === undefined || right === undefined) {
      differences.push({ change: left === undefined ? 'added' : 'removed', kind, name, details: [] });
      continue;
    }
    const details = changes(left.value, right.value);
    if (details.length > 0) differences.push({ change: 'changed', kind, name, details });
  }
  const rank = (each: Difference): string => `${String(KINDS.indexOf(each.kind))} ${each.name}`;
  return differences.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** `+ route eu-orders`, `~ endpoint oms (partitions: 2 -> 4)`, `- service fax`. */
export function differenceLine({ change, kind, name, details }: Difference): string {
  const sign = { added: '+', changed: '~', removed: '-' }[change];
  return `${sign} ${kind} ${name}${details.length === 0 ? '' : ` (${details.join('; ')})`}`;
}

/** The order in which differences are shown: causes before effects. */
const KINDS: readonly Difference['kind'][] = [
  'bus',
  'part',
  'contract',
  'cast',
  'service',
  'source',
  'plugin',
  'route',
  'endpoint',
  'binding',
];

interface Item {
  readonly kind: Difference['kind'];
  readonly name: string;
  readonly value: Readonly<Record<string, unknown>>;
}

function itemsOf({ definition, topology }: Planned, slots = topology.slots): ReadonlyMap<string, Item> {
  const items = new Map<string, Item>();
  const add = (kind: Item['kind'], name: string, value: object): void => {
    items.set(`${kind} ${name}`, { kind, name, value: { ...value } });
  };
  const { bus, limits, routerPartitions } = definition;
  add('bus', bus, { ...limits, slots, routerPartitions });
  // That a part changed is told by what changed in it.
  for (const part of Object.keys(definition.parts ?? {})) add('part', part, {});
  for (const { file: _, ...contract } of definition.contracts)
    add('contract', typeRef(contract.type, contract.version), contract);
  for (const { file: _, ...cast } of definition.casts)
    add('cast', `${typeRef(cast.type, cast.from)} -> ${String(cast.to)}`, cast);
  for (const { describe: _, ...service } of definition.services) add('service', service.name, service);
  for (const [name, source] of Object.entries(definition.sources)) add('source', name, { source });
  for (const [name, plugin] of Object.entries(definition.plugins ?? {})) add('plugin', name, plugin);
  for (const { describe: _describe, file: _file, path: _path, ...route } of definition.routes) {
    add('route', route.name, withoutPaths(route));
  }
  for (const endpoint of topology.endpoints) add('endpoint', endpoint.name, endpoint);
  for (const { type, endpoint } of topology.bindings) add('binding', `${type} -> ${endpoint}`, {});
  return items;
}

/** Where something stands in its file is no difference. Options of steps keep a `path` of their own. */
function withoutPaths(route: Omit<Planned['definition']['routes'][number], 'describe' | 'file' | 'path'>): object {
  return {
    ...route,
    steps: route.steps.map(({ use, options }) => ({ [use]: options })),
    branches: route.branches.map(({ when, to }) => ({ when, to: to.map(({ path: _, ...each }) => each) })),
    onError: route.onError?.map(({ path: _, ...each }) => each),
  };
}

function changes(left: Item['value'], right: Item['value']): readonly string[] {
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return names.flatMap((name) => {
    const [before, after] = [text(left[name]), text(right[name])];
    if (before === after) return [];
    const brief = before.length + after.length <= 80;
    return [brief ? `${name}: ${before} -> ${after}` : name];
  });
}

function text(value: unknown): string {
  return value === undefined ? 'none' : canonicalJson(value);
}

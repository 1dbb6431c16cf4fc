import { WaybillError } from '../../errors.ts';
import type { EndpointSpec, Topology } from '../../ports/topology.ts';
import type { TopologyChange } from '../../ports/transport.ts';
import { type EndpointLayout, firstLayout, generationOf, layoutOf, newestOf, otherSide, outdated } from './layout.ts';
import type { ManifestRecord } from './manifest-record.ts';

/** Endpoints of which queues are on the broker with other arguments than this Waybill gives them. */
export interface Oddities {
  /** By endpoint: the first number of a generation that none of these queues has, and how many partitions the odd one has. */
  readonly endpoints: ReadonlyMap<string, { readonly next: number; readonly partitions: number }>;
  /** Queues that no endpoint has, such as the parking lot. */
  readonly queues: readonly string[];
}

export const NO_ODDITIES: Oddities = { endpoints: new Map(), queues: [] };

/** The step from what a record says to a topology. */
export interface Step {
  /** With the slots that the bus has by then: they only grow. */
  readonly topology: Topology;
  /** What is to be written before anything is done. Endpoints that are made anew are marked `switching`. */
  readonly layout: readonly EndpointLayout[];
  /** Bindings of earlier plans that this one has no more. */
  readonly stale: Topology['bindings'];
  readonly changes: readonly TopologyChange[];
  /** Whether endpoints are divided over slots that an earlier `apply` made and did not use for them: publishers are to know these. */
  readonly divides: boolean;
}

/**
 * What `apply` does, computed from what it read. Slots that come new share the queues of those they came from; an endpoint
 * whose partitions need them is divided anew in a second step, when every publisher knows them.
 * @throws WB_OPTION_INVALID
 */
export function planStep(record: ManifestRecord, wanted: Topology, odd: Oddities): Step {
  checkSlots(wanted);
  const before = layoutOf(record);
  const oldSlots = record.applied?.topology.slots;
  const slots = Math.max(wanted.slots, oldSlots ?? 0);
  const topology = { ...wanted, slots };
  const changes: TopologyChange[] = [];
  if (record.applied === undefined) changes.push({ action: 'add', what: 'bus', name: wanted.bus });
  else if (oldSlots !== undefined && oldSlots !== slots)
    changes.push({
      action: 'change',
      what: 'bus',
      name: wanted.bus,
      note: `slots ${String(oldSlots)} -> ${String(slots)}`,
    });
  for (const queue of odd.queues) changes.push({ action: 'change', what: 'queue', name: queue, note: OTHER_ARGUMENTS });

  const layout: EndpointLayout[] = [];
  let divides = false;
  for (const spec of wanted.endpoints) {
    const old = before.find((each) => each.spec.name === spec.name);
    divides ||=
      old !== undefined && newestOf(old).slots < (oldSlots ?? 0) && outdated(old, spec, oldSlots ?? 0).length > 0;
    const { endpoint, notes } = nextLayout(old, spec, oldSlots ?? slots, odd);
    layout.push(endpoint);
    if (old === undefined || old.retired !== undefined)
      changes.push({ action: 'add', what: 'endpoint', name: spec.name, note: describe(spec) });
    else if (notes.length > 0)
      changes.push({ action: 'change', what: 'endpoint', name: spec.name, note: notes.join(', ') });
  }
  for (const old of before) {
    if (wanted.endpoints.some(({ name }) => name === old.spec.name)) continue;
    layout.push({ ...old, retired: old.retired ?? { edition: record.applied?.edition ?? '' } });
    if (old.retired === undefined) changes.push({ action: 'remove', what: 'endpoint', name: old.spec.name });
  }

  const id = ({ type, endpoint }: Topology['bindings'][number]): string => `${type} -> ${endpoint}`;
  const known = new Map(
    [...(record.applied?.topology.bindings ?? []), ...(record.intent?.bindings ?? [])].map((each) => [id(each), each]),
  );
  const next = new Set(wanted.bindings.map(id));
  const applied = new Set(record.applied?.topology.bindings.map(id));
  const stale = [...known].flatMap(([name, binding]) => (next.has(name) ? [] : [binding]));
  for (const name of next) if (!applied.has(name)) changes.push({ action: 'add', what: 'binding', name });
  for (const binding of stale) changes.push({ action: 'remove', what: 'binding', name: id(binding) });
  return { topology, layout, stale, changes, divides };
}

const OTHER_ARGUMENTS = 'has other arguments, is made anew';

function nextLayout(
  old: EndpointLayout | undefined,
  spec: EndpointSpec,
  slots: number,
  odd: Oddities,
): { endpoint: EndpointLayout; notes: readonly string[] } {
  const oddity = odd.endpoints.get(spec.name);
  if (old === undefined) {
    const first = firstLayout(spec, slots);
    if (oddity === undefined) return { endpoint: first, notes: [] };
    const found = generationOf({ ...spec, partitions: oddity.partitions }, slots, 1);
    return { endpoint: switched({ ...first, generations: [found] }, spec, slots, oddity.next), notes: [] };
  }
  const { retired: _, ...kept } = old;
  const current = { ...kept, spec };
  const notes = [
    ...outdated(old, spec, slots),
    ...(oddity === undefined ? [] : [`queues with other arguments`]),
    ...(old.switching === true ? ['an interrupted change ends'] : []),
  ];
  const makeAnew = oddity !== undefined || outdated(old, spec, slots).length > 0;
  // A change that was interrupted ends first.
  if (!makeAnew || old.switching === true) return { endpoint: current, notes };
  return { endpoint: switched(current, spec, slots, oddity?.next), notes };
}

/** With one generation more, on the other exchange. */
export function switched(
  layout: EndpointLayout,
  spec: EndpointSpec,
  slots: number,
  number = newestOf(layout).number + 1,
): EndpointLayout {
  const generation = generationOf(spec, slots, number);
  return {
    ...layout,
    spec,
    generations: [...layout.generations, generation],
    side: otherSide(layout.side),
    switching: true,
  };
}

/** `+ endpoint oms (service, ...)` is the plan's way to show it; this is `apply`'s: one line each, bindings counted. */
export function changeLines(changes: readonly TopologyChange[]): string[] {
  const bindings = changes.filter(({ what }) => what === 'binding');
  const lines = changes
    .filter(({ what }) => what !== 'binding')
    .map(({ action, what, name, note }) => `${what} ${name}: ${PAST[action]}${note === undefined ? '' : `, ${note}`}`);
  for (const action of ['add', 'remove'] as const) {
    const some = bindings.filter((each) => each.action === action);
    if (some.length > FEW) lines.push(`${String(some.length)} bindings: ${PAST[action]}`);
    else lines.push(...some.map(({ name }) => `binding ${name}: ${PAST[action]}`));
  }
  return lines;
}

const PAST = { add: 'added', change: 'changed', remove: 'removed' } as const;
/** More bindings than these are only counted. */
const FEW = 5;

function describe({ kind, ordering, partitions }: EndpointSpec): string {
  return `${kind}, ordering ${ordering}, ${String(partitions)} ${partitions === 1 ? 'partition' : 'partitions'}`;
}

function checkSlots({ slots, endpoints }: Topology): void {
  if (!Number.isInteger(Math.log2(slots)) || slots < 1 || slots > 64) {
    throw new WaybillError('WB_OPTION_INVALID', `slots must be a power of two from 1 to 64, not ${String(slots)}`);
  }
  for (const { name, partitions } of endpoints) {
    if (Number.isInteger(partitions) && partitions >= 1 && partitions <= slots) continue;
    throw new WaybillError(
      'WB_OPTION_INVALID',
      `endpoint ${name}: partitions must be 1 to ${String(slots)} (slots), not ${String(partitions)}`,
    );
  }
}

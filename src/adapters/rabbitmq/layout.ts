import { slotsNeeded } from '../../message.ts';
import type { EndpointSpec, Topology } from '../../ports/topology.ts';

/** Queues of an endpoint that were made together: keys are divided among them in one way. */
export interface Generation {
  readonly number: number;
  readonly partitions: number;
  readonly ordering: EndpointSpec['ordering'];
  /**
   * How many slots are divided among the partitions. A bus that has more by now shares: slot `s` goes where `s mod slots`
   * goes, so a key stays in its queue whether its publisher has heard of the new slots or not.
   */
  readonly slots: number;
}

/** Which queues an endpoint has on the broker. Written to the manifest before each step that changes them. */
export interface EndpointLayout {
  readonly spec: EndpointSpec;
  /** Oldest first; only the last one is bound, the others are drained. Never empty. */
  readonly generations: readonly Generation[];
  /** On which of the two exchanges of the endpoint the last generation is bound. */
  readonly side: Side;
  /** Slots of the bus that are bound. */
  readonly slots: number;
  /** The last generation may be bound in part, and the one before it too. */
  readonly switching?: true;
  /** The plan has it no more. Under which plan it is drained: a key of `plans`. */
  readonly retired?: { readonly edition: string };
}

export type Side = 'main' | 'standby';

export type Layout = readonly EndpointLayout[];

export function otherSide(side: Side): Side {
  return side === 'main' ? 'standby' : 'main';
}

export function newestOf({ generations }: EndpointLayout): Generation {
  const newest = generations.at(-1);
  if (newest === undefined) throw new Error('an endpoint of the manifest has no generation');
  return newest;
}

/** What a record of the manifest says about endpoints. */
interface Recorded {
  readonly layout?: Layout;
  readonly applied?: { readonly topology: Topology };
  readonly intent?: Topology;
  readonly retired?: readonly EndpointSpec[];
}

/** The layout of a record; of one that an earlier version of Waybill wrote, what that version made. */
export function layoutOf(record: Recorded): Layout {
  if (record.layout !== undefined) return record.layout;
  const { applied, intent } = record;
  const current = [...(intent?.endpoints ?? []), ...(applied?.topology.endpoints ?? [])];
  const retired = (record.retired ?? []).filter(({ name }) => !current.some((each) => each.name === name));
  const slots = applied?.topology.slots ?? intent?.slots ?? 16;
  const specs = new Map([...current, ...retired].map((spec) => [spec.name, spec]));
  return [...specs.values()].map((spec) => {
    const first = firstLayout(spec, slots);
    const isRetired = retired.some(({ name }) => name === spec.name);
    return isRetired ? { ...first, retired: { edition: '' } } : first;
  });
}

export function firstLayout(spec: EndpointSpec, slots: number, number = 1): EndpointLayout {
  return { spec, generations: [generationOf(spec, slots, number)], side: 'main', slots };
}

export function generationOf({ partitions, ordering }: EndpointSpec, slots: number, number: number): Generation {
  return { number, partitions, ordering, slots };
}

/** The layout of a bus that is new. */
export function freshLayout(topology: Topology): Layout {
  return topology.endpoints.map((spec) => firstLayout(spec, topology.slots));
}

/** Why the queues of an endpoint cannot stay as they are, in the words of the plan; empty when they can. */
export function outdated(layout: EndpointLayout, spec: EndpointSpec, slots: number): readonly string[] {
  const newest = newestOf(layout);
  const reasons: string[] = [];
  if (newest.partitions !== spec.partitions)
    reasons.push(`partitions ${String(newest.partitions)} -> ${String(spec.partitions)}`);
  if (newest.ordering !== spec.ordering) reasons.push(`ordering ${newest.ordering} -> ${spec.ordering}`);
  // More partitions than slots would leave some without a slot, and few slots fill some more than others.
  if (reasons.length === 0 && newest.slots < Math.min(slots, slotsNeeded(spec.partitions)))
    reasons.push(`divides ${String(newest.slots)} -> ${String(slots)} slots`);
  return reasons;
}

/** The partition of a generation that takes a slot of the bus. */
export function partitionOfSlot(slot: number, { slots, partitions }: Generation): number {
  return (slot % slots) % partitions;
}

export function replaceLayout(layout: Layout, changed: EndpointLayout): Layout {
  const at = layout.findIndex(({ spec }) => spec.name === changed.spec.name);
  if (at === -1) return [...layout, changed];
  return layout.map((each, index) => (index === at ? changed : each));
}

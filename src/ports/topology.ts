import type { TypeRef } from '../message.ts';

/** What the transport must hold for a plan: endpoints, and which types of the bus each of them takes. */
export interface Topology {
  readonly bus: string;
  /** Slots that keys hash into. A power of two, 1 to 64, at least the largest `partitions`; it only grows. */
  readonly slots: number;
  readonly endpoints: readonly EndpointSpec[];
  /** A message published on the bus goes to every endpoint that is bound to its type; with none it is parked. */
  readonly bindings: readonly Binding[];
}

/** The queue, or its partitions, from which one service, the router or one isolated route takes messages. */
export interface EndpointSpec {
  /** `oms` for a service, `router`, `route.<name>` for an isolated route, `gateway` for what clients without the SDK publish. */
  readonly name: string;
  readonly kind: 'service' | 'router' | 'route' | 'gateway';
  /** `key`: messages of one slot go to one partition, and a partition has one active consumer. `none`: partitions are only queues. */
  readonly ordering: 'key' | 'none';
  /** 1 to `slots`. */
  readonly partitions: number;
  /** A receiver without the SDK: gets single messages, never batches. */
  readonly plain: boolean;
}

export interface Binding {
  readonly type: TypeRef;
  readonly endpoint: string;
}

/** The record of what was applied: everything a service needs that knows only the transport's url. Holds no secrets. */
export interface Manifest {
  readonly format: 1;
  readonly bus: string;
  /** Hash of the definition; equal editions are equal plans. */
  readonly edition: string;
  readonly appliedAt: string;
  readonly appliedBy: string;
  readonly topology: Topology;
  /** The `Definition` it was compiled from, all parts merged, as plain JSON. */
  readonly definition: unknown;
  /** What each repository of the bus applied. Absent in what was applied before there were parts: then all is the part `main`. */
  readonly parts?: readonly ManifestPart[];
  /** What people paused, by the name of the endpoint. An apply leaves it as it is, and ends it with its endpoint. Absent where it is nothing. */
  readonly paused?: Readonly<Record<string, Pause>>;
}

/** That an endpoint takes nothing, in any process, until somebody resumes it. */
export interface Pause {
  readonly at: string;
  readonly by: string;
  readonly reason?: string;
}

/** What one repository owns of a bus, as it applied it. */
export interface ManifestPart {
  readonly name: string;
  /** Hash of its definition. */
  readonly edition: string;
  readonly appliedAt: string;
  readonly appliedBy: string;
  /** Its `PartDefinition`, as plain JSON. */
  readonly definition: unknown;
}

/** A manifest once an endpoint is paused, or resumed. */
export function withPause(manifest: Manifest, endpoint: string, pause: Pause | undefined): Manifest {
  const { [endpoint]: _, ...others } = manifest.paused ?? {};
  const { paused: _before, ...same } = manifest;
  const paused = pause === undefined ? others : { ...others, [endpoint]: pause };
  return Object.keys(paused).length === 0 ? same : { ...same, paused };
}

/** `by kim, 2026-01-01T00:00:00Z: the supplier is away` */
export function pauseText({ at, by, reason }: Pause): string {
  return `by ${by}, ${at}${reason === undefined ? '' : `: ${reason}`}`;
}

/**
 * A new manifest with what was paused before, of the endpoints that there still are. The others are `endingPauses`: kept, they would
 * have an endpoint that comes back months later take nothing, for a reason that nobody remembers.
 */
export function keepPauses(manifest: Manifest, before: Manifest | undefined): Manifest {
  const { paused: _, ...same } = manifest;
  const ending = endingPauses(manifest, before);
  const paused = Object.fromEntries(
    Object.entries(before?.paused ?? {}).filter(([name]) => !Object.hasOwn(ending, name)),
  );
  return Object.keys(paused).length === 0 ? same : { ...same, paused };
}

/** Of what was paused before, what ends with its endpoint once `manifest` is applied; whoever applies it is to be told. */
export function endingPauses({ topology }: Manifest, before: Manifest | undefined): Readonly<Record<string, Pause>> {
  const names = new Set(topology.endpoints.map(({ name }) => name));
  return Object.fromEntries(Object.entries(before?.paused ?? {}).filter(([name]) => !names.has(name)));
}

import { randomUUID } from 'node:crypto';
import type { Binding, EndpointSpec, Manifest, Topology } from '../../src/ports/topology.ts';
import type { Transport } from '../../src/ports/transport.ts';
import type { Peer } from '../support/peer.ts';

/** What a test needs of a topology; the rest has defaults. */
export interface Sketch {
  /** Endpoints by name, each with the types it is bound to. */
  readonly endpoints: Readonly<Record<string, EndpointSketch>>;
  /** @default 16 */
  readonly slots?: number;
  /** Largest amount of parked messages. @unit bytes @default 268_435_456 */
  readonly parking?: number;
}

export interface EndpointSketch extends Partial<Omit<EndpointSpec, 'name'>> {
  /** @default [] */
  readonly takes?: readonly string[];
}

/** One way to carry messages, as the suite sees it: an adapter says how to start it, and nothing else. */
export interface Harness {
  readonly name: string;
  readonly kind: Transport['kind'];
  /** Obtains what all its buses need; skips the suite where it cannot be had. */
  start(context: Mocha.Context): Promise<void>;
  /** A bus of its own, with the manifest applied and no connection of this process open. */
  create(manifest: Manifest, parkingBytes: number): Promise<Bus>;
  stop(): Promise<void>;
}

/** A bus that only one test knows. */
export interface Bus {
  readonly manifest: Manifest;
  /** A connection of this process. On the embedded transport the first one owns the folder, where no other process does. */
  connect(): Promise<Transport>;
  /** A connection of a process of its own. */
  peer(): Promise<Peer>;
  /** Breaks the connections of this process as a network or a dying owner does; undefined where nothing is between. */
  readonly cut?: () => Promise<void>;
  /** Makes the far side silent until `thaw`; undefined where nothing is between. */
  readonly freeze?: () => void;
  readonly thaw?: () => void;
  /** Closes what `connect` and `peer` opened and removes the bus. */
  destroy(): Promise<void>;
}

export function manifestOf(sketch: Sketch, bus = `t-${randomUUID().slice(0, 8)}`): Manifest {
  return {
    format: 1,
    bus,
    edition: randomUUID(),
    appliedAt: '2026-01-01T00:00:00.000Z',
    appliedBy: 'tests',
    topology: topologyOf(sketch, bus),
    definition: { bus },
  };
}

export function topologyOf(sketch: Sketch, bus: string): Topology {
  const endpoints: EndpointSpec[] = [];
  const bindings: Binding[] = [];
  for (const [name, { takes = [], ...spec }] of Object.entries(sketch.endpoints)) {
    endpoints.push({ name, kind: 'service', ordering: 'key', partitions: 1, plain: false, ...spec });
    for (const type of takes) bindings.push({ type, endpoint: name });
  }
  return { bus, slots: sketch.slots ?? 16, endpoints, bindings };
}

import type { Binding, EndpointSpec, Manifest, ManifestPart, Pause, Topology } from '../../ports/topology.ts';
import type { Writes } from './commit.ts';
import type { StoredEndpoint } from './endpoint.ts';
import type { Store } from './folder.ts';
import { isRecord, numberIn, stringIn } from './shapes.ts';

/** For each endpoint, how many of the first deliveries of each partition are suspect. */
export type Suspects = Readonly<Record<string, readonly number[]>>;

export function readManifest(store: Store): Manifest | undefined {
  const found = store.meta.get('manifest');
  return isRecord(found) ? manifestOf(found) : undefined;
}

/** A manifest that came as JSON. */
export function manifestOf(value: Readonly<Record<string, unknown>>): Manifest {
  return {
    format: 1,
    bus: stringIn(value, 'bus'),
    edition: stringIn(value, 'edition'),
    appliedAt: stringIn(value, 'appliedAt'),
    appliedBy: stringIn(value, 'appliedBy'),
    topology: topologyOf(value['topology']),
    definition: value['definition'],
    ...(Array.isArray(value['parts']) && { parts: value['parts'].filter(isRecord).map(partOf) }),
    ...(isRecord(value['paused']) && { paused: pausesOf(value['paused']) }),
  };
}

function pausesOf(value: Readonly<Record<string, unknown>>): Readonly<Record<string, Pause>> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, each]) => (isRecord(each) ? [[name, pauseOf(each)]] : [])),
  );
}

export function pauseOf(value: Readonly<Record<string, unknown>>): Pause {
  const { reason } = value;
  return { at: stringIn(value, 'at'), by: stringIn(value, 'by'), ...(typeof reason === 'string' && { reason }) };
}

function partOf(value: Readonly<Record<string, unknown>>): ManifestPart {
  return {
    name: stringIn(value, 'name'),
    edition: stringIn(value, 'edition'),
    appliedAt: stringIn(value, 'appliedAt'),
    appliedBy: stringIn(value, 'appliedBy'),
    definition: value['definition'],
  };
}

function topologyOf(value: unknown): Topology {
  const topology = isRecord(value) ? value : {};
  const { endpoints, bindings } = topology;
  return {
    bus: stringIn(topology, 'bus'),
    slots: numberIn(topology, 'slots'),
    endpoints: Array.isArray(endpoints) ? endpoints.filter(isRecord).map(specOf) : [],
    bindings: Array.isArray(bindings) ? bindings.filter(isRecord).map(bindingOf) : [],
  };
}

function specOf(value: Readonly<Record<string, unknown>>): EndpointSpec {
  const { kind } = value;
  return {
    name: stringIn(value, 'name'),
    kind: kind === 'router' || kind === 'route' || kind === 'gateway' ? kind : 'service',
    ordering: value['ordering'] === 'none' ? 'none' : 'key',
    partitions: numberIn(value, 'partitions'),
    plain: value['plain'] === true,
  };
}

function bindingOf(value: Readonly<Record<string, unknown>>): Binding {
  return { type: stringIn(value, 'type'), endpoint: stringIn(value, 'endpoint') };
}

export function readEndpoints(store: Store): StoredEndpoint[] {
  const found = store.meta.get('endpoints');
  if (!Array.isArray(found)) return [];
  return found.filter(isRecord).map((each) => ({
    id: numberIn(each, 'id'),
    window: numberIn(each, 'window'),
    spec: specOf(isRecord(each['spec']) ? each['spec'] : {}),
  }));
}

export function writeEndpoints(store: Writes, endpoints: Iterable<StoredEndpoint>): void {
  const plain = [...endpoints].map(({ id, spec, window }) => ({ id, spec, window }));
  store.meta.put('endpoints', plain);
}

export function readSuspects(store: Store): Suspects {
  const found = store.meta.get('suspects');
  if (!isRecord(found)) return {};
  return Object.fromEntries(
    Object.entries(found).map(([name, counts]) => [
      name,
      Array.isArray(counts) ? counts.map((count) => (typeof count === 'number' ? count : 0)) : [],
    ]),
  );
}

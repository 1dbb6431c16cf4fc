import type { EndpointSpec, Topology } from '../../ports/topology.ts';
import type { Survey, TopologyChange } from '../../ports/transport.ts';

/** What comes of a topology when another is applied. The folder holds what was applied and nothing else: it cannot drift. */
export function surveyTopology(before: Topology | undefined, after: Topology): Survey {
  const changes: TopologyChange[] = before === undefined ? [{ action: 'add', what: 'bus', name: after.bus }] : [];
  const old = new Map((before?.endpoints ?? []).map((spec) => [spec.name, spec]));
  for (const spec of after.endpoints) {
    const known = old.get(spec.name);
    if (known === undefined) changes.push({ action: 'add', what: 'endpoint', name: spec.name });
    else {
      const note = differences(known, spec);
      if (note !== '') changes.push({ action: 'change', what: 'endpoint', name: spec.name, note });
    }
    old.delete(spec.name);
  }
  for (const name of old.keys()) changes.push({ action: 'remove', what: 'endpoint', name });
  const text = ({ type, endpoint }: Topology['bindings'][number]): string => `${type} -> ${endpoint}`;
  const bound = new Set((before?.bindings ?? []).map(text));
  const wanted = new Set(after.bindings.map(text));
  for (const name of wanted) if (!bound.has(name)) changes.push({ action: 'add', what: 'binding', name });
  for (const name of bound) if (!wanted.has(name)) changes.push({ action: 'remove', what: 'binding', name });
  return { changes, drift: [] };
}

function differences(before: EndpointSpec, after: EndpointSpec): string {
  return [
    ...(before.partitions === after.partitions
      ? []
      : [`partitions ${String(before.partitions)} -> ${String(after.partitions)}`]),
    ...(before.ordering === after.ordering ? [] : [`ordering ${before.ordering} -> ${after.ordering}`]),
  ].join(', ');
}

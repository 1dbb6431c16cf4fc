import type { Definition } from '../config/definition.ts';
import { GATEWAY } from '../ports/gateway.ts';
import type { Binding, EndpointSpec, Topology } from '../ports/topology.ts';
import { ROUTER, routeEndpoint } from './endpoint-name.ts';
import { allDestinationsOf, type CompiledRoute, destinationsOf } from './flow.ts';
import type { Road } from './roads.ts';

/** What the transport must hold so that every enabled route gets its messages by its road. */
export function makeTopology(
  definition: Definition,
  routes: readonly CompiledRoute[],
  roads: ReadonlyMap<string, Road>,
): Topology {
  const bindings = new Map<string, Binding>();
  const targeted = new Set<string>();
  const endpoints: EndpointSpec[] = [];
  for (const route of routes) {
    const road = roads.get(route.name)?.road;
    const own = road === 'isolated' ? routeEndpoint(route.name) : ROUTER;
    if (road === 'isolated') endpoints.push(routerLike(own, 'route', definition));
    for (const take of route.takes) {
      const { ref, cast, published, flow } = take;
      for (const { service } of allDestinationsOf(take)) if (service !== undefined) targeted.add(service);
      const services = destinationsOf(flow).flatMap(({ service }) => service ?? []);
      if ((cast !== undefined && !published) || route.schedule !== undefined) continue;
      for (const endpoint of road === 'direct' ? services : [own]) {
        bindings.set(`${ref} ${endpoint}`, { type: ref, endpoint });
      }
    }
  }
  if ([...roads.values()].some(({ road }) => road === 'inline'))
    endpoints.push(routerLike(ROUTER, 'router', definition));
  if (definition.services.some(({ client, publishes }) => client === 'plain' && publishes.length > 0)) {
    // One partition, since the key is only known once the body was read: so the order of arrival is kept.
    endpoints.push({ name: GATEWAY, kind: 'gateway', ordering: 'key', partitions: 1, plain: true });
  }
  for (const { name, receives, ordering, partitions, client } of definition.services) {
    if (receives.length === 0 && !targeted.has(name)) continue;
    endpoints.push({ name, kind: 'service', ordering, partitions, plain: client === 'plain' });
  }
  const most = Math.max(definition.slots, ...endpoints.map(({ partitions }) => partitions));
  return {
    bus: definition.bus,
    slots: 2 ** Math.ceil(Math.log2(most)),
    endpoints: endpoints.sort((a, b) => (a.name < b.name ? -1 : 1)),
    bindings: [...bindings.keys()].sort().flatMap((id) => bindings.get(id) ?? []),
  };
}

function routerLike(name: string, kind: 'router' | 'route', definition: Definition): EndpointSpec {
  return { name, kind, ordering: 'key', partitions: definition.routerPartitions, plain: false };
}

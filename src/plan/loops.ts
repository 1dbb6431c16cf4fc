import type { Definition, DocumentPath, RouteDefinition } from '../config/definition.ts';
import type { TypeRef } from '../message.ts';
import type { FaultSink } from './faults.ts';
import { allDestinationsOf, type CompiledRoute } from './flow.ts';

/** A route that takes one type and publishes another. */
interface Edge {
  readonly from: TypeRef;
  readonly to: TypeRef;
  readonly route: string;
}

/**
 * Refuses routes that publish in a circle: a message would go round for ever. Predicates are not considered, since nothing
 * shows that they end it. Each circle is named once.
 */
export function checkLoops(routes: readonly CompiledRoute[], definition: Definition, faults: FaultSink): void {
  const edges = new Map<TypeRef, Edge[]>();
  for (const { name, takes, schedule } of routes) {
    // Nothing that is published comes to it.
    if (schedule !== undefined) continue;
    for (const take of takes) {
      const { ref } = take;
      for (const { service, as } of allDestinationsOf(take)) {
        if (service !== undefined) continue;
        const leaving = edges.get(ref) ?? [];
        if (!leaving.some(({ to, route }) => to === as.ref && route === name))
          leaving.push({ from: ref, to: as.ref, route: name });
        edges.set(ref, leaving);
      }
    }
  }
  const done = new Set<TypeRef>();
  for (const start of edges.keys()) {
    for (const circle of circlesFrom(start, edges, done)) report(circle, definition, faults);
  }
}

/** Depth first: an edge back to a type that is on the way closes a circle. Keeps its own stack, since chains may be long. */
function circlesFrom(
  start: TypeRef,
  edges: ReadonlyMap<TypeRef, readonly Edge[]>,
  done: Set<TypeRef>,
): readonly (readonly Edge[])[] {
  const circles: (readonly Edge[])[] = [];
  const way: Edge[] = [];
  const onWay = [start];
  const left = [[...(edges.get(start) ?? [])]];
  if (done.has(start)) return circles;
  for (let open = left.at(-1); open !== undefined; open = left.at(-1)) {
    const edge = open.shift();
    if (edge === undefined) {
      left.pop();
      way.pop();
      const ended = onWay.pop();
      if (ended !== undefined) done.add(ended);
      continue;
    }
    const seen = onWay.indexOf(edge.to);
    if (seen !== -1) circles.push([...way.slice(seen), edge]);
    else if (!done.has(edge.to)) {
      way.push(edge);
      onWay.push(edge.to);
      left.push([...(edges.get(edge.to) ?? [])]);
    }
  }
  return circles;
}

function report(circle: readonly Edge[], definition: Definition, faults: FaultSink): void {
  const last = circle.at(-1);
  const route = definition.routes.find(({ name }) => name === last?.route);
  if (last === undefined || route === undefined) return;
  const story = circle.map(({ from, route: name }) => `${from} -(${name})-> `).join('');
  faults.add({
    code: 'WB_ROUTE_LOOP',
    message:
      circle.length === 1
        ? `the route publishes what it takes: ${story}${last.to}`
        : `routes publish in a circle: ${story}${last.to}`,
    fix: 'deliver to a service instead, or publish another type',
    file: route.file,
    path: publishPath(route, last.to) ?? route.path,
  });
}

function publishPath({ branches, onError = [] }: RouteDefinition, ref: TypeRef): DocumentPath | undefined {
  const all = [...branches.flatMap(({ to }) => to), ...onError];
  return all.find(({ target }) => 'publish' in target && target.publish === ref)?.path;
}

import type { Definition, RouteDefinition } from '../config/definition.ts';
import type { FaultSink } from './faults.ts';
import type { CompiledRoute } from './flow.ts';

interface HandOver {
  readonly from: RouteDefinition;
  readonly to: string;
  readonly path: readonly (string | number)[];
}

/** Refuses routes that hand what they fail on to a route that does not take it, or that hands it back. */
export function checkHandOvers(routes: readonly CompiledRoute[], definition: Definition, faults: FaultSink): void {
  const compiled = new Map(routes.map((route) => [route.name, route]));
  const handOvers = definition.routes.filter(({ name }) => compiled.has(name)).flatMap(handOversOf);
  for (const { from, to, path } of handOvers) {
    const fault = (code: 'WB_ROUTE_TYPE' | 'WB_ROUTE_LOOP', message: string, fix: string): void => {
      faults.add({ code, message, fix, file: from.file, path });
    };
    // One that there is not at all is a fault of its own.
    if (!definition.routes.some(({ name }) => name === to)) continue;
    const target = compiled.get(to);
    if (target === undefined) {
      fault('WB_ROUTE_TYPE', `the route ${to} is disabled, so it takes nothing`, `enable ${to}, or name another route`);
      continue;
    }
    if (target.schedule !== undefined) {
      fault('WB_ROUTE_TYPE', `the route ${to} begins by a schedule, so it takes nothing else`, 'name another route');
      continue;
    }
    const taken = new Set(target.takes.map(({ ref }) => ref));
    const missing = compiled.get(from.name)?.takes.find(({ ref }) => !taken.has(ref));
    if (missing !== undefined) {
      const known = [...taken].join(', ');
      fault(
        'WB_ROUTE_TYPE',
        `the route ${to} does not take ${missing.ref}`,
        `it takes ${known}: add the type to its from`,
      );
    }
    if (leadsBack(from.name, to, handOvers))
      fault(
        'WB_ROUTE_LOOP',
        `what ${from.name} fails on comes back to it by way of ${to}`,
        'end it at a service, or as a dead letter',
      );
  }
}

function handOversOf(from: RouteDefinition): readonly HandOver[] {
  return (from.onError ?? []).flatMap(({ target, path }) =>
    'route' in target ? [{ from, to: target.route, path }] : [],
  );
}

function leadsBack(start: string, next: string, handOvers: readonly HandOver[]): boolean {
  const seen = new Set<string>();
  const open = [next];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === start) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    for (const { from, to } of handOvers) if (from.name === name) open.push(to);
  }
  return false;
}

import type { ServiceDefinition } from '../config/definition.ts';
import { isPure } from './chain.ts';
import { routeOfEndpoint } from './endpoint-name.ts';
import { pairOf } from './entry.ts';
import {
  allDestinationsOf,
  type CompiledRoute,
  destinationsOf,
  type Flow,
  type FlowDestination,
  type FlowStep,
  forwardsTo,
} from './flow.ts';

/** How a route is run, and why that way. */
export interface Road {
  readonly road: 'direct' | 'inline' | 'isolated';
  /** One clause for people. */
  readonly because: string;
}

export type Services = ReadonlyMap<string, ServiceDefinition>;

/**
 * The cheapest road for each enabled route, by name.
 *
 * | the route                                                     | road     |
 * |---------------------------------------------------------------|----------|
 * | says `isolate: true`, or has a schedule                       | isolated |
 * | is named under another route's `onError`                      | isolated |
 * | has a step that asks outside, or that remembers               | isolated |
 * | has a predicate, a step, a cast, a plain receiver, `publish`  | inline   |
 * | brings a service what another route brings it too             | inline   |
 * | leads to an ordered service that an inline route leads to     | inline   |
 * | else                                                          | direct   |
 *
 * The last but one keeps each route's delivery its own: two bindings of one type to one endpoint would be one. The last
 * keeps the order of a key: on the direct road a message would overtake one that goes through the router.
 */
export function chooseRoads(routes: readonly CompiledRoute[], services: Services): ReadonlyMap<string, Road> {
  const roads = new Map<string, Road>();
  const forwarders = forwardersOf(routes);
  const handed = routesHandedTo(routes);
  for (const route of routes) {
    const giver = handed.get(route.name);
    const because = `${giver ?? ''} hands it what it fails on`;
    roads.set(route.name, giver === undefined ? ownRoad(route, services, forwarders) : { road: 'isolated', because });
  }
  // A route that leaves the direct road takes along those that share an ordered service with it, and so on.
  for (let changed = true; changed; ) {
    changed = false;
    const inlineInto = servicesOnInlineRoads(routes, roads);
    for (const route of routes) {
      if (roads.get(route.name)?.road !== 'direct') continue;
      const shared = servicesOf(route).find((name) => inlineInto.has(name) && services.get(name)?.ordering === 'key');
      if (shared === undefined) continue;
      const because = `${shared} keeps the order of keys, and ${inlineInto.get(shared) ?? ''} leads to it through the router`;
      roads.set(route.name, { road: 'inline', because });
      changed = true;
    }
  }
  return roads;
}

/** Routes that need an endpoint for what another one hands them, with the name of that one. */
function routesHandedTo(routes: readonly CompiledRoute[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { name, takes } of routes) {
    for (const { service } of takes.flatMap(({ onError }) => onError)) {
      const route = service === undefined ? undefined : routeOfEndpoint(service);
      if (route !== undefined) found.set(route, name);
    }
  }
  return found;
}

/** Pairs of service and type (`pairOf`) with the routes that may forward messages as they came, in order. */
function forwardersOf(routes: readonly CompiledRoute[]): ReadonlyMap<string, readonly string[]> {
  const forwarders = new Map<string, string[]>();
  for (const { name, takes } of routes) {
    for (const take of takes) {
      for (const destination of allDestinationsOf(take)) {
        const service = forwardsTo(take, destination);
        if (service === undefined) continue;
        const pair = pairOf(service, take.ref);
        const names = forwarders.get(pair) ?? [];
        if (!names.includes(name)) names.push(name);
        forwarders.set(pair, names);
      }
    }
  }
  return forwarders;
}

/** Pairs of service and type that more than one route may forward the same message to, so that ids must tell them apart. */
export function sharedPairs(routes: readonly CompiledRoute[]): ReadonlySet<string> {
  return new Set([...forwardersOf(routes)].filter(([, names]) => names.length > 1).map(([pair]) => pair));
}

function ownRoad(route: CompiledRoute, services: Services, forwarders: ReadonlyMap<string, readonly string[]>): Road {
  if (route.isolate) return { road: 'isolated', because: 'isolate: true' };
  if (route.schedule !== undefined) return { road: 'isolated', because: 'it begins by a schedule' };
  const waiting = route.takes.flatMap(({ flow }) => flow.steps).find((step) => !isPure(step));
  if (waiting !== undefined) return { road: 'isolated', because: becauseOf(waiting) };
  for (const { ref, cast, published, flow } of route.takes) {
    if (cast !== undefined && published) return { road: 'inline', because: `${ref} is cast to ${flow.start.ref}` };
    const because = inlineBecause(route, flow, services, forwarders);
    if (because !== undefined) return { road: 'inline', because };
  }
  return { road: 'direct', because: 'selection by type alone, receiver with the SDK' };
}

/** Whether a step of it has a state. */
export function remembers({ takes }: CompiledRoute): boolean {
  return takes.some(({ flow }) => flow.steps.some(({ step }) => 'advance' in step));
}

function becauseOf({ label, step }: FlowStep): string {
  return 'advance' in step ? `${label} remembers` : `${label} asks outside`;
}

function inlineBecause(
  route: CompiledRoute,
  flow: Flow,
  services: Services,
  forwarders: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  if (flow.when !== undefined) return 'it has a predicate';
  if (flow.steps.length > 0)
    return flow.steps.length === 1 ? 'it has a step' : `it has ${String(flow.steps.length)} steps`;
  if (flow.branches.some(({ when }) => when !== undefined)) return 'it chooses by predicates';
  for (const destination of destinationsOf(flow)) {
    const because = notDirect(route, flow, destination, services, forwarders);
    if (because !== undefined) return because;
  }
  return undefined;
}

function notDirect(
  route: CompiledRoute,
  flow: Flow,
  { when, service, as, cast }: FlowDestination,
  services: Services,
  forwarders: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  if (service === undefined) return `it publishes ${as.ref}`;
  if (when !== undefined) return `its way to ${service} has a predicate`;
  if (cast !== undefined) return `${flow.end.ref} is cast to ${as.ref} for ${service}`;
  if (services.get(service)?.client === 'plain') return `${service} is a client without the SDK`;
  const others = (forwarders.get(pairOf(service, as.ref)) ?? []).filter((name) => name !== route.name);
  return others.length === 0
    ? undefined
    : `${others.join(', ')} brings ${as.ref} to ${service} too, and each delivers its own`;
}

function servicesOf(route: CompiledRoute): readonly string[] {
  return route.takes.flatMap(allDestinationsOf).flatMap(({ service }) => service ?? []);
}

/** Services that an inline route leads to, with the name of the first such route. */
function servicesOnInlineRoads(
  routes: readonly CompiledRoute[],
  roads: ReadonlyMap<string, Road>,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const route of routes) {
    if (roads.get(route.name)?.road !== 'inline') continue;
    for (const service of servicesOf(route)) if (!found.has(service)) found.set(service, route.name);
  }
  return found;
}

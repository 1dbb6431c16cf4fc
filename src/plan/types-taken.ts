import type { Definition, RouteDefinition } from '../config/definition.ts';
import type { Cast, Contract, Contracts } from '../contracts/contracts.ts';
import type { TypeRef } from '../message.ts';
import { matchesType } from '../routes/pattern.ts';
import type { Flow } from './flow.ts';

/** A type that a route takes, before what it does with it is compiled. */
export interface TypeTaken {
  readonly origin: Contract;
  /** The contract the route is written for. */
  readonly start: Contract;
  /** From `origin` to `start`, where they differ. */
  readonly cast: Cast | undefined;
}

/** What comes onto the bus by what it declares: what services publish, and what enabled routes publish again at their ends. */
export function publishedTypes(definition: Definition): ReadonlySet<TypeRef> {
  const published = new Set(definition.services.flatMap((service) => service.publishes));
  for (const route of definition.routes) {
    if (!route.enabled) continue;
    for (const { target } of [...route.branches.flatMap((branch) => branch.to), ...(route.onError ?? [])]) {
      if ('publish' in target) published.add(target.publish);
    }
  }
  return published;
}

/** What steps of these routes publish: copies, and what they let out. */
export function publishedBySteps(
  routes: readonly { readonly takes: readonly { readonly flow: Flow }[] }[],
): readonly TypeRef[] {
  const exits = routes.flatMap(({ takes }) => takes.flatMap(({ flow }) => flow.exits));
  return exits.flatMap(({ destination: { service, as } }) => (service === undefined ? as.ref : []));
}

/**
 * The types that `from` means: those it names, those its patterns match, and older majors that casts lead up from. A type
 * that is named is never cast; an older one is cast to the nearest major that is named.
 */
export function typesTaken(route: RouteDefinition, contracts: Contracts): readonly TypeTaken[] {
  const named = contracts.all.filter(({ ref }) => route.from.some((from) => matchesType(from, ref)));
  const taken = named.map((start): TypeTaken => ({ origin: start, start, cast: undefined }));
  // What a schedule makes is of the one type.
  if (route.schedule !== undefined) return taken;
  const seen = new Set(named);
  for (const start of named) {
    for (const ref of contracts.accepted(start.ref)) {
      const origin = contracts.get(ref);
      const cast = contracts.cast(ref, start.ref);
      if (origin === undefined || cast === undefined || seen.has(origin)) continue;
      seen.add(origin);
      taken.push({ origin, start, cast });
    }
  }
  return taken;
}

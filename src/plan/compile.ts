import type { Definition, ServiceDefinition } from '../config/definition.ts';
import type { Contracts } from '../contracts/contracts.ts';
import { compileContracts } from '../contracts/registry.ts';
import type { Fault, LocatedFault } from '../errors.ts';
import { MEDIATORS } from '../mediators/table.ts';
import type { Tables } from '../ports/lookup.ts';
import type { Mediator } from '../ports/mediator.ts';
import type { Topology } from '../ports/topology.ts';
import { checkRoutes, knownNames } from '../routes/check.ts';
import { checkTables } from './check-tables.ts';
import { editionOf } from './edition.ts';
import { ROUTER, routeEndpoint, routeOfEndpoint } from './endpoint-name.ts';
import { FaultSink, type Locate, locateFile } from './faults.ts';
import { allDestinationsOf, type CompiledRoute, type Take } from './flow.ts';
import {
  checkEnd,
  checkExpected,
  checkMixing,
  compileFlow,
  compileOnError,
  type FlowContext,
} from './flow-compiler.ts';
import { checkHandOvers } from './hand-overs.ts';
import { requirePlugins, tellLacking } from './lacking.ts';
import { checkLoops } from './loops.ts';
import type { LackingPlugin, Plan, PlannedRoute, Program } from './plan.ts';
import { makeProgram } from './program.ts';
import { chooseRoads, type Road, remembers, sharedPairs } from './roads.ts';
import { compileSchedule } from './schedule.ts';
import { checkServices } from './services.ts';
import { makeTopology } from './topology.ts';
import { publishedBySteps, publishedTypes, typesTaken } from './types-taken.ts';
import { warnOf } from './warnings.ts';

export interface CompileOptions {
  /** Finds lines and columns. @default the file alone */
  readonly locate?: Locate;
  /** What steps may say. @default the built-in mediators */
  readonly mediators?: readonly Mediator[];
  /** The definition comes from an applied manifest: contracts are compiled and examples checked only when needed. @default false */
  readonly trusted?: boolean;
  /** Of a definition that was applied: what the transport holds. Goes before what a plan that lacks plugins would make of it. */
  readonly applied?: Topology;
}

export interface CompiledPlan {
  /** Absent when there are faults. */
  readonly plan?: Plan;
  /** With faults good for looking at data only, and only at that of sound contracts. */
  readonly contracts: Contracts;
  /** Every fault of contracts, services and routes, by file and place. */
  readonly faults: readonly Fault[];
  /** Things that work but that somebody should know; also in the plan. */
  readonly warnings: readonly Fault[];
}

/** Checks a definition as a whole and compiles it to a plan. Never throws: what is wrong is in `faults`. */
export function compilePlan(definition: Definition, options: CompileOptions = {}): CompiledPlan {
  const { locate = locateFile, mediators = MEDIATORS, trusted = false } = options;
  const faults = new FaultSink();
  const warnings = new FaultSink();
  const { contracts, faults: contractFaults } = compileContracts(definition.contracts, definition.casts, { trusted });
  for (const { offset, ...fault } of contractFaults) faults.add(fault, offset === undefined ? {} : { offset });
  const services = new Map(definition.services.map((service) => [service.name, service]));
  checkServices(definition, faults);
  checkTables(definition, contracts, faults);
  const lacks: LackingPlugin[] = [];
  const context = {
    plugins: definition.plugins,
    lacking: (plugin: LackingPlugin, at: Pick<LocatedFault, 'file' | 'path'>): void => {
      lacks.push(plugin);
      if (!trusted) faults.add({ code: 'WB_PLUGIN_MISSING', ...tellLacking(plugin), ...at }, { key: true });
    },
    contracts,
    services,
    faults,
    warnings,
    facilities: definition.facilities,
    sources: definition.sources,
    mediators: new Map(mediators.map((each) => [each.name, each])),
  };
  const drafts = compileRoutes(definition, context).filter(({ enabled }) => enabled);
  // Steps publish as well, and only now it is known what.
  const published = new Set([...publishedTypes(definition), ...publishedBySteps(drafts)]);
  const routes = drafts.map((draft): CompiledRoute => {
    return { ...draft, takes: draft.takes.map((take) => ({ ...take, published: published.has(take.ref) })) };
  });
  checkHandOvers(routes, definition, faults);
  checkLoops(routes, definition, faults);
  warnOf({ definition, contracts, published, routes }, warnings);
  const warned = warnings.located(locate);
  if (faults.added > 0) return { contracts, faults: faults.located(locate), warnings: warned };
  const topology = lacks.length > 0 ? options.applied : undefined;
  const made = { contracts, services, routes, warnings: warned, lacks, topology };
  return { plan: makePlan(definition, made), contracts, faults: [], warnings: warned };
}

/** A route of which it is not known yet which of its types are published. */
interface RouteDraft extends Omit<CompiledRoute, 'takes'> {
  readonly takes: readonly Omit<Take, 'published'>[];
}

function compileRoutes(definition: Definition, context: Omit<FlowContext, 'file'>): readonly RouteDraft[] {
  const { contracts, faults } = context;
  const { bus } = definition;
  for (const { key, offset, ...fault } of checkRoutes(definition.routes, knownNames(definition))) {
    faults.add(fault, { ...(key !== undefined && { key }), ...(offset !== undefined && { offset }) });
  }
  return definition.routes.map((route, position) => {
    const { name, file, enabled, isolate, from } = route;
    const flows = new Map<string, ReturnType<typeof compileFlow>>();
    const takes = typesTaken(route, contracts).map(({ origin, start, cast }) => {
      const flow = flows.get(start.ref) ?? compileFlow(route, start, { ...context, file });
      flows.set(start.ref, flow);
      const { ref } = origin;
      return {
        ref,
        origin,
        cast,
        flow,
        ...compileOnError(route, origin, flow, { ...context, file }),
      };
    });
    checkMixing(route, [...flows.values()], { ...context, file });
    checkExpected([...flows.values()], { ...context, file });
    checkEnd(route, { ...context, file });
    const made = contracts.get(from[0] ?? '');
    const schedule = made && compileSchedule(route, made, { ...context, bus, file });
    return { name, position, enabled, isolate, takes, ...(schedule !== undefined && { schedule }) };
  });
}

interface Made {
  readonly contracts: Contracts;
  readonly services: ReadonlyMap<string, ServiceDefinition>;
  readonly routes: readonly CompiledRoute[];
  readonly warnings: readonly Fault[];
  readonly lacks: readonly LackingPlugin[];
  readonly topology: Topology | undefined;
}

function makePlan(definition: Definition, made: Made): Plan {
  const { contracts, services, routes, warnings, lacks } = made;
  const roads = chooseRoads(routes, services);
  const edition = editionOf(definition);
  const programs = lazyPrograms(definition, routes, roads);
  return {
    definition,
    edition,
    contracts,
    topology: made.topology ?? makeTopology(definition, routes, roads),
    routes: routes.map((route) => plannedRoute(route, roads)),
    schedules: routes.flatMap(({ schedule }) => schedule ?? []),
    lacks,
    warnings,
    service: (name) => services.get(name),
    program(endpoint, tables) {
      requirePlugins({ lacks, edition });
      return programs(endpoint, tables);
    },
  };
}

function plannedRoute(route: CompiledRoute, roads: ReadonlyMap<string, Road>): PlannedRoute {
  const { name, takes, schedule } = route;
  const { road, because } = roads.get(name) ?? { road: 'inline' as const, because: '' };
  const to = new Map<string, PlannedRoute['to'][number]>();
  for (const { service, as } of takes.flatMap(allDestinationsOf)) {
    const other = service === undefined ? undefined : routeOfEndpoint(service);
    const where = other === undefined ? (service === undefined ? undefined : { service }) : { route: other };
    to.set(`${service ?? ''} ${as.ref}`, where === undefined ? { publish: as.ref } : { ...where, as: as.ref });
  }
  const from = takes.filter(({ cast, published }) => cast === undefined || published).map(({ ref }) => ref);
  const planned = {
    name,
    road,
    because,
    from,
    to: [...to.values()],
    ...(remembers(route) && { remembers: true as const }),
    ...(schedule !== undefined && { schedule: { cron: schedule.cron, zone: schedule.zone, missed: schedule.missed } }),
  };
  return road === 'direct' ? planned : { ...planned, endpoint: road === 'inline' ? ROUTER : routeEndpoint(name) };
}

/** Programs are made when they are first asked for: services need none. */
function lazyPrograms(
  definition: Definition,
  routes: readonly CompiledRoute[],
  roads: ReadonlyMap<string, Road>,
): (endpoint: string, tables: Tables | undefined) => Program | undefined {
  const { bus, limits } = definition;
  const byEndpoint = new Map<string, CompiledRoute[]>();
  for (const route of routes) {
    const road = roads.get(route.name)?.road;
    if (road === 'direct') continue;
    const endpoint = road === 'isolated' ? routeEndpoint(route.name) : ROUTER;
    byEndpoint.set(endpoint, [...(byEndpoint.get(endpoint) ?? []), route]);
  }
  const shared = sharedPairs(routes);
  const programs = new Map<string, { readonly program: Program; readonly tables: Tables | undefined }>();
  return (endpoint, tables) => {
    const own = byEndpoint.get(endpoint);
    if (own === undefined) return undefined;
    const known = programs.get(endpoint);
    if (known !== undefined && known.tables === tables) return known.program;
    const program = makeProgram(own, { bus, limits, shared, tables });
    programs.set(endpoint, { program, tables });
    return program;
  };
}

import type { Definition } from '../config/definition.ts';
import type { Contracts } from '../contracts/contracts.ts';
import type { TypeRef } from '../message.ts';
import { matchesType } from '../routes/pattern.ts';
import type { FaultSink } from './faults.ts';
import { allDestinationsOf, type CompiledRoute } from './flow.ts';
import { publishedBySteps } from './types-taken.ts';

/** What is warned about, and where services are written. */
export interface Bus {
  readonly definition: Definition;
  readonly contracts: Contracts;
  readonly published: ReadonlySet<TypeRef>;
  /** Enabled routes. */
  readonly routes: readonly CompiledRoute[];
}

/** The file that declares the services. */
export const BUS_FILE = 'waybill.yaml';

/** Things that work but that somebody should know. */
export function warnOf(bus: Bus, warnings: FaultSink): void {
  warnOfUnpublished(bus, warnings);
  warnOfUnrouted(bus, warnings);
  warnOfUndelivered(bus, warnings);
  warnOfTwice(bus, warnings);
}

function warnOfUnpublished({ definition, contracts, published }: Bus, warnings: FaultSink): void {
  for (const { enabled, from, schedule, file, path } of definition.routes) {
    if (!enabled || schedule !== undefined) continue;
    for (const [index, each] of from.entries()) {
      const refs = contracts.all.filter((contract) => matchesType(each, contract.ref)).map(({ ref }) => ref);
      const taken = refs.flatMap((ref) => contracts.accepted(ref));
      if (taken.length === 0 || taken.some((ref) => published.has(ref))) continue;
      warnings.add({
        code: 'WB_TYPE_UNPUBLISHED',
        message: `nobody publishes ${each}, so nothing comes in here`,
        fix: `add it to publishes of the service that makes it`,
        file,
        path: [...path, 'from', index],
      });
    }
  }
}

function warnOfUnrouted({ definition, routes }: Bus, warnings: FaultSink): void {
  const fed = routes.filter(({ schedule }) => schedule === undefined);
  const taken = new Set(fed.flatMap(({ takes }) => takes.map(({ ref }) => ref)));
  const warn = (ref: TypeRef, by: string, file: string, path: readonly (string | number)[]): void => {
    if (taken.has(ref)) return;
    const message = `no route takes ${ref}, so what ${by} publishes of it is parked`;
    warnings.add({ code: 'WB_TYPE_UNROUTED', message, fix: `add a route: from: ${ref}`, file, path });
  };
  for (const { name, publishes } of definition.services) {
    for (const [index, ref] of publishes.entries()) warn(ref, name, BUS_FILE, ['services', name, 'publishes', index]);
  }
  for (const { name, enabled, branches, onError = [], file, path: routePath } of definition.routes) {
    if (!enabled) continue;
    const stepsPath = [...routePath, 'steps'];
    for (const { target, path } of [...branches.flatMap(({ to }) => to), ...onError]) {
      if ('publish' in target) warn(target.publish, `the route ${name}`, file, path);
    }
    const copies = publishedBySteps(routes.filter((route) => route.name === name));
    for (const ref of new Set(copies)) warn(ref, `a step of the route ${name}`, file, stepsPath);
  }
}

function warnOfUndelivered({ definition, routes }: Bus, warnings: FaultSink): void {
  const delivered = new Set(
    routes.flatMap(({ takes }) =>
      takes.flatMap(allDestinationsOf).map(({ service, as }) => `${service ?? ''} ${as.ref}`),
    ),
  );
  for (const { name, receives } of definition.services) {
    for (const [index, ref] of receives.entries()) {
      if (delivered.has(`${name} ${ref}`)) continue;
      warnings.add({
        code: 'WB_TYPE_UNDELIVERED',
        message: `${name} receives ${ref}, and no route delivers it`,
        fix: `add a route that leads to ${name}`,
        file: BUS_FILE,
        path: ['services', name, 'receives', index],
      });
    }
  }
}

/** Two routes that always deliver the same message to one service are more likely a mistake than meant. */
function warnOfTwice({ definition, routes }: Bus, warnings: FaultSink): void {
  const first = new Map<string, string>();
  for (const { name, takes } of routes) {
    for (const { ref, flow } of takes) {
      if (flow.when !== undefined || flow.steps.length > 0) continue;
      for (const branch of flow.branches) {
        for (const { when, service } of branch.destinations) {
          if (service === undefined || branch.when !== undefined || when !== undefined || flow.branches.length > 1)
            continue;
          const pair = `${service} ${ref}`;
          const other = first.get(pair) ?? name;
          first.set(pair, other);
          const route = definition.routes.find((each) => each.name === name);
          if (other === name || route === undefined) continue;
          warnings.add({
            code: 'WB_DELIVERED_TWICE',
            message: `${other} brings every ${ref} to ${service} too, so it gets each message twice`,
            fix: 'remove one of the two routes',
            file: route.file,
            path: route.path,
          });
        }
      }
    }
  }
}

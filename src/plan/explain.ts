import type { RouteDefinition } from '../config/definition.ts';
import type { TypeRef } from '../message.ts';
import type { PluginOrigin } from '../ports/mediator.ts';
import type { EndpointSpec } from '../ports/topology.ts';
import type { Plan, PlannedRoute } from './plan.ts';

/** A plan in the form that `waybill plan` shows, with `--json` as it is. */
export interface PlanReport {
  readonly bus: string;
  readonly edition: string;
  readonly slots: number;
  readonly routes: readonly PlannedRoute[];
  /** Routes with `enabled: false`. */
  readonly disabled: readonly string[];
  readonly endpoints: readonly EndpointReport[];
  /** The mediators that are not built in, and where they come from. */
  readonly plugins: readonly PluginReport[];
  /** Who publishes each type of the bus, and to whom it goes. */
  readonly flows: readonly FlowReport[];
  /** Types that are published and that no route takes: they are parked. */
  readonly parked: readonly TypeRef[];
}

export interface EndpointReport extends EndpointSpec {
  /** The types it takes from the bus. */
  readonly takes: readonly TypeRef[];
  /** The routes that run at it; of a service, those that lead to it. */
  readonly routes: readonly string[];
}

export interface PluginReport extends PluginOrigin {
  readonly name: string;
  readonly routes: readonly string[];
}

export interface FlowReport {
  readonly type: TypeRef;
  /** Services and routes. */
  readonly publishers: readonly string[];
  readonly routes: readonly string[];
  /** Services that get messages because of it, in one hop. */
  readonly receivers: readonly string[];
}

export function explainPlan(plan: Plan): PlanReport {
  const { definition, topology, routes } = plan;
  const flows = flowsOf(plan);
  return {
    bus: definition.bus,
    edition: plan.edition,
    slots: topology.slots,
    routes,
    disabled: definition.routes.filter(({ enabled }) => !enabled).map(({ name }) => name),
    endpoints: topology.endpoints.map((endpoint) => ({
      ...endpoint,
      takes: topology.bindings.filter((binding) => binding.endpoint === endpoint.name).map(({ type }) => type),
      routes: routes
        .filter((route) =>
          endpoint.kind === 'service' ? receiversOf(route).includes(endpoint.name) : route.endpoint === endpoint.name,
        )
        .map(({ name }) => name),
    })),
    plugins: Object.entries(definition.plugins ?? {}).map(([name, origin]) => ({
      name,
      ...origin,
      routes: definition.routes.filter((route) => uses(route, name)).map((route) => route.name),
    })),
    flows,
    parked: flows.filter((flow) => flow.publishers.length > 0 && flow.routes.length === 0).map(({ type }) => type),
  };
}

/** Whether a route has a step of the plugin, or of the script, of this name. */
function uses({ steps }: RouteDefinition, name: string): boolean {
  return steps.some(({ use, options }) => use === name || (use === 'script' && fileOf(options) === name));
}

function fileOf(options: unknown): unknown {
  return typeof options === 'object' && options !== null && 'file' in options ? options.file : undefined;
}

function flowsOf({ definition, routes }: Plan): readonly FlowReport[] {
  const publishers = new Map<TypeRef, string[]>();
  const publishes = (type: TypeRef, name: string): void => {
    publishers.set(type, [...(publishers.get(type) ?? []), name]);
  };
  for (const { name, publishes: types } of definition.services) for (const type of types) publishes(type, name);
  for (const { name, to } of routes) for (const each of to) if ('publish' in each) publishes(each.publish, name);
  const types = new Set([...publishers.keys(), ...routes.flatMap(({ from }) => from)]);
  return [...types].sort().map((type) => {
    const taking = routes.filter(({ from }) => from.includes(type));
    return {
      type,
      publishers: publishers.get(type) ?? [],
      routes: taking.map(({ name }) => name),
      receivers: [...new Set(taking.flatMap(receiversOf))].sort(),
    };
  });
}

function receiversOf({ to }: PlannedRoute): readonly string[] {
  return to.flatMap((each) => ('service' in each ? each.service : []));
}

/** The report as text for people, without an end of line. */
export function formatPlan(report: PlanReport): string {
  const { bus, edition, routes, disabled, endpoints, plugins, parked } = report;
  const width = Math.max(0, ...routes.map(({ name }) => name.length));
  const lines = [`bus ${bus}, edition ${edition}`, '', `routes (${String(routes.length)})`];
  for (const { name, road, because, from, schedule, to } of routes) {
    const targets = to.map((each) => {
      if ('publish' in each) return `publish ${each.publish}`;
      return 'service' in each ? `${each.service} (${each.as})` : `route ${each.route} (${each.as})`;
    });
    lines.push(`  ${name.padEnd(width)}  ${road.padEnd(8)}  ${because}`);
    lines.push(
      `  ${' '.repeat(width)}            ${schedule === undefined ? '' : `${schedule.cron} (${schedule.zone}) as `}${from.join(', ')} -> ${targets.join(', ')}`,
    );
  }
  if (disabled.length > 0) lines.push(`  disabled: ${disabled.join(', ')}`);
  lines.push('', `endpoints (${String(endpoints.length)})`);
  for (const { name, ordering, partitions, plain, takes } of endpoints) {
    const kind = `${ordering === 'key' ? 'ordered by key' : 'unordered'}, ${count(partitions, 'partition')}${plain ? ', plain' : ''}`;
    lines.push(`  ${name}: ${kind}${takes.length === 0 ? '' : `; takes ${takes.join(', ')}`}`);
  }
  if (plugins.length > 0) lines.push('', `plugins (${String(plugins.length)})`);
  for (const { name, from, edition: of, routes: users } of plugins) {
    lines.push(`  ${name}: ${from}, edition ${of}; used by ${users.join(', ')}`);
  }
  if (parked.length > 0) lines.push('', `parked, since no route takes them: ${parked.join(', ')}`);
  return lines.join('\n');
}

function count(amount: number, noun: string): string {
  return `${String(amount)} ${noun}${amount === 1 ? '' : 's'}`;
}

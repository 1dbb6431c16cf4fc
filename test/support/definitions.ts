import { parse } from 'yaml';
import type { Definition, RouteDefinition, ServiceDefinition } from '../../src/config/definition.ts';
import { ShapeCheck } from '../../src/config/shape-check.ts';
import { formatFault } from '../../src/errors.ts';
import { parseTypeRef } from '../../src/message.ts';
import { type CompileOptions, compilePlan } from '../../src/plan/compile.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { normaliseRoute } from '../../src/routes/normalise.ts';
import { Route } from '../../src/routes/route-file.ts';

export interface DefinitionSketch extends Partial<Omit<Definition, 'services' | 'contracts' | 'casts' | 'routes'>> {
  readonly services?: Readonly<Record<string, Partial<ServiceDefinition>>>;
  /** Schemas by type and version. */
  readonly contracts?: Readonly<Record<string, object>>;
  /** Mappings by `shop.order.placed@1-2`. */
  readonly casts?: Readonly<Record<string, { readonly up: unknown; readonly down?: unknown }>>;
  /** Routes as in a file each, by the file's name without its end. */
  readonly routes?: Readonly<Record<string, string>>;
}

/** A definition with what the test does not care about filled in. */
export function definition(sketch: DefinitionSketch = {}): Definition {
  const { services = {}, contracts = {}, casts = {}, routes = {}, ...rest } = sketch;
  return {
    bus: 'retail',
    slots: 16,
    limits: { size: 1_048_576, depth: 64, parking: 268_435_456 },
    sources: {},
    routerPartitions: 4,
    ...rest,
    services: Object.entries(services).map(([name, service]) => ({ ...SERVICE, name, ...service })),
    contracts: Object.entries(contracts).map(([ref, schema]) => {
      const { type, version } = parsed(ref);
      return { type, version, file: `${fileOf(type)}.v${String(version)}.json`, schema };
    }),
    casts: Object.entries(casts).map(([name, cast]) => {
      const [ref = '', to = ''] = name.split('-');
      const { type, version } = parsed(ref);
      return { type, from: version, to: Number(to), file: `${fileOf(type)}.v${String(version)}-v${to}.yaml`, ...cast };
    }),
    routes: Object.entries(routes).map(([name, text]) => route(name, text)),
  };
}

/** The route that a file of this text holds. */
function route(name: string, text: string): RouteDefinition {
  const shaped = new ShapeCheck().check(Route, parse(text));
  if ('problems' in shaped) throw new Error(shaped.problems.map(({ message }) => message).join('\n'));
  const { route: read, problems } = normaliseRoute(shaped.value, {
    file: `routes/${name}.yaml`,
    path: [],
    fallbackName: name,
  });
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'));
  return read;
}

/** The plan of a definition that must be sound. */
export function planOf(sketch: DefinitionSketch, options?: CompileOptions): Plan {
  const { plan, faults } = compilePlan(definition(sketch), options);
  if (plan === undefined) throw new Error(faults.map(formatFault).join('\n'));
  return plan;
}

/** An object with these fields, all required but those that end in `?`. */
export function object(fields: Readonly<Record<string, unknown>>, more: object = {}): object {
  const entries = Object.entries(fields);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace(/\?$/, ''), schema])),
    required: entries.flatMap(([name]) => (name.endsWith('?') ? [] : name)),
    ...more,
  };
}

export const TEXT = { type: 'string' };
export const NUMBER = { type: 'number' };

const SERVICE: Omit<ServiceDefinition, 'name'> = {
  publishes: [],
  receives: [],
  ordering: 'key',
  partitions: 1,
  client: 'sdk',
  retry: { immediate: 1, attempts: 5, delayMs: 1_000, factor: 2, maxMs: 60_000 },
  holdMs: 60_000,
  timeoutMs: 30_000,
  concurrency: 16,
  inboxKeepMs: 604_800_000,
};

function fileOf(type: string): string {
  const [domain = '', ...words] = type.split('.');
  return `schemas/${domain}/${words.join('.')}`;
}

function parsed(ref: string): { type: string; version: number } {
  const found = parseTypeRef(ref);
  if (found === undefined) throw new Error(`${ref} is not a type with its version`);
  return found;
}

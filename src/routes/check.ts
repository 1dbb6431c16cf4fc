import type { BranchDefinition, Definition, DestinationDefinition, RouteDefinition } from '../config/definition.ts';
import { parseTypeRef, type TypeRef, typeRef } from '../message.ts';
import { didYouMean } from '../nearest.ts';
import { isPattern, isTypeOrPattern, matchesType } from './pattern.ts';
import type { Problem } from './problem.ts';

/** What the names in routes may mean. */
export interface KnownNames {
  readonly services: ReadonlySet<string>;
  readonly types: ReadonlySet<TypeRef>;
}

/** The names that a definition declares. */
export function knownNames(definition: Pick<Definition, 'services' | 'contracts'>): KnownNames {
  return {
    services: new Set(definition.services.map(({ name }) => name)),
    types: new Set(definition.contracts.map(({ type, version }) => typeRef(type, version))),
  };
}

/**
 * What can be said of routes by their names alone: two of one name, services and types that nobody declared. Types that
 * flow along them, expressions, mediators and circles are the plan's.
 */
export function checkRoutes(routes: readonly RouteDefinition[], known: KnownNames): Problem[] {
  const names = new Set(routes.map(({ name }) => name));
  return [...duplicates(routes), ...routes.flatMap((route) => checkRoute(route, known, names))];
}

function duplicates(routes: readonly RouteDefinition[]): Problem[] {
  const first = new Map<string, RouteDefinition>();
  const problems: Problem[] = [];
  for (const route of routes) {
    const other = first.get(route.name);
    if (other === undefined) {
      first.set(route.name, route);
      continue;
    }
    const where = other.file === route.file ? `this file` : other.file;
    problems.push({
      code: 'WB_ROUTE_DUPLICATE',
      file: route.file,
      path: [...route.path, 'name'],
      message: `a route of the name ${route.name} stands in ${where} already`,
      fix: 'Give one of them another `name`.',
    });
  }
  return problems;
}

function checkRoute(route: RouteDefinition, known: KnownNames, routes: ReadonlySet<string>): Problem[] {
  const problems: Problem[] = [];
  route.from.forEach((from, i) => {
    const problem = route.schedule === undefined ? checkFrom(from, known) : checkAs(from, known);
    // Alone or in a list: `from: [x]` and `from: x` are one to the definition; the nearest place that there is is taken.
    if (problem !== undefined) problems.push({ file: route.file, path: [...route.path, 'from', i], ...problem });
  });
  const targets = [...route.branches.flatMap(({ to }: BranchDefinition) => to), ...(route.onError ?? [])];
  for (const { target, path } of targets) {
    const problem =
      'route' in target
        ? checkRouteName(target.route, path, routes)
        : 'ignore' in target
          ? undefined
          : checkTarget({ target, path }, known);
    if (problem !== undefined) problems.push({ file: route.file, ...problem });
  }
  return problems;
}

type PlacelessProblem = Omit<Problem, 'file' | 'path'>;

function checkFrom(from: string, known: KnownNames): PlacelessProblem | undefined {
  if (isTypeOrPattern(from)) {
    if (isPattern(from)) {
      if ([...known.types].some((ref) => matchesType(from, ref))) return undefined;
      return {
        code: 'WB_ROUTE_FROM',
        message: `no contract is of the pattern ${from}; a * stands for one word`,
        fix: nearPattern(from, known) ?? 'Write the pattern of types that have a contract under schemas/.',
      };
    }
    return known.types.has(from) ? undefined : unknownType(from, known.types);
  }
  const versions = [...known.types].filter((ref) => ref.startsWith(`${from}@`));
  return {
    code: 'WB_ROUTE_FROM',
    message: `${from} is neither a type with its major version nor a pattern of types`,
    fix: versions.length > 0 ? `write ${versions.join(' or ')}` : 'Write it as shop.order.placed@1 or shop.order.*@1.',
  };
}

/** The type that a schedule makes is one that there is. */
function checkAs(as: string, known: KnownNames): PlacelessProblem | undefined {
  return known.types.has(as) ? undefined : unknownType(as, known.types);
}

function nearPattern(from: string, known: KnownNames): string | undefined {
  const [words = '', version] = from.split('@');
  const pattern = words.split('.');
  for (const ref of known.types) {
    const [type = '', of] = ref.split('@');
    const parts = type.split('.');
    const same = parts.length === pattern.length && pattern.every((word, i) => word === '*' || word === parts[i]);
    if (same && of !== version) return `did you mean ${words}@${of ?? '1'}?`;
  }
  return undefined;
}

function checkRouteName(
  name: string,
  path: DestinationDefinition['path'],
  routes: ReadonlySet<string>,
): Omit<Problem, 'file'> | undefined {
  if (routes.has(name)) return undefined;
  const fix = didYouMean(name, routes) ?? `There is ${[...routes].join(', ')}.`;
  return { code: 'WB_ROUTE_UNKNOWN', path: [...path, 'route'], message: `there is no route ${name}`, fix };
}

/** A destination whose service or type nobody declared. */
export function checkTarget(
  { target, path }: DestinationDefinition,
  known: KnownNames,
): Omit<Problem, 'file'> | undefined {
  if ('service' in target) {
    const { service } = target;
    if (known.services.has(service)) return undefined;
    const asType = parseTypeRef(service) === undefined ? undefined : `write { publish: ${service} }`;
    return {
      code: 'WB_SERVICE_UNKNOWN',
      path: [...path, 'service'],
      message: `there is no service ${service}`,
      fix: asType ?? didYouMean(service, known.services) ?? `Declare it under services: in waybill.yaml.`,
    };
  }
  const { publish } = target;
  if (known.types.has(publish)) return undefined;
  return { path: [...path, 'publish'], ...unknownType(publish, known.types) };
}

/** That a type has no contract, with the nearest that has one. */
export function unknownType(ref: TypeRef, types: ReadonlySet<TypeRef>): PlacelessProblem {
  const parsed = parseTypeRef(ref);
  if (parsed === undefined) {
    const versions = [...types].filter((type) => type.startsWith(`${ref}@`));
    return {
      code: 'WB_CONTRACT_UNKNOWN',
      message: `${ref} is not a type with its major version`,
      fix: versions.length > 0 ? `write ${versions.join(' or ')}` : 'Write it as shop.order.placed@1.',
    };
  }
  const [domain = '', ...name] = parsed.type.split('.');
  const file = `schemas/${domain}/${name.join('.')}.v${String(parsed.version)}.json`;
  return {
    code: 'WB_CONTRACT_UNKNOWN',
    message: `there is no contract for ${ref}`,
    fix: didYouMean(ref, types) ?? `Add ${file}.`,
  };
}

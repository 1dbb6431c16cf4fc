import { createHash } from 'node:crypto';
import type { Definition } from '../config/definition.ts';

/**
 * The hash of what a definition says: 22 characters of base64url. What only people read (`describe`), the files things
 * stand in, the order of files and keys, and what machines have (`facilities`) do not matter.
 */
export function editionOf(definition: Definition): string {
  const { services, contracts, casts, routes, facilities: _facilities, ...rest } = definition;
  const essence = {
    ...rest,
    services: byName(services.map(({ describe: _, ...service }) => service)),
    contracts: byName(contracts.map(({ file: _, ...contract }) => contract)),
    casts: byName(casts.map(({ file: _, ...cast }) => cast)),
    routes: byName(
      routes.map(({ describe: _describe, file: _file, path: _path, steps, branches, onError, ...route }) => ({
        ...route,
        steps: steps.map(({ use, options }) => ({ use, options })),
        branches: branches.map(({ when, to }) => ({ when, to: to.map(({ path: _, ...each }) => each) })),
        onError: onError?.map(({ path: _, ...each }) => each),
      })),
    ),
  };
  return createHash('sha256').update(canonicalJson(essence)).digest('base64url').slice(0, 22);
}

function byName(items: readonly object[]): readonly string[] {
  return items.map(canonicalJson).sort();
}

/** JSON with the keys of every object in order, so that equal values are equal texts. Fields that are undefined are left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, node: unknown) =>
    typeof node === 'object' && node !== null && !Array.isArray(node)
      ? Object.fromEntries(Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1)))
      : node,
  );
}

import type { Definition, DocumentPath, Limits, PartDefinition } from '../config/definition.ts';
import { MAIN_PART } from '../config/definition.ts';
import type { LocatedFault } from '../errors.ts';
import { typeRef } from '../message.ts';
import type { Manifest, ManifestPart } from '../ports/topology.ts';
import { canonicalJson, editionOf } from './edition.ts';
import type { Locate } from './faults.ts';

/** The file that declares the services. */
const BUS_FILE = 'waybill.yaml';

export interface MergedParts {
  /** The whole bus. What two parts declare stands in it once, so that compiling it finds what else is wrong. */
  readonly definition: Definition;
  /** What two parts claim. */
  readonly faults: readonly LocatedFault[];
}

/**
 * Makes one bus of its parts. A service, source, contract, cast or route belongs to one part. `slots` and the router's partitions are
 * the largest that a part asks for. A limit is that of the parts that state it, which must agree; where none does it is the default.
 * Files of every part but `own` are shown as `<part>:<file>`.
 * @param parts at least one, each name once
 */
export function mergeParts(parts: readonly PartDefinition[], own?: string): MergedParts {
  // The own part last: then a fault between it and another stands where its owner can mend it.
  const ordered = [...parts].sort(
    (a, b) => Number(a.part === own) - Number(b.part === own) || (a.part < b.part ? -1 : 1),
  );
  const shown = ordered.map((part) => (part.part === own ? part : withPartInFiles(part)));
  const faults: LocatedFault[] = [];
  const merge = <T extends Item>(kind: Kind, itemsOf: (part: PartDefinition) => readonly T[]): readonly T[] =>
    mergeItems(kind, shown, itemsOf, faults);
  const services = merge('service', ({ services }) => services.map((value) => ({ id: value.name, value })));
  const sources = merge('source', ({ sources }) => Object.entries(sources).map(([id, value]) => ({ id, value })));
  const contracts = merge('contract', (part) =>
    part.contracts.map((value) => ({ id: typeRef(value.type, value.version), file: value.file, value })),
  );
  const casts = merge('cast', (part) =>
    part.casts.map((value) => ({
      id: `${typeRef(value.type, value.from)} -> ${String(value.to)}`,
      file: value.file,
      value,
    })),
  );
  const routes = merge('route', (part) =>
    // Two of one name in one part are its own fault, which the compiler shows.
    part.routes.map((value) => ({ id: value.name, file: value.file, path: [...value.path, 'name'], value })),
  );
  const plugins = merge('plugin', (part) =>
    Object.entries(part.plugins ?? {}).map(([id, value]) => ({ id, value, shared: true })),
  );
  const keyRings = [...new Set(shown.flatMap(({ facilities }) => facilities?.keyRings ?? []))].sort();
  const [first] = shown;
  const alone = parts.length === 1 && first?.part === MAIN_PART;
  const definition: Definition = {
    bus: first?.bus ?? '',
    slots: Math.max(...shown.map(({ slots }) => slots)),
    limits: mergeLimits(shown, faults),
    services: services.map(({ value }) => value),
    sources: Object.fromEntries(sources.map(({ id, value }) => [id, value])),
    contracts: contracts.map(({ value }) => value),
    casts: casts.map(({ value }) => value),
    routes: routes.map(({ value }) => value),
    ...(keyRings.length > 0 && { facilities: { keyRings } }),
    ...(plugins.length > 0 && { plugins: Object.fromEntries(plugins.map(({ id, value }) => [id, value])) }),
    routerPartitions: Math.max(...shown.map(({ routerPartitions }) => routerPartitions)),
    ...(!alone && { parts: Object.fromEntries(parts.map((part) => [part.part, editionOf(part)])) }),
  };
  return { definition, faults };
}

type Kind = 'service' | 'source' | 'contract' | 'cast' | 'route' | 'plugin';

interface Item {
  readonly id: string;
  readonly value: unknown;
  readonly file?: string;
  readonly path?: DocumentPath;
  /** Several parts may have it, if it is the same. */
  readonly shared?: boolean;
}

function mergeItems<T extends Item>(
  kind: Kind,
  parts: readonly PartDefinition[],
  itemsOf: (part: PartDefinition) => readonly T[],
  faults: LocatedFault[],
): readonly T[] {
  const owners = new Map<string, string>();
  const merged: T[] = [];
  for (const part of parts) {
    for (const item of itemsOf(part)) {
      const owner = owners.get(item.id);
      if (owner === undefined || owner === part.part) {
        owners.set(item.id, part.part);
        merged.push(item);
        continue;
      }
      const same = item.shared === true ? merged.find(({ id }) => id === item.id) : undefined;
      if (same !== undefined && canonicalJson(same.value) === canonicalJson(item.value)) continue;
      faults.push({
        code: 'WB_PART_CONFLICT',
        message:
          item.shared === true
            ? `the ${kind} ${item.id} of the part ${part.part} is not that of the part ${owner}`
            : `the ${kind} ${item.id} is in the part ${owner} and in the part ${part.part}`,
        fix: fixOf(kind, item.id, owner),
        file: item.file ?? busFileOf(part),
        path: item.path ?? (item.file === undefined ? [`${kind}s`, item.id] : []),
      });
    }
  }
  return merged;
}

function fixOf(kind: Kind, id: string, owner: string): string {
  if (kind === 'plugin') return 'Use the same edition of it in both, or give one of the two another name.';
  if (kind === 'contract' || kind === 'cast') {
    return `A ${kind} has one owner: leave it to ${owner}, remove the file here, and run \`waybill pull\`.`;
  }
  return `Give one of the two another name, or leave ${id} to ${owner} and remove it here.`;
}

function mergeLimits(parts: readonly PartDefinition[], faults: LocatedFault[]): Limits {
  const limitOf = (name: keyof Limits): number => {
    const stating = parts.filter(({ states }) => states.includes(name));
    const [one] = stating;
    if (one === undefined) return Math.max(...parts.map(({ limits }) => limits[name]));
    const other = stating.find(({ limits }) => limits[name] !== one.limits[name]);
    if (other !== undefined) {
      faults.push({
        code: 'WB_PART_CONFLICT',
        message: `limits.${name} is ${String(one.limits[name])} in the part ${one.part} and ${String(other.limits[name])} in the part ${other.part}`,
        fix: `A limit holds for the whole bus: state it in one part, or the same in both.`,
        file: busFileOf(other),
        path: ['limits', name],
      });
    }
    return one.limits[name];
  };
  return { size: limitOf('size'), depth: limitOf('depth'), parking: limitOf('parking') };
}

/** `waybill.yaml`, of another part `<part>:waybill.yaml`: told by the files of its items, which `withPartInFiles` changed. */
function busFileOf(part: PartDefinition & { readonly busFile?: string }): string {
  return part.busFile ?? BUS_FILE;
}

function withPartInFiles(part: PartDefinition): PartDefinition & { readonly busFile: string } {
  const shown = (file: string): string => `${part.part}:${file}`;
  return {
    ...part,
    busFile: shown(BUS_FILE),
    contracts: part.contracts.map((each) => ({ ...each, file: shown(each.file) })),
    casts: part.casts.map((each) => ({ ...each, file: shown(each.file) })),
    routes: part.routes.map((each) => ({ ...each, file: shown(each.file) })),
  };
}

/**
 * Finds places in the files of the own part; what another part declares is shown as `<part>:<file>`.
 * @param own the name of the own part; without one all are others
 */
export function locateAmong(parts: readonly PartDefinition[], own: string | undefined, locate: Locate): Locate {
  // The own one last, so that what another part declares too is shown where it can be mended.
  const ordered = [...parts].sort((a, b) => Number(a.part === own) - Number(b.part === own));
  const owners = new Map(ordered.flatMap(({ part, services }) => services.map(({ name }) => [name, part] as const)));
  const foreign = new Set(parts.filter(({ part }) => part !== own).map(({ part }) => `${part}:`));
  return (file, path, place) => {
    if (foreign.has(file.slice(0, file.indexOf(':') + 1))) return { file };
    const [section, name] = path;
    const owner = file === BUS_FILE && section === 'services' ? owners.get(String(name)) : undefined;
    return owner === undefined || owner === own ? locate(file, path, place) : { file: `${owner}:${file}` };
  };
}

/** The parts of what was applied. What was applied before there were parts is one, `main`. */
export function partsOf(manifest: Manifest | undefined): readonly ManifestPart[] {
  if (manifest === undefined) return [];
  const { edition, appliedAt, appliedBy, definition, parts } = manifest;
  return parts ?? [{ name: MAIN_PART, edition, appliedAt, appliedBy, definition }];
}

/** What a part of a manifest, or a pulled file, says; undefined when it is of another version of Waybill. */
export function partDefinitionOf(name: string, value: unknown): PartDefinition | undefined {
  if (!isDefinition(value)) return undefined;
  const { parts: _, ...rest } = value;
  // Before there were parts: every limit counts as stated, since it is not known which were.
  return { ...rest, part: name, states: value.states ?? ['size', 'depth', 'parking'] };
}

/** A definition as the part of that name. */
export function asPart(definition: Definition, part: string): PartDefinition {
  const { parts: _, ...rest } = definition;
  return { ...rest, part, states: [] };
}

/** Only its outline: what is in it was checked before it was applied. */
function isDefinition(value: unknown): value is Definition & { readonly states?: PartDefinition['states'] } {
  if (typeof value !== 'object' || value === null) return false;
  const has = (name: string, is: (of: unknown) => boolean): boolean => is(Reflect.get(value, name));
  const number = (of: unknown): boolean => typeof of === 'number';
  const object = (of: unknown): boolean => typeof of === 'object' && of !== null;
  return (
    has('bus', (of) => typeof of === 'string') &&
    has('slots', number) &&
    has('routerPartitions', number) &&
    ['limits', 'sources'].every((name) => has(name, object)) &&
    ['services', 'contracts', 'casts', 'routes'].every((name) => has(name, Array.isArray)) &&
    has('states', (of) => of === undefined || Array.isArray(of))
  );
}

/** In the order of names, so that the text of a part changes only when the part does. */
export function inOrder(part: PartDefinition): PartDefinition {
  const by = <T>(items: readonly T[], name: (item: T) => string): readonly T[] =>
    [...items].sort((a, b) => (name(a) < name(b) ? -1 : 1));
  const ordered: unknown = JSON.parse(
    canonicalJson({
      ...part,
      services: by(part.services, ({ name }) => name),
      contracts: by(part.contracts, ({ type, version }) => typeRef(type, version)),
      casts: by(part.casts, ({ type, from, to }) => `${typeRef(type, from)} ${String(to)}`),
      routes: by(part.routes, ({ name }) => name),
    }),
  );
  return partDefinitionOf(part.part, ordered) ?? part;
}

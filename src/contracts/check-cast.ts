import type { CastDocument } from '../config/definition.ts';
import type { LocatedFault } from '../errors.ts';
import { toError, WaybillError } from '../errors.ts';
import { compileMapping } from '../expressions/mapping.ts';
import { typeFromSchema } from '../expressions/schema-type.ts';
import type { CastGraph } from './cast.ts';
import type { Cast, Contract } from './contracts.ts';
import { parsePointer } from './pointer.ts';
import { isSchema, member } from './schema.ts';
import { ContractError, formatViolation } from './violation.ts';

/** One direction of a cast document. */
interface Direction {
  readonly word: 'up' | 'down';
  readonly mapping: unknown;
  readonly from: Contract;
  readonly to: Contract;
}

/**
 * Compiles both directions of a cast into the graph. Every fault is told: of the mappings, of the key they must keep, and of
 * what they make of the examples.
 */
export function checkCast(
  document: CastDocument,
  older: Contract,
  newer: Contract,
  graph: CastGraph,
): readonly LocatedFault[] {
  const { file } = document;
  const faults: LocatedFault[] = [];
  const compile = (direction: Direction): Cast | undefined => {
    const found = compileDirection(direction);
    for (const fault of found.faults) faults.push({ ...fault, file });
    return found.cast;
  };
  const up = compile({ word: 'up', mapping: document.up, from: older, to: newer });
  const down =
    document.down === undefined ? undefined : compile({ word: 'down', mapping: document.down, from: newer, to: older });
  if (up !== undefined) graph.add(older.ref, newer.ref, up, down);
  return faults;
}

/** As `checkCast`, for a document that was checked before: nothing is compiled until it is used. */
export function trustCast(document: CastDocument, older: Contract, newer: Contract, graph: CastGraph): void {
  const lazy = (direction: Direction): Cast => {
    let compiled: Cast | undefined;
    return (data) => (compiled ??= compileTrusted(direction))(data);
  };
  const up = lazy({ word: 'up', mapping: document.up, from: older, to: newer });
  const down =
    document.down === undefined ? undefined : lazy({ word: 'down', mapping: document.down, from: newer, to: older });
  graph.add(older.ref, newer.ref, up, down);
}

type DirectionFault = Omit<LocatedFault, 'file'>;

function compileDirection(direction: Direction): { readonly cast?: Cast; readonly faults: readonly DirectionFault[] } {
  const { word, mapping, from, to } = direction;
  const { expression, faults } = compileMapping(
    mapping,
    { data: typeFromSchema(from.schema), dataName: from.ref, meta: false },
    to.schema,
    to.ref,
  );
  if (expression === undefined) {
    return {
      faults: faults.map(({ code, message, fix, path, start }) => ({
        code,
        message,
        path: [word, ...path],
        offset: start,
        ...(fix === undefined ? {} : { fix }),
      })),
    };
  }
  const cast: Cast = (data) => expression.evaluate({ data, envelope: NO_META, vars: {} });
  return { cast, faults: [...checkKey(direction), ...checkExamples(direction, cast)] };
}

function compileTrusted(direction: Direction): Cast {
  const { cast, faults } = compileDirection(direction);
  if (cast !== undefined) return cast;
  const { from, to } = direction;
  throw new WaybillError(
    'WB_CAST_INVALID',
    `the cast from ${from.ref} to ${to.ref} is faulty: ${faults.map(({ message }) => message).join('; ')}`,
  );
}

/** Casts cannot say `meta`; the checker sees to it. */
const NO_META = { id: '', source: '', type: '', version: 1, time: '' };

/** Both majors must give a message the same key, else a key's messages would take two ways and lose their order. */
function checkKey({ word, mapping, from, to }: Direction): readonly DirectionFault[] {
  const fault = (path: LocatedFault['path'], message: string, fix: string): readonly DirectionFault[] => [
    { code: 'WB_CAST_INVALID', message, path, fix },
  ];
  const source = keyPath(from);
  const target = keyPath(to);
  if (source === undefined && target === undefined) return [];
  if (source === undefined || target === undefined) {
    const [has, lacks] = source === undefined ? [to, from] : [from, to];
    return fault(
      [word],
      `${has.ref} has a key (x-key) and ${lacks.ref} has none, so the cast cannot keep it`,
      `Give ${lacks.ref} an x-key.`,
    );
  }
  const leaf = leafAt(mapping, target);
  if (typeof leaf !== 'string') return [];
  const path = [word, ...target];
  if (/^data(\.\w+)+$/.test(leaf)) {
    const copied = leaf.split('.').slice(1);
    if (copied.join('/') === source.join('/')) return [];
    return fault(
      path,
      `the key of ${to.ref} is made of ${leaf}, but that of ${from.ref} is ${dataPath(source)}`,
      `write ${dataPath(source)}`,
    );
  }
  if (leaf.replaceAll(/\s/g, '') === dataPath(source) || examplesOf(from).length > 0) return [];
  return fault(
    path,
    `whether ${leaf} keeps the key cannot be checked: ${from.ref} has no examples`,
    `Write ${dataPath(source)}, or add an example to ${from.ref}.`,
  );
}

function checkExamples({ word, from, to }: Direction, cast: Cast): readonly DirectionFault[] {
  const faults: DirectionFault[] = [];
  for (const [index, example] of examplesOf(from).entries()) {
    const fault = (message: string): void => {
      faults.push({
        code: 'WB_CAST_INVALID',
        message: `example ${String(index)} of ${from.ref} ${message}`,
        path: [word],
      });
    };
    let result: unknown;
    try {
      result = cast(example);
    } catch (error) {
      fault(`cannot be cast: ${toError(error).message}`);
      continue;
    }
    const broken = to.validate(result);
    const violations =
      broken instanceof ContractError
        ? broken.violations.map(formatViolation)
        : broken === undefined
          ? []
          : [broken.message];
    for (const violation of violations) fault(`becomes data that breaks ${to.ref}: ${violation}`);
    const [before, after] = [from.key(example), to.key(result)];
    if (before !== after) fault(`has the key ${String(before)}, and ${String(after)} after the cast`);
  }
  return faults;
}

function examplesOf({ schema }: Contract): readonly unknown[] {
  const examples = isSchema(schema) ? schema['examples'] : undefined;
  return Array.isArray(examples) ? examples : [];
}

function keyPath({ schema }: Contract): readonly string[] | undefined {
  const pointer = isSchema(schema) ? schema['x-key'] : undefined;
  return typeof pointer === 'string' ? parsePointer(pointer) : undefined;
}

function dataPath(segments: readonly string[]): string {
  return segments.reduce(
    (path, segment) => (/^\w+$/.test(segment) ? `${path}.${segment}` : `${path}[${JSON.stringify(segment)}]`),
    'data',
  );
}

/** What stands in a mapping for the property at a path. */
function leafAt(mapping: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, name) => (isSchema(node) ? member(node, name) : undefined), mapping);
}

import type { TypeRef } from '../message.ts';
import type { FieldPath, StepField } from '../ports/mediator.ts';
import { isSecret, SAME_VALUE, subschemas } from './mask.ts';
import { parsePointer } from './pointer.ts';
import { isSchema, member, resolveRef, type Schema, schemaList, schemaMap } from './schema.ts';
import type { SchemaCompiler } from './validate.ts';

/** A subschema, and the pointer that leads to it in the contract. */
interface Place {
  readonly schema: unknown;
  readonly pointer: string;
}

/** Names of a path that stand for more than one place. */
const EVERY_ITEM = '[]';
const EVERY_PROPERTY = '*';

/**
 * Finds fields in a contract. It errs on the side of what may apply: a field is required when any alternative requires it, and a value
 * may stand there when every declaration of the field takes it.
 */
export class FieldFinder {
  readonly #ref: TypeRef;
  readonly #root: unknown;
  readonly #compiler: SchemaCompiler;

  constructor(ref: TypeRef, root: unknown, compiler: SchemaCompiler) {
    this.#ref = ref;
    this.#root = root;
    this.#compiler = compiler;
  }

  /** Undefined when the contract declares no such field. */
  find(path: FieldPath): StepField | undefined {
    let places: readonly Place[] = [{ schema: this.#root, pointer: '' }];
    let required = path.length === 0;
    for (const segment of path) {
      const applying = places.flatMap((place) => this.#applying(place));
      required = applying.some(({ schema }) => isSchema(schema) && requires(schema, segment));
      places = applying.flatMap((place) => childrenOf(place, segment));
      if (places.length === 0) return undefined;
    }
    const found = places;
    return {
      required,
      key: this.#holdsKey(path),
      refuses: (value) => {
        for (const { pointer } of found) {
          const refused = this.#compiler.refusal(this.#ref, this.#root, pointer, value);
          if (refused !== undefined) return refused;
        }
        return undefined;
      },
    };
  }

  /** What stands one level below a path, for telling what was meant. */
  names(path: FieldPath): readonly string[] {
    let places: readonly Place[] = [{ schema: this.#root, pointer: '' }];
    const applying = (): readonly Place[] => places.flatMap((place) => this.#applying(place));
    for (const segment of path) places = applying().flatMap((place) => childrenOf(place, segment));
    const names = applying().flatMap(({ schema }) => Object.keys(schemaMap(schemaMap(schema)['properties'])));
    return [...new Set(names)];
  }

  /** Every field that is declared sensitive, the outermost only, each declaration once. */
  sensitive(): readonly FieldPath[] {
    const found: FieldPath[] = [];
    const seen = new Set<unknown>();
    const visit = (place: Place, path: FieldPath): void => {
      if (seen.has(place.schema)) return;
      seen.add(place.schema);
      const applying = this.#applying(place);
      if (applying.some(({ schema }) => isSchema(schema) && isSecret(schema))) {
        found.push(path);
        return;
      }
      for (const each of applying) {
        for (const segment of segmentsOf(each.schema)) {
          for (const child of childrenOf(each, segment)) visit(child, [...path, segment]);
        }
      }
    };
    visit({ schema: this.#root, pointer: '' }, []);
    return [...new Map(found.map((path) => [JSON.stringify(path), path])).values()];
  }

  #holdsKey(path: FieldPath): boolean {
    const pointer = isSchema(this.#root) ? this.#root['x-key'] : undefined;
    const key = typeof pointer === 'string' ? parsePointer(pointer) : undefined;
    return key !== undefined && path.every((segment, i) => segment === key[i] || segment === EVERY_PROPERTY);
  }

  /** The place and all others that may apply to the same value. */
  #applying(place: Place): readonly Place[] {
    const found = new Map<unknown, Place>();
    const queue = [place];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const { schema, pointer } = next;
      if (!isSchema(schema) || found.has(schema)) continue;
      found.set(schema, next);
      const ref = schema['$ref'];
      if (typeof ref === 'string') queue.push({ schema: resolveRef(this.#root, ref), pointer: ref.slice(1) });
      for (const keyword of SAME_VALUE) {
        // What must not hold says nothing of what may stand there.
        if (keyword === 'not') continue;
        const value = schema[keyword];
        if (value === undefined) continue;
        const below = `${pointer}/${keyword}`;
        if (Array.isArray(value)) {
          for (const [i, each] of value.entries()) queue.push({ schema: each, pointer: `${below}/${String(i)}` });
        } else if (keyword === 'dependentSchemas') {
          for (const [name, each] of Object.entries(schemaMap(value)))
            queue.push({ schema: each, pointer: `${below}/${token(name)}` });
        } else for (const each of subschemas(value, keyword)) queue.push({ schema: each, pointer: below });
      }
    }
    return [...found.values()];
  }
}

function requires(schema: Schema, segment: string): boolean {
  const required = schemaList(schema['required']);
  return segment === EVERY_PROPERTY ? required.length > 0 : segment !== EVERY_ITEM && required.includes(segment);
}

function childrenOf({ schema, pointer }: Place, segment: string): readonly Place[] {
  if (!isSchema(schema)) return [];
  if (segment === EVERY_ITEM) {
    const first = schemaList(schema['prefixItems']).map((each, i) => {
      return { schema: each, pointer: `${pointer}/prefixItems/${String(i)}` };
    });
    return [...first, ...oneBelow(schema, pointer, ['items', 'unevaluatedItems'])];
  }
  const properties = schemaMap(schema['properties']);
  const patterns = Object.entries(schemaMap(schema['patternProperties']));
  const placed = ([name, each]: readonly [string, unknown], keyword: string): Place => ({
    schema: each,
    pointer: `${pointer}/${keyword}/${token(name)}`,
  });
  const others = ['additionalProperties', 'unevaluatedProperties'];
  if (segment === EVERY_PROPERTY) {
    return [
      ...Object.entries(properties).map((each) => placed(each, 'properties')),
      ...patterns.map((each) => placed(each, 'patternProperties')),
      ...oneBelow(schema, pointer, others),
    ];
  }
  const found = patterns
    .filter(([pattern]) => new RegExp(pattern, 'u').test(segment))
    .map((each) => placed(each, 'patternProperties'));
  const own = member(properties, segment);
  if (own !== undefined) found.push(placed([segment, own], 'properties'));
  return found.length > 0 ? found : oneBelow(schema, pointer, others);
}

/** `true` declares nothing, `false` allows nothing. */
function oneBelow(schema: Schema, pointer: string, keywords: readonly string[]): readonly Place[] {
  return keywords.flatMap((keyword) =>
    isSchema(schema[keyword]) ? [{ schema: schema[keyword], pointer: `${pointer}/${keyword}` }] : [],
  );
}

function segmentsOf(schema: unknown): readonly string[] {
  if (!isSchema(schema)) return [];
  const open = ['patternProperties', 'additionalProperties', 'unevaluatedProperties'].some((word) => word in schema);
  const listed = ['items', 'prefixItems', 'unevaluatedItems'].some((word) => word in schema);
  return [
    ...Object.keys(schemaMap(schema['properties'])),
    ...(open ? [EVERY_PROPERTY] : []),
    ...(listed ? [EVERY_ITEM] : []),
  ];
}

/** A segment of a pointer in a URI fragment, RFC 6901 section 6. */
function token(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
}

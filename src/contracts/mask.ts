import { ExactNumber } from '../json.ts';
import { formatPointer } from './pointer.ts';
import { isSchema, member, resolveRef, type Schema, schemaList, schemaMap, walkSchemas } from './schema.ts';

/** What stands in place of a sensitive value. */
export const MASKED = '***';

export interface Mask {
  /**
   * A copy with `instead` in place of every sensitive value; the data itself when the contract has none.
   * @param instead undefined leaves the value out @default '***'
   */
  apply(data: unknown, ...instead: readonly [] | readonly [unknown]): unknown;
  /** The pointer of a place, cut where a sensitive value begins, and what may be shown of the value there. */
  place(segments: readonly string[]): { readonly pointer: string; readonly show: 'value' | 'kind' | 'nothing' };
}

/**
 * Masks by schema. It errs on the side of masking: a value is sensitive when any subschema that may apply to it says so
 * (every branch of `anyOf`, `if`, `dependentSchemas`), when it stands undeclared beside a sensitive property, or when it is
 * of another kind than a schema with sensitive values inside expects.
 */
export function compileMask(schema: unknown): Mask {
  if (![...walkSchemas(schema)].some((place) => place.schema['x-sensitive'] === true)) {
    return { apply: (data) => data, place: (segments) => ({ pointer: formatPointer(segments), show: 'value' }) };
  }
  const root = new MaskTree(schema).root();
  return {
    apply: (data, ...instead) => applyNode(root, data, instead.length === 0 ? MASKED : instead[0]),
    place(segments) {
      let node = root;
      const shown: string[] = [];
      for (const segment of segments) {
        if (node.secret) return { pointer: formatPointer(shown), show: 'nothing' };
        shown.push(segment);
        node = node.child(segment);
      }
      return { pointer: formatPointer(shown), show: node.secret ? 'nothing' : node.holdsSecrets ? 'kind' : 'value' };
    },
  };
}

function applyNode(node: MaskNode, data: unknown, instead: unknown): unknown {
  if (node.secret) return instead;
  if (!node.holdsSecrets || data === null || typeof data === 'boolean') return data;
  if (typeof data !== 'object' || data instanceof ExactNumber) return instead;
  const below = (segment: string, value: unknown): unknown => applyNode(node.child(segment), value, instead);
  if (Array.isArray(data)) {
    if (!node.takesArrays) return instead;
    return data.map((item, index) => below(String(index), item)).filter((item) => item !== undefined);
  }
  if (!node.takesObjects) return instead;
  const entries = Object.entries(data).map(([name, value]) => [name, below(name, value)]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** A place in data: all subschemas that may apply to it. */
interface MaskNode {
  readonly secret: boolean;
  /** Something inside it is, or may be, sensitive. */
  readonly holdsSecrets: boolean;
  readonly takesObjects: boolean;
  readonly takesArrays: boolean;
  child(segment: string): MaskNode;
}

const OBJECT_KEYWORDS = ['properties', 'patternProperties', 'additionalProperties', 'unevaluatedProperties'];
const ARRAY_KEYWORDS = ['items', 'prefixItems', 'contains', 'unevaluatedItems'];
/** Keywords whose subschemas apply to the same value. */
export const SAME_VALUE = ['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'dependentSchemas'];

const SECRET: MaskNode = {
  secret: true,
  holdsSecrets: true,
  takesObjects: true,
  takesArrays: true,
  child: () => SECRET,
};

/** Nodes are made when they are first asked for and kept by the set of their schemas, so recursive schemas end. */
class MaskTree {
  readonly #schema: unknown;
  readonly #numbers = new Map<Schema, number>();
  readonly #nodes = new Map<string, MaskNode>();

  constructor(schema: unknown) {
    this.#schema = schema;
  }

  root(): MaskNode {
    return this.#node([this.#schema]);
  }

  #node(schemas: readonly unknown[]): MaskNode {
    const set = this.#applying(schemas);
    const id = [...set]
      .map((schema) => this.#number(schema))
      .sort((a, b) => a - b)
      .join();
    const known = this.#nodes.get(id);
    if (known !== undefined) return known;
    const all = [...set];
    const node = all.some(isSecret) ? SECRET : this.#plainNode(all);
    this.#nodes.set(id, node);
    return node;
  }

  #plainNode(schemas: readonly Schema[]): MaskNode {
    const guarded = schemas.some((schema) =>
      Object.values(schemaMap(schema['properties'])).some((child) => this.#secret(child)),
    );
    const takesArrays = schemas.some((schema) => ARRAY_KEYWORDS.some((keyword) => keyword in schema));
    const children = new Map<string, MaskNode>();
    return {
      secret: false,
      holdsSecrets: this.#reaches(schemas),
      takesObjects: schemas.some((schema) => OBJECT_KEYWORDS.some((keyword) => keyword in schema)),
      takesArrays,
      child: (segment) => {
        const index = /^\d+$/.test(segment);
        const declared = schemas.some((schema) => Object.hasOwn(schemaMap(schema['properties']), segment));
        // An undeclared name beside a sensitive property may be that property, misspelt.
        if (guarded && !declared && !(index && takesArrays)) return SECRET;
        // Names come from data, without bound, so only declared ones are kept.
        const known = children.get(segment);
        if (known !== undefined) return known;
        const found = schemas.flatMap((schema) => [
          ...propertySchemas(schema, segment),
          ...(index ? itemSchemas(schema, Number(segment)) : []),
        ]);
        const node = this.#node(found);
        if (declared) children.set(segment, node);
        return node;
      },
    };
  }

  #secret(schema: unknown): boolean {
    return [...this.#applying([schema])].some(isSecret);
  }

  /** The schemas and all others that may apply to the same value. */
  #applying(schemas: readonly unknown[]): Set<Schema> {
    const set = new Set<Schema>();
    const queue = [...schemas];
    for (let schema = queue.pop(); schema !== undefined || queue.length > 0; schema = queue.pop()) {
      if (!isSchema(schema) || set.has(schema)) continue;
      set.add(schema);
      if ('$ref' in schema) queue.push(resolveRef(this.#schema, schema['$ref']));
      for (const keyword of SAME_VALUE) queue.push(...subschemas(schema[keyword], keyword));
    }
    return set;
  }

  #reaches(schemas: readonly Schema[]): boolean {
    const seen = new Set<Schema>();
    const queue: unknown[] = [...schemas];
    while (queue.length > 0) {
      for (const { schema } of walkSchemas(queue.pop())) {
        if (seen.has(schema)) continue;
        seen.add(schema);
        if (isSecret(schema)) return true;
        if ('$ref' in schema) queue.push(resolveRef(this.#schema, schema['$ref']));
      }
    }
    return false;
  }

  #number(schema: Schema): number {
    const number = this.#numbers.get(schema) ?? this.#numbers.size;
    this.#numbers.set(schema, number);
    return number;
  }
}

/** Sensitive names (`propertyNames`) make the whole object sensitive. */
export function isSecret(schema: Schema): boolean {
  if (schema['x-sensitive'] === true) return true;
  const names = schema['propertyNames'];
  return isSchema(names) && names['x-sensitive'] === true;
}

export function subschemas(value: unknown, keyword: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return keyword === 'dependentSchemas' ? Object.values(schemaMap(value)) : [value];
}

function propertySchemas(schema: Schema, name: string): unknown[] {
  const found: unknown[] = [];
  const own = member(schemaMap(schema['properties']), name);
  if (own !== undefined) found.push(own);
  for (const [pattern, child] of Object.entries(schemaMap(schema['patternProperties']))) {
    if (new RegExp(pattern, 'u').test(name)) found.push(child);
  }
  if (found.length === 0) found.push(schema['additionalProperties']);
  found.push(schema['unevaluatedProperties']);
  return found;
}

function itemSchemas(schema: Schema, index: number): unknown[] {
  const prefix = schemaList(schema['prefixItems']);
  return [index < prefix.length ? prefix[index] : schema['items'], schema['contains'], schema['unevaluatedItems']];
}

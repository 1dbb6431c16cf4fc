import { parseFragment } from './pointer.ts';

/** A JSON Schema that is an object; `true` and `false` are told apart where they matter. */
export type Schema = Readonly<Record<string, unknown>>;

/** How subschemas stand under a keyword: itself one, a list of them, a map of them, or none. */
type Holds = 'schema' | 'list' | 'map' | 'none';

/**
 * The keywords a contract may use: draft 2020-12 without what reaches beyond the file (`$anchor`, `$dynamicRef`, `$vocabulary`),
 * and Waybill's annotations.
 */
export const KEYWORDS: Readonly<Record<string, Holds>> = {
  $schema: 'none',
  $id: 'none',
  $ref: 'none',
  $defs: 'map',
  $comment: 'none',
  type: 'none',
  const: 'none',
  enum: 'none',
  allOf: 'list',
  anyOf: 'list',
  oneOf: 'list',
  not: 'schema',
  if: 'schema',
  then: 'schema',
  else: 'schema',
  properties: 'map',
  patternProperties: 'map',
  additionalProperties: 'schema',
  unevaluatedProperties: 'schema',
  propertyNames: 'schema',
  dependentSchemas: 'map',
  dependentRequired: 'none',
  required: 'none',
  minProperties: 'none',
  maxProperties: 'none',
  prefixItems: 'list',
  items: 'schema',
  unevaluatedItems: 'schema',
  contains: 'schema',
  minContains: 'none',
  maxContains: 'none',
  minItems: 'none',
  maxItems: 'none',
  uniqueItems: 'none',
  minimum: 'none',
  maximum: 'none',
  exclusiveMinimum: 'none',
  exclusiveMaximum: 'none',
  multipleOf: 'none',
  minLength: 'none',
  maxLength: 'none',
  pattern: 'none',
  format: 'none',
  contentEncoding: 'none',
  contentMediaType: 'none',
  title: 'none',
  description: 'none',
  default: 'none',
  deprecated: 'none',
  readOnly: 'none',
  writeOnly: 'none',
  examples: 'none',
  'x-owner': 'none',
  'x-key': 'none',
  'x-compatibility': 'none',
  'x-reply': 'none',
  'x-sensitive': 'none',
};

/** Annotations that belong to the whole contract. */
export const ROOT_ANNOTATIONS: readonly string[] = ['x-owner', 'x-key', 'x-compatibility', 'x-reply'];

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The members of a map of schemas (`properties`, `$defs`); empty when it is none. */
export function schemaMap(value: unknown): Schema {
  return isSchema(value) ? value : {};
}

export function schemaList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** An own member, so that a property named `constructor` is not found on every object. */
export function member(map: Schema, name: string): unknown {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}

export interface PlacedSchema {
  readonly schema: Schema;
  readonly path: readonly (string | number)[];
}

/** The schema and all of its subschemas, with the way to each of them. References are not followed. */
export function* walkSchemas(schema: unknown, path: readonly (string | number)[] = []): Generator<PlacedSchema> {
  if (!isSchema(schema)) return;
  yield { schema, path };
  for (const [keyword, value] of Object.entries(schema)) {
    const holds = member(KEYWORDS, keyword);
    if (holds === 'schema') yield* walkSchemas(value, [...path, keyword]);
    else if (holds === 'list') {
      for (const [index, item] of schemaList(value).entries()) yield* walkSchemas(item, [...path, keyword, index]);
    } else if (holds === 'map') {
      for (const [name, item] of Object.entries(schemaMap(value))) yield* walkSchemas(item, [...path, keyword, name]);
    }
  }
}

/** What a local reference (`#`, `#/$defs/address`) means; undefined when it leads nowhere. */
export function resolveRef(root: unknown, ref: unknown): unknown {
  const segments = typeof ref === 'string' ? parseFragment(ref) : undefined;
  if (segments === undefined) return undefined;
  let node: unknown = root;
  for (const segment of segments) {
    if (Array.isArray(node)) node = /^(0|[1-9]\d*)$/.test(segment) ? (node as unknown[])[Number(segment)] : undefined;
    else node = isSchema(node) ? member(node, segment) : undefined;
  }
  return node;
}

import { intersect } from './intersect.ts';
import {
  BOOLEAN,
  DYN,
  type FieldType,
  NEVER,
  NULL,
  type NumberType,
  type ObjectType,
  type StringType,
  type Type,
  typeOfValue,
  unionOf,
} from './types.ts';

type Schema = Readonly<Record<string, unknown>>;

/**
 * The type of the values a JSON Schema (2020-12) allows. What the algebra cannot say (`if`, `not`, `pattern`, `contains`,
 * remote references) is left out, so the type allows at least what the schema does. A reference back into itself is `dyn`.
 */
export function typeFromSchema(schema: unknown): Type {
  return new Reader(schema).type(schema);
}

const OBJECT_WORDS = [
  'properties',
  'required',
  'additionalProperties',
  'patternProperties',
  'propertyNames',
  'minProperties',
];
const LIST_WORDS = ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems', 'contains'];

class Reader {
  readonly #root: unknown;
  readonly #open = new Set<string>();
  readonly #known = new Map<string, Type>();

  constructor(root: unknown) {
    this.#root = root;
  }

  type(schema: unknown): Type {
    if (schema === false) return NEVER;
    if (!isSchema(schema)) return DYN;
    let type = this.#own(schema);
    if (typeof schema['$ref'] === 'string') type = intersect(type, this.#reference(schema['$ref']));
    for (const part of listAt(schema, 'allOf')) type = intersect(type, this.type(part));
    for (const word of ['anyOf', 'oneOf']) {
      const choices = listAt(schema, word);
      if (choices.length > 0) type = intersect(type, unionOf(choices.map((choice) => this.type(choice))));
    }
    if ('const' in schema) type = intersect(type, typeOfValue(schema['const']));
    const values = schema['enum'];
    if (Array.isArray(values)) type = intersect(type, unionOf(values.map(typeOfValue)));
    return type;
  }

  /** By the keywords beside each other, without those that hold whole schemas. */
  #own(schema: Schema): Type {
    const { type } = schema;
    if (typeof type === 'string') return this.#named(type, schema);
    if (Array.isArray(type)) {
      return unionOf(type.map((name) => (typeof name === 'string' ? this.#named(name, schema) : DYN)));
    }
    if (OBJECT_WORDS.some((word) => word in schema)) return this.#object(schema);
    if (LIST_WORDS.some((word) => word in schema)) return this.#list(schema);
    return DYN;
  }

  #named(name: string, schema: Schema): Type {
    switch (name) {
      case 'null':
        return NULL;
      case 'boolean':
        return BOOLEAN;
      case 'integer':
      case 'number':
        return numberType(schema, name === 'integer');
      case 'string':
        return textType(schema);
      case 'array':
        return this.#list(schema);
      case 'object':
        return this.#object(schema);
      default:
        return DYN;
    }
  }

  #object(schema: Schema): ObjectType {
    const fields = new Map<string, FieldType>();
    const required = new Set(listAt(schema, 'required').filter((name) => typeof name === 'string'));
    const properties = schema['properties'];
    if (isSchema(properties)) {
      for (const [name, field] of Object.entries(properties)) {
        fields.set(name, { type: this.type(field), required: required.has(name) });
      }
    }
    for (const name of required) if (!fields.has(name)) fields.set(name, { type: DYN, required: true });
    return { kind: 'object', fields, rest: this.#rest(schema) };
  }

  #rest(schema: Schema): ObjectType['rest'] {
    const beyond = schema['additionalProperties'];
    const patterns = schema['patternProperties'];
    if (isSchema(patterns)) {
      const types = Object.values(patterns).map((pattern) => this.type(pattern));
      return unionOf(beyond === false ? types : [...types, this.type(beyond)]);
    }
    if (beyond === false || schema['unevaluatedProperties'] === false) return 'closed';
    if (beyond !== undefined) return this.type(beyond);
    // An object of which nothing is declared is a bag: all of it may be read.
    return OBJECT_WORDS.some((word) => word in schema) || 'allOf' in schema || '$ref' in schema ? 'open' : DYN;
  }

  #list(schema: Schema): Type {
    const first = listAt(schema, 'prefixItems').map((item) => this.type(item));
    const beyond = 'items' in schema ? this.type(schema['items']) : DYN;
    const maxItems = numberAt(schema, 'maxItems') ?? (beyond.kind === 'never' ? first.length : undefined);
    return {
      kind: 'list',
      first,
      items: beyond,
      minItems: numberAt(schema, 'minItems') ?? 0,
      ...(maxItems === undefined ? {} : { maxItems }),
    };
  }

  #reference(ref: string): Type {
    const known = this.#known.get(ref);
    if (known !== undefined) return known;
    if (this.#open.has(ref)) return DYN;
    this.#open.add(ref);
    const type = this.type(this.#resolve(ref));
    this.#open.delete(ref);
    this.#known.set(ref, type);
    return type;
  }

  #resolve(ref: string): unknown {
    if (ref === '#') return this.#root;
    if (!ref.startsWith('#/')) return undefined;
    let place: unknown = this.#root;
    for (const part of ref.slice(2).split('/')) {
      const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      if (typeof place !== 'object' || place === null || !Object.hasOwn(place, name)) return undefined;
      place = Object.getOwnPropertyDescriptor(place, name)?.value;
    }
    return place;
  }
}

function numberType(schema: Schema, integer: boolean): NumberType {
  const words = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const;
  return { kind: 'number', integer, ...pick(schema, words) };
}

function textType(schema: Schema): StringType {
  const { format } = schema;
  return {
    kind: 'string',
    ...pick(schema, ['minLength', 'maxLength']),
    ...(typeof format === 'string' ? { format } : {}),
  };
}

function pick<Word extends string>(schema: Schema, words: readonly Word[]): Partial<Record<Word, number>> {
  const found: Partial<Record<Word, number>> = {};
  for (const word of words) {
    const value = numberAt(schema, word);
    if (value !== undefined) found[word] = value;
  }
  return found;
}

function numberAt(schema: Schema, word: string): number | undefined {
  const value = schema[word];
  return typeof value === 'number' ? value : undefined;
}

function listAt(schema: Schema, word: string): readonly unknown[] {
  const value = schema[word];
  return Array.isArray(value) ? value : [];
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

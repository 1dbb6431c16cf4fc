/** Whether all data that keeps one schema keeps another. */
export interface Compatibility {
  /** `unknown`: neither shown to be so nor to be otherwise. */
  readonly verdict: 'compatible' | 'unknown' | 'breaks';
  /** Why it is not `compatible`: `/lines/0/sku: required, was optional`. */
  readonly reasons: readonly string[];
}

/**
 * Compares what is written with what is read, in the lenient reading: an open object may get optional properties later, so that a
 * property which the reader alone knows is no break. Says `compatible` or `breaks` only where that is shown by the keywords alone;
 * data that meets no value at all of the writer, such as one of two contradicting bounds, is not looked for.
 * Pure; schemas are JSON Schema 2020-12.
 */
export function compareSchemas(writer: unknown, reader: unknown): Compatibility {
  const comparison = new Comparison(writer, reader);
  comparison.compare(writer, reader, '');
  return comparison.result();
}

type Schema = Readonly<Record<string, unknown>>;

/** What says nothing about data. `format` asserts here, so it is not among them. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  '$schema',
  '$id',
  '$comment',
  '$defs',
  'title',
  'description',
  'default',
  'deprecated',
  'examples',
  'readOnly',
  'writeOnly',
]);

/** The reader's bound must be no tighter than the writer's. */
const LOWER = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties', 'minContains'];
const UPPER = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties', 'maxContains'];
/** What a bound that is not written may still follow from. */
const TWIN: Readonly<Record<string, string>> = {
  minimum: 'exclusiveMinimum',
  exclusiveMinimum: 'minimum',
  maximum: 'exclusiveMaximum',
  exclusiveMaximum: 'maximum',
};
/** Where the reader does without them it takes more. */
const NARROWING: ReadonlySet<string> = new Set([
  ...LOWER,
  ...UPPER,
  'type',
  'enum',
  'const',
  'pattern',
  'format',
  'multipleOf',
  'uniqueItems',
  'required',
  'items',
  'allOf',
  'not',
  'propertyNames',
  'dependentRequired',
]);
const HANDLED: ReadonlySet<string> = new Set([
  ...LOWER,
  ...UPPER,
  'type',
  'enum',
  'const',
  'required',
  'properties',
  'additionalProperties',
  'items',
]);

class Comparison {
  readonly #roots: { readonly writer: unknown; readonly reader: unknown };
  readonly #breaks: string[] = [];
  readonly #unknown: string[] = [];
  /** Pairs under comparison: recursive schemas come back to them. */
  readonly #seen = new Map<unknown, Set<unknown>>();

  constructor(writer: unknown, reader: unknown) {
    this.#roots = { writer, reader };
  }

  result(): Compatibility {
    const verdict = this.#breaks.length > 0 ? 'breaks' : this.#unknown.length > 0 ? 'unknown' : 'compatible';
    return { verdict, reasons: [...this.#breaks, ...this.#unknown] };
  }

  compare(written: unknown, read: unknown, at: string): void {
    const writer = resolve(written, this.#roots.writer);
    const reader = resolve(read, this.#roots.reader);
    if (reader === true || writer === false) return;
    if (reader === false) {
      this.#breaks.push(`${at || '/'}: nothing is taken here`);
      return;
    }
    const own = writer === true ? {} : writer;
    if (!isSchema(own) || !isSchema(reader)) {
      this.#unknown.push(`${at || '/'}: a reference that is not followed`);
      return;
    }
    const seen = this.#seen.get(own) ?? new Set();
    if (seen.has(reader)) return;
    this.#seen.set(own, seen.add(reader));
    this.#types(own, reader, at);
    this.#values(own, reader, at);
    this.#bounds(own, reader, at);
    this.#object(own, reader, at);
    if (reader['items'] !== undefined && !same(own['prefixItems'], reader['prefixItems'])) this.#differs('items', at);
    else if (reader['items'] !== undefined) this.compare(own['items'] ?? true, reader['items'], `${at}/*`);
    for (const keyword of new Set([...Object.keys(own), ...Object.keys(reader)])) {
      if (ANNOTATIONS.has(keyword) || keyword.startsWith('x-') || HANDLED.has(keyword)) continue;
      if (reader[keyword] === undefined && NARROWING.has(keyword)) continue;
      // Equal words that lead to `$defs` are only equal where those are.
      const led = JSON.stringify(reader[keyword] ?? null).includes('"$ref"');
      if (same(own[keyword], reader[keyword]) && (!led || this.#sameDefinitions())) continue;
      this.#differs(keyword, at);
    }
  }

  #differs(keyword: string, at: string): void {
    this.#unknown.push(`${at || '/'}: ${keyword} differs`);
  }

  #sameDefinitions(): boolean {
    return same(definitionsOf(this.#roots.writer), definitionsOf(this.#roots.reader));
  }

  #types(writer: Schema, reader: Schema, at: string): void {
    if (reader['type'] === undefined) return;
    const takes = new Set(list(reader['type']));
    if (writer['type'] === undefined) {
      const values = valuesOf(writer);
      if (values?.every((value) => takes.has(typeOf(value)) || (takes.has('number') && typeOf(value) === 'integer')))
        return;
      this.#unknown.push(`${at || '/'}: of any type, ${[...takes].join(' or ')} is taken`);
      return;
    }
    const more = list(writer['type']).filter(
      (type) => !takes.has(type) && !(type === 'integer' && takes.has('number')),
    );
    if (more.length > 0)
      this.#breaks.push(`${at || '/'}: ${more.join(' or ')} is not taken, only ${[...takes].join(' or ')}`);
  }

  #values(writer: Schema, reader: Schema, at: string): void {
    const takes = valuesOf(reader);
    if (takes === undefined) return;
    const texts = new Set(takes.map(canonical));
    const writes = valuesOf(writer);
    const more = writes?.map(canonical).filter((value) => !texts.has(value));
    if (more === undefined) this.#breaks.push(`${at || '/'}: only ${[...texts].join(', ')} is taken`);
    else if (more.length > 0) this.#breaks.push(`${at || '/'}: ${more.join(', ')} is not taken`);
  }

  #bounds(writer: Schema, reader: Schema, at: string): void {
    const values = valuesOf(writer);
    for (const keyword of [...LOWER, ...UPPER]) {
      const [written, read] = [writer[keyword], reader[keyword]];
      if (typeof read !== 'number') continue;
      if (typeof written === 'number' && (LOWER.includes(keyword) ? written >= read : written <= read)) continue;
      const said = `${at || '/'}: ${keyword} ${String(read)}, was ${typeof written === 'number' ? String(written) : 'none'}`;
      // It may follow from something else: a twin, or the values there are.
      const twin = TWIN[keyword];
      const follows = values !== undefined || (twin !== undefined && writer[twin] !== undefined) || read === 0;
      (follows ? this.#unknown : this.#breaks).push(said);
    }
  }

  #object(writer: Schema, reader: Schema, at: string): void {
    const needed = list(reader['required']);
    const given = new Set(list(writer['required']));
    for (const name of needed) {
      if (!given.has(name)) this.#breaks.push(`${at}/${name}: required, was optional`);
    }
    const [written, read] = [record(writer['properties']), record(reader['properties'])];
    const [more, rest] = [writer['additionalProperties'], reader['additionalProperties']];
    for (const name of new Set([...Object.keys(written), ...Object.keys(read)])) {
      const here = `${at}/${name}`;
      if (written[name] === undefined) {
        // Not written by name; where others are described, it may come as one of those.
        if (typeof more === 'object') this.compare(more, read[name], here);
      } else if (read[name] !== undefined) this.compare(written[name], read[name], here);
      else if (rest === false) this.#breaks.push(`${here}: not taken any more`);
      else if (rest !== undefined) this.compare(written[name], rest, here);
    }
    if (rest === undefined || rest === true || more === false) return;
    if (rest === false || more === undefined || more === true) {
      this.#unknown.push(`${at || '/'}: other properties are not taken`);
      return;
    }
    this.compare(more, rest, `${at}/*`);
  }
}

/** What a schema that is only a local reference leads to; undefined when it leads elsewhere. */
function resolve(schema: unknown, root: unknown): unknown {
  let at = schema;
  for (let hops = 0; hops < 32; hops++) {
    if (!isSchema(at) || at['$ref'] === undefined) return at;
    const beside = Object.keys(at).filter((key) => key !== '$ref' && !ANNOTATIONS.has(key) && !key.startsWith('x-'));
    const ref = at['$ref'];
    if (beside.length > 0 || typeof ref !== 'string' || !ref.startsWith('#')) return undefined;
    at = ref
      .slice(1)
      .split('/')
      .slice(1)
      .reduce<unknown>(
        (node, key) => record(node)[decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~')],
        root,
      );
  }
  return undefined;
}

function valuesOf(schema: Schema): readonly unknown[] | undefined {
  if ('const' in schema) return [schema['const']];
  const values = schema['enum'];
  return Array.isArray(values) ? values : undefined;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function definitionsOf(root: unknown): unknown {
  return record(root)['$defs'];
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function record(value: unknown): Schema {
  return isSchema(value) ? value : {};
}

function list(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : value === undefined ? [] : [value]).map(String);
}

function same(a: unknown, b: unknown): boolean {
  return a === b || (a !== undefined && b !== undefined && canonical(a) === canonical(b));
}

/** JSON with keys in order: equal values are equal texts. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, node: unknown) =>
    isSchema(node) ? Object.fromEntries(Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1))) : node,
  );
}

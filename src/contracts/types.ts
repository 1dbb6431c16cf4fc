import type { Contract } from './contracts.ts';
import { isSchema, member, resolveRef, type Schema, schemaList, schemaMap } from './schema.ts';

export interface TypesOptions {
  /** The module whose `MessageTypes` the types are added to. @default waybill */
  readonly module?: string;
}

/**
 * TypeScript types of all contracts, and the map from `shop.order.placed@1` to its type that `publish` and `handle` go by.
 *
 * The types are closed: a property that the contract does not declare is a compile error in a literal, although an open
 * contract would let it pass, because it is nearly always a misspelt one. What a type cannot say (bounds, patterns, `not`,
 * `if`) is left to validation. The same contracts give the same text.
 */
export function generateTypes(contracts: readonly Contract[], options: TypesOptions = {}): string {
  const module = options.module ?? 'waybill';
  const names = new Names();
  const roots = contracts.map((contract) => ({
    contract,
    name: names.take(pascal(`${contract.type}.v${String(contract.version)}`)),
  }));
  const blocks = roots.map(({ contract, name }) => new Emitter(contract, name, names).emit());
  const rows = roots.map(({ contract, name }) => `    ${JSON.stringify(contract.ref).replaceAll('"', "'")}: ${name};`);
  const head = '// Made by `waybill types` from the contracts. Do not edit: change the contract and run it again.';
  // An augmentation alone does not make the compiler read the module.
  const load = `import type {} from '${module}';`;
  const replies = contracts.flatMap(({ ref, reply }) => (reply === undefined ? [] : [`    '${ref}': '${reply}';`]));
  const answers = replies.length === 0 ? [] : ['  interface ReplyTypes {', ...replies, '  }'];
  const map = [`declare module '${module}' {`, '  interface MessageTypes {', ...rows, '  }', ...answers, '}'].join(
    '\n',
  );
  return `${[head, load, ...blocks, map].join('\n\n')}\n`;
}

/** Names of types in one file, each given once. */
class Names {
  readonly #taken = new Set<string>();

  take(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.#taken.has(name); n++) name = `${wanted}${String(n)}`;
    this.#taken.add(name);
    return name;
  }
}

/** Writes the types of one contract: its root, and each schema that is referred to, under a name of its own. */
class Emitter {
  readonly #contract: Contract;
  readonly #root: string;
  readonly #names: Names;
  readonly #named = new Map<unknown, string>();
  readonly #blocks: string[] = [];

  constructor(contract: Contract, root: string, names: Names) {
    this.#contract = contract;
    this.#root = root;
    this.#names = names;
    this.#named.set(contract.schema, root);
  }

  emit(): string {
    const { schema, ref } = this.#contract;
    const defs = isSchema(schema) ? schemaMap(schema['$defs']) : {};
    for (const [name, def] of Object.entries(defs))
      this.#named.set(def, this.#names.take(`${this.#root}${pascal(name)}`));
    const root = this.#declare(schema, this.#root, [`\`${ref}\``]);
    for (const def of Object.values(defs)) this.#blocks.push(this.#declare(def, this.#named.get(def) ?? '', []));
    return [root, ...this.#blocks].join('\n\n');
  }

  #declare(schema: unknown, name: string, remarks: readonly string[]): string {
    const body = this.#type(schema, '', true);
    const doc = comment([...documentation(schema), ...remarks], '');
    return body.startsWith('{') && body.endsWith('}') && isInterface(schema)
      ? `${doc}export interface ${name} ${body}`
      : `${doc}export type ${name} = ${body};`;
  }

  /** @param own write out the schema itself, though it has a name */
  #type(schema: unknown, indent: string, own = false): string {
    if (schema === false) return 'never';
    if (!isSchema(schema)) return 'unknown';
    const name = own ? undefined : this.#named.get(schema);
    if (name !== undefined) return name;
    if ('const' in schema) return literal(schema['const']);
    if (Array.isArray(schema['enum'])) return union((schema['enum'] as unknown[]).map(literal));
    const parts = [this.#ownType(schema, indent)];
    if (typeof schema['$ref'] === 'string') parts.push(this.#reference(schema['$ref']));
    for (const one of schemaList(schema['allOf'])) parts.push(this.#type(inherit(one, schema), indent));
    for (const keyword of ['anyOf', 'oneOf']) {
      const branches = schemaList(schema[keyword]);
      if (branches.length > 0) parts.push(union(branches.map((branch) => this.#type(inherit(branch, schema), indent))));
    }
    return intersection(parts);
  }

  /** What the schema says without its combinators. */
  #ownType(schema: Schema, indent: string): string {
    const said = schema['type'];
    const types = said === undefined ? impliedTypes(schema) : [said].flat();
    if (types.length === 0) return 'unknown';
    return union(types.map((type) => this.#typeNamed(type, schema, indent)));
  }

  #typeNamed(type: unknown, schema: Schema, indent: string): string {
    if (type === 'object') return this.#object(schema, indent);
    if (type === 'array') return this.#array(schema, indent);
    if (type === 'integer' || type === 'number') return 'number';
    return type === 'string' || type === 'boolean' || type === 'null' ? type : 'unknown';
  }

  #object(schema: Schema, indent: string): string {
    const properties = Object.entries(schemaMap(schema['properties']));
    const required = schemaList(schema['required']);
    const inner = `${indent}  `;
    const members = properties.map(([name, property]) => {
      const mark = required.includes(name) ? '' : '?';
      return {
        type: this.#type(property, inner),
        text: (type: string) =>
          `${comment(documentation(property), inner)}${inner}${propertyName(name)}${mark}: ${type};\n`,
        mark,
      };
    });
    const rest = this.#restType(schema, inner);
    if (members.length === 0)
      return rest === undefined
        ? combines(schema)
          ? 'unknown'
          : 'Record<string, unknown>'
        : `Record<string, ${rest}>`;
    const lines = members.map((one) => one.text(one.type));
    if (rest !== undefined) {
      // An index signature must take every named property as well.
      const all = union([
        rest,
        ...members.map((one) => one.type),
        ...(members.some((one) => one.mark !== '') ? ['undefined'] : []),
      ]);
      lines.push(`${inner}[name: string]: ${all};\n`);
    }
    return `{\n${lines.join('')}${indent}}`;
  }

  /** The type of undeclared properties where the contract gives one: open objects are closed in the type. */
  #restType(schema: Schema, indent: string): string | undefined {
    const patterns = Object.values(schemaMap(schema['patternProperties']));
    const additional = schema['additionalProperties'];
    const further = isSchema(additional) ? [additional] : [];
    const rest = [...patterns, ...further];
    if (rest.length > 0) return union(rest.map((one) => this.#type(one, indent)));
    return additional === false && Object.keys(schemaMap(schema['properties'])).length === 0 ? 'never' : undefined;
  }

  #array(schema: Schema, indent: string): string {
    const prefix = schemaList(schema['prefixItems']);
    const items = schema['items'];
    if (prefix.length === 0)
      return items === undefined ? 'unknown[]' : items === false ? '[]' : arrayOf(this.#type(items, indent));
    // Strict contracts give a tuple all of its places and no more.
    return `[${prefix.map((one) => this.#type(one, indent)).join(', ')}]`;
  }

  #reference(ref: string): string {
    const target = resolveRef(this.#contract.schema, ref);
    const known = this.#named.get(target);
    if (known !== undefined) return known;
    if (!isSchema(target)) return target === false ? 'never' : 'unknown';
    const name = this.#names.take(`${this.#root}${pascal(ref.slice(ref.lastIndexOf('/') + 1))}`);
    this.#named.set(target, name);
    this.#blocks.push(this.#declare(target, name, []));
    return name;
  }
}

function isInterface(schema: unknown): boolean {
  return isSchema(schema) && [schema['type']].flat().length === 1 && !combines(schema) && !('$ref' in schema);
}

function combines(schema: Schema): boolean {
  return ['allOf', 'anyOf', 'oneOf'].some((keyword) => schemaList(schema[keyword]).length > 0);
}

/** Strict contracts state types, except in branches, where the type stands outside: `anyOf: [{ required: [...] }]`. */
function impliedTypes(schema: Schema): readonly string[] {
  if ('properties' in schema) return ['object'];
  return 'items' in schema || 'prefixItems' in schema ? ['array'] : [];
}

/** A branch that only says which properties of its parent are required, written out: `{ a: string }`. */
function inherit(branch: unknown, parent: Schema): unknown {
  if (!isSchema(branch) || 'type' in branch || 'properties' in branch || '$ref' in branch) return branch;
  const required = schemaList(branch['required']);
  const declared = schemaMap(parent['properties']);
  const properties = required.flatMap((name) =>
    typeof name === 'string' && member(declared, name) !== undefined ? [[name, member(declared, name)] as const] : [],
  );
  return properties.length === 0 ? branch : { ...branch, properties: Object.fromEntries(properties) };
}

function documentation(schema: unknown): readonly string[] {
  if (!isSchema(schema)) return [];
  const lines: string[] = [];
  const text = schema['description'] ?? schema['title'];
  if (typeof text === 'string') lines.push(...text.trim().split(/\r?\n/));
  if (typeof schema['format'] === 'string') lines.push(`@format ${schema['format']}`);
  if ('default' in schema) lines.push(`@default ${JSON.stringify(schema['default'])}`);
  if (schema['deprecated'] === true) lines.push('@deprecated');
  return lines;
}

function comment(lines: readonly string[], indent: string): string {
  const safe = lines.map((line) => line.replaceAll('*/', '*\\/'));
  if (safe.length === 0) return '';
  if (safe.length === 1) return `${indent}/** ${safe[0] ?? ''} */\n`;
  return `${indent}/**\n${safe.map((line) => `${indent} *${line === '' ? '' : ` ${line}`}\n`).join('')}${indent} */\n`;
}

function literal(value: unknown): string {
  if (typeof value === 'string')
    return `'${JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (isSchema(value))
    return `{ ${Object.entries(value)
      .map(([name, one]) => `${propertyName(name)}: ${literal(one)}`)
      .join('; ')} }`;
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? String(value) : 'unknown';
}

function union(types: readonly string[]): string {
  const flat = [...new Set(types.flatMap(alternatives))].filter((type) => type !== 'never');
  if (flat.includes('unknown')) return 'unknown';
  if (flat.length === 0) return 'never';
  return flat.map((type) => (flat.length > 1 ? atomic(type) : type)).join(' | ');
}

function intersection(types: readonly string[]): string {
  const flat = [...new Set(types)].filter((type) => type !== 'unknown');
  if (flat.length === 0) return 'unknown';
  return flat.length === 1 ? (flat[0] ?? 'unknown') : flat.map(atomic).join(' & ');
}

function arrayOf(type: string): string {
  return `${atomic(type)}[]`;
}

function atomic(type: string): string {
  return isAtomic(type) ? type : `(${type})`;
}

function isAtomic(type: string): boolean {
  return operators(type).length === 0;
}

/** The members of a union that is written out. */
function alternatives(type: string): readonly string[] {
  const bars = operators(type).filter((at) => type[at] === '|');
  return [...bars, type.length].map((end, n) => type.slice(n === 0 ? 0 : (bars[n - 1] ?? 0) + 1, end).trim());
}

/** Where a `|` or `&` stands outside of brackets, quotes and comments. */
function operators(type: string): readonly number[] {
  const found: number[] = [];
  let depth = 0;
  for (const match of type.matchAll(/'(?:[^'\\]|\\.)*'|\/\*[^]*?\*\/|[[{(<]|[\]})>]|[|&]/g)) {
    const [token] = match;
    if ('[{(<'.includes(token)) depth++;
    else if (']})>'.includes(token)) depth--;
    else if (depth === 0 && (token === '|' || token === '&')) found.push(match.index);
  }
  return found;
}

function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : literal(name);
}

function pascal(text: string): string {
  const name = text
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
  return /^\d/.test(name) ? `T${name}` : name;
}

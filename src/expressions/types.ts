/**
 * What is known of a value before there is one. Derived from contracts (`schema-type.ts`), worked out for expressions
 * (`check.ts`), compared with contracts again (`assign.ts`).
 */
export type Type =
  /** Nothing is known: every use is allowed, and told apart at run time. */
  | { readonly kind: 'dyn' }
  /** No value: an item of the empty list. */
  | { readonly kind: 'never' }
  | { readonly kind: 'null' }
  | BooleanType
  | NumberType
  | StringType
  /** What `date()` gives. In the result it is RFC 3339 text in UTC. */
  | { readonly kind: 'timestamp' }
  | ListType
  | ObjectType
  | UnionType
  /** What `.?field` gives: a value or none. Never inside another type. */
  | OptionalType;

export interface BooleanType {
  readonly kind: 'boolean';
  readonly value?: boolean;
}

export interface NumberType {
  readonly kind: 'number';
  readonly integer: boolean;
  /** From `enum` and `const`. */
  readonly values?: readonly number[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

export interface StringType {
  readonly kind: 'string';
  /** From `enum` and `const`. */
  readonly values?: readonly string[];
  readonly format?: string;
  /** In code points, as JSON Schema counts. */
  readonly minLength?: number;
  readonly maxLength?: number;
}

export interface ListType {
  readonly kind: 'list';
  /** Types of the first items (`prefixItems`), where they differ. */
  readonly first: readonly Type[];
  readonly items: Type;
  readonly minItems: number;
  readonly maxItems?: number;
}

export interface ObjectType {
  readonly kind: 'object';
  readonly fields: ReadonlyMap<string, FieldType>;
  /**
   * Fields beyond the declared ones: `closed` has none; `open` may have some, but a contract that does not declare them
   * gives no right to read or set them; a type (a map) may have any of that type.
   */
  readonly rest: 'closed' | 'open' | Type;
}

export interface FieldType {
  readonly type: Type;
  readonly required: boolean;
}

/** Of two types or more, none of them a union, `dyn`, `never` or optional. */
export interface UnionType {
  readonly kind: 'union';
  readonly of: readonly Type[];
}

export interface OptionalType {
  readonly kind: 'optional';
  readonly of: Type;
}

export const DYN: Type = { kind: 'dyn' };
export const NEVER: Type = { kind: 'never' };
export const NULL: Type = { kind: 'null' };
export const BOOLEAN: Type = { kind: 'boolean' };
export const NUMBER: Type = { kind: 'number', integer: false };
export const INTEGER: Type = { kind: 'number', integer: true };
export const TEXT: Type = { kind: 'string' };
export const TIMESTAMP: Type = { kind: 'timestamp' };

export function listOf(items: Type, minItems = 0): ListType {
  return { kind: 'list', first: [], items, minItems };
}

/** The members of a union; of any other type itself. */
export function membersOf(type: Type): readonly Type[] {
  return type.kind === 'union' ? type.of : [type];
}

/** The type of a value that is of one of `types`. `dyn` takes all in, `never` adds nothing, equal members become one. */
export function unionOf(types: readonly Type[]): Type {
  const members: Type[] = [];
  const seen = new Set<string>();
  for (const member of types.flatMap(membersOf)) {
    if (member.kind === 'dyn') return DYN;
    if (member.kind === 'never') continue;
    const key = keyOf(member);
    if (!seen.has(key)) members.push(member);
    seen.add(key);
  }
  const joined = joinValues(members);
  const [only] = joined;
  if (only === undefined) return NEVER;
  return joined.length === 1 ? only : { kind: 'union', of: joined };
}

/** Enums of texts, and of numbers, become one enum each, so that `a ? 'x' : 'y'` is checked as 'x' or 'y'. */
function joinValues(members: readonly Type[]): readonly Type[] {
  const texts: string[] = [];
  const numbers: number[] = [];
  const booleans: BooleanType[] = [];
  const joined: Type[] = [];
  for (const member of members) {
    if (member.kind === 'string' && member.values !== undefined) texts.push(...member.values);
    else if (member.kind === 'number' && member.values !== undefined) numbers.push(...member.values);
    else if (member.kind === 'boolean') booleans.push(member);
    else joined.push(member);
  }
  if (texts.length > 0) joined.push({ kind: 'string', values: [...new Set(texts)] });
  if (numbers.length > 0) {
    joined.push({ kind: 'number', integer: numbers.every(Number.isInteger), values: [...new Set(numbers)] });
  }
  const [first, second] = booleans;
  if (first !== undefined) joined.push(second === undefined ? first : BOOLEAN);
  return joined;
}

function keyOf(type: Type): string {
  return JSON.stringify(type, (_, value: unknown) => (value instanceof Map ? [...value] : value));
}

/** The type without null. */
export function withoutNull(type: Type): Type {
  return type.kind === 'union' ? unionOf(type.of.filter((member) => member.kind !== 'null')) : type;
}

export function mayBeNull(type: Type): boolean {
  return type.kind === 'null' || (type.kind === 'union' && type.of.some((member) => member.kind === 'null'));
}

/** The type without its enum and bounds. */
export function kindOnly(type: Type): Type {
  switch (type.kind) {
    case 'string':
      return type.format === undefined ? TEXT : { kind: 'string', format: type.format };
    case 'number':
      return type.integer ? INTEGER : NUMBER;
    case 'boolean':
      return BOOLEAN;
    case 'union':
      return unionOf(type.of.map(kindOnly));
    default:
      return type;
  }
}

/** The type of a JSON value that is known. */
export function typeOfValue(value: unknown): Type {
  if (value === null) return NULL;
  if (typeof value === 'string') return { kind: 'string', values: [value] };
  if (typeof value === 'number') return { kind: 'number', integer: Number.isInteger(value), values: [value] };
  if (typeof value === 'boolean') return { kind: 'boolean', value };
  if (Array.isArray(value)) {
    const first = value.map(typeOfValue);
    return { kind: 'list', first, items: NEVER, minItems: first.length, maxItems: first.length };
  }
  if (typeof value === 'object') {
    const fields = new Map<string, FieldType>();
    for (const [name, field] of Object.entries(value)) fields.set(name, { type: typeOfValue(field), required: true });
    return { kind: 'object', fields, rest: 'closed' };
  }
  return DYN;
}

/** For people: `text`, `'a' or 'b'`, `whole number or null`, `list of objects`. */
export function describeType(type: Type): string {
  switch (type.kind) {
    case 'dyn':
      return 'anything';
    case 'never':
      return 'nothing';
    case 'null':
      return 'null';
    case 'boolean':
      return type.value === undefined ? 'true or false' : String(type.value);
    case 'number':
      if (type.values !== undefined) return someOf(type.values.map(String));
      return type.integer ? 'a whole number' : 'a number';
    case 'string':
      if (type.values !== undefined) return someOf(type.values.map((value) => `'${value}'`));
      return type.format === undefined ? 'text' : `text (${type.format})`;
    case 'timestamp':
      return 'a date()';
    case 'list': {
      const items = unionOf([...type.first, type.items]);
      return items.kind === 'dyn' || items.kind === 'never'
        ? 'a list'
        : `a list whose items are ${describeType(kindOnly(items))}`;
    }
    case 'object':
      return 'an object';
    case 'union':
      return someOf(type.of.map(describeType));
    case 'optional':
      return `an optional value (${describeType(type.of)})`;
  }
}

function someOf(words: readonly string[]): string {
  const shown = words.length > 8 ? [...words.slice(0, 7), `${String(words.length - 7)} more`] : words;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} or ${shown.at(-1) ?? ''}`;
}

import {
  type FieldType,
  type ListType,
  membersOf,
  NEVER,
  type NumberType,
  type ObjectType,
  type StringType,
  type Type,
  unionOf,
} from './types.ts';

/** The type of values that are of both types: how `allOf`, and a keyword beside others, narrow. */
export function intersect(a: Type, b: Type): Type {
  if (a.kind === 'dyn') return b;
  if (b.kind === 'dyn') return a;
  if (a.kind === 'union' || b.kind === 'union') {
    return unionOf(membersOf(a).flatMap((left) => membersOf(b).map((right) => intersect(left, right))));
  }
  if (a.kind === 'number' && b.kind === 'number') return intersectNumbers(a, b);
  if (a.kind === 'string' && b.kind === 'string') return intersectTexts(a, b);
  if (a.kind === 'list' && b.kind === 'list') return intersectLists(a, b);
  if (a.kind === 'object' && b.kind === 'object') return intersectObjects(a, b);
  if (a.kind === 'boolean' && b.kind === 'boolean') {
    if (a.value === undefined) return b;
    return b.value === undefined || a.value === b.value ? a : NEVER;
  }
  return a.kind === b.kind ? a : NEVER;
}

function intersectNumbers(a: NumberType, b: NumberType): Type {
  const integer = a.integer || b.integer;
  const both: NumberType = {
    kind: 'number',
    integer,
    ...larger('minimum', a.minimum, b.minimum),
    ...smaller('maximum', a.maximum, b.maximum),
    ...larger('exclusiveMinimum', a.exclusiveMinimum, b.exclusiveMinimum),
    ...smaller('exclusiveMaximum', a.exclusiveMaximum, b.exclusiveMaximum),
  };
  const values = common(a.values, b.values)?.filter((value) => inBounds(value, both));
  if (values?.length === 0) return NEVER;
  return values === undefined ? both : { ...both, integer: values.every(Number.isInteger), values };
}

/** Whether a number is within the bounds of a type, whatever its `values`. */
export function inBounds(value: number, type: NumberType): boolean {
  return (
    (!type.integer || Number.isInteger(value)) &&
    value >= (type.minimum ?? -Infinity) &&
    value <= (type.maximum ?? Infinity) &&
    (type.exclusiveMinimum === undefined || value > type.exclusiveMinimum) &&
    (type.exclusiveMaximum === undefined || value < type.exclusiveMaximum)
  );
}

function intersectTexts(a: StringType, b: StringType): Type {
  const format = a.format ?? b.format;
  const values = common(a.values, b.values);
  if (values?.length === 0) return NEVER;
  return {
    kind: 'string',
    ...(format === undefined ? {} : { format }),
    ...larger('minLength', a.minLength, b.minLength),
    ...smaller('maxLength', a.maxLength, b.maxLength),
    ...(values === undefined ? {} : { values }),
  };
}

function intersectLists(a: ListType, b: ListType): ListType {
  const length = Math.max(a.first.length, b.first.length);
  const maxItems = smaller('maxItems', a.maxItems, b.maxItems);
  return {
    kind: 'list',
    first: Array.from({ length }, (_, i) => intersect(a.first[i] ?? a.items, b.first[i] ?? b.items)),
    items: intersect(a.items, b.items),
    minItems: Math.max(a.minItems, b.minItems),
    ...maxItems,
  };
}

function intersectObjects(a: ObjectType, b: ObjectType): Type {
  const fields = new Map<string, FieldType>();
  for (const name of new Set([...a.fields.keys(), ...b.fields.keys()])) {
    const type = intersect(typeIn(a, name), typeIn(b, name));
    const required = (a.fields.get(name)?.required ?? false) || (b.fields.get(name)?.required ?? false);
    if (type.kind === 'never' && required) return NEVER;
    if (type.kind !== 'never') fields.set(name, { type, required });
  }
  return { kind: 'object', fields, rest: intersectRests(a.rest, b.rest) };
}

function typeIn(object: ObjectType, name: string): Type {
  const field = object.fields.get(name);
  if (field !== undefined) return field.type;
  if (object.rest === 'closed') return NEVER;
  return object.rest === 'open' ? { kind: 'dyn' } : object.rest;
}

function intersectRests(a: ObjectType['rest'], b: ObjectType['rest']): ObjectType['rest'] {
  if (a === 'closed' || b === 'closed') return 'closed';
  if (a === 'open') return b === 'open' || b.kind === 'dyn' ? 'open' : b;
  if (b === 'open') return a.kind === 'dyn' ? 'open' : a;
  return intersect(a, b);
}

function common<T>(a: readonly T[] | undefined, b: readonly T[] | undefined): readonly T[] | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : a.filter((value) => b.includes(value));
}

function larger<Name extends string>(
  name: Name,
  a: number | undefined,
  b: number | undefined,
): Partial<Record<Name, number>> {
  return bound(name, a, b, Math.max);
}

function smaller<Name extends string>(
  name: Name,
  a: number | undefined,
  b: number | undefined,
): Partial<Record<Name, number>> {
  return bound(name, a, b, Math.min);
}

function bound<Name extends string>(
  name: Name,
  a: number | undefined,
  b: number | undefined,
  choose: (a: number, b: number) => number,
): Partial<Record<Name, number>> {
  const found: Partial<Record<Name, number>> = {};
  const value = a === undefined ? b : b === undefined ? a : choose(a, b);
  if (value !== undefined) found[name] = value;
  return found;
}

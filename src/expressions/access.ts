import { DYN, membersOf, NEVER, type ObjectType, type Type, unionOf } from './types.ts';

/** What reading a field, or an item, of a type gives. */
export type Access =
  | { readonly found: true; readonly type: Type; readonly absence?: Absence }
  /** No value of the type has it. */
  | { readonly found: false; readonly why: 'not-declared' | 'not-object'; readonly names: readonly string[] };

/** Why the field may be absent: it is optional; what holds it may be null, or of another kind; the list may be shorter. */
export type Absence = 'optional' | 'null' | 'kind' | 'index';

export function fieldOf(type: Type, name: string): Access {
  if (type.kind === 'dyn' || type.kind === 'never') return { found: true, type: DYN };
  const types: Type[] = [];
  const names = new Set<string>();
  let absence: Absence | undefined;
  let objects = 0;
  for (const member of membersOf(type)) {
    if (member.kind !== 'object') {
      absence = member.kind === 'null' ? 'null' : (absence ?? 'kind');
      continue;
    }
    objects++;
    for (const known of member.fields.keys()) names.add(known);
    const field = member.fields.get(name);
    if (field !== undefined) types.push(field.type);
    else if (typeof member.rest === 'object') types.push(member.rest);
    if (field?.required !== true) absence ??= 'optional';
  }
  if (objects === 0) return { found: false, why: 'not-object', names: [] };
  if (types.length === 0) return { found: false, why: 'not-declared', names: [...names] };
  return { found: true, type: unionOf(types), ...(absence === undefined ? {} : { absence }) };
}

/** The item at an index; `index` undefined when it is not known before there is a message. */
export function itemAt(type: Type, index: number | undefined): Access {
  if (type.kind === 'dyn' || type.kind === 'never') return { found: true, type: DYN };
  const types: Type[] = [];
  let absence: Absence | undefined;
  let lists = 0;
  for (const member of membersOf(type)) {
    if (member.kind !== 'list') {
      absence = member.kind === 'null' ? 'null' : (absence ?? 'kind');
      continue;
    }
    lists++;
    if (index === undefined) types.push(...member.first, member.items);
    else types.push(member.first[index] ?? member.items);
    if (index === undefined || index >= member.minItems) absence ??= 'index';
  }
  if (lists === 0) return { found: false, why: 'not-object', names: [] };
  return { found: true, type: unionOf(types), ...(absence === undefined ? {} : { absence }) };
}

/** The value of any field of an object: of `object[name]` with a name that is not known before. */
export function anyFieldOf(object: ObjectType): Type {
  const types = [...object.fields.values()].map((field) => field.type);
  if (object.rest === 'open') return DYN;
  return unionOf(object.rest === 'closed' ? types : [...types, object.rest]);
}

/** The type of what a macro goes through: the items of a list, the names of an object; undefined when it is neither. */
export function itemsOf(type: Type): Type | undefined {
  if (type.kind === 'dyn') return DYN;
  if (type.kind === 'never') return NEVER;
  const types: Type[] = [];
  for (const member of membersOf(type)) {
    if (member.kind === 'list') types.push(...member.first, member.items);
    else if (member.kind === 'object') types.push({ kind: 'string' });
  }
  return types.length === 0 ? undefined : unionOf(types);
}

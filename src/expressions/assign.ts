import { didYouMean } from '../nearest.ts';
import { inBounds } from './intersect.ts';
import { joinField } from './syntax.ts';
import {
  describeType,
  type ListType,
  membersOf,
  type NumberType,
  type ObjectType,
  type StringType,
  type Type,
  withoutNull,
} from './types.ts';
import { textSize } from './values.ts';

/** Why values of a type do not, or not always, keep a contract. */
export interface Misfit {
  readonly code: 'WB_MAPPING_FIELD' | 'WB_MAPPING_REQUIRED' | 'WB_MAPPING_TYPE';
  readonly message: string;
  readonly fix?: string;
}

/**
 * Whether every value of `source` keeps `target`; undefined when it does, as far as types can tell.
 *
 * | must be proven                                          | only the contrary is a misfit                    |
 * |---------------------------------------------------------|--------------------------------------------------|
 * | kind, null, whole numbers, enum, required fields,       | bounds, lengths, formats: a misfit where no      |
 * | no field that a closed object does not take             | value, or the known value, can keep them         |
 *
 * `what` names the value in messages: `data.total`.
 */
export function misfit(source: Type, target: Type, what: string): Misfit | undefined {
  if (target.kind === 'dyn' || source.kind === 'dyn' || source.kind === 'never') return undefined;
  if (source.kind === 'union') {
    // Null last: what else is wrong is more of a surprise.
    const members = source.of.toSorted((a, b) => Number(a.kind === 'null') - Number(b.kind === 'null'));
    for (const member of members) {
      const found = misfit(member, target, what);
      if (found !== undefined) return member.kind === 'null' ? maybeNull(target, what) : found;
    }
    return undefined;
  }
  if (target.kind === 'union') return misfitUnion(source, target.of, target, what);
  if (target.kind === 'never')
    return { code: 'WB_MAPPING_TYPE', message: `${what} is set, and nothing is allowed here` };
  if (source.kind === 'number' && target.kind === 'number') return misfitNumber(source, target, what);
  if (source.kind === 'string' && target.kind === 'string') return misfitText(source, target, what);
  if (source.kind === 'timestamp' && target.kind === 'string') return misfitTimestamp(target, what);
  if (source.kind === 'list' && target.kind === 'list') return misfitList(source, target, what);
  if (source.kind === 'object' && target.kind === 'object') return misfitObject(source, target, what);
  if (source.kind === 'boolean' && target.kind === 'boolean') {
    const fits = target.value === undefined || target.value === source.value;
    return fits ? undefined : mismatch(source, target, what);
  }
  return source.kind === target.kind ? undefined : mismatch(source, target, what);
}

function maybeNull(target: Type, what: string): Misfit {
  const message = `${what} may be null, and ${describeType(target)} is needed`;
  return { code: 'WB_MAPPING_TYPE', message, fix: `write ${what} != null ? ${what} : ... with a value for null` };
}

function mismatch(source: Type, target: Type, what: string): Misfit {
  const message = `${what} is ${describeType(source)}, and ${describeType(target)} is needed`;
  const fix = conversion(source, target, what);
  return { code: 'WB_MAPPING_TYPE', message, ...(fix === undefined ? {} : { fix }) };
}

/** One of the values a type can be is not taken. */
function wrongValue(what: string, value: string, outOf: number, needed: string): Misfit {
  const is = what === value ? 'is given' : outOf === 1 ? `is ${value}` : `may be ${value}`;
  return { code: 'WB_MAPPING_TYPE', message: `${what} ${is}, and ${needed} is needed` };
}

function conversion(source: Type, target: Type, what: string): string | undefined {
  if (target.kind === 'string' && (source.kind === 'number' || source.kind === 'boolean')) return `write text(${what})`;
  if (target.kind === 'number' && source.kind === 'string') return `write number(${what})`;
  if (target.kind === 'number' && target.integer && source.kind === 'number') {
    return `round(${what}) makes it whole; where it is money, change the contract`;
  }
  return undefined;
}

/** A member that takes it; else the misfit with the one member that comes closest: of its kind, and not null. */
function misfitUnion(source: Type, members: readonly Type[], target: Type, what: string): Misfit | undefined {
  let closest: Misfit | undefined;
  for (const member of members) {
    const found = misfit(source, member, what);
    if (found === undefined) return undefined;
    if (member.kind === source.kind) closest ??= found;
  }
  const alike = members.filter((member) => member.kind === source.kind);
  return alike.length === 1 && closest !== undefined ? closest : mismatch(source, target, what);
}

function misfitNumber(source: NumberType, target: NumberType, what: string): Misfit | undefined {
  if (source.values !== undefined) {
    const wrong = source.values.find((value) => !allows(target, value));
    if (wrong === undefined) return undefined;
    return wrongValue(what, String(wrong), source.values.length, describeNumber(target));
  }
  if (target.integer && !source.integer) return mismatch(source, target, what);
  if (target.values !== undefined) return mismatch(source, target, what);
  const low = Math.max(source.minimum ?? -Infinity, source.exclusiveMinimum ?? -Infinity);
  const high = Math.min(source.maximum ?? Infinity, source.exclusiveMaximum ?? Infinity);
  const above = low > Math.min(target.maximum ?? Infinity, target.exclusiveMaximum ?? Infinity);
  const below = high < Math.max(target.minimum ?? -Infinity, target.exclusiveMinimum ?? -Infinity);
  if (!above && !below) return undefined;
  return { code: 'WB_MAPPING_TYPE', message: `${what} is always out of bounds: ${describeNumber(target)} is needed` };
}

function allows(target: NumberType, value: number): boolean {
  return target.values === undefined ? inBounds(value, target) : target.values.includes(value);
}

function describeNumber(type: NumberType): string {
  const bounds = [
    type.minimum === undefined ? '' : ` from ${String(type.minimum)}`,
    type.exclusiveMinimum === undefined ? '' : ` above ${String(type.exclusiveMinimum)}`,
    type.maximum === undefined ? '' : ` to ${String(type.maximum)}`,
    type.exclusiveMaximum === undefined ? '' : ` below ${String(type.exclusiveMaximum)}`,
  ];
  return `${describeType(type)}${bounds.join('')}`;
}

/** No text is of two of these formats. */
const DISJOINT_FORMATS: readonly string[] = ['date', 'time', 'date-time', 'uuid', 'email', 'ipv4', 'ipv6'];

function misfitText(source: StringType, target: StringType, what: string): Misfit | undefined {
  if (target.values !== undefined) {
    const wrong = source.values?.find((value) => target.values?.includes(value) !== true);
    if (source.values !== undefined && wrong === undefined) return undefined;
    if (wrong === undefined) return mismatch(source, target, what);
    const fix = didYouMean(wrong, target.values)?.replace(/mean (.*)\?$/, "mean '$1'?");
    const found = wrongValue(what, `'${wrong}'`, source.values?.length ?? 0, describeType(target));
    return { ...found, ...(fix === undefined ? {} : { fix }) };
  }
  const long = source.values?.find(
    (value) => textSize(value) > (target.maxLength ?? Infinity) || textSize(value) < (target.minLength ?? 0),
  );
  if (long !== undefined) {
    return wrongValue(what, `'${long}'`, source.values?.length ?? 0, describeLength(target));
  }
  const formats = [source.format, target.format];
  const apart =
    source.format !== target.format &&
    formats.every((format) => format !== undefined && DISJOINT_FORMATS.includes(format));
  return apart ? { ...mismatch(source, target, what), ...dateFix(target, what) } : undefined;
}

function describeLength(type: StringType): string {
  const least = type.minLength === undefined ? '' : ` of at least ${String(type.minLength)}`;
  const most = type.maxLength === undefined ? '' : ` of at most ${String(type.maxLength)}`;
  return `text${least}${most} characters`;
}

function misfitTimestamp(target: StringType, what: string): Misfit | undefined {
  if (target.values === undefined && (target.format === undefined || target.format === 'date-time')) return undefined;
  return { ...mismatch({ kind: 'timestamp' }, target, what), ...dateFix(target, what) };
}

function dateFix(target: StringType, what: string): { readonly fix?: string } {
  return target.format === 'date' ? { fix: `write formatDate(${what}, 'yyyy-MM-dd')` } : {};
}

function misfitList(source: ListType, target: ListType, what: string): Misfit | undefined {
  if (source.minItems > (target.maxItems ?? Infinity) || (source.maxItems ?? Infinity) < target.minItems) {
    const most = target.maxItems === undefined ? '' : ` to ${String(target.maxItems)}`;
    return { code: 'WB_MAPPING_TYPE', message: `${what} is never a list of ${String(target.minItems)}${most} items` };
  }
  const length = Math.max(source.first.length, target.first.length);
  for (let i = 0; i < length; i++) {
    const found = misfit(source.first[i] ?? source.items, target.first[i] ?? target.items, `${what}[${String(i)}]`);
    if (found !== undefined) return found;
  }
  return misfit(source.items, target.items, `an item of ${what}`);
}

function misfitObject(source: ObjectType, target: ObjectType, what: string): Misfit | undefined {
  for (const [name, field] of target.fields) {
    const path = joinField(what, name);
    const given = source.fields.get(name);
    const rest = typeof source.rest === 'object' ? source.rest : undefined;
    const type = given?.type ?? rest;
    if (field.required && given?.required !== true) {
      return {
        code: 'WB_MAPPING_REQUIRED',
        message: type === undefined ? `${path} is missing, and is required` : `${path} may be absent, and is required`,
      };
    }
    const found = type === undefined ? undefined : misfit(type, field.type, path);
    if (found !== undefined) return found;
  }
  return misfitRest(source, target, what);
}

function misfitRest(source: ObjectType, target: ObjectType, what: string): Misfit | undefined {
  if (target.rest === 'open') return undefined;
  for (const [name, field] of source.fields) {
    if (target.fields.has(name)) continue;
    const path = joinField(what, name);
    if (target.rest === 'closed') {
      const fix = didYouMean(name, target.fields.keys());
      return {
        code: 'WB_MAPPING_FIELD',
        message: `${path} is a field that is not taken here`,
        ...(fix === undefined ? {} : { fix }),
      };
    }
    const found = misfit(field.type, target.rest, path);
    if (found !== undefined) return found;
  }
  if (typeof source.rest === 'object') {
    if (target.rest === 'closed') return beyond(what);
    return misfit(source.rest, target.rest, `a field of ${what}`);
  }
  if (source.rest === 'open' && (target.rest === 'closed' || target.rest.kind !== 'dyn')) return beyond(what);
  return undefined;
}

function beyond(what: string): Misfit {
  return {
    code: 'WB_MAPPING_TYPE',
    message: `${what} may have fields beyond those its contract declares, and they are not taken here`,
    fix: 'list the fields that are meant, one by one',
  };
}

/** The one object among the members of a target, for a mapping that makes an object; undefined when there is none or a choice. */
export function objectTarget(target: Type | undefined): ObjectType | undefined {
  const objects =
    target === undefined ? [] : membersOf(withoutNull(target)).filter((member) => member.kind === 'object');
  const [only] = objects;
  return objects.length === 1 ? only : undefined;
}

export function listTarget(target: Type | undefined): ListType | undefined {
  const lists = target === undefined ? [] : membersOf(withoutNull(target)).filter((member) => member.kind === 'list');
  const [only] = lists;
  return lists.length === 1 ? only : undefined;
}

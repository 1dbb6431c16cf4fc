import { ExactNumber } from '../../json.ts';
import type { Type } from '../types.ts';
import { membersOf } from '../types.ts';
import { isList, isObject } from '../values.ts';
import type { Kind } from './declare.ts';

export const ANY: Kind<unknown> = {
  describe: 'a value',
  fits: (type) => type.kind !== 'optional',
  is: (value): value is unknown => typeof value !== 'symbol',
};

export const A_TEXT: Kind<string> = {
  describe: 'text',
  fits: (type) => type.kind === 'string',
  is: (value) => typeof value === 'string',
};

export const A_NUMBER: Kind<number> = {
  describe: 'a number',
  fits: (type) => type.kind === 'number',
  is: (value) => typeof value === 'number',
};

export const A_WHOLE_NUMBER: Kind<number> = {
  describe: 'a whole number',
  fits: (type) => type.kind === 'number' && type.integer,
  is: (value): value is number => typeof value === 'number' && Number.isSafeInteger(value),
};

/** Of an item in a list. Counted from 0; not from the end. */
export const AN_INDEX: Kind<number> = {
  describe: 'a whole number from 0',
  fits: (type) => type.kind === 'number' && type.integer && type.values?.some((value) => value < 0) !== true,
  is: (value): value is number => typeof value === 'number' && Number.isInteger(value),
};

export const A_BOOLEAN: Kind<boolean> = {
  describe: 'true or false',
  fits: (type) => type.kind === 'boolean',
  is: (value) => typeof value === 'boolean',
};

export const A_LIST: Kind<readonly unknown[]> = {
  describe: 'a list',
  fits: (type) => type.kind === 'list',
  is: isList,
};

/** What macros go through and `in` looks in. */
export const A_COLLECTION: Kind<unknown> = {
  describe: 'a list or an object',
  fits: (type) => type.kind === 'list' || type.kind === 'object',
  is: (value): value is unknown => isList(value) || isObject(value),
};

/** What has a size: text, list, object. */
export const SIZED: Kind<string | readonly unknown[] | Readonly<Record<string, unknown>>> = {
  describe: 'text, a list or an object',
  fits: (type) => type.kind === 'string' || type.kind === 'list' || type.kind === 'object',
  is: (value) => typeof value === 'string' || isList(value) || isObject(value),
};

/** What `text()` can write. An exact number among them: its text is its value. */
export const A_SCALAR: Kind<string | number | boolean | ExactNumber> = {
  describe: 'text, a number, a date, true or false',
  fits: (type) =>
    type.kind === 'string' || type.kind === 'number' || type.kind === 'boolean' || type.kind === 'timestamp',
  is: (value) =>
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'boolean' ||
    value instanceof ExactNumber,
};

/** A date() or text that is one. */
export const A_DATE: Kind<string> = {
  describe: 'a date',
  fits: (type) => type.kind === 'timestamp' || (type.kind === 'string' && isDateFormat(type.format)),
  is: (value) => typeof value === 'string',
};

function isDateFormat(format: string | undefined): boolean {
  return format === undefined || format === 'date-time' || format === 'date';
}

/** A kind of list by its items. */
function listOf<T>(items: string, item: Kind<T>): Kind<readonly T[]> {
  return {
    describe: `a list of ${items}`,
    fits: (type) =>
      type.kind === 'list' &&
      [...type.first, type.items].flatMap(membersOf).every((member) => isAny(member) || item.fits(member)),
    is: (value): value is readonly T[] => isList(value) && value.every((member) => item.is(member)),
  };
}

function isAny(type: Type): boolean {
  return type.kind === 'dyn' || type.kind === 'never';
}

export const NUMBERS: Kind<readonly number[]> = listOf('numbers', A_NUMBER);

export const TEXTS: Kind<readonly string[]> = listOf('texts', A_TEXT);

export const LISTS: Kind<readonly (readonly unknown[])[]> = listOf('lists', A_LIST);

const ORDERED_KINDS = ['number', 'string', 'timestamp'];

/** Values with an order: all numbers, all texts or all dates. */
export const ORDERED: Kind<readonly number[] | readonly string[]> = {
  describe: 'a list of numbers, of texts or of dates',
  fits: (type) => {
    if (type.kind !== 'list') return false;
    const kinds = new Set(
      [...type.first, type.items]
        .flatMap(membersOf)
        .filter((item) => !isAny(item))
        .map((item) => item.kind),
    );
    return kinds.size === 0 || (kinds.size === 1 && [...kinds].every((kind) => ORDERED_KINDS.includes(kind)));
  },
  is: (value): value is readonly number[] | readonly string[] => NUMBERS.is(value) || TEXTS.is(value),
};

import { ExactNumber } from '../json.ts';

/**
 * Stands for a value that is not there, on its way to something that absorbs it. Not thrown: a predicate over an absent
 * field is ordinary. A symbol, so that every `typeof` test for a JSON value tells it apart at no cost.
 */
export const ABSENT: unique symbol = Symbol('absent');

/** The optional value that is none: what `.?field` gives for an absent field. */
export const NONE: unique symbol = Symbol('none');

/** Why an expression has no result; the evaluation that fails adds the expression's source. */
export class ExpressionFailure extends Error {
  override readonly name = 'ExpressionFailure';
  readonly code: 'WB_EXPRESSION_FAILED' | 'WB_NUMBER_EXACT';

  constructor(message: string, code: 'WB_EXPRESSION_FAILED' | 'WB_NUMBER_EXACT' = 'WB_EXPRESSION_FAILED') {
    super(message);
    this.code = code;
  }
}

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** An object of fields; lists and exact numbers are none. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}

/** `text 'abc'`, `the number 3`, `null`: for messages. */
export function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (value === NONE || value === ABSENT) return 'no value';
  if (typeof value === 'string') return `text '${value.length > 40 ? `${value.slice(0, 40)}...` : value}'`;
  if (typeof value === 'number' || value instanceof ExactNumber) return `the number ${String(value)}`;
  if (typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? 'a list' : 'an object';
}

/**
 * For an operand that is not of the kind an operation needs: hands an absent one on.
 * @throws ExpressionFailure for every other
 */
export function refuse(value: unknown, needs: string): typeof ABSENT {
  if (value === ABSENT) return ABSENT;
  if (value instanceof ExactNumber) throw inexact(value);
  const odd = isList(value) ? value.find((item) => item instanceof ExactNumber) : undefined;
  if (odd instanceof ExactNumber) throw inexact(odd);
  if (value === NONE) throw new ExpressionFailure(`${needs}, and this optional value is none; use orValue(...)`);
  throw new ExpressionFailure(`${needs}, not ${describeValue(value)}`);
}

export function inexact(value: ExactNumber): ExpressionFailure {
  return new ExpressionFailure(
    `${value.text} cannot be held as a JSON number without changing its value`,
    'WB_NUMBER_EXACT',
  );
}

/** CEL's equality on JSON values: by value and in depth; values of different kinds are unequal. Never given ABSENT or NONE. */
export function equals(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    // A number that is not exact is never equal to a text; to a number it might be.
    if (a instanceof ExactNumber && typeof b === 'number') throw inexact(a);
    if (b instanceof ExactNumber && typeof a === 'number') throw inexact(b);
    return false;
  }
  if (a instanceof ExactNumber) {
    if (b instanceof ExactNumber) throw inexact(a);
    return false;
  }
  if (b instanceof ExactNumber) return false;
  if (isList(a)) return isList(b) && a.length === b.length && a.every((item, i) => equals(item, b[i]));
  if (isList(b)) return false;
  return isObject(a) && isObject(b) && equalObjects(a, b);
}

function equalObjects(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && equals(a[name], b[name]));
}

/** A finite result. @throws ExpressionFailure where JSON has no such number */
export function finite(value: number, what: string): number {
  if (Number.isFinite(value)) return value;
  throw new ExpressionFailure(`${what} has no finite result`);
}

/** The length of a text in code points, as JSON Schema and CEL count. */
export function textSize(text: string): number {
  let size = 0;
  for (const _ of text) size++;
  return size;
}

import { ExactNumber } from '../json.ts';
import type { Operand, Run } from './functions/declare.ts';
import type { BinaryOperator } from './syntax.ts';
import { ABSENT, ExpressionFailure, equals, finite, isList, isObject, NONE, refuse } from './values.ts';

export function compileUnary(op: '!' | '-', of: Run): Run {
  if (op === '!') {
    return (input) => {
      const value = of(input);
      return typeof value === 'boolean' ? !value : refuse(value, '! needs true or false');
    };
  }
  return (input) => {
    const value = of(input);
    // 0 - value: JSON text of -0 is 0, so there is no -0.
    return typeof value === 'number' ? 0 - value : refuse(value, '- needs a number');
  };
}

/**
 * CEL's logic: a side that decides the result absorbs the other's absence or failure, whichever side it is.
 *
 * | `a && b`       | b true   | b false | b absent | b fails |
 * |----------------|----------|---------|----------|---------|
 * | a true         | true     | false   | absent   | fails   |
 * | a false        | false    | false   | false    | false   |
 * | a absent       | absent   | false   | absent   | fails   |
 * | a fails        | a fails  | false   | a fails  | a fails |
 */
export function compileLogic(op: '&&' | '||', left: Run, right: Run): Run {
  const decides = op === '||';
  const needs = `${op} needs true or false`;
  return (input) => {
    let a: unknown;
    try {
      a = left(input);
    } catch (thrown) {
      return unlessDecided(thrown, right, decides, input);
    }
    if (a === decides) return decides;
    const b = right(input);
    if (b === decides) return decides;
    if (a === !decides && b === !decides) return b;
    if (typeof a !== 'boolean' && a !== ABSENT) return refuse(a, needs);
    if (typeof b !== 'boolean' && b !== ABSENT) return refuse(b, needs);
    return ABSENT;
  };
}

function unlessDecided(thrown: unknown, right: Run, decides: boolean, input: Parameters<Run>[0]): boolean {
  if (!(thrown instanceof ExpressionFailure)) throw thrown;
  let b: unknown;
  try {
    b = right(input);
  } catch {
    // The first failure is the one to tell of.
    throw thrown;
  }
  if (b === decides) return decides;
  throw thrown;
}

export function compileBinary(op: BinaryOperator, left: Operand, right: Operand): Run {
  switch (op) {
    case '==':
    case '!=':
      return compileEquality(op === '==', left, right);
    case 'in':
      return compileIn(left, right);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compileOrder(op, left.run, right.run);
    case '+':
      return compilePlus(left.run, right.run);
    default:
      return compileArithmetic(op, left.run, right.run);
  }
}

function compileEquality(positive: boolean, left: Operand, right: Operand): Run {
  const [a, b] = [left.constant?.value, right.constant?.value];
  if (isScalar(b)) return equalsConstant(positive, left.run, b);
  if (isScalar(a)) return equalsConstant(positive, right.run, a);
  const [first, second] = [left.run, right.run];
  return (input) => {
    const a = first(input);
    const b = second(input);
    if (typeof a === 'symbol') return refuse(a, '== needs values');
    if (typeof b === 'symbol') return refuse(b, '== needs values');
    return equals(a, b) === positive;
  };
}

function isScalar(value: unknown): value is string | number | boolean | null {
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function equalsConstant(positive: boolean, of: Run, constant: unknown): Run {
  return (input) => {
    const value = of(input);
    if (value === constant) return positive;
    if (typeof value === 'symbol') return refuse(value, '== needs values');
    return typeof value === 'object' ? equals(value, constant) === positive : !positive;
  };
}

function compileIn(left: Operand, right: Operand): Run {
  const list = right.constant?.value;
  if (isList(list) && list.every(isScalar)) return inConstants(left.run, new Set(list), list);
  const [first, second] = [left.run, right.run];
  return (input) => {
    const value = first(input);
    const within = second(input);
    if (typeof value === 'symbol') return refuse(value, 'in needs a value');
    if (isList(within)) return within.some((item) => equals(value, item));
    if (!isObject(within)) return refuse(within, 'in needs a list or an object');
    return typeof value === 'string' && Object.hasOwn(within, value);
  };
}

function inConstants(of: Run, constants: ReadonlySet<unknown>, list: readonly unknown[]): Run {
  return (input) => {
    const value = of(input);
    if (constants.has(value)) return true;
    if (typeof value === 'symbol') return refuse(value, 'in needs a value');
    return value instanceof ExactNumber && list.some((item) => equals(value, item));
  };
}

function compileOrder(op: '<' | '<=' | '>' | '>=', left: Run, right: Run): Run {
  switch (op) {
    case '<':
      return ordered(op, left, right, (a, b) => a < b);
    case '<=':
      return ordered(op, left, right, (a, b) => a <= b);
    case '>':
      return ordered(op, left, right, (a, b) => a > b);
    case '>=':
      return ordered(op, left, right, (a, b) => a >= b);
  }
}

type Ordered = number | string | boolean;

function ordered(op: string, left: Run, right: Run, compare: (a: Ordered, b: Ordered) => boolean): Run {
  return (input) => {
    const a = left(input);
    const b = right(input);
    if (typeof a === 'number' && typeof b === 'number') return compare(a, b);
    if (typeof a === 'string' && typeof b === 'string') return compare(a, b);
    if (typeof a === 'boolean' && typeof b === 'boolean') return compare(a, b);
    return refuseBoth(op, a, b);
  };
}

/** Neither fits the other: an absent one decides, then the one that is of no use at all. */
function refuseBoth(op: string, a: unknown, b: unknown): typeof ABSENT {
  if (a === ABSENT || b === ABSENT) return ABSENT;
  const needs = `${op} needs two values of one kind`;
  if (a === NONE || a instanceof ExactNumber) return refuse(a, needs);
  if (b === NONE || b instanceof ExactNumber) return refuse(b, needs);
  if (typeof a === 'object') return refuse(a, needs);
  return refuse(b, `${op} needs ${kindWord(a)} beside ${kindWord(a)}`);
}

function kindWord(value: unknown): string {
  if (typeof value === 'number') return 'a number';
  if (typeof value === 'string') return 'text';
  return 'true or false';
}

function compilePlus(left: Run, right: Run): Run {
  return (input) => {
    const a = left(input);
    const b = right(input);
    if (typeof a === 'number' && typeof b === 'number') return finite(a + b, '+');
    if (typeof a === 'string' && typeof b === 'string') return a + b;
    if (isList(a) && isList(b)) return [...a, ...b];
    return refuseBoth('+', a, b);
  };
}

function compileArithmetic(op: '-' | '*' | '/' | '%', left: Run, right: Run): Run {
  switch (op) {
    case '-':
      return arithmetic(op, left, right, (a, b) => a - b);
    case '*':
      return arithmetic(op, left, right, (a, b) => a * b);
    case '/':
      return arithmetic(op, left, right, (a, b) => a / divisor(b));
    case '%':
      return arithmetic(op, left, right, (a, b) => a % divisor(b));
  }
}

function divisor(value: number): number {
  if (value === 0) throw new ExpressionFailure('division by zero');
  return value;
}

function arithmetic(op: string, left: Run, right: Run, apply: (a: number, b: number) => number): Run {
  return (input) => {
    const a = left(input);
    const b = right(input);
    // `+ 0` keeps -0 out of the data.
    if (typeof a === 'number' && typeof b === 'number') return finite(apply(a, b), op) + 0;
    if (typeof a === 'number') return refuse(b, `${op} needs numbers`);
    if (b === ABSENT) return ABSENT;
    return refuse(a, `${op} needs numbers`);
  };
}

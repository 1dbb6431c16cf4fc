import { INTEGER, kindOnly, membersOf, NUMBER, type Type, unionOf } from '../types.ts';
import { ABSENT, finite } from '../values.ts';
import { binary, type FunctionDeclaration, type Kind, param, unary } from './declare.ts';
import { A_NUMBER, NUMBERS, ORDERED } from './kinds.ts';

const DIGITS: Kind<number> = {
  describe: 'a whole number from 0 to 15',
  fits: (type) =>
    type.kind === 'number' && type.integer && type.values?.some((value) => value < 0 || value > 15) !== true,
  is: (value): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 15,
};

/**
 * To `digits` decimals, halves away from zero, by the number's decimal text: 1.005 to two decimals is 1.01, as on paper,
 * although the nearest binary fraction is below it.
 */
function roundTo(value: number, digits: number): number {
  const size = Math.abs(value);
  if (Number.isInteger(value)) return value;
  // So large a number has no decimals beyond the first.
  if (digits === 0 || size >= 1e15) return digits === 0 ? signed(Math.round(size), value) : value;
  const text = String(size);
  // A size below 1e-6 is written with an exponent already.
  const shifted = text.includes('e') ? size * 10 ** digits : Number(`${text}e${String(digits)}`);
  const rounded = Number(`${String(Math.round(shifted))}e-${String(digits)}`);
  return signed(rounded, value);
}

/** With the sign of `value`, except that there is no -0. */
function signed(size: number, value: number): number {
  return value < 0 && size !== 0 ? -size : size;
}

/** The items of a list type, or the type itself: of `max(list)` and of `max(a, b)` alike. */
function itemType(args: readonly Type[]): Type {
  return unionOf(
    args.flatMap(membersOf).flatMap((member) => (member.kind === 'list' ? [...member.first, member.items] : [member])),
  );
}

function wholeOrNot(type: Type): Type {
  return membersOf(type).every((member) => member.kind === 'number' && member.integer) ? INTEGER : NUMBER;
}

/** Whether a list may be empty. */
export function mayBeEmpty(args: readonly Type[]): boolean {
  return args.flatMap(membersOf).some((member) => member.kind === 'list' && member.minItems === 0);
}

function extreme(
  values: readonly number[] | readonly string[],
  better: (a: number | string, b: number | string) => boolean,
): unknown {
  let best: number | string | undefined;
  for (const value of values) if (best === undefined || better(value, best)) best = value;
  return best ?? ABSENT;
}

const EMPTY_LIST = 'Absent for an empty list.';

function extremeFunction(
  name: 'min' | 'max',
  word: string,
  better: (a: number | string, b: number | string) => boolean,
): FunctionDeclaration {
  return {
    name,
    group: 'numbers',
    cel: false,
    style: 'function',
    describe: `The ${word} of two numbers, or of a list of numbers, texts or dates. ${EMPTY_LIST}`,
    example: [`${name}([3, 1, 2])`, name === 'min' ? 1 : 3],
    forms: [
      {
        params: [param('list', ORDERED)],
        returns: (args) => kindOnly(itemType(args)),
        absent: mayBeEmpty,
        build: unary(ORDERED, (values) => extreme(values, better)),
      },
      {
        params: [param('a', A_NUMBER), param('b', A_NUMBER)],
        returns: (args) => wholeOrNot(itemType(args)),
        build: binary(A_NUMBER, A_NUMBER, (a, b) => (better(b, a) ? b : a)),
      },
    ],
  };
}

function stepFunction(name: 'floor' | 'ceil', word: string, step: (value: number) => number): FunctionDeclaration {
  return {
    name,
    group: 'numbers',
    cel: false,
    style: 'both',
    describe: `The next whole number that is not ${word}.`,
    example: [`${name}(1.5)`, name === 'floor' ? 1 : 2],
    // `+ 0` keeps -0 out of the data.
    forms: [
      { params: [param('of', A_NUMBER)], returns: () => INTEGER, build: unary(A_NUMBER, (value) => step(value) + 0) },
    ],
  };
}

export const NUMBER_FUNCTIONS: readonly FunctionDeclaration[] = [
  {
    name: 'sum',
    group: 'numbers',
    cel: false,
    style: 'both',
    describe: 'The sum of a list of numbers; 0 for an empty list.',
    example: ['sum([1, 2, 3.5])', 6.5],
    forms: [
      {
        params: [param('list', NUMBERS)],
        returns: (args) => wholeOrNot(itemType(args)),
        build: unary(NUMBERS, (values) => {
          let sum = 0;
          for (const value of values) sum += value;
          return finite(sum, 'sum()');
        }),
      },
    ],
  },
  extremeFunction('min', 'smallest', (a, b) => a < b),
  extremeFunction('max', 'largest', (a, b) => a > b),
  {
    name: 'avg',
    group: 'numbers',
    cel: false,
    style: 'both',
    describe: `The mean of a list of numbers. ${EMPTY_LIST}`,
    example: ['avg([1, 2])', 1.5],
    forms: [
      {
        params: [param('list', NUMBERS)],
        returns: () => NUMBER,
        absent: mayBeEmpty,
        build: unary(NUMBERS, (values) => {
          let sum = 0;
          for (const value of values) sum += value;
          return values.length === 0 ? ABSENT : finite(sum / values.length, 'avg()');
        }),
      },
    ],
  },
  {
    name: 'round',
    group: 'numbers',
    cel: false,
    style: 'both',
    describe: 'Rounds to a whole number, or to so many decimals; halves away from zero, by the decimal digits.',
    example: ['round(1.005, 2)', 1.01],
    forms: [
      { params: [param('of', A_NUMBER)], returns: () => INTEGER, build: unary(A_NUMBER, (value) => roundTo(value, 0)) },
      {
        params: [param('of', A_NUMBER), param('decimals', DIGITS)],
        returns: ([, digits]) =>
          digits?.kind === 'number' && digits.values?.every((n) => n === 0) === true ? INTEGER : NUMBER,
        build: binary(A_NUMBER, DIGITS, roundTo),
      },
    ],
  },
  stepFunction('floor', 'larger', Math.floor),
  stepFunction('ceil', 'smaller', Math.ceil),
];

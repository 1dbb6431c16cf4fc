import { ExactNumber } from '../../json.ts';
import { BOOLEAN, DYN, INTEGER, NUMBER, TEXT } from '../types.ts';
import { describeValue, ExpressionFailure, finite, isList, textSize } from '../values.ts';
import type { Kind } from './declare.ts';
import { type FunctionDeclaration, param, unary } from './declare.ts';
import { A_NUMBER, A_SCALAR, ANY, SIZED } from './kinds.ts';

/** What `number()` reads. */
const NUMERIC: Kind<string | number | ExactNumber> = {
  describe: 'a number or text',
  fits: (type) => type.kind === 'number' || type.kind === 'string',
  is: (value) => typeof value === 'string' || typeof value === 'number' || value instanceof ExactNumber,
};

const TRUTH: Kind<string | boolean> = {
  describe: "true, false, 'true' or 'false'",
  fits: (type) => type.kind === 'boolean' || type.kind === 'string',
  is: (value) => typeof value === 'string' || typeof value === 'boolean',
};

/** A number as JSON writes it, with a sign and leading zeros allowed. */
const NUMBER_TEXT = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

function toNumber(value: string | number | ExactNumber): number {
  if (typeof value === 'number') return value;
  if (value instanceof ExactNumber) {
    throw new ExpressionFailure(
      `${value.text} cannot be held as a JSON number without changing its value`,
      'WB_NUMBER_EXACT',
    );
  }
  if (!NUMBER_TEXT.test(value))
    throw new ExpressionFailure(`number() needs text that is a number, not ${describeValue(value)}`);
  return finite(Number(value), 'number()');
}

function toBoolean(value: string | boolean): boolean {
  if (typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  throw new ExpressionFailure(`bool() needs 'true' or 'false', not ${describeValue(value)}`);
}

export const CONVERSIONS: readonly FunctionDeclaration[] = [
  {
    name: 'size',
    group: 'values',
    cel: true,
    style: 'both',
    describe: 'The number of characters of a text, items of a list or fields of an object.',
    example: ["size('abc')", 3],
    forms: [
      {
        params: [param('of', SIZED)],
        returns: () => ({ kind: 'number', integer: true, minimum: 0 }),
        build: unary(SIZED, (value) => {
          if (typeof value === 'string') return textSize(value);
          return isList(value) ? value.length : Object.keys(value).length;
        }),
      },
    ],
  },
  {
    name: 'number',
    group: 'numbers',
    cel: false,
    style: 'both',
    describe: 'The number that a text writes. Fails when it writes none.',
    example: ["number('12.50')", 12.5],
    forms: [
      {
        params: [param('of', NUMERIC)],
        returns: ([of]) => (of?.kind === 'number' ? of : NUMBER),
        build: unary(NUMERIC, toNumber),
      },
    ],
  },
  {
    name: 'double',
    group: 'numbers',
    cel: true,
    style: 'function',
    describe: 'As number().',
    example: ["double('1.5')", 1.5],
    forms: [{ params: [param('of', NUMERIC)], returns: () => NUMBER, build: unary(NUMERIC, toNumber) }],
  },
  {
    name: 'int',
    group: 'numbers',
    cel: true,
    style: 'function',
    describe: 'The number without its fraction.',
    example: ['int(-2.7)', -2],
    forms: [
      {
        params: [param('of', NUMERIC)],
        returns: () => INTEGER,
        // `+ 0` keeps -0 out of the data.
        build: unary(NUMERIC, (value) => Math.trunc(toNumber(value)) + 0),
      },
    ],
  },
  {
    name: 'text',
    group: 'texts',
    cel: false,
    style: 'both',
    describe: 'A value as text. Numbers that JSON numbers cannot hold exactly keep their digits.',
    example: ['text(12.5)', '12.5'],
    forms: [{ params: [param('of', A_SCALAR)], returns: () => TEXT, build: unary(A_SCALAR, String) }],
  },
  {
    name: 'string',
    group: 'texts',
    cel: true,
    style: 'function',
    describe: 'As text().',
    example: ['string(true)', 'true'],
    forms: [{ params: [param('of', A_SCALAR)], returns: () => TEXT, build: unary(A_SCALAR, String) }],
  },
  {
    name: 'bool',
    group: 'values',
    cel: true,
    style: 'function',
    describe: "The truth value that the text 'true' or 'false' writes.",
    example: ["bool('true')", true],
    forms: [{ params: [param('of', TRUTH)], returns: () => BOOLEAN, build: unary(TRUTH, toBoolean) }],
  },
  {
    name: 'dyn',
    group: 'values',
    cel: true,
    style: 'function',
    describe: 'The value itself, of which the checker from here on assumes nothing.',
    example: ["dyn('a')", 'a'],
    forms: [{ params: [param('of', ANY)], returns: () => DYN, build: unary(ANY, (value) => value) }],
  },
  {
    name: 'abs',
    group: 'numbers',
    cel: false,
    style: 'both',
    describe: 'The number without its sign.',
    example: ['abs(-2)', 2],
    forms: [
      {
        params: [param('of', A_NUMBER)],
        returns: ([of]) => ({ kind: 'number', integer: of?.kind === 'number' && of.integer, minimum: 0 }),
        build: unary(A_NUMBER, Math.abs),
      },
    ],
  },
];

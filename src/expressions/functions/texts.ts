import { RE2JS } from 're2js';
import { BOOLEAN, listOf, TEXT } from '../types.ts';
import { ExpressionFailure, refuse } from '../values.ts';
import { type Build, binary, type FunctionDeclaration, type Kind, param, ternary, unary } from './declare.ts';
import { A_TEXT, A_WHOLE_NUMBER, TEXTS } from './kinds.ts';

/** Longest text that padStart makes, so that a wrong number in a message cannot fill the memory. */
const LONGEST_PAD = 10_000;

/** A pattern is linear in time whatever the text (RE2), unlike JavaScript's own. */
function compilePattern(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (thrown) {
    throw new ExpressionFailure(
      `'${pattern}' is not a regular expression (RE2): ${thrown instanceof Error ? thrown.message : ''}`,
    );
  }
}

/** Text that a pattern is; the checker tells faulty constant ones. */
const A_PATTERN: Kind<string> = {
  describe: 'a regular expression (RE2)',
  fits: (type) => type.kind === 'string' && (type.values === undefined || type.values.every(isPattern)),
  is: (value) => typeof value === 'string',
};

function isPattern(text: string): boolean {
  try {
    compilePattern(text);
    return true;
  } catch (thrown) {
    if (thrown instanceof ExpressionFailure) return false;
    throw thrown;
  }
}

const buildMatches: Build = (args, context) => {
  const [text, pattern] = args;
  const constant = pattern?.constant?.value;
  if (text === undefined || typeof constant !== 'string') {
    return binary(A_TEXT, A_TEXT, (value, expression) => compilePattern(expression).test(value))(args, context);
  }
  const compiled = compilePattern(constant);
  const { run } = text;
  return (input) => {
    const value = run(input);
    return typeof value === 'string' ? compiled.test(value) : refuse(value, 'matches() needs text');
  };
};

/** A method of one text over another that CEL has, and its like. */
function test(
  name: string,
  describe: string,
  example: FunctionDeclaration['example'],
  apply: (text: string, part: string) => boolean,
): FunctionDeclaration {
  return {
    name,
    group: 'texts',
    cel: true,
    style: 'method',
    describe,
    example,
    forms: [
      {
        params: [param('text', A_TEXT), param('part', A_TEXT)],
        returns: () => BOOLEAN,
        build: binary(A_TEXT, A_TEXT, apply),
      },
    ],
  };
}

function change(
  name: string,
  describe: string,
  example: FunctionDeclaration['example'],
  apply: (text: string) => string,
): FunctionDeclaration {
  return {
    name,
    group: 'texts',
    cel: false,
    style: 'both',
    describe,
    example,
    forms: [{ params: [param('text', A_TEXT)], returns: () => TEXT, build: unary(A_TEXT, apply) }],
  };
}

function pad(text: string, length: number, fill: string): string {
  if (length > LONGEST_PAD)
    throw new ExpressionFailure(`padStart() makes at most ${String(LONGEST_PAD)} characters, not ${String(length)}`);
  return text.padStart(length, fill);
}

export const TEXT_FUNCTIONS: readonly FunctionDeclaration[] = [
  test('startsWith', 'Whether a text begins with another.', ["'waybill'.startsWith('way')", true], (a, b) =>
    a.startsWith(b),
  ),
  test('endsWith', 'Whether a text ends with another.', ["'waybill'.endsWith('bill')", true], (a, b) => a.endsWith(b)),
  test('contains', 'Whether a text holds another.', ["'waybill'.contains('ybi')", true], (a, b) => a.includes(b)),
  {
    name: 'matches',
    group: 'texts',
    cel: true,
    style: 'both',
    describe: 'Whether a regular expression (RE2, linear in time) matches anywhere in a text; anchor it with ^ and $.',
    example: ["'A-17'.matches('^[A-Z]-[0-9]+$')", true],
    forms: [
      { params: [param('text', A_TEXT), param('pattern', A_PATTERN)], returns: () => BOOLEAN, build: buildMatches },
    ],
  },
  change('lower', 'The text in lower case.', ["lower('ABC')", 'abc'], (text) => text.toLowerCase()),
  change('upper', 'The text in upper case.', ["upper('abc')", 'ABC'], (text) => text.toUpperCase()),
  change('trim', 'The text without white space at its ends.', ["trim(' a ')", 'a'], (text) => text.trim()),
  {
    name: 'replace',
    group: 'texts',
    cel: false,
    style: 'both',
    describe: 'The text with every occurrence of one text replaced by another.',
    example: ["replace('a-b-c', '-', '')", 'abc'],
    forms: [
      {
        params: [param('text', A_TEXT), param('part', A_TEXT), param('by', A_TEXT)],
        returns: () => TEXT,
        // A function, because `$&` in a replacement text has a meaning of its own.
        build: ternary(A_TEXT, A_TEXT, A_TEXT, (text, part, by) => text.replaceAll(part, () => by)),
      },
    ],
  },
  {
    name: 'padStart',
    group: 'texts',
    cel: false,
    style: 'both',
    describe: 'The text filled up on the left to a length, with spaces or another text.',
    example: ["padStart('7', 3, '0')", '007'],
    forms: [
      {
        params: [param('text', A_TEXT), param('length', A_WHOLE_NUMBER)],
        returns: () => TEXT,
        build: binary(A_TEXT, A_WHOLE_NUMBER, (text, length) => pad(text, length, ' ')),
      },
      {
        params: [param('text', A_TEXT), param('length', A_WHOLE_NUMBER), param('fill', A_TEXT)],
        returns: () => TEXT,
        build: ternary(A_TEXT, A_WHOLE_NUMBER, A_TEXT, pad),
      },
    ],
  },
  {
    name: 'split',
    group: 'texts',
    cel: false,
    style: 'both',
    describe: 'The parts of a text between a separator.',
    example: ["split('a,b', ',')", ['a', 'b']],
    forms: [
      {
        params: [param('text', A_TEXT), param('separator', A_TEXT)],
        returns: () => listOf(TEXT),
        build: binary(A_TEXT, A_TEXT, (text, separator) => text.split(separator)),
      },
    ],
  },
  {
    name: 'join',
    group: 'texts',
    cel: false,
    style: 'both',
    describe: 'The texts of a list as one, with a separator between them if one is given.',
    example: ["join(['a', 'b'], ', ')", 'a, b'],
    forms: [
      { params: [param('list', TEXTS)], returns: () => TEXT, build: unary(TEXTS, (list) => list.join('')) },
      {
        params: [param('list', TEXTS), param('separator', A_TEXT)],
        returns: () => TEXT,
        build: binary(TEXTS, A_TEXT, (list, separator) => list.join(separator)),
      },
    ],
  },
];

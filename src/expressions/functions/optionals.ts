import { BOOLEAN, NEVER, type Type, unionOf } from '../types.ts';
import { ABSENT, NONE } from '../values.ts';
import type { Build, FunctionDeclaration, Kind } from './declare.ts';
import { param } from './declare.ts';
import { ANY } from './kinds.ts';

/** What `.?field` gives; a plain field, or a call that may give nothing, is taken for one. */
const OPTIONAL: Kind<unknown> = {
  describe: 'an optional value, such as data.?field',
  fits: () => true,
  is: (value): value is unknown => value !== undefined,
};

function valueType(type: Type | undefined): Type {
  if (type === undefined) return NEVER;
  return type.kind === 'optional' ? type.of : type;
}

function optional(of: Type): Type {
  return { kind: 'optional', of };
}

/** Absent counts as none: it is what makes `data.note.orValue('')` and `first(list).orValue(0)` work. */
function isNone(value: unknown): boolean {
  return value === NONE || value === ABSENT;
}

const orElse: Build = ([first, second]) => {
  if (first === undefined || second === undefined) return () => ABSENT;
  const { run } = first;
  const other = second.run;
  return (input) => {
    const value = run(input);
    return isNone(value) ? other(input) : value;
  };
};

export const OPTIONAL_FUNCTIONS: readonly FunctionDeclaration[] = [
  {
    name: 'orValue',
    group: 'optional values',
    cel: true,
    style: 'method',
    describe: 'The value, or another where there is none.',
    example: ["dyn({'a': 1}).?b.orValue(2)", 2],
    forms: [
      {
        params: [param('of', OPTIONAL), param('other', ANY)],
        returns: ([of, other]) => unionOf([valueType(of), valueType(other)]),
        build: orElse,
      },
    ],
  },
  {
    name: 'or',
    group: 'optional values',
    cel: true,
    style: 'method',
    describe: 'The optional value, or another optional value where it is none.',
    example: ['optional.none().or(optional.of(1)).orValue(2)', 1],
    forms: [
      {
        params: [param('of', OPTIONAL), param('other', OPTIONAL)],
        returns: ([of, other]) => optional(unionOf([valueType(of), valueType(other)])),
        build: (args, context) => {
          const run = orElse(args, context);
          return (input) => {
            const value = run(input);
            return value === ABSENT ? NONE : value;
          };
        },
      },
    ],
  },
  {
    name: 'hasValue',
    group: 'optional values',
    cel: true,
    style: 'method',
    describe: 'Whether there is a value.',
    example: ["dyn({'a': 1}).?b.hasValue()", false],
    forms: [
      {
        params: [param('of', OPTIONAL)],
        returns: () => BOOLEAN,
        build: ([first]) => (first === undefined ? () => ABSENT : (input) => !isNone(first.run(input))),
      },
    ],
  },
  {
    name: 'value',
    group: 'optional values',
    cel: true,
    style: 'method',
    describe: 'The value; absent where there is none.',
    example: ['optional.of(1).value().orValue(2)', 1],
    forms: [
      {
        params: [param('of', OPTIONAL)],
        returns: ([of]) => valueType(of),
        absent: ([of]) => of?.kind === 'optional',
        build: ([first]) => {
          if (first === undefined) return () => ABSENT;
          const { run } = first;
          return (input) => {
            const value = run(input);
            return value === NONE ? ABSENT : value;
          };
        },
      },
    ],
  },
  {
    name: 'optional.of',
    group: 'optional values',
    cel: true,
    style: 'function',
    describe: 'A value as an optional value.',
    example: ['optional.of(1).orValue(2)', 1],
    forms: [
      {
        params: [param('value', ANY)],
        returns: ([of]) => optional(valueType(of)),
        build: ([first]) => first?.run ?? (() => ABSENT),
      },
    ],
  },
  {
    name: 'optional.none',
    group: 'optional values',
    cel: true,
    style: 'function',
    describe: 'No value.',
    example: ['optional.none().orValue(2)', 2],
    forms: [{ params: [], returns: () => optional(NEVER), build: () => () => NONE }],
  },
];

/** Methods whose receiver may be absent: they absorb that. */
export const ABSORBING: readonly string[] = ['orValue', 'or', 'hasValue'];

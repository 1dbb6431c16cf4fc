import { listOf, membersOf, type Type, unionOf } from '../types.ts';
import { ABSENT, equals } from '../values.ts';
import { type FunctionDeclaration, param, unary } from './declare.ts';
import { A_LIST, LISTS, ORDERED } from './kinds.ts';
import { mayBeEmpty } from './numbers.ts';

/** The items of a list type; `dyn` for what is not known to be a list. */
function itemType(type: Type | undefined): Type {
  if (type === undefined) return { kind: 'dyn' };
  return unionOf(
    membersOf(type).flatMap((member) =>
      member.kind === 'list' ? [...member.first, member.items] : member.kind === 'dyn' ? [member] : [],
    ),
  );
}

function distinct(list: readonly unknown[]): readonly unknown[] {
  const seen = new Set<unknown>();
  const objects: unknown[] = [];
  return list.filter((item) => {
    if (typeof item !== 'object' || item === null) return !seen.has(item) && seen.add(item);
    return !objects.some((other) => equals(other, item)) && objects.push(item);
  });
}

function sort(values: readonly number[] | readonly string[]): readonly unknown[] {
  // By value, where the default order is that of texts.
  return [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function end(name: 'first' | 'last', example: unknown, at: (list: readonly unknown[]) => unknown): FunctionDeclaration {
  return {
    name,
    group: 'lists',
    cel: false,
    style: 'both',
    describe: `The ${name} item of a list. Absent for an empty list.`,
    example: [`${name}([1, 2, 3])`, example],
    forms: [
      {
        params: [param('list', A_LIST)],
        returns: ([list]) => itemType(list),
        absent: mayBeEmpty,
        build: unary(A_LIST, (list) => (list.length === 0 ? ABSENT : at(list))),
      },
    ],
  };
}

export const LIST_FUNCTIONS: readonly FunctionDeclaration[] = [
  {
    name: 'distinct',
    group: 'lists',
    cel: false,
    style: 'both',
    describe: 'The list without repeats, in the order of first occurrence.',
    example: ['distinct([1, 2, 1])', [1, 2]],
    forms: [
      { params: [param('list', A_LIST)], returns: ([list]) => listOf(itemType(list)), build: unary(A_LIST, distinct) },
    ],
  },
  {
    name: 'sort',
    group: 'lists',
    cel: false,
    style: 'both',
    describe: 'The numbers, texts or dates of a list in ascending order; texts by code units.',
    example: ['sort([3, 1, 2])', [1, 2, 3]],
    forms: [
      { params: [param('list', ORDERED)], returns: ([list]) => listOf(itemType(list)), build: unary(ORDERED, sort) },
    ],
  },
  end('first', 1, (list) => list[0]),
  end('last', 3, (list) => list.at(-1)),
  {
    name: 'flatten',
    group: 'lists',
    cel: false,
    style: 'both',
    describe: 'The items of the lists of a list, as one list.',
    example: ['flatten([[1], [2, 3]])', [1, 2, 3]],
    forms: [
      {
        params: [param('list', LISTS)],
        returns: ([list]) => listOf(itemType(itemType(list))),
        build: unary(LISTS, (list) => list.flat()),
      },
    ],
  },
];

/** A form of CEL that is no function: its arguments are names or are not always evaluated. */
export interface MacroDeclaration {
  readonly name: string;
  readonly form: string;
  readonly describe: string;
  /** An expression without variables and its value; a test runs it. */
  readonly example: readonly [expression: string, value: unknown];
}

export const MACROS: readonly MacroDeclaration[] = [
  {
    name: 'has',
    form: 'has(data.field)',
    describe: 'Whether a field is there; null is. False where any part of the way to it is absent.',
    example: ["has(dyn({'a': null}).a)", true],
  },
  {
    name: 'all',
    form: 'list.all(item, condition)',
    describe: 'Whether a condition holds for every item; for an empty list it does.',
    example: ['[1, 2].all(n, n > 0)', true],
  },
  {
    name: 'exists',
    form: 'list.exists(item, condition)',
    describe: 'Whether a condition holds for an item.',
    example: ['[1, 2].exists(n, n > 1)', true],
  },
  {
    name: 'exists_one',
    form: 'list.exists_one(item, condition)',
    describe: 'Whether a condition holds for exactly one item.',
    example: ['[1, 2].exists_one(n, n > 0)', false],
  },
  {
    name: 'filter',
    form: 'list.filter(item, condition)',
    describe: 'The items for which a condition holds.',
    example: ['[1, 2, 3].filter(n, n > 1)', [2, 3]],
  },
  {
    name: 'map',
    form: 'list.map(item, result), list.map(item, condition, result)',
    describe: 'A result for each item, or for each for which a condition holds.',
    example: ['[1, 2, 3].map(n, n > 1, n * 10)', [20, 30]],
  },
  {
    name: 'cel.bind',
    form: 'cel.bind(name, value, expression)',
    describe: 'An expression in which a name stands for a value.',
    example: ['cel.bind(n, 1 + 2, n * n)', 9],
  },
];

import { Environment } from '@marcbachmann/cel-js';
import { expect } from 'chai';
import fc from 'fast-check';
import { compileNode, dataOnly } from '../../../src/expressions/compile-node.ts';
import { DEVIATIONS } from '../../../src/expressions/deviations.ts';
import { parseExpression } from '../../../src/expressions/parse.ts';
import { ABSENT, ExpressionFailure } from '../../../src/expressions/values.ts';

/** One expression in two spellings: the library's keeps its numbers doubles and its types unknown. */
interface Pair {
  readonly ours: string;
  readonly theirs: string;
  /** Deviations that it may show, by name. */
  readonly may: readonly string[];
}

const NONE: readonly string[] = [];
const NO_VALUE = Symbol('no value');

function plain(text: string): Pair {
  return { ours: text, theirs: text, may: NONE };
}

function literal(ours: string, theirs: string): Pair {
  return { ours, theirs: `dyn(${theirs})`, may: NONE };
}

/** `$1`, `$2` ... stand for the parts. */
function join(form: string, parts: readonly Pair[], theirForm = form, may: readonly string[] = NONE): Pair {
  const fill = (text: string, side: (part: Pair) => string): string =>
    text.replaceAll(/\$(\d)/g, (_, index: string) => {
      const part = parts[Number(index) - 1];
      return part === undefined ? '' : side(part);
    });
  return {
    ours: fill(form, (part) => part.ours),
    theirs: `dyn(${fill(theirForm, (part) => part.theirs)})`,
    may: [...new Set([...may, ...parts.flatMap((part) => part.may)])],
  };
}

const FIELDS = ['a', 'b', 'c', 'n', 's', 'l', 'constructor', 'length'];
const number = fc.constantFrom(0, 1, 2, 3, -1, 0.5, 2.5, 100);
const text = fc.constantFrom('', 'a', 'ab', 'abc', 'b', 'ü€😀');
const literals: fc.Arbitrary<Pair> = fc.oneof(
  number.map((value) => literal(String(value), Number.isInteger(value) ? `${String(value)}.0` : String(value))),
  text.map((value) => literal(`'${value}'`, `'${value}'`)),
  fc.constantFrom('true', 'false', 'null').map((word) => literal(word, word)),
);

const paths: fc.Arbitrary<Pair> = fc
  .array(fc.constantFrom(...FIELDS), { minLength: 1, maxLength: 2 })
  .map((names) => plain(['data', ...names].join('.')));

const expressions = fc.letrec<{ any: Pair; leaf: Pair; list: Pair; truth: Pair }>((tie) => {
  const any = tie('any');
  const truth = tie('truth');
  const two = fc.tuple(any, any);
  const literalLists = fc.array(tie('leaf'), { maxLength: 3 }).map((items) => ({
    ours: `[${items.map((item) => item.ours).join(', ')}]`,
    theirs: `dyn([${items.map((item) => item.theirs).join(', ')}])`,
    may: NONE,
  }));
  const lists = fc.oneof(paths, fc.constant(plain('data.l')), literalLists);
  return {
    leaf: fc.oneof(literals, paths, fc.constantFrom('x', 'data', 'data.n', 'data.s', 'data.l').map(plain)),
    list: lists,
    truth: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'expression' },
      fc.constantFrom('true', 'false').map((word) => literal(word, word)),
      fc
        .tuple(fc.constantFrom('==', '!=', '<', '<=', '>', '>='), two)
        .map(([op, parts]) => join(`($1 ${op} $2)`, parts)),
      fc.tuple(truth, truth, fc.constantFrom('&&', '||')).map(([a, b, op]) => join(`($1 ${op} $2)`, [a, b])),
      fc.tuple(any, truth, fc.constantFrom('&&', '||')).map(([a, b, op]) => join(`($1 ${op} $2)`, [a, b])),
      truth.map((of) => join('!($1)', [of])),
      fc.tuple(any, literalLists).map((parts) => join('($1 in $2)', parts)),
      // Only texts are asked for in what may be an object: object-keys.
      fc
        .tuple(
          text.map((value) => literal(`'${value}'`, `'${value}'`)),
          paths,
        )
        .map((parts) => join('($1 in $2)', parts)),
      fc.constantFrom(...FIELDS).map((name) => join(`has(data.${name})`, [])),
      fc.constantFrom(...FIELDS).map((name) => join(`data.?${name}.hasValue()`, [])),
      fc
        .tuple(lists, truth, fc.constantFrom('all', 'exists', 'exists_one'))
        .map(([list, body, loop]) => join(`$1.${loop}(x, $2)`, [list, body])),
      fc
        .tuple(any, any, fc.constantFrom('startsWith', 'endsWith', 'contains'))
        .map(([a, b, name]) => join(`dyn($1).${name}($2)`, [a, b])),
    ),
    any: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'expression' },
      tie('leaf'),
      tie('list'),
      truth,
      fc
        .tuple(fc.constantFrom('+', '-', '*'), two)
        .map(([op, parts]) => join(`($1 ${op} $2)`, parts, undefined, op === '+' ? ['mixed-lists'] : NONE)),
      two.map((parts) => join('($1 / $2)', parts, undefined, ['finite-numbers'])),
      any.map((of) => join('(-$1)', [of])),
      fc.tuple(truth, any, any).map((parts) => join('($1 ? $2 : $3)', parts)),
      any.map((of) => join('size($1)', [of], 'double(size($1))')),
      fc.tuple(lists, any).map((parts) => join('$1.map(x, $2)', parts)),
      fc.tuple(lists, truth, any).map((parts) => join('$1.map(x, $2, $3)', parts)),
      fc.tuple(lists, truth).map((parts) => join('$1.filter(x, $2)', parts)),
      // Indexes are scalars: the library turns others into text.
      fc
        .tuple(lists, fc.oneof(literals, fc.constantFrom('data.n', 'data.s').map(plain)))
        .map((parts) => join('$1[$2]', parts)),
      fc.tuple(fc.constantFrom(...FIELDS), any).map(([name, other]) => join(`data.?${name}.orValue($1)`, [other])),
      fc
        .tuple(fc.constantFrom(...FIELDS), fc.constantFrom(...FIELDS), any)
        .map(([a, b, other]) => join(`data.?${a}.${b}.orValue($1)`, [other])),
      fc
        .tuple(fc.constantFrom(...FIELDS), any)
        .map(([name, other]) => join(`data.l[?1].?${name}.or(data.?${name}).orValue($1)`, [other])),
      fc.tuple(any, any).map((parts) => join('cel.bind(y, $1, [y, $2])', parts)),
      fc.tuple(any, any).map((parts) => join("{'a': $1, 'b': $2}", parts)),
    ),
  };
});

const scalar = fc.oneof(number, text, fc.boolean(), fc.constant(null));
const item = fc.oneof(
  { weight: 3, arbitrary: scalar },
  { weight: 1, arbitrary: fc.record({ a: number, b: text }, { requiredKeys: ['a'] }) },
);
const value = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 2, arbitrary: fc.array(item, { maxLength: 4 }) },
  {
    weight: 2,
    arbitrary: fc.record({ a: scalar, b: fc.array(number, { maxLength: 3 }), c: text }, { requiredKeys: ['a'] }),
  },
);
const inputs = fc.record(
  { a: value, b: value, c: value, n: number, s: text, l: fc.array(number, { maxLength: 4 }) },
  { requiredKeys: ['a', 'n', 's', 'l'] },
);

const environment = new Environment({
  unlistedVariablesAreDyn: true,
  enableOptionalTypes: true,
  homogeneousAggregateLiterals: false,
});

function library(expression: string, data: unknown): unknown {
  try {
    const result: unknown = environment.evaluate(expression, { data, x: 1.5 });
    return result;
  } catch (thrown) {
    if (thrown instanceof Error && /^(EvaluationError|TypeError)$/.test(thrown.name)) return NO_VALUE;
    throw thrown;
  }
}

function ours(expression: string, data: unknown): unknown {
  const { node, faults } = parseExpression(expression);
  if (node === undefined) throw new Error(`${expression}: ${JSON.stringify(faults)}`);
  try {
    const bound = new Map([['x', { value: 1.5 }]]);
    const result = compileNode(node, bound).run(dataOnly(data));
    return result === ABSENT ? NO_VALUE : result;
  } catch (thrown) {
    if (thrown instanceof ExpressionFailure) return NO_VALUE;
    throw thrown;
  }
}

function finite(result: unknown): boolean {
  if (typeof result === 'number') return Number.isFinite(result);
  if (Array.isArray(result)) return result.every(finite);
  if (typeof result === 'object' && result !== null) return Object.values(result).every(finite);
  return true;
}

describe('evaluation', () => {
  it("agrees with the library's evaluator on untyped values, deviations excluded by name", function () {
    this.timeout(240_000);
    const known = DEVIATIONS.map(({ name }) => name);
    let compared = 0;
    let valued = 0;
    fc.assert(
      fc.property(expressions.any, inputs, ({ ours: mine, theirs, may }, data) => {
        for (const name of may) expect(known).to.include(name);
        const expected = library(theirs, data);
        const actual = ours(mine, data);
        // What may deviate is compared all the same where the library has a finite value.
        if (may.length > 0 && (expected === NO_VALUE || !finite(expected) || actual === NO_VALUE)) return;
        compared++;
        if (expected !== NO_VALUE) valued++;
        const shown = `${mine} | ${theirs} | ${JSON.stringify(data)}`;
        if (expected === NO_VALUE || actual === NO_VALUE) expect(actual, shown).to.equal(expected);
        else expect(JSON.stringify(actual), shown).to.equal(JSON.stringify(expected));
      }),
      { numRuns: 4_000 },
    );
    // Neither side may be right by never having a value.
    expect(compared).to.be.greaterThan(2_000);
    expect(valued).to.be.greaterThan(800);
  });
});

import { expect } from 'chai';
import { WaybillError } from '../../../src/errors.ts';
import { compileExpression } from '../../../src/expressions/compile.ts';
import type { EvaluationInput, Meta } from '../../../src/expressions/functions/declare.ts';
import { DYN } from '../../../src/expressions/types.ts';
import { parseJson } from '../../../src/json.ts';

const envelope: Meta = {
  id: 'm1',
  type: 'shop.order.placed',
  version: 1,
  source: '/shop',
  time: '2026-01-31T12:00:00Z',
};

function input(data: unknown, meta: Meta = envelope): EvaluationInput {
  return { data, vars: { rate: 2 }, envelope: meta };
}

/** Over data of which nothing is known, so that what happens at run time is what is seen. */
function run(source: string, data: unknown, kind: 'predicate' | 'value' = 'value', meta?: Meta): unknown {
  const { expression, faults } = compileExpression(source, { data: DYN, dataName: 'a.b@1', vars: { rate: DYN } }, kind);
  expect(faults, source).to.deep.equal([]);
  return expression?.evaluate(input(data, meta));
}

function failure(source: string, data: unknown, kind: 'predicate' | 'value' = 'value'): WaybillError {
  try {
    run(source, data, kind);
  } catch (thrown) {
    if (thrown instanceof WaybillError) return thrown;
    throw thrown;
  }
  throw new Error(`${source} has a value`);
}

describe('a predicate', () => {
  const cases: readonly (readonly [source: string, data: unknown, expected: boolean])[] = [
    ["data.a == 'x'", { a: 'x' }, true],
    ["data.a == 'x'", {}, false],
    ["!(data.a == 'x')", {}, false],
    ["data.a != 'x'", {}, false],
    ['data.a < 3', {}, false],
    ['!has(data.a)', {}, true],
    ['!has(data.a.b.c)', { a: 1 }, true],
    ["data.a == 'x' || data.b", { b: true }, true],
    ["data.b || data.a == 'x'", { b: false }, false],
    ["!(data.a == 'x' && data.b)", { b: false }, true],
    ['!(data.a && data.b)', { b: true }, false],
    ['data.?a.orValue(1) == 1', {}, true],
    ['data.?a.b.orValue(1) == 1', { a: {} }, true],
    ['data.a.exists(x, x.b == 1)', { a: [{}, { b: 1 }] }, true],
    ['data.a.exists(x, x.b == 1)', { a: [{}, { b: 2 }] }, false],
    ['!data.a.exists(x, x.b == 1)', { a: [{}, { b: 2 }] }, false],
    ['!data.a.all(x, x.b == 1)', { a: [{}, { b: 2 }] }, true],
    ['data.a[3] == 1', { a: [1] }, false],
    ['data.a.b == 1', { a: null }, false],
    ['data.a == null', { a: null }, true],
    ['data.a == null', {}, false],
    ['data.a ? true : true', {}, false],
    ['data.a in [1, 2]', {}, false],
    ['1 in data.a', {}, false],
    ['size(data.a) == 0', {}, false],
    ['first(data.a) == 1', { a: [] }, false],
  ];
  for (const [source, data, expected] of cases) {
    it(`${source} is ${expected ? 'a match' : 'no match'} on ${JSON.stringify(data)}`, () => {
      expect(run(source, data, 'predicate')).to.equal(expected);
    });
  }

  it('fails by name where the data has no answer', () => {
    const error = failure('data.a < 3', { a: 'x' }, 'predicate');
    expect(error).to.include({ code: 'WB_EXPRESSION_FAILED', retryable: false });
    expect(error.message).to.equal('< needs text beside text, not the number 3, in data.a < 3');
    expect(failure('data.a', { a: 1 }, 'predicate').message).to.equal(
      'a predicate needs true or false, not the number 1, in data.a',
    );
  });

  it('absorbs a failure as it absorbs absence', () => {
    expect(run('1 / data.a > 0 || data.b', { a: 0, b: true }, 'predicate')).to.equal(true);
    expect(run('data.b && 1 / data.a > 0', { a: 0, b: false }, 'predicate')).to.equal(false);
    expect(failure('1 / data.a > 0 && data.b', { a: 0, b: true }, 'predicate').message).to.contain('division by zero');
  });
});

describe('a value', () => {
  it('is computed with one kind of number', () => {
    expect(run('7 / 2 + data.a', { a: 1 })).to.equal(4.5);
    expect(run('data.a == 3.0 && data.a in [1, 3]', { a: 3 })).to.equal(true);
    expect(run('size(data.a) * 1.5', { a: [1, 2] })).to.equal(3);
    expect(run('data.a % 2 == 1', { a: 3 })).to.equal(true);
  });

  it('is left out where an optional value is none', () => {
    expect(run('data.?a', {})).to.equal(undefined);
    expect(run('data.?a', { a: null })).to.equal(null);
    expect(run('data.?a.?b', { a: {} })).to.equal(undefined);
    expect(run('data.?a.b', { a: { b: 1 } })).to.equal(1);
    expect(run('data.a[?1]', { a: [1] })).to.equal(undefined);
  });

  it('fails by the name of the field that is absent', () => {
    const error = failure('data.a.b + data.c', { a: { b: 1 } });
    expect(error).to.include({ code: 'WB_EXPRESSION_ABSENT', retryable: false });
    expect(error.message).to.equal('data.c is absent, in data.a.b + data.c');
  });

  it('fails where JSON has no number for it', () => {
    expect(failure('data.a / 0', { a: 1 }).message).to.equal('division by zero, in data.a / 0');
    expect(failure('data.a % 0', { a: 1 }).message).to.contain('division by zero');
    expect(failure('data.a * data.a', { a: 1e300 }).message).to.contain('no finite result');
    expect(Object.is(run('data.a * -1', { a: 0 }), 0)).to.equal(true);
    expect(Object.is(run('-data.a', { a: 0 }), 0)).to.equal(true);
  });

  it('reads own fields only', () => {
    for (const name of ['constructor', 'toString', 'length', 'hasOwnProperty', 'toJSON']) {
      expect(run(`has(data.${name})`, {}, 'predicate'), name).to.equal(false);
      expect(run(`has(data.a.${name})`, { a: [1] }, 'predicate'), name).to.equal(false);
      expect(run(`has(data.a.${name})`, { a: 'text' }, 'predicate'), name).to.equal(false);
      expect(run(`data.${name}`, { [name]: 1 }), name).to.equal(1);
    }
    expect(run("has(data['__proto__'])", {}, 'predicate')).to.equal(false);
    expect(run('data[data.k] == 1', { k: 'constructor' }, 'predicate')).to.equal(false);
    expect(run("has(data.a['0'])", { a: [1] }, 'predicate')).to.equal(false);
    expect(run("'toString' in data", {}, 'predicate')).to.equal(false);
  });

  it('reads the attributes of the envelope, and nothing else of it', () => {
    let read = '';
    const meta: Meta = {
      ...envelope,
      get key(): string {
        read += 'key';
        return 'k1';
      },
      get id(): string {
        read += 'id';
        return 'm1';
      },
    };
    expect(run('meta.?key', {}, 'value', meta)).to.equal('k1');
    expect(read).to.equal('key');
    expect(run('meta.?key', {})).to.equal(undefined);
    expect(run("meta.headers.?trace.orValue('none')", {})).to.equal('none');
    expect(run('meta.headers.?trace', {}, 'value', { ...envelope, headers: { trace: 't' } })).to.equal('t');
    expect(run('vars.rate * 2', {})).to.equal(4);
  });

  it('does not read data that the expression does not name', () => {
    const { expression } = compileExpression("meta.source == '/shop'", { data: DYN, dataName: 'a.b@1' }, 'predicate');
    const unread: EvaluationInput = {
      get data(): unknown {
        throw new Error('data was parsed');
      },
      vars: {},
      envelope,
    };
    expect(expression?.evaluate(unread)).to.equal(true);
  });

  it('keeps the variables of nested macros apart', () => {
    const data = { a: [1, 2], b: [10, 20] };
    expect(run('data.a.map(x, data.b.map(y, x * y))', data)).to.deep.equal([
      [10, 20],
      [20, 40],
    ]);
    expect(run('data.a.map(x, data.b.map(x, x) + [x])', data)).to.deep.equal([
      [10, 20, 1],
      [10, 20, 2],
    ]);
    expect(run('cel.bind(s, sum(data.a), data.b.map(x, x * s))', data)).to.deep.equal([30, 60]);
  });
});

describe('a number that JSON numbers cannot hold', () => {
  const data = parseJson('{"id": 12345678901234567890, "list": [12345678901234567890], "n": 1}');

  for (const source of [
    'data.id',
    'data.id + 1',
    'data.id == 1',
    'data.id in [1, 2]',
    'data.id < 3',
    '-data.id',
    'round(data.id)',
    'sum(data.list)',
    'data.list == [1]',
  ]) {
    it(`is refused by name in ${source}`, () => {
      const error = failure(source, data);
      expect(error).to.include({ code: 'WB_NUMBER_EXACT', retryable: false });
      expect(error.message).to.equal(
        `12345678901234567890 cannot be held as a JSON number without changing its value, in ${source}`,
      );
    });
  }

  it('is told by has(), and keeps its digits as text', () => {
    expect(run('has(data.id)', data)).to.equal(true);
    expect(run('has(data.id.text)', data)).to.equal(false);
    expect(run('text(data.id)', data)).to.equal('12345678901234567890');
    expect(run("text(data.id) == '12345678901234567890'", data)).to.equal(true);
  });
});

describe('matches()', () => {
  it('takes time linear in the text', () => {
    expect(run("data.a.matches('^(a+)+$')", { a: `${'a'.repeat(50_000)}b` })).to.equal(false);
  });

  it('fails by name on a pattern from data that is none', () => {
    expect(failure('data.a.matches(data.b)', { a: 'a', b: '[' }).message).to.contain(
      "'[' is not a regular expression (RE2)",
    );
  });
});

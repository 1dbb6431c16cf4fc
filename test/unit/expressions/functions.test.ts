import { expect } from 'chai';
import { compileExpression } from '../../../src/expressions/compile.ts';
import { dataOnly } from '../../../src/expressions/compile-node.ts';
import { FUNCTIONS, signaturesOf } from '../../../src/expressions/functions/table.ts';
import { MACROS } from '../../../src/expressions/macros.ts';
import { DYN } from '../../../src/expressions/types.ts';

const tables = {
  find: (table: string, key: string) => (table === 'countries' && key === 'FR' ? 'France' : undefined),
};
const env = { data: DYN, dataName: 'a.b@1', lookups: { tables: ['countries'] } };

function run(source: string, data: unknown = {}): unknown {
  const { expression, faults } = compileExpression(source, env, 'value');
  expect(faults, source).to.deep.equal([]);
  return expression?.evaluate({ ...dataOnly(data), tables });
}

describe('the functions', () => {
  for (const { name, example } of FUNCTIONS) {
    it(`${name}: ${example[0]} is as documented`, () => {
      expect(run(example[0])).to.deep.equal(example[1]);
    });
  }

  for (const { name, example } of MACROS) {
    it(`${name}: ${example[0]} is as documented`, () => {
      expect(run(example[0])).to.deep.equal(example[1]);
    });
  }

  it('have names of their own and say how they are called', () => {
    expect(new Set(FUNCTIONS.map(({ name }) => name)).size).to.equal(FUNCTIONS.length);
    const named = (name: string): readonly string[] =>
      FUNCTIONS.filter((entry) => entry.name === name).flatMap(signaturesOf);
    expect(named('round')).to.deep.equal(['round(of)', 'round(of, decimals)']);
    expect(named('startsWith')).to.deep.equal(['text.startsWith(part)']);
  });

  const cases: readonly (readonly [source: string, value: unknown])[] = [
    ['round(2.5)', 3],
    ['round(-2.5)', -3],
    ['round(-0.4)', 0],
    ['round(1.255, 2)', 1.26],
    ['round(-1.005, 2)', -1.01],
    ['round(0.1 + 0.2, 2)', 0.3],
    ['round(1e-7, 3)', 0],
    ['round(0.0000005, 6)', 0.000001],
    ['round(123456789012345.67, 1)', 123456789012345.7],
    ['sum([])', 0],
    ['min(3, 1)', 1],
    ["max(['a', 'b'])", 'b'],
    ['avg([]).orValue(0)', 0],
    ['first([]).orValue(null)', null],
    ['distinct([{"a": 1}, {"a": 1}, 1, "1", 1, null, null])', [{ a: 1 }, 1, '1', null]],
    ["sort(['b', 'a', 'B'])", ['B', 'a', 'b']],
    ['sort([10, 9, 1])', [1, 9, 10]],
    ["number(' 007 ')", 7],
    ["number('-1.5e3')", -1500],
    ["lower('ÄB')", 'äb'],
    ["'a b'.upper().replace(' ', '$&')", 'A$&B'],
    ["padStart('abcd', 2)", 'abcd'],
    ["split('', ',')", ['']],
    ["size('ü€😀')", 3],
    ["date('2026-01-31')", '2026-01-31T00:00:00.000Z'],
    ["date('2026-01-31T01:00:00+02:00')", '2026-01-30T23:00:00.000Z'],
    ["addMonths('2024-01-31', 1)", '2024-02-29T00:00:00.000Z'],
    ["addMonths('2026-03-31', -13)", '2025-02-28T00:00:00.000Z'],
    ["addDays('2026-12-31T23:59:59.5Z', 1)", '2027-01-01T23:59:59.500Z'],
    ["formatDate('2026-01-02T03:04:05.006Z', \"yyyyMMdd'T'HH:mm:ss.SSS\")", '20260102T03:04:05.006'],
    ["max([date('2026-01-01'), date('2026-02-01')])", '2026-02-01T00:00:00.000Z'],
    ["lookup('countries', 'FR').orValue('?')", 'France'],
    ["uuid('a')", '544d31af-33ab-5f9d-a1c1-89c281761a20'],
    ["uuid('a') != uuid('b')", true],
    ["uuid('a').matches('^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$')", true],
  ];
  for (const [source, value] of cases) {
    it(`${source} is ${JSON.stringify(value)}`, () => {
      expect(run(source)).to.deep.equal(value);
    });
  }

  const failures: readonly (readonly [source: string, data: unknown, message: string])[] = [
    ['number(data.a)', { a: '12,5' }, "number() needs text that is a number, not text '12,5'"],
    ['number(data.a)', { a: '1e999' }, 'number() has no finite result'],
    ['date(data.a)', { a: '2026-02-30' }, 'a date is RFC 3339 text'],
    ['date(data.a)', { a: '2026-02-01T10:00:00' }, 'a date is RFC 3339 text'],
    ['addDays(data.a, data.n)', { a: '2026-02-01', n: 2.5 }, 'addDays() needs a whole number, not the number 2.5'],
    ['sum(data.a)', { a: [1, 'x'] }, 'sum() needs a list of numbers, not a list'],
    ['lower(data.a)', { a: 1 }, 'lower() needs text, not the number 1'],
    ['padStart(data.a, data.n)', { a: 'a', n: 1e9 }, 'padStart() makes at most 10000 characters'],
    ['round(data.a, data.n)', { a: 1.5, n: -1 }, 'round() needs a whole number from 0 to 15'],
    ['data.a.value()', {}, 'data.a is absent'],
  ];
  for (const [source, data, message] of failures) {
    it(`${source} fails on ${JSON.stringify(data)}`, () => {
      expect(() => run(source, data)).to.throw(message);
    });
  }
});

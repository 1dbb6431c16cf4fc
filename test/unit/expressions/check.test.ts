import { expect } from 'chai';
import type { ErrorCode } from '../../../src/errors.ts';
import type { ExpressionEnv } from '../../../src/expressions/checking.ts';
import { compileExpression } from '../../../src/expressions/compile.ts';
import { typeFromSchema } from '../../../src/expressions/schema-type.ts';
import { order } from './order.ts';

const env: ExpressionEnv = {
  data: typeFromSchema(order),
  dataName: 'shop.order.placed@1',
  vars: { customer: typeFromSchema({ type: 'object', required: ['name'], properties: { name: { type: 'string' } } }) },
  lookups: {
    tables: ['countries', 'towns'],
    type: () => typeFromSchema({ type: 'object', properties: { name: { type: 'string' } } }),
    contract: (table) => (table === 'countries' ? 'geo.country@1' : undefined),
  },
};

type Kind = 'predicate' | 'value';
type Expected = readonly [code: ErrorCode, at: string, message: string, fix?: string];

function faultsOf(source: string, kind: Kind): readonly Expected[] {
  return compileExpression(source, env, kind).faults.map(({ code, start, end, message, fix }) => {
    const fault = [code, source.slice(start, end), message] as const;
    return fix === undefined ? fault : [...fault, fix];
  });
}

function fails(kind: Kind, source: string, ...expected: readonly Expected[]): void {
  it(`${source}: ${expected.map(([, , message]) => message).join('; ')}`, () => {
    expect(faultsOf(source, kind)).to.deep.equal(expected);
  });
}

function passes(kind: Kind, ...sources: readonly string[]): void {
  for (const source of sources) {
    it(`${source}: passes as a ${kind}`, () => {
      expect(faultsOf(source, kind)).to.deep.equal([]);
    });
  }
}

describe('checking an expression', () => {
  describe('finds fields and variables that there are not, with the nearest name', () => {
    const code = 'WB_EXPRESSION_FIELD';
    fails('predicate', "data.shipTo.contry == 'DE'", [
      code,
      'data.shipTo.contry',
      'data.shipTo.contry is not in shop.order.placed@1',
      'did you mean data.shipTo.country?',
    ]);
    fails('predicate', 'data.lines.exists(l, l.quantty > 1)', [
      code,
      'l.quantty',
      'l.quantty is not in shop.order.placed@1',
      'did you mean l.quantity?',
    ]);
    fails('value', "lookup('countries', 'DE').orValue(data.shipTo).nme", [
      code,
      "lookup('countries', 'DE').orValue(data.shipTo).nme",
      "lookup('countries', 'DE').orValue(data.shipTo).nme is not in geo.country@1",
      "did you mean lookup('countries', 'DE').orValue(data.shipTo).name?",
    ]);
    fails('value', "lookup('towns', data.shipTo.country).nme", [
      code,
      "lookup('towns', data.shipTo.country).nme",
      "lookup('towns', data.shipTo.country).nme is not in the table towns",
      "did you mean lookup('towns', data.shipTo.country).name?",
    ]);
    fails('value', 'meta.tme', [
      code,
      'meta.tme',
      'meta.tme is not an attribute of messages',
      'did you mean meta.time?',
    ]);
    fails('value', 'vars.custmer.name', [
      code,
      'vars.custmer',
      'vars.custmer is not set by an earlier step',
      'did you mean vars.customer?',
    ]);
    fails('value', 'dta.id', [
      code,
      'dta',
      'there is no variable dta; there are data, meta, vars',
      'did you mean data?',
    ]);
    fails('predicate', 'total > 3', [
      code,
      'total',
      'there is no variable total; there are data, meta, vars',
      'write data.total',
    ]);
    fails('value', 'data.constructor', [
      code,
      'data.constructor',
      'data.constructor is not in shop.order.placed@1',
      'there are id, total, count, customerId, status, note, shipTo, bill, lines, buyer, due, tags',
    ]);
    fails('value', 'data.lines.map(data, data.sku)', [
      code,
      'data.lines.map(data, data.sku)',
      'data is a variable of its own and cannot be the name of an item',
      'choose another name',
    ]);
  });

  describe('reports every fault, not the first only', () => {
    fails(
      'predicate',
      "data.totl > 1 && data.status == 'opn' && lowr('A') == 'a'",
      ['WB_EXPRESSION_FIELD', 'data.totl', 'data.totl is not in shop.order.placed@1', 'did you mean data.total?'],
      [
        'WB_EXPRESSION_TYPE',
        "'opn'",
        "'opn' is not a value of data.status, which is 'open' or 'shipped'",
        "did you mean 'open'?",
      ],
      ['WB_EXPRESSION_FUNCTION', "lowr('A')", 'there is no function lowr', 'did you mean lower?'],
    );
  });

  describe('finds values of the wrong kind', () => {
    const code = 'WB_EXPRESSION_TYPE';
    fails('predicate', "data.total == '12'", [
      code,
      "data.total == '12'",
      "data.total is a number and '12' is text: they are never equal",
    ]);
    fails('predicate', "data.total > '12'", [
      code,
      "data.total > '12'",
      "> cannot take these two: data.total is a number and '12' is text",
    ]);
    fails('predicate', "data.status in ['open', 'closd']", [
      code,
      "'closd'",
      "'closd' is not a value of data.status, which is 'open' or 'shipped'",
    ]);
    fails('predicate', 'data.total', [
      code,
      'data.total',
      'a predicate needs true or false, and data.total is a number',
    ]);
    fails('predicate', 'data.total && true', [
      code,
      'data.total',
      '&& needs true or false, and data.total is a number',
    ]);
    fails('predicate', 'data.id != null', [
      code,
      'data.id != null',
      'data.id is never null',
      'to ask whether it is there write has(data.id)',
    ]);
    fails('predicate', 'data.bill.due > 3', [
      code,
      'data.bill.due',
      '> needs a number, and data.bill.due may be null',
      'ask first: data.bill.due != null ? ... : ..., or data.bill.due != null && ...',
    ]);
    fails('value', 'data.id + data.total', [
      code,
      'data.id + data.total',
      '+ cannot take these two: data.id is text and data.total is a number',
      'turn the other into text with text(...)',
    ]);
    fails('value', 'data.lines.sku', [
      code,
      'data.lines.sku',
      'data.lines is a list whose items are an object, which has no field sku',
      'take one item, data.lines[0], or ask of each: data.lines.exists(item, item...)',
    ]);
    fails('value', 'lower(data.total)', [
      code,
      'data.total',
      'lower() needs text, and data.total is a number',
      'write text(data.total)',
    ]);
    fails('value', 'sum(data.lines.map(l, l.sku))', [
      code,
      'data.lines.map(l, l.sku)',
      'sum() needs a list of numbers, and data.lines.map(l, l.sku) is a list whose items are text',
    ]);
    fails('predicate', "data.?note == 'x'", [
      code,
      'data.?note',
      'data.?note is an optional value where a value is needed',
      'give a default: data.?note.orValue(...)',
    ]);
    fails('predicate', "meta.time < date('2027-01-01')", [
      code,
      "meta.time < date('2027-01-01')",
      "< cannot take these two: meta.time is text (date-time) and date('2027-01-01') is a date()",
      'put the text in date(...) as well',
    ]);
    fails('predicate', "data.id.matches('[')", [
      code,
      "'['",
      "matches() needs a regular expression (RE2), and '[' is none",
    ]);
    fails('value', "formatDate(meta.time, 'YYYY-MM-DD')", [
      code,
      "'YYYY-MM-DD'",
      "formatDate() needs a form of yyyy MM dd HH mm ss SSS and 'text', and 'YYYY-MM-DD' is none",
    ]);
    fails('value', 'meta', [
      code,
      'meta',
      'meta is no value of its own',
      'name one of its attributes, such as meta.time',
    ]);
    fails(
      'value',
      'lower(data.bill.ref)',
      [
        code,
        'data.bill.ref',
        'lower() needs text, and data.bill.ref may be a whole number',
        'where you know that it is not, write dyn(data.bill.ref)',
      ],
      [
        'WB_EXPRESSION_ABSENT',
        'data.bill',
        'data.bill is optional in shop.order.placed@1',
        'write data.?bill to leave it out, or data.?bill.orValue(...) for a default',
      ],
    );
    fails('value', '12345678901234567890', [
      code,
      '12345678901234567890',
      '12345678901234567890 cannot be held as a JSON number without changing its value',
      'compare it as text, with text(...)',
    ]);
    fails('predicate', "data.lines[-1].sku == 'a'", [
      code,
      '-1',
      'the index of a list needs a whole number from 0, and -1 is none',
    ]);
    fails('value', 'addDays(meta.time, data.total)', [
      code,
      'data.total',
      'addDays() needs a whole number, and data.total is a number',
    ]);
    fails('value', 'round(data.total, 16)', [code, '16', 'round() needs a whole number from 0 to 15, and 16 is none']);
  });

  describe('finds wrong calls', () => {
    const code = 'WB_EXPRESSION_FUNCTION';
    fails('value', 'round()', [
      code,
      'round()',
      'round() does not take 0 arguments',
      'write round(of) or round(of, decimals)',
    ]);
    fails('predicate', "startsWith(data.id, 'a')", [
      code,
      "startsWith(data.id, 'a')",
      'startsWith is not called as a function',
      'write text.startsWith(part)',
    ]);
    fails('value', 'now()', [
      code,
      'now()',
      'there is no function now',
      'use meta.time: the time of the message, the same in a replay',
    ]);
    fails('value', "lookup('contries', 'DE').orValue('')", [
      code,
      "'contries'",
      'there is no table contries',
      'did you mean countries?',
    ]);
  });

  describe('tells syntax errors by their place', () => {
    const code = 'WB_EXPRESSION_SYNTAX';
    fails('predicate', 'data.total = 3', [code, '=', '`=` is not expected here', 'compare with ==']);
    fails('predicate', 'data.total >', [code, '', 'the end of the expression is not expected here']);
    fails('predicate', '(data.total > 3', [code, '', '`)` is expected before the end of the expression']);
    fails('value', 'Your order', [
      code,
      'order',
      '`order` is not expected here',
      `for a text write quotes within the quotes of YAML: "'Your order'"`,
    ]);
    fails('predicate', 'a and b', [code, 'and', '`and` is not expected here', 'write && for "and"']);
    fails('predicate', ' ', [code, '', 'the expression is empty']);
    fails('value', 'has(data)', [code, 'has(data)', 'has() takes one field', 'write has(data.field)']);
    fails('value', "b'abc'", [code, "b'abc'", 'bytes are not a kind of value here: JSON has none', 'leave out the b']);
  });

  describe('asks for optional fields to be guarded in a value', () => {
    const code = 'WB_EXPRESSION_ABSENT';
    const note = 'write data.?note to leave it out, or data.?note.orValue(...) for a default';
    fails('value', 'data.note', [code, 'data.note', 'data.note is optional in shop.order.placed@1', note]);
    fails('value', '!(data.note == data.id)', [
      code,
      'data.note',
      'data.note is optional in shop.order.placed@1',
      note,
    ]);
    fails('value', 'data.lines[0].sku', [
      code,
      'data.lines[0]',
      'data.lines[0] may be beyond the end of the list',
      'write data.lines[?0].orValue(...) for a default',
    ]);
    fails('value', 'first(data.lines)', [
      code,
      'first(data.lines)',
      'first(data.lines) may be absent',
      'give a default: first(data.lines).orValue(...)',
    ]);
    fails(
      'value',
      'data.bill.total',
      [
        code,
        'data.bill',
        'data.bill is optional in shop.order.placed@1',
        'write data.?bill to leave it out, or data.?bill.orValue(...) for a default',
      ],
      [
        code,
        'data.bill.total',
        'data.bill.total is optional in shop.order.placed@1',
        'write data.bill.?total to leave it out, or data.bill.?total.orValue(...) for a default',
      ],
    );
    fails('value', 'has(data.bill) ? (data.bill.due == null ? data.bill.due + 1 : 0) : 0', [
      'WB_EXPRESSION_TYPE',
      'data.bill.due',
      '+ needs a number, and data.bill.due may be null',
      'ask first: data.bill.due != null ? ... : ..., or data.bill.due != null && ...',
    ]);
    fails('value', 'meta.key', [
      code,
      'meta.key',
      'meta.key may be absent',
      'write meta.?key to leave it out, or meta.?key.orValue(...) for a default',
    ]);
    passes(
      'value',
      'data.?note',
      "data.?note.orValue('')",
      "data.note.orValue('')",
      "has(data.note) ? data.note : ''",
      'has(data.bill) ? data.bill.due : 0',
      "!has(data.note) ? '' : data.note",
      "has(data.note) && data.note == 'x'",
      "!has(data.note) || data.note == 'x'",
      "data.?note.hasValue() ? data.note : ''",
      'has(data.bill.due) && data.bill.due != null ? data.bill.due : 0',
      'has(data.bill) ? (data.bill.due == null ? 0 : data.bill.due + 1) : 0',
      'data.lines.map(l, has(l.note), l.note)',
      "data.lines.map(l, l.?note.orValue(''))",
      'data.lines[?0].sku',
      'has(data.lines[0].note) ? data.lines[0].note : data.lines[?0].?sku.orValue("")',
      'cel.bind(n, data.?note.orValue(""), n + n)',
      "lookup('countries', data.shipTo.country).orValue('?')",
    );
  });

  describe('lets a predicate read optional fields', () => {
    passes(
      'predicate',
      "data.note == 'x'",
      '!(data.note == "x")',
      'data.lines[0].quantity > 1',
      "meta.key == 'k'",
      'data.bill.total > 1',
    );
  });

  it('refuses an expression that is nested too deeply, and takes one that is merely long', () => {
    const chain = (length: number): string => Array.from({ length }, () => 'data.total == 1').join(' || ');
    expect(faultsOf(chain(400), 'predicate')).to.deep.equal([]);
    for (const source of [chain(600), chain(20_000), `${'('.repeat(2000)}true${')'.repeat(2000)}`]) {
      expect(faultsOf(source, 'predicate').map(([code]) => code)).to.deep.equal(['WB_EXPRESSION_SYNTAX']);
    }
    const codes = Array.from({ length: 20_000 }, (_, i) => `'${String(i)}'`).join(', ');
    expect(faultsOf(`data.id in [${codes}]`, 'predicate')).to.deep.equal([]);
  });

  it('knows the type of the value', () => {
    const typeOf = (source: string): unknown => compileExpression(source, env, 'value').type;
    expect(typeOf('data.count + 1')).to.deep.equal({ kind: 'number', integer: true });
    expect(typeOf('data.count / 2')).to.deep.equal({ kind: 'number', integer: false });
    expect(typeOf('data.?note')).to.deep.equal({ kind: 'optional', of: { kind: 'string' } });
    expect(typeOf("data.total > 1 ? 'a' : 'b'")).to.deep.equal({ kind: 'string', values: ['a', 'b'] });
    expect(typeOf('1 < 2')).to.deep.equal({ kind: 'boolean', value: true });
  });

  it('sees only data where there is no meta, as in a cast', () => {
    const { faults } = compileExpression('meta.id', { data: env.data, dataName: 'a.b@1', meta: false }, 'value');
    expect(faults.map(({ message }) => message)).to.deep.equal(['there is no variable meta; there are data']);
  });
});

import { expect } from 'chai';
import type { ErrorCode } from '../../../src/errors.ts';
import type { EvaluationInput } from '../../../src/expressions/functions/declare.ts';
import { compileMapping } from '../../../src/expressions/mapping.ts';
import { typeFromSchema } from '../../../src/expressions/schema-type.ts';
import { parseJson } from '../../../src/json.ts';
import { order } from './order.ts';

const env = {
  data: typeFromSchema(order),
  dataName: 'shop.order.placed@1',
  vars: { customer: typeFromSchema({ type: 'object', required: ['name'], properties: { name: { type: 'string' } } }) },
};

const target = {
  type: 'object',
  additionalProperties: false,
  required: ['orderId', 'customer', 'lines', 'currency'],
  properties: {
    orderId: { type: 'string', maxLength: 12 },
    customer: {
      type: 'object',
      required: ['id', 'name'],
      properties: { id: { type: 'string' }, name: { type: 'string' } },
    },
    lines: {
      type: 'array',
      items: {
        type: 'object',
        required: ['sku', 'qty'],
        properties: { sku: { type: 'string' }, qty: { type: 'integer' }, note: { type: 'string' } },
      },
    },
    note: { type: 'string' },
    currency: { enum: ['EUR', 'USD'] },
    total: { type: 'number', minimum: 0 },
    count: { type: 'integer' },
    due: { type: ['string', 'null'], format: 'date' },
    open: { type: 'boolean' },
  },
};

const sound = {
  orderId: 'data.id',
  customer: { id: 'data.customerId', name: 'vars.customer.name' },
  lines: { $each: 'data.lines', $as: 'l', $set: { sku: 'l.sku', qty: 'l.quantity' } },
  note: 'data.?note',
  currency: { $const: 'EUR' },
  total: 'round(sum(data.lines.map(l, l.quantity * l.price)), 2)',
};

const message: EvaluationInput = {
  data: {
    id: 'o1',
    total: 5,
    count: 2,
    customerId: 'c1',
    status: 'open',
    shipTo: { country: 'DE' },
    lines: [
      { sku: 'a', quantity: 2, price: 1.005 },
      { sku: 'b', quantity: 1, price: 3, note: 'n' },
    ],
  },
  vars: { customer: { name: 'Ann' } },
  envelope: { id: 'm1', type: 'shop.order.placed', version: 1, source: '/shop', time: '2026-01-31T12:00:00Z' },
};

function map(set: unknown, input: EvaluationInput = message): unknown {
  const { expression, faults } = compileMapping(set, env);
  expect(faults).to.deep.equal([]);
  return expression?.evaluate(input);
}

type Shown = readonly [path: string, code: ErrorCode, message: string, fix?: string];

function faultsOf(change: object): readonly Shown[] {
  const { faults, expression } = compileMapping({ ...sound, ...change }, env, target, 'oms.order.create@2');
  expect(expression === undefined).to.equal(faults.length > 0);
  return faults.map(({ path, code, message: text, fix }) => {
    const fault = [path.join('.'), code, text] as const;
    return fix === undefined ? fault : [...fault, fix];
  });
}

describe('a mapping', () => {
  it('makes new data', () => {
    const { expression, faults } = compileMapping(sound, env, target, 'oms.order.create@2');
    expect(faults).to.deep.equal([]);
    expect(expression?.source).to.equal('a mapping to oms.order.create@2');
    expect(expression?.evaluate(message)).to.deep.equal({
      orderId: 'o1',
      customer: { id: 'c1', name: 'Ann' },
      lines: [
        { sku: 'a', qty: 2 },
        { sku: 'b', qty: 1 },
      ],
      currency: 'EUR',
      total: 5.01,
    });
  });

  it('takes text for an expression, and numbers, booleans and null for themselves', () => {
    expect(map({ a: "'x'", b: 1, c: true, d: null, e: [1, 'data.id'] })).to.deep.equal({
      a: 'x',
      b: 1,
      c: true,
      d: null,
      e: [1, 'o1'],
    });
    expect(map({ a: { $const: { $each: 'x', list: ['data.id'] } } })).to.deep.equal({
      a: { $each: 'x', list: ['data.id'] },
    });
    expect(map('data.lines.map(l, l.sku)')).to.deep.equal(['a', 'b']);
  });

  it('leaves out what is optional and absent', () => {
    expect(map({ a: 'data.?note', b: ['data.?note', 1], c: { d: 'data.?note' } })).to.deep.equal({ b: [1], c: {} });
    expect(map({ a: { $each: 'data.lines', $as: 'l', $set: { n: 'l.?note' } } })).to.deep.equal({
      a: [{}, { n: 'n' }],
    });
    expect(map({ a: { $each: 'data.lines', $as: 'l', $set: 'l.?note' } })).to.deep.equal({ a: ['n'] });
    expect(map({ a: { $each: 'data.?tags', $as: 'l', $set: 'l' } }, { ...message, data: {} })).to.deep.equal({});
  });

  it('shows outer items to inner lists', () => {
    const set = {
      $each: 'data.lines',
      $as: 'a',
      $set: { $each: 'data.lines', $as: 'b', $set: 'a.sku + b.sku + data.id' },
    };
    expect(map(set)).to.deep.equal([
      ['aao1', 'abo1'],
      ['bao1', 'bbo1'],
    ]);
  });

  it('gives dates as text', () => {
    expect(map({ a: 'addDays(meta.time, 1)' })).to.deep.equal({ a: '2026-02-01T12:00:00.000Z' });
  });

  it('fails by the name of the field it sets', () => {
    const faulty = { ...message, data: { lines: [{ sku: 'a' }, {}] } };
    expect(() => map({ lines: { $each: 'data.lines', $as: 'l', $set: { sku: 'l.sku' } } }, faulty))
      .to.throw('a field is absent, in lines.$set.sku: l.sku')
      .with.property('code', 'WB_EXPRESSION_ABSENT');
    expect(() => map({ id: 'data.id' }, faulty)).to.throw('data.id is absent, in id: data.id');
    const exact = { ...message, data: parseJson('{"id": 12345678901234567890}') };
    expect(() => map({ id: 'data.id' }, exact))
      .to.throw('12345678901234567890')
      .with.property('code', 'WB_NUMBER_EXACT');
  });
});

describe('checking a mapping', () => {
  const cases: readonly (readonly [name: string, change: object, ...expected: readonly Shown[]])[] = [
    [
      'finds a field that the target does not declare',
      { curency: 1 },
      ['curency', 'WB_MAPPING_FIELD', 'curency is not in oms.order.create@2', 'did you mean currency?'],
    ],
    [
      'finds one in the objects of a list',
      { lines: { $each: 'data.lines', $as: 'l', $set: { sku: 'l.sku', qty: 'l.quantity', nte: 'l.sku' } } },
      ['lines.$set.nte', 'WB_MAPPING_FIELD', 'lines.$set.nte is not in oms.order.create@2', 'did you mean note?'],
    ],
    [
      'finds one in an open object, where it would be a slip',
      { customer: { id: 'data.id', name: 'data.id', nam: 'data.id' } },
      ['customer.nam', 'WB_MAPPING_FIELD', 'customer.nam is not in oms.order.create@2', 'did you mean name?'],
    ],
    [
      'finds a required field that is not set',
      { customer: { id: 'data.id' } },
      [
        'customer',
        'WB_MAPPING_REQUIRED',
        'customer.name is required in oms.order.create@2 and is not set',
        'add name: text',
      ],
    ],
    [
      'finds a required field that may be left out',
      { orderId: 'data.?note' },
      [
        'orderId',
        'WB_MAPPING_REQUIRED',
        'orderId is required in oms.order.create@2, and its value may be absent',
        'give a default with orValue(...)',
      ],
    ],
    [
      'finds an optional field without a guard',
      { note: 'data.note' },
      [
        'note',
        'WB_EXPRESSION_ABSENT',
        'data.note is optional in shop.order.placed@1',
        'write data.?note to leave it out, or data.?note.orValue(...) for a default',
      ],
    ],
    [
      'finds a value of another kind',
      { orderId: 'data.total' },
      [
        'orderId',
        'WB_MAPPING_TYPE',
        'data.total is a number, and text is needed for orderId of oms.order.create@2',
        'write text(data.total)',
      ],
    ],
    [
      'finds a fraction for a whole number',
      { count: 'data.total' },
      [
        'count',
        'WB_MAPPING_TYPE',
        'data.total is a number, and a whole number is needed for count of oms.order.create@2',
        'round(data.total) makes it whole; where it is money, change the contract',
      ],
    ],
    [
      'finds a null',
      { total: 'data.?bill.due' },
      [
        'total',
        'WB_MAPPING_TYPE',
        'data.?bill.due may be null, and a number is needed for total of oms.order.create@2',
        'write data.?bill.due != null ? data.?bill.due : ... with a value for null',
      ],
    ],
    [
      'finds a constant beyond an enum',
      { currency: { $const: 'EURO' } },
      [
        'currency',
        'WB_MAPPING_TYPE',
        "the constant is 'EURO', and 'EUR' or 'USD' is needed for currency of oms.order.create@2",
        "did you mean 'EUR'?",
      ],
    ],
    [
      'finds any text for an enum',
      { currency: 'data.id' },
      [
        'currency',
        'WB_MAPPING_TYPE',
        "data.id is text, and 'EUR' or 'USD' is needed for currency of oms.order.create@2",
      ],
    ],
    ['takes an expression for what it can be', { currency: "data.total > 3 ? 'EUR' : 'USD'" }],
    [
      'tells a text that lacks its quotes',
      { currency: 'EUR' },
      [
        'currency',
        'WB_EXPRESSION_FIELD',
        'there is no variable EUR; there are data, meta, vars',
        'for the text EUR write { $const: EUR }',
      ],
    ],
    [
      'finds a constant out of bounds',
      { total: -1 },
      ['total', 'WB_MAPPING_TYPE', '-1 is given, and a number from 0 is needed for total of oms.order.create@2'],
    ],
    [
      'finds a text that is too long',
      { orderId: "'1234567890123'" },
      [
        'orderId',
        'WB_MAPPING_TYPE',
        "'1234567890123' is given, and text of at most 12 characters is needed for orderId of oms.order.create@2",
      ],
    ],
    [
      'finds a date() for a plain date',
      { due: 'addDays(meta.time, 14)' },
      [
        'due',
        'WB_MAPPING_TYPE',
        'addDays(meta.time, 14) is a date(), and text (date) or null is needed for due of oms.order.create@2',
      ],
    ],
    ['takes a formatted date for a date', { due: "formatDate(addDays(meta.time, 14), 'yyyy-MM-dd')" }],
    [
      'finds a faulty item of a list',
      { lines: 'data.lines' },
      [
        'lines',
        'WB_MAPPING_REQUIRED',
        'an item of data.lines.qty is missing, and is required for lines of oms.order.create@2',
      ],
    ],
    [
      'finds an optional field of an object that must have it',
      { customer: 'data.buyer' },
      [
        'customer',
        'WB_MAPPING_REQUIRED',
        'data.buyer.name may be absent, and is required for customer of oms.order.create@2',
      ],
    ],
    [
      'finds an object for a text',
      { orderId: { a: 1 } },
      ['orderId', 'WB_MAPPING_TYPE', 'the value is an object, and text is needed for orderId of oms.order.create@2'],
    ],
    [
      'finds what is not of the language',
      { note: { $cnst: 'x' } },
      ['note.$cnst', 'WB_MAPPING_FORM', '$cnst is not a word of mappings', 'did you mean $const?'],
    ],
    [
      'finds a list mapping without its parts',
      { lines: { $each: 'data.lines' } },
      ['lines', 'WB_MAPPING_FORM', '$as is missing', 'write { $each: list, $as: name, $set: ... }'],
      ['lines', 'WB_MAPPING_FORM', '$set is missing', 'write { $each: list, $as: name, $set: ... }'],
    ],
    [
      'finds words beside others',
      { note: { $const: 'x', note: 1 } },
      ['note.note', 'WB_MAPPING_FORM', 'note cannot stand beside $const', 'put it one level up or down'],
    ],
    [
      'finds $each over what is no list',
      { lines: { $each: 'data.id', $as: 'l', $set: 'l' } },
      ['lines.$each', 'WB_MAPPING_TYPE', '$each needs a list, and data.id is text'],
    ],
    [
      'finds a taken name',
      { lines: { $each: 'data.lines', $as: 'data', $set: { sku: "''", qty: 1 } } },
      [
        'lines.$as',
        'WB_MAPPING_FORM',
        '$as needs a name that is not taken',
        'write a word such as item; taken are data, meta, vars, cel, optional, in, true, false, null',
      ],
    ],
  ];
  for (const [name, change, ...expected] of cases) {
    it(name, () => {
      expect(faultsOf(change)).to.deep.equal(expected);
    });
  }

  it('reports all faults, each with its place in the mapping and in the expression', () => {
    const { faults } = compileMapping(
      {
        orderId: 'data.idd',
        customer: { id: 'data.id', name: "'a' + data.totl" },
        lines: [],
        currency: { $const: 'EUR' },
      },
      env,
      target,
      'oms.order.create@2',
    );
    expect(faults.map(({ path, start, end }) => ({ path, start, end }))).to.deep.equal([
      { path: ['orderId'], start: 0, end: 8 },
      { path: ['customer', 'name'], start: 6, end: 15 },
    ]);
  });

  it('checks an object that may be one of several shapes', () => {
    const choice = {
      oneOf: [
        {
          type: 'object',
          additionalProperties: false,
          required: ['kind', 'a'],
          properties: { kind: { const: 'a' }, a: { type: 'number' } },
        },
        {
          type: 'object',
          additionalProperties: false,
          required: ['kind', 'b'],
          properties: { kind: { const: 'b' }, b: { type: 'string' } },
        },
      ],
    };
    expect(compileMapping({ kind: "'b'", b: 'data.id' }, env, choice, 'a.b@1').faults).to.deep.equal([]);
    const { faults } = compileMapping({ kind: "'b'", a: 1 }, env, choice, 'a.b@1');
    expect(faults.map(({ code }) => code)).to.deep.equal(['WB_MAPPING_TYPE']);
  });
});

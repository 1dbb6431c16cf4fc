import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import fc from 'fast-check';
import { WaybillError } from '../../../src/errors.ts';
import type { EvaluationInput } from '../../../src/expressions/functions/declare.ts';
import { type CompiledMapping, compileMapping } from '../../../src/expressions/mapping.ts';
import { typeFromSchema } from '../../../src/expressions/schema-type.ts';

const line = {
  type: 'object',
  additionalProperties: false,
  required: ['sku', 'quantity', 'price'],
  properties: {
    sku: { type: 'string' },
    quantity: { type: 'integer' },
    price: { type: 'number' },
    note: { type: 'string' },
    kind: { enum: ['gift', 'sale', 3] },
  },
};

const source = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'total', 'status', 'address', 'lines', 'pair'],
  properties: {
    id: { type: 'string' },
    total: { type: 'number' },
    count: { type: 'integer' },
    paid: { type: 'boolean' },
    status: { enum: ['open', 'sent', null] },
    note: { type: 'string' },
    address: {
      type: ['object', 'null'],
      additionalProperties: false,
      required: ['city'],
      properties: { city: { type: 'string' }, zip: { type: ['string', 'null'] } },
    },
    bill: { $ref: '#/$defs/bill' },
    lines: { type: 'array', items: line },
    tags: { type: 'array', minItems: 1, items: { type: 'string' } },
    pair: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], items: false, minItems: 2 },
    value: { oneOf: [{ type: 'string' }, { type: 'number' }, { type: 'array', items: { type: 'integer' } }] },
    rates: { type: 'object', additionalProperties: { type: 'number' } },
  },
  $defs: {
    bill: {
      allOf: [
        { type: 'object', properties: { sum: { type: 'number' } }, required: ['sum'] },
        { type: 'object', properties: { due: { type: 'string' }, sum: { type: 'integer' } } },
      ],
    },
  },
};

const word = fc.constantFrom('', 'a', 'b', 'Ab ', 'x-y');
const decimal = fc.constantFrom(0, 1, -2, 2.5, 0.1, 1.005, 1e6);
const whole = fc.constantFrom(0, 1, -3, 7);
const lines = fc.array(
  fc.record(
    { sku: word, quantity: whole, price: decimal, note: word, kind: fc.constantFrom('gift', 'sale', 3) },
    { requiredKeys: ['sku', 'quantity', 'price'] },
  ),
  { maxLength: 3 },
);
const address = fc.oneof(
  fc.constant(null),
  fc.record({ city: word, zip: fc.oneof(word, fc.constant(null)) }, { requiredKeys: ['city'] }),
);
const messages = fc.record(
  {
    id: word,
    total: decimal,
    count: whole,
    paid: fc.boolean(),
    status: fc.constantFrom('open', 'sent', null),
    note: word,
    address,
    bill: fc.record({ sum: whole, due: word }, { requiredKeys: ['sum'] }),
    lines,
    tags: fc.array(word, { minLength: 1, maxLength: 3 }),
    pair: fc.tuple(word, whole),
    value: fc.oneof(word, decimal, fc.array(whole, { maxLength: 2 })),
    rates: fc.dictionary(fc.constantFrom('a', 'b'), decimal),
  },
  { requiredKeys: ['id', 'total', 'status', 'address', 'lines', 'pair'] },
);

const paths = fc
  .constantFrom(
    ...[
      'id',
      'total',
      'count',
      'paid',
      'status',
      'note',
      'address',
      'address.city',
      'address.zip',
      'bill',
      'bill.sum',
      'bill.due',
    ],
    ...[
      'lines',
      'lines[0]',
      'lines[0].sku',
      'lines[0].note',
      'tags',
      'tags[0]',
      'tags[1]',
      'pair',
      'pair[0]',
      'pair[1]',
      'value',
      'rates',
      'rates.a',
    ],
  )
  .map((path) => `data.${path}`);

/** `data.bill.due` -> `data.bill.?due`. */
function optional(path: string): string {
  return path.endsWith(']') ? path.replace(/\[(\d)\]$/, '[?$1]') : path.replace(/\.(\w+)$/, '.?$1');
}

const constants = fc.constantFrom("'a'", "'open'", '1', '2.5', 'true', 'null', '[]', "['a']", '[1, 2]');

const expressions = fc.letrec<{ any: string }>((tie) => {
  const any = tie('any');
  return {
    any: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      paths,
      paths.map(optional),
      constants,
      fc.tuple(paths, any).map(([path, other]) => `${optional(path)}.orValue(${other})`),
      fc.tuple(paths, any).map(([path, other]) => `(has(${path.replace(/\[\d\]$/, '.x')}) ? ${path} : ${other})`),
      fc.tuple(paths, any).map(([path, other]) => `(${path} != null ? ${path} : ${other})`),
      fc
        .tuple(any, any, fc.constantFrom('+', '-', '*', '==', '<', '&&', 'in'))
        .map(([a, b, op]) => `(${a} ${op} ${b})`),
      fc
        .tuple(
          any,
          fc.constantFrom(
            'size',
            'text',
            'round',
            'floor',
            'abs',
            'sum',
            'max',
            'avg',
            'first',
            'last',
            'distinct',
            'sort',
            'lower',
            'join',
            'number',
            'not',
          ),
        )
        .map(([of, name]) => (name === 'not' ? `!(${of})` : `${name}(${of})`)),
      fc.tuple(any, any).map(([list, other]) => `first(${list}).orValue(${other})`),
      fc
        .constantFrom(
          'l.sku',
          'l.quantity',
          'l.quantity * l.price',
          "l.?note.orValue('')",
          'l.note',
          'l.kind',
          'l',
          "{'sku': l.sku, 'n': l.quantity}",
        )
        .map((body) => `data.lines.map(l, ${body})`),
      fc.constantFrom('l.quantity > 1', 'has(l.note)').map((body) => `data.lines.filter(l, ${body})`),
      fc.constant('data.lines.map(l, has(l.note), l.note)'),
    ),
  };
});

const scalars: readonly object[] = [
  { type: 'string' },
  { type: 'number' },
  { type: 'integer' },
  { type: 'boolean' },
  { type: ['string', 'null'] },
  { enum: ['open', 'sent'] },
  { enum: ['open', 'sent', null] },
  { enum: ['gift', 'sale', 3, 1, 'a'] },
  { const: 'a' },
  { anyOf: [{ type: 'integer' }, { type: 'string' }] },
];
const objects: readonly object[] = [
  {
    type: 'object',
    required: ['city'],
    additionalProperties: false,
    properties: { city: { type: 'string' }, zip: { type: ['string', 'null'] } },
  },
  { type: ['object', 'null'], required: ['city'], properties: { city: { type: 'string' } } },
  {
    type: 'object',
    required: ['sku', 'n'],
    additionalProperties: false,
    properties: { sku: { type: 'string' }, n: { type: 'number' } },
  },
  { type: 'object', additionalProperties: { type: 'number' } },
  { type: 'object', required: ['sum'], properties: { sum: { type: 'integer' } } },
  line,
];
const fields: readonly object[] = [
  ...scalars,
  ...objects,
  ...[...scalars, ...objects].map((items) => ({ type: 'array', items })),
  { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], items: false },
];

const ajv = new Ajv2020({ strict: false });

const targets = fields.flatMap((x) =>
  [true, false].map((required) => {
    const properties = { x };
    const schema = { type: 'object', additionalProperties: false, required: required ? ['x'] : [], properties };
    return { schema, takes: ajv.compile(schema) };
  }),
);

/** The plain expression, and what wraps it. */
const documents = fc.oneof(
  { weight: 4, arbitrary: expressions.any },
  { weight: 1, arbitrary: fc.tuple(expressions.any, expressions.any).map(([city, zip]) => ({ city, zip })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('l.sku', 'l.note', 'l.?note', 'l.quantity', 'l.kind')
      .map(($set) => ({ $each: 'data.lines', $as: 'l', $set })),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('l.sku', 'l.note', 'l.price')
      .map((sku) => ({ $each: 'data.lines', $as: 'l', $set: { sku, n: 'l.quantity' } })),
  },
  { weight: 1, arbitrary: fc.tuple(expressions.any, expressions.any).map((items) => items) },
);

function input(data: unknown): EvaluationInput {
  return { data, vars: {}, envelope: { id: 'm', type: 'a.b', version: 1, source: '/a', time: '2026-01-01T00:00:00Z' } };
}

describe('a checked mapping', () => {
  it('has a value for every message of the contract, and the target contract takes it', function () {
    this.timeout(240_000);
    const valid = ajv.compile(source);
    const env = { data: typeFromSchema(source), dataName: 'a.b@1' };
    let accepted = 0;
    fc.assert(
      fc.property(documents, fc.array(messages, { minLength: 5, maxLength: 5 }), (x, inputs) => {
        if (compileMapping({ x }, env).expression === undefined) return;
        for (const data of inputs) expect(valid(data), ajv.errorsText(valid.errors)).to.equal(true);
        for (const { schema, takes } of targets) {
          const { expression, faults } = compileMapping({ x }, env, schema, 'c.d@1');
          if (expression === undefined) {
            expect(faults).not.to.deep.equal([]);
            continue;
          }
          accepted++;
          for (const data of inputs) {
            const shown = `${JSON.stringify(x)} on ${JSON.stringify(data)}`;
            const result = evaluated(expression, data, shown);
            if (result === FAILED) continue;
            const gave = `${shown} gave ${JSON.stringify(result)}`;
            expect(takes(result), `${gave}: ${ajv.errorsText(takes.errors)}`).to.equal(true);
          }
        }
      }),
      { numRuns: 1_000 },
    );
    // The checker may not be right by refusing everything.
    expect(accepted).to.be.greaterThan(300);
  });
});

const FAILED = Symbol('failed');

function evaluated(mapping: CompiledMapping, data: unknown, shown: string): unknown {
  try {
    return mapping.evaluate(input(data));
  } catch (thrown) {
    // That a text is no number cannot be told before.
    if (thrown instanceof WaybillError && thrown.message.startsWith('number() needs text')) return FAILED;
    throw new Error(shown, { cause: thrown });
  }
}

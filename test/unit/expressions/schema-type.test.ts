import { expect } from 'chai';
import { typeFromSchema } from '../../../src/expressions/schema-type.ts';
import type { Type } from '../../../src/expressions/types.ts';

const text: Type = { kind: 'string' };
const whole: Type = { kind: 'number', integer: true };

function fieldsOf(schema: unknown): unknown {
  const type = typeFromSchema(schema);
  return type.kind === 'object' ? Object.fromEntries(type.fields) : type;
}

describe('the type of a schema', () => {
  const cases: readonly (readonly [name: string, schema: unknown, type: unknown])[] = [
    ['true is anything', true, { kind: 'dyn' }],
    ['false is nothing', false, { kind: 'never' }],
    ['a list of types is a union', { type: ['string', 'null'] }, { kind: 'union', of: [text, { kind: 'null' }] }],
    [
      'an enum keeps its values',
      { enum: ['a', 'b', null] },
      { kind: 'union', of: [{ kind: 'null' }, { kind: 'string', values: ['a', 'b'] }] },
    ],
    [
      'an enum is narrowed by the type beside it',
      { type: 'string', enum: ['a', 1] },
      { kind: 'string', values: ['a'] },
    ],
    [
      'an enum of numbers keeps to the bounds beside it',
      { type: 'integer', maximum: 2, enum: [1, 2, 3, 1.5] },
      { kind: 'number', integer: true, maximum: 2, values: [1, 2] },
    ],
    ['a const is an enum of one', { const: 3 }, { kind: 'number', integer: true, values: [3] }],
    [
      'bounds are kept',
      { type: 'integer', minimum: 1, exclusiveMaximum: 9 },
      { kind: 'number', integer: true, minimum: 1, exclusiveMaximum: 9 },
    ],
    [
      'lengths and formats are kept',
      { type: 'string', maxLength: 3, format: 'date' },
      { kind: 'string', maxLength: 3, format: 'date' },
    ],
    [
      'a list has its items',
      { type: 'array', items: { type: 'string' }, minItems: 1 },
      { kind: 'list', first: [], items: text, minItems: 1 },
    ],
    [
      'a tuple has its first items',
      { type: 'array', prefixItems: [{ type: 'string' }], items: false },
      { kind: 'list', first: [text], items: { kind: 'never' }, minItems: 0, maxItems: 1 },
    ],
    ['anyOf is a union', { anyOf: [{ type: 'string' }, { type: 'integer' }] }, { kind: 'union', of: [text, whole] }],
    ['allOf narrows', { allOf: [{ type: ['string', 'integer'] }, { type: ['integer', 'null'] }] }, whole],
    [
      'allOf tightens bounds',
      {
        allOf: [
          { type: 'number', minimum: 1 },
          { type: 'integer', minimum: 3, maximum: 5 },
        ],
      },
      { kind: 'number', integer: true, minimum: 3, maximum: 5 },
    ],
    ['an unknown reference is anything', { $ref: 'https://example.org/x' }, { kind: 'dyn' }],
  ];
  for (const [name, schema, type] of cases) {
    it(name, () => {
      expect(typeFromSchema(schema)).to.deep.equal(type);
    });
  }

  it('follows references, and stops where they come back', () => {
    const schema = {
      type: 'object',
      properties: { a: { $ref: '#/$defs/a~1b' }, child: { $ref: '#' } },
      $defs: { 'a/b': { type: 'string' } },
    };
    const type = typeFromSchema(schema);
    expect(type.kind === 'object' && type.fields.get('a')).to.deep.equal({ type: text, required: false });
    expect(type.kind === 'object' && type.fields.get('child')?.type.kind).to.equal('object');
  });

  it('merges the objects of allOf', () => {
    const schema = {
      allOf: [
        { type: 'object', required: ['a'], properties: { a: { type: 'string' } } },
        { type: 'object', required: ['b'], properties: { a: { enum: ['x'] }, b: { type: 'integer' } } },
      ],
    };
    expect(fieldsOf(schema)).to.deep.equal({
      a: { type: { kind: 'string', values: ['x'] }, required: true },
      b: { type: whole, required: true },
    });
  });

  it('tells closed objects, open ones, maps and bags apart', () => {
    const rest = (schema: object): unknown => {
      const type = typeFromSchema({ type: 'object', ...schema });
      return type.kind === 'object' ? type.rest : undefined;
    };
    expect(rest({ properties: {}, additionalProperties: false })).to.equal('closed');
    expect(rest({ properties: {}, unevaluatedProperties: false })).to.equal('closed');
    expect(rest({ properties: {} })).to.equal('open');
    expect(rest({ additionalProperties: { type: 'string' } })).to.deep.equal(text);
    expect(rest({ patternProperties: { '^a': { type: 'string' } }, additionalProperties: false })).to.deep.equal(text);
    expect(rest({})).to.deep.equal({ kind: 'dyn' });
  });

  it('gives each branch what stands beside it', () => {
    const schema = {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'integer' } },
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
    };
    const type = typeFromSchema(schema);
    const required =
      type.kind === 'union'
        ? type.of.map((member) =>
            member.kind === 'object'
              ? [...member.fields].filter(([, field]) => field.required).map(([name]) => name)
              : [],
          )
        : [];
    expect(required).to.deep.equal([['a'], ['b']]);
  });
});

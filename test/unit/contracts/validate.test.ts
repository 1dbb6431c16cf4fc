import { expect } from 'chai';
import fc from 'fast-check';
import { compileMask } from '../../../src/contracts/mask.ts';
import { SchemaCompiler, type Validator } from '../../../src/contracts/validate.ts';
import { ContractError, type Violation } from '../../../src/contracts/violation.ts';
import { parseJson } from '../../../src/json.ts';

function validatorOf(schema: unknown): Validator {
  return new SchemaCompiler().validator('shop.order.placed@1', schema, compileMask(schema));
}

function violationsOf(schema: unknown, data: unknown): readonly Violation[] {
  const error = validatorOf(schema)(data);
  if (error === undefined) return [];
  if (error instanceof ContractError) return error.violations;
  throw error;
}

const order = {
  type: 'object',
  required: ['orderId', 'total', 'lines'],
  properties: {
    orderId: { type: 'string', minLength: 1 },
    total: { type: 'number', minimum: 0, multipleOf: 0.01 },
    channel: { enum: ['web', 'shop'] },
    placedAt: { type: 'string', format: 'date-time' },
    lines: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['sku'],
        properties: { sku: { type: 'string' }, quantity: { type: 'integer' } },
      },
    },
    card: { type: 'string', pattern: '^[0-9]{16}$', 'x-sensitive': true },
  },
};

describe('validation', () => {
  it('accepts data that keeps the contract, undeclared properties of open objects included', () => {
    expect(
      violationsOf(order, { orderId: 'o', total: 19.99, lines: [{ sku: 's', quantity: 2 }], later: 1 }),
    ).to.deep.equal([]);
  });

  it('names every fault: where, which keyword, what was expected, what came', () => {
    const found = violationsOf(order, {
      total: -1,
      channel: 'fax',
      placedAt: 'today',
      lines: [{ sku: 's' }, { sku: 5, quantity: 1.5 }],
    });
    expect(found).to.deep.equal([
      { pointer: '', keyword: 'required', expected: 'the property "orderId"', found: 'none' },
      { pointer: '/total', keyword: 'minimum', expected: 'at least 0', found: '-1' },
      { pointer: '/channel', keyword: 'enum', expected: 'one of "web", "shop"', found: '"fax"' },
      { pointer: '/placedAt', keyword: 'format', expected: 'the format date-time', found: '"today"' },
      { pointer: '/lines/1/sku', keyword: 'type', expected: 'a string', found: '5', fix: 'send it as text, in quotes' },
      { pointer: '/lines/1/quantity', keyword: 'type', expected: 'an integer', found: '1.5' },
    ]);
  });

  it('says in one message what is wrong and what was probably meant', () => {
    const error = validatorOf(order)({ orderID: 'o', total: '12', lines: [{ sku: 's', quantty: 1 }] });
    expect(error?.code).to.equal('WB_CONTRACT_VIOLATED');
    expect(error?.retryable).to.equal(false);
    expect(error?.message).to.equal(
      [
        'the data breaks shop.order.placed@1',
        '  (all) required: expected the property "orderId", found none; it has orderID: is that it?',
        '  /total type: expected a number, found "12"; send it as a number, without quotes',
        '  /lines/0 additionalProperties: expected no property "quantty", found it; did you mean quantity?',
      ].join('\n'),
    );
  });

  it('takes decimal fractions for what people mean by them', () => {
    for (const total of [19.99, 0.07, 1_000_000.01, 4.35])
      expect(violationsOf(order, { orderId: 'o', total, lines: [{ sku: 's' }] }), String(total)).to.deep.equal([]);
    expect(violationsOf(order, { orderId: 'o', total: 19.999, lines: [{ sku: 's' }] })).to.have.length(1);
  });

  it('refuses what has no place in JSON', () => {
    const at = (total: unknown): string | undefined =>
      violationsOf(order, { orderId: 'o', total, lines: [{ sku: 's' }] })[0]?.keyword;
    expect(at(Number.NaN)).to.equal('type');
    expect(at(Number.POSITIVE_INFINITY)).to.equal('type');
    expect(
      violationsOf(order, { orderId: 'o', total: 1, lines: [{ sku: 's' }], placedAt: new Date(0) })[0],
    ).to.deep.include({
      found: 'a Date',
      fix: 'call toISOString()',
    });
  });

  it('lets a 64-bit integer be an integer, and not an object', () => {
    const schema = {
      type: 'object',
      required: ['id'],
      properties: { id: { type: 'integer' }, open: { type: 'object' } },
    };
    expect(violationsOf(schema, parseJson('{"id": 9007199254740993}'))).to.deep.equal([]);
    expect(violationsOf(schema, parseJson('{"id": 1, "open": 9007199254740993}'))).to.have.length(1);
    expect(violationsOf(schema, parseJson('{"id": 1.00000000000000000001}'))).to.have.length(1);
    expect(
      violationsOf({ ...schema, properties: { id: { type: 'string' } } }, parseJson('{"id": 9007199254740993}'))[0]
        ?.keyword,
    ).to.equal('type');
  });

  it('does not find inherited properties on data', () => {
    const schema = {
      type: 'object',
      required: ['constructor'],
      properties: { constructor: { type: 'string' }, toString: { type: 'string' } },
    };
    expect(violationsOf(schema, {})[0]?.keyword).to.equal('required');
    expect(violationsOf(schema, parseJson('{"constructor": "x"}'))).to.deep.equal([]);
  });

  it('tells at most 50 faults in the message, and has all of them', () => {
    const error = validatorOf({ type: 'array', items: { type: 'string' } })(Array.from({ length: 80 }, (_, n) => n));
    expect(error).to.be.instanceOf(ContractError).with.property('violations').with.length(80);
    expect(error?.message.split('\n')).to.have.length(52);
    expect(error?.message).to.match(/and 30 more$/);
  });

  it('names data that cannot be compared instead of failing on it', () => {
    const error = validatorOf({ type: 'array', uniqueItems: true, items: { type: 'object' } })(
      parseJson('[{"valueOf": 1}, {"valueOf": 1}]'),
    );
    expect(error?.code).to.equal('WB_CONTRACT_VIOLATED');
    expect(error?.message).to.contain('valueOf');
  });

  it('shortens long values', () => {
    const [violation] = violationsOf({ type: 'string', maxLength: 3 }, 'x'.repeat(10_000));
    expect(violation?.found.length).to.be.lessThan(80);
  });

  it('never lets a sensitive value into an error', () => {
    const secret = fc.stringMatching(/^[a-z]{12}$/).map((word) => `S${word}S`);
    const anything = (word: string): fc.Arbitrary<unknown> =>
      fc.letrec((tie) => ({
        value: fc.oneof(
          { depthSize: 'small' },
          fc.constant(word),
          fc.array(tie('value'), { maxLength: 3 }),
          fc.dictionary(fc.constantFrom('card', 'street', 'crad', 'x', '0', word), tie('value'), { maxKeys: 3 }),
        ),
      })).value;
    const schema = {
      type: 'object',
      required: ['id'],
      additionalProperties: false,
      properties: {
        id: { type: 'integer' },
        card: {
          type: 'string',
          pattern: '^[0-9]+$',
          minLength: 99,
          maxLength: 2,
          format: 'email',
          enum: ['1'],
          'x-sensitive': true,
        },
        address: {
          type: 'object',
          properties: { street: { type: 'string', const: 'no', 'x-sensitive': true } },
          additionalProperties: false,
        },
        list: {
          type: 'array',
          uniqueItems: true,
          items: {
            oneOf: [
              { type: 'string', 'x-sensitive': true },
              { type: 'object', properties: { card: { type: 'number', 'x-sensitive': true } } },
            ],
          },
        },
        whole: {
          type: 'object',
          additionalProperties: { type: 'number' },
          propertyNames: { maxLength: 1 },
          'x-sensitive': true,
        },
      },
    };
    const validate = validatorOf(schema);
    fc.assert(
      fc.property(
        secret.chain((word) =>
          fc.tuple(
            fc.constant(word),
            fc.record(
              { card: anything(word), address: anything(word), list: anything(word), whole: anything(word) },
              { requiredKeys: [] },
            ),
          ),
        ),
        ([word, data]) => {
          const error = validate(data);
          const names = JSON.stringify(error instanceof ContractError ? error.violations : '') + (error?.message ?? '');
          // Names of properties are told, but for those inside of a sensitive value.
          const told = names
            .replaceAll(/no property \\?"[^"]*\\?"/g, '')
            .replaceAll(/"?pointer\\?":\\?"[^"]*"|\/[^ ]*/g, '');
          expect(told).not.to.contain(word);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('checking a schema', () => {
  const messagesOf = (schema: unknown): readonly string[] =>
    new SchemaCompiler().check(schema).map((fault) => fault.message);

  it('names what the draft does not allow, all of it', () => {
    expect(messagesOf({ type: 'strin', properties: 3, required: 'a' }).join())
      .to.contain('must be object')
      .and.contain('must be array');
  });

  it('names what is allowed and surely not meant', () => {
    expect(messagesOf({ type: 'string', minimum: 3 })[0]).to.contain('minimum');
    expect(messagesOf({ properties: { a: { type: 'string' } } })[0]).to.contain('type');
    expect(messagesOf({ type: 'string', pattern: '(' })[0]).to.match(/regular expression|regex/i);
    expect(messagesOf({ type: 'string', format: 'data' })[0]).to.contain('data');
  });

  it('takes schemas that repeat an $id', () => {
    const compiler = new SchemaCompiler();
    const schema = { $id: 'https://example.com/a', type: 'string' };
    expect([...compiler.check(schema), ...compiler.check({ ...schema })]).to.deep.equal([]);
  });
});

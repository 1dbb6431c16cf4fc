import { expect } from 'chai';
import { FieldFinder } from '../../../src/contracts/field.ts';
import { SchemaCompiler } from '../../../src/contracts/validate.ts';

const SCHEMA = {
  $id: 'https://example.com/a',
  type: 'object',
  'x-key': '/customer/id',
  required: ['customer'],
  properties: {
    customer: { $ref: '#/$defs/customer' },
    payment: {
      anyOf: [
        { type: 'null' },
        { type: 'object', required: ['iban'], properties: { iban: { type: 'string', 'x-sensitive': true } } },
        { type: 'object', properties: { iban: { type: 'string', maxLength: 2 } } },
      ],
    },
    'a/b~c %': { type: 'string', pattern: '^x' },
    pair: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }], items: false, minItems: 2 },
    tokens: { type: 'object', patternProperties: { '^t': { type: 'string', 'x-sensitive': true } } },
    tree: { $ref: '#/$defs/tree' },
  },
  $defs: {
    customer: {
      type: 'object',
      required: ['id'],
      properties: { id: { type: 'string' }, name: { type: 'string', minLength: 2 } },
    },
    tree: {
      type: 'object',
      properties: { secret: { type: 'string', 'x-sensitive': true }, left: { $ref: '#/$defs/tree' } },
    },
  },
};
const fields = new FieldFinder('shop.order.placed@1', SCHEMA, new SchemaCompiler());

describe('the fields of a contract', () => {
  it('are found behind references, alternatives, patterns and in lists', () => {
    for (const path of ['customer.name', 'payment.iban', 'tokens.t1', 'tree.left.left.secret', 'pair.[]', 'tokens.*']) {
      expect(fields.find(path.split('.')), path).to.not.equal(undefined);
    }
    for (const path of ['customer.nme', 'payment.[]', 'tokens.x', 'pair.name', 'constructor']) {
      expect(fields.find(path.split('.')), path).to.equal(undefined);
    }
    expect(fields.names(['customer'])).to.deep.equal(['id', 'name']);
  });

  it('are required when any alternative says so', () => {
    expect(fields.find(['customer', 'id'])).to.include({ required: true });
    expect(fields.find(['customer', 'name'])).to.include({ required: false });
    expect(fields.find(['payment', 'iban'])).to.include({ required: true });
    expect(fields.find(['customer', '*'])).to.include({ required: true });
    expect(fields.find([])).to.include({ required: true });
  });

  it('hold the key, or what holds it', () => {
    expect(fields.find(['customer'])).to.include({ key: true });
    expect(fields.find(['customer', 'id'])).to.include({ key: true });
    expect(fields.find(['customer', '*'])).to.include({ key: true });
    expect(fields.find(['customer', 'name'])).to.include({ key: false });
  });

  it('say what they refuse, of every alternative', () => {
    expect(fields.find(['customer', 'name'])?.refuses('x')).to.equal('at least 2 characters');
    expect(fields.find(['customer', 'name'])?.refuses('xy')).to.equal(undefined);
    expect(fields.find(['payment', 'iban'])?.refuses('***')).to.equal('at most 2 characters');
    expect(fields.find(['a/b~c %'])?.refuses('y')).to.equal('text that matches "^x"');
    expect(fields.find(['pair', '[]'])?.refuses('y')).to.equal('a number');
  });

  it('are sensitive where the contract says so, once for each declaration', () => {
    expect(fields.sensitive().map((path) => path.join('.'))).to.have.members([
      'payment.iban',
      'tokens.*',
      'tree.secret',
    ]);
  });
});

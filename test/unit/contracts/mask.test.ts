import { expect } from 'chai';
import { compileMask } from '../../../src/contracts/mask.ts';

const schema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    card: { type: 'string', 'x-sensitive': true },
    address: { $ref: '#/$defs/address' },
    lines: {
      type: 'array',
      items: { type: 'object', properties: { sku: { type: 'string' }, gift: { type: 'string', 'x-sensitive': true } } },
    },
    payment: {
      anyOf: [
        { type: 'null' },
        { type: 'object', properties: { iban: { type: 'string', 'x-sensitive': true }, bank: { type: 'string' } } },
      ],
    },
    tokens: { type: 'object', additionalProperties: { type: 'string', 'x-sensitive': true } },
    pair: {
      type: 'array',
      prefixItems: [{ type: 'string' }, { type: 'string', 'x-sensitive': true }],
      items: false,
      minItems: 2,
    },
    tree: { $ref: '#/$defs/tree' },
  },
  $defs: {
    address: {
      type: 'object',
      properties: { city: { type: 'string' }, street: { type: 'string', 'x-sensitive': true } },
    },
    tree: {
      type: 'object',
      properties: { secret: { type: 'string', 'x-sensitive': true }, left: { $ref: '#/$defs/tree' } },
    },
  },
};

describe('masking', () => {
  const mask = compileMask(schema);

  it('gives the data itself when the contract has nothing sensitive', () => {
    const data = { id: 'a' };
    expect(compileMask({ type: 'object', properties: { id: { type: 'string' } } }).apply(data)).to.equal(data);
  });

  it('puts *** in place of every sensitive value: nested, in lists, behind references and alternatives', () => {
    const data = {
      id: 'o-1',
      card: '4111',
      address: { city: 'Ulm', street: 'Gasse 1' },
      lines: [{ sku: 's', gift: 'ring' }],
      payment: { iban: 'DE02', bank: 'B' },
      tokens: { a: 'x', b: 'y' },
      pair: ['open', 'closed'],
      tree: { left: { left: { secret: 's' } } },
    };
    const copy = structuredClone(data);
    expect(mask.apply(data)).to.deep.equal({
      id: 'o-1',
      card: '***',
      address: { city: 'Ulm', street: '***' },
      lines: [{ sku: 's', gift: '***' }],
      payment: { iban: '***', bank: 'B' },
      tokens: { a: '***', b: '***' },
      pair: ['open', '***'],
      tree: { left: { left: { secret: '***' } } },
    });
    expect(data).to.deep.equal(copy);
  });

  it('masks what a broken message puts where sensitive values are expected', () => {
    expect(mask.apply({ id: 'o', address: 'Gasse 1, Ulm' })).to.deep.equal({ id: 'o', address: '***' });
    expect(mask.apply({ id: 'o', crad: '4111' })).to.deep.equal({ id: 'o', crad: '***' });
    expect(mask.apply({ lines: { gift: 'ring' } })).to.deep.equal({ lines: '***' });
    expect(mask.apply({ address: ['Gasse 1'] })).to.deep.equal({ address: '***' });
    expect(mask.apply({ card: { number: '4111' } })).to.deep.equal({ card: '***' });
    expect(mask.apply({ payment: null })).to.deep.equal({ payment: null });
    expect(mask.apply('4111')).to.equal('***');
  });

  it('masks objects whose names are sensitive', () => {
    const names = {
      type: 'object',
      properties: { byCard: { type: 'object', propertyNames: { 'x-sensitive': true } } },
    };
    expect(compileMask(names).apply({ byCard: { '4111': 1 } })).to.deep.equal({ byCard: '***' });
  });

  it('cuts the pointer where a sensitive value begins', () => {
    expect(mask.place(['card'])).to.deep.equal({ pointer: '/card', show: 'nothing' });
    expect(mask.place(['card', '4111', 'x'])).to.deep.equal({ pointer: '/card', show: 'nothing' });
    expect(mask.place(['address'])).to.deep.equal({ pointer: '/address', show: 'kind' });
    expect(mask.place(['lines', '0', 'sku'])).to.deep.equal({ pointer: '/lines/0/sku', show: 'value' });
  });
});

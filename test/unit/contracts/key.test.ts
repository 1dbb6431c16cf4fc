import { expect } from 'chai';
import { compileKey } from '../../../src/contracts/key.ts';
import { parseJson } from '../../../src/json.ts';

describe('the key of a message', () => {
  it('is the text at the pointer, at any depth', () => {
    expect(compileKey('/orderId')({ orderId: 'o-1' })).to.equal('o-1');
    expect(compileKey('/order/customer/id')({ order: { customer: { id: 'c-1' } } })).to.equal('c-1');
    expect(compileKey('/a~1b')({ 'a/b': 'x' })).to.equal('x');
  });

  it('is the text of a number, digit for digit', () => {
    expect(compileKey('/id')({ id: 42 })).to.equal('42');
    expect(compileKey('/id')(parseJson('{"id": 9007199254740993}'))).to.equal('9007199254740993');
  });

  it('is none where there is no text or number', () => {
    const key = compileKey('/id');
    for (const data of [{}, { id: null }, { id: {} }, { id: true }, { id: '' }, null, 'id', []])
      expect(key(data)).to.equal(undefined);
    expect(compileKey('/toString')({})).to.equal(undefined);
    expect(compileKey('/a/b')({ a: 'text' })).to.equal(undefined);
    expect(compileKey(undefined)({ id: 'x' })).to.equal(undefined);
  });
});

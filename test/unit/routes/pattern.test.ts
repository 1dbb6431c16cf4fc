import { expect } from 'chai';
import { isPattern, isTypeOrPattern, matchesType } from '../../../src/routes/pattern.ts';

describe('patterns of types', () => {
  it('let a star stand for exactly one word', () => {
    expect(matchesType('shop.order.*@1', 'shop.order.placed@1')).to.equal(true);
    expect(matchesType('*.order.placed@1', 'shop.order.placed@1')).to.equal(true);
    for (const other of [
      'shop.order@1',
      'shop.order.line.added@1',
      'shop.order.placed@2',
      'crm.order.placed@1',
      'shop.orders.placed@1',
    ]) {
      expect(matchesType('shop.order.*@1', other), other).to.equal(false);
    }
  });

  it('are told from types, which match themselves alone', () => {
    expect([isPattern('a.*@1'), isPattern('a.b@1')]).to.deep.equal([true, false]);
    expect(matchesType('a.b@1', 'a.b@1')).to.equal(true);
    expect(matchesType('a.b@1', 'a.b@10')).to.equal(false);
  });

  it('have a form', () => {
    for (const good of ['a.b@1', 'a.*@1', '*.*@12', 'a-b.*.c1@3']) expect(isTypeOrPattern(good), good).to.equal(true);
    for (const bad of ['a@1', '*@1', 'a.b', 'a.b*@1', 'a..b@1', 'A.b@1', 'a.*@0', 'a.**@1', 'a.*@*', '']) {
      expect(isTypeOrPattern(bad), bad).to.equal(false);
    }
  });
});

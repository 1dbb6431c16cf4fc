import { expect } from 'chai';
import { ByType } from '../../src/by-type.ts';

describe('ByType', () => {
  it('tells types and their versions apart', () => {
    const values = new ByType<string>();
    values.set({ type: 'shop.order.placed', version: 1 }, 'one');
    values.set({ type: 'shop.order.placed', version: 2 }, 'two');
    values.set({ type: 'shop.order.paid', version: 1 }, 'paid');
    expect(values.get({ type: 'shop.order.placed', version: 1 })).to.equal('one');
    expect(values.get({ type: 'shop.order.placed', version: 2 })).to.equal('two');
    expect(values.get({ type: 'shop.order.paid', version: 1 })).to.equal('paid');
    expect(values.get({ type: 'shop.order.paid', version: 2 })).to.be.undefined;
    expect(values.get({ type: 'shop.order', version: 1 })).to.be.undefined;
  });

  it('counts each type once, and none when it is cleared', () => {
    const values = new ByType<number>();
    values.set({ type: 'shop.order.placed', version: 1 }, 1);
    values.set({ type: 'shop.order.placed', version: 1 }, 2);
    expect(values.size).to.equal(1);
    values.clear();
    expect(values.size).to.equal(0);
    expect(values.get({ type: 'shop.order.placed', version: 1 })).to.be.undefined;
  });
});

import { expect } from 'chai';
import { lowerExact } from '../../../src/contracts/exact.ts';
import { WaybillError } from '../../../src/errors.ts';
import { ExactNumber, parseJson } from '../../../src/json.ts';

describe('data with numbers that JavaScript cannot hold', () => {
  it('is itself for validation when there are none', () => {
    const data = { a: [1, { b: 'x' }], c: null };
    expect(lowerExact(data)).to.equal(data);
  });

  it('shows a validator the nearest number, and is not changed', () => {
    const data = parseJson('{"id": 9007199254740993, "list": [1, 12345678901234567890]}');
    expect(lowerExact(data)).to.deep.equal({ id: 9007199254740992, list: [1, 12345678901234567000] });
    expect((data as { id: unknown }).id).to.be.instanceOf(ExactNumber);
  });

  it('keeps what is not whole from looking whole, on the side where it is', () => {
    const lowered = (text: string): number => lowerExact(new ExactNumber(text)) as number;
    expect(lowered('1.00000000000000000001')).to.be.greaterThan(1);
    expect(lowered('0.99999999999999999999')).to.be.lessThan(1).and.greaterThan(0.99);
    expect(lowered('1e-400')).to.be.greaterThan(0);
    expect(lowered('-1e-400')).to.be.lessThan(0);
    expect(lowered('1e400')).to.equal(Number.MAX_VALUE);
    expect(lowered('-1e400')).to.equal(-Number.MAX_VALUE);
    expect(lowered('1234567890123456789.0')).to.equal(1234567890123456800);
    expect(lowered('123456789012345678.90e1')).to.equal(1234567890123456800);
  });

  it('is refused when it contains itself', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = [loop];
    expect(() => lowerExact(loop))
      .to.throw(WaybillError)
      .with.property('code', 'WB_JSON_DEPTH');
  });
});

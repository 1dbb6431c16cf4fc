import { expect } from 'chai';
import { bufferOf } from '../../src/bytes.ts';

describe('bytes as a Buffer', () => {
  it('are the same bytes, of a part of an array as well', () => {
    const whole = new Uint8Array([1, 2, 3, 4, 5]);
    const buffer = bufferOf(whole.subarray(1, 4));
    expect([...buffer]).to.deep.equal([2, 3, 4]);
    whole[2] = 9;
    expect([...buffer]).to.deep.equal([2, 9, 4]);
  });

  it('stay the Buffer that they are', () => {
    const buffer = Buffer.from('x');
    expect(bufferOf(buffer)).to.equal(buffer);
  });
});

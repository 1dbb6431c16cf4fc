import { expect } from 'chai';
import fc from 'fast-check';
import { ByteWriter } from '../../../../src/adapters/rabbitmq/byte-writer.ts';

describe('ByteWriter', () => {
  it('writes what stands between the quotes of a JSON string, whatever the text', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (texts) => {
        const writer = new ByteWriter(4);
        for (const text of texts) writer.json(text);
        const expected = texts.map((text) => JSON.stringify(text).slice(1, -1)).join('');
        expect(writer.written().toString()).to.equal(expected);
        expect(writer.length).to.equal(Buffer.byteLength(expected));
      }),
    );
  });

  it('grows as far as it must, and keeps what it has', () => {
    const writer = new ByteWriter(1);
    writer.text('é'.repeat(1_000));
    writer.bytes(Buffer.alloc(10_000, 'x'));
    expect(writer.written().toString()).to.equal('é'.repeat(1_000) + 'x'.repeat(10_000));
  });
});

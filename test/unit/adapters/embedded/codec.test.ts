import { expect } from 'chai';
import fc from 'fast-check';
import { pack, unpack } from '../../../../src/adapters/embedded/codec.ts';
import { Slab } from '../../../../src/adapters/embedded/slab.ts';
import { WaybillError } from '../../../../src/errors.ts';
import { message } from '../../../support/messages.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const envelopes = fc.record(
  {
    id: fc.string({ minLength: 1, maxLength: 128 }),
    source: text,
    type: text,
    version: fc.integer({ min: 1, max: 999_999 }),
    time: text,
    key: text,
    subject: text,
    correlationId: text,
    causationId: text,
    traceparent: text,
    tracestate: text,
    expiryTime: text,
    replyTo: text,
    headers: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), text),
  },
  { requiredKeys: ['id', 'source', 'type', 'version', 'time'] },
);
const messages = fc.array(
  fc.record({ envelope: envelopes, body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) }),
  { minLength: 1, maxLength: 70 },
);

describe('records of messages', () => {
  it('give back every attribute and every byte', () => {
    const slab = new Slab(16);
    fc.assert(
      fc.property(messages, (list) => {
        const { messages: found, extras } = unpack(pack(slab, list));
        expect(found).to.deep.equal(list);
        expect(extras).to.equal(undefined);
      }),
    );
  });

  it('written before there were requests can be read', () => {
    // `pack` of { id: 'a', source: '/s', type: 't.t', version: 1, time: 'now', expiryTime: 'then' }, body 1, as it was then.
    const hex =
      '01010000000d0000001b0000001b00000002030404000000000013000101612f73742e746e6f775b6e756c6c2c227468656e222c6e756c6c5d31';
    const { messages: found } = unpack(Buffer.from(hex, 'hex'));
    const envelope = { id: 'a', source: '/s', type: 't.t', version: 1, time: 'now', expiryTime: 'then' };
    expect(found).to.deep.equal([{ envelope, body: Buffer.from('1') }]);
  });

  it('give back what stood beside the messages, at their places', () => {
    const extras = [undefined, { attempts: [{ at: 'now', code: 'WB_HANDLER_FAILED', error: 'é\u0000' }] }, undefined];
    const list = [message(), message({ key: 'ü' }), message()];
    const found = unpack(pack(new Slab(), list, extras));
    expect(found.messages).to.deep.equal(list);
    expect([0, 1, 2].map((at) => found.extras?.[at])).to.deep.equal(extras);
  });

  it('stay as they are when the slab is used for more than it holds', () => {
    const slab = new Slab(64);
    const records = Array.from({ length: 50 }, (_, n) => pack(slab, [message({ id: `m${String(n)}` })]));
    const ids = records.map((record) => unpack(record).messages[0]?.envelope.id);
    expect(ids).to.deep.equal(records.map((_, n) => `m${String(n)}`));
  });

  it('that are damaged are refused by name, or read as something else, but never break the reader', () => {
    const record = Buffer.from(pack(new Slab(), [message(), message({ key: 'k' })]));
    fc.assert(
      fc.property(fc.nat(record.length - 1), fc.nat(255), fc.nat(record.length), (at, byte, length) => {
        const damaged = Buffer.from(record);
        damaged[at] = byte;
        try {
          unpack(damaged.subarray(0, length));
        } catch (error) {
          expect(error).to.be.instanceOf(WaybillError).with.property('code', 'WB_STORE_CORRUPT');
        }
      }),
    );
  });
});

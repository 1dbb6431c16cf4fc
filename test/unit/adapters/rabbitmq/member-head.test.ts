import { expect } from 'chai';
import fc from 'fast-check';
import { batchBody } from '../../../../src/adapters/rabbitmq/batch-body.ts';
import { DATA, HeadReader } from '../../../../src/adapters/rabbitmq/member-head.ts';
import type { Envelope } from '../../../../src/message.ts';

const FIRST: Envelope = {
  id: '1',
  source: '/shop',
  type: 'shop.order.placed',
  version: 1,
  time: '2026-01-01T00:00:00.000Z',
};

/** What stands before `data` in the only member of a batch. */
function head(envelope: Envelope): string {
  const { body, offsets } = batchBody([{ envelope, body: Buffer.from('{}') }]);
  return body.toString('utf8', 1, offsets.readUInt32BE(0) - DATA.length);
}

function reader(): HeadReader {
  const heads = new HeadReader();
  heads.learn(FIRST);
  return heads;
}

/** Like nearly all ids: nothing in it that JSON escapes. */
const text = fc.stringMatching(/^[ !#-[\]-~]{1,40}$/);

describe('HeadReader', () => {
  it('reads what Waybill wrote, without parsing it', () => {
    const attributes = { subject: text, key: text, traceparent: text, tracestate: text, correlationId: text };
    const others = { causationId: text, expiryTime: text, replyTo: text };
    const own = fc.record({ id: text, time: text, ...attributes, ...others }, { requiredKeys: ['id', 'time'] });
    fc.assert(
      fc.property(own, (sent) => {
        expect(reader().read(head({ ...FIRST, ...sent }))).to.deep.equal({ ...FIRST, ...sent });
      }),
    );
  });

  it('knows the id of a conversation from one that only begins like it', () => {
    const sent = { ...FIRST, id: 'o-1', key: 'o-1', correlationId: 'o-12' };
    expect(reader().read(head(sent))).to.deep.equal(sent);
  });

  it('leaves to the JSON parser what is written in any other way', () => {
    const heads = reader();
    const other = [
      { ...FIRST, type: 'shop.order.paid' },
      { ...FIRST, version: 2 },
      { ...FIRST, source: '/crm' },
      { ...FIRST, id: 'a"b' },
      { ...FIRST, key: 'a\\' },
      { ...FIRST, headers: { tenant: 'x' } },
    ];
    for (const sent of other) expect(heads.read(head(sent))).to.be.undefined;
    const known = head({ ...FIRST, key: 'k' });
    const foreign = [
      known.slice(0, -1),
      `${known} `,
      known.replace('"k"', 'null'),
      known.replace('"1"', '""'),
      '',
      '{',
    ];
    for (const written of foreign) expect(heads.read(written), written).to.be.undefined;
    expect(new HeadReader().read(known)).to.be.undefined;
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import type { EncodedMessage } from '../../src/message.ts';
import { Collector } from '../support/collector.ts';
import { message, onBus } from '../support/messages.ts';
import { conformance, type Suite } from './conformance.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** Through the bus, one key, so that they come out in order. */
async function roundTrip(open: Suite['open'], sent: readonly EncodedMessage[]): Promise<EncodedMessage[]> {
  const { transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
  const collector = await Collector.drain(transport, 'oms');
  await transport.send(onBus(sent));
  await collector.atLeast(sent.length);
  await collector.settled();
  return collector.deliveries.map((delivery) => delivery.message);
}

conformance('bytes and attributes', ({ open }) => {
  it('passes the bytes of data through as they are', async () => {
    const bodies = [
      '{"id":9007199254740993,"price":0.10,"big":123456789012345678901234567890}',
      '{ "spaced" :\t[ 1 ,\r\n 2 ] }  ',
      '{"e":1E+2,"minus":-0,"zero":0.0}',
      '{"text":"Grüße \\u00e9 é 日本 🚚 \\ud83d\\ude9a \\/ \\u0000"}',
      '{"a":1,"a":2,"__proto__":3}',
      '"only a string"',
      '42',
      'null',
      '[]',
      '{}',
      '{"fancy":"\u2028\u2029\ufeff"}',
    ].map((body) => Buffer.from(body, 'utf8'));
    const received = await roundTrip(
      open,
      bodies.map((body) => message({ key: 'k', body })),
    );
    expect(received.map(({ body }) => Buffer.from(body).toString('hex'))).to.deep.equal(
      bodies.map((body) => body.toString('hex')),
    );
  });

  it('passes bytes through that are no JSON, so that a broken message can be a dead letter', async () => {
    const bodies = [
      Buffer.alloc(0),
      Buffer.from('not JSON at all'),
      Buffer.from([0xff, 0xfe, 0x00, 0x80]),
      Buffer.from('{"half":'),
    ];
    const received = await roundTrip(
      open,
      bodies.map((body) => message({ key: 'k', body })),
    );
    expect(received.map(({ body }) => Buffer.from(body).toString('hex'))).to.deep.equal(
      bodies.map((body) => body.toString('hex')),
    );
  });

  it('carries every attribute as it was', async () => {
    const full = message({
      id: 'Ä unusual/id:1 "quoted"',
      source: '/crm/eu',
      time: '2026-02-03T04:05:06.789+02:00',
      subject: 'customers/17 — Müller',
      key: 'Müller & Söhne/17',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      tracestate: 'vendor=value,other=1',
      correlationId: 'conversation-1',
      causationId: 'cause-1',
      expiryTime: '2099-01-01T00:00:00Z',
      headers: { tenant: 'eu', note: 'ünïcode 🚚', empty: '', number: '007', like: 'true' },
    });
    const bare = message({ id: 'bare', data: {} });
    const received = await roundTrip(open, [full, bare]);
    const byId = new Map(received.map((each) => [each.envelope.id, each.envelope]));
    expect(byId.get(full.envelope.id)).to.deep.equal(full.envelope);
    expect(byId.get('bare')).to.deep.equal(bare.envelope);
  });

  it('carries any attributes and any data that a message may have', async () => {
    const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    const header = fc.stringMatching(/^[a-z][a-z0-9]{2,15}$/).filter((name) => !RESERVED.has(name));
    const sketch = fc.record(
      {
        subject: word,
        causationId: word,
        correlationId: word,
        tracestate: word,
        headers: fc.dictionary(header, fc.string({ unit: 'grapheme', maxLength: 30 }), {
          minKeys: 1,
          maxKeys: 5,
          noNullPrototype: true,
        }),
      },
      { requiredKeys: [] },
    );
    const samples = fc.sample(fc.tuple(sketch, fc.json({ maxDepth: 4 })), { numRuns: 200, seed: 20_260_101 });
    const sent = samples.map(([attributes, body], n) =>
      message({ ...attributes, id: `m${String(n)}`, key: 'k', body: Buffer.from(body) }),
    );
    const received = await roundTrip(open, sent);
    for (const [n, each] of sent.entries()) {
      expect(received[n]?.envelope).to.deep.equal(each.envelope);
      expect(text(received[n]?.body ?? Buffer.alloc(0))).to.equal(text(each.body));
    }
  });

  it('carries messages up to the limit of size, alone, among small ones and many at once', async () => {
    const big = Buffer.from(JSON.stringify('x'.repeat(1_048_574)));
    expect(big).to.have.length(1_048_576);
    const sent = Array.from({ length: 24 }, (_, n) =>
      n % 3 === 0
        ? message({ key: 'k', id: `big${String(n)}`, body: big })
        : message({ key: 'k', id: `small${String(n)}` }),
    );
    const received = await roundTrip(open, sent);
    expect(received.map(({ envelope }) => envelope.id)).to.deep.equal(sent.map(({ envelope }) => envelope.id));
    for (const { envelope, body } of received) {
      if (envelope.id.startsWith('big')) expect(Buffer.compare(Buffer.from(body), big), envelope.id).to.equal(0);
    }
  });
});

/** Attribute names of CloudEvents itself and of the extensions that Waybill uses. */
const RESERVED = new Set([
  'id',
  'source',
  'type',
  'time',
  'specversion',
  'datacontenttype',
  'dataschema',
  'subject',
  'data',
  'data_base64',
  'partitionkey',
  'traceparent',
  'tracestate',
  'correlationid',
  'causationid',
  'expirytime',
]);

import type { Message } from 'amqplib';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Decoded, decodeMessage, isUndecodable } from '../../../../src/adapters/rabbitmq/decode.ts';
import { BATCH_TYPE, encodeBatch, encodeSingle, OFFSETS, type Wire } from '../../../../src/adapters/rabbitmq/encode.ts';
import type { EncodedMessage, Envelope } from '../../../../src/message.ts';

const NOW = 1_767_225_600_000;

/** The message as amqplib hands it over. */
function amqp(content: Buffer, properties: Partial<Message['properties']>): Message {
  const none = undefined;
  return {
    content,
    fields: { deliveryTag: 1, redelivered: false, exchange: 'bus.in', routingKey: 'shop/order/placed@1.3' },
    properties: {
      contentType: none,
      contentEncoding: none,
      headers: {},
      deliveryMode: none,
      priority: none,
      correlationId: none,
      replyTo: none,
      expiration: none,
      messageId: none,
      timestamp: none,
      type: none,
      userId: none,
      appId: none,
      clusterId: none,
      ...properties,
    },
  };
}

function received({ body, properties }: Wire): Message {
  const { contentType, messageId, type, timestamp, correlationId } = properties;
  const headers: unknown = properties.headers;
  return amqp(body, { contentType, messageId, type, timestamp, correlationId, headers: Object.assign({}, headers) });
}

function decode(message: Message): Decoded[] {
  return decodeMessage(message, () => NOW);
}

function only(message: Message): EncodedMessage {
  const [decoded] = decode(message);
  if (decoded === undefined || isUndecodable(decoded)) throw new Error(`not decoded: ${decoded?.fault.message ?? ''}`);
  return decoded;
}

function fault(message: Message): string {
  const [decoded] = decode(message);
  if (decoded === undefined || !isUndecodable(decoded)) throw new Error('it was decoded');
  return decoded.fault.code;
}

const text = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
);
const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const extension = fc.stringMatching(/^x[a-z0-9]{1,10}$/);

const envelope: fc.Arbitrary<Envelope> = fc.record(
  {
    id: text,
    source: text,
    type: fc.tuple(word, word, word).map((words) => words.join('.')),
    version: fc.integer({ min: 1, max: 999_999 }),
    time: fc.constantFrom('2026-01-01T00:00:00Z', '1969-07-20T20:17:40.123+02:00'),
    subject: text,
    key: text,
    traceparent: text,
    tracestate: text,
    correlationId: text,
    causationId: text,
    expiryTime: text,
    headers: fc.dictionary(extension, text, { minKeys: 1 }).map((headers) => ({ ...headers })),
  },
  { requiredKeys: ['id', 'source', 'type', 'version', 'time'] },
);

/** JSON as bytes, also such as JSON.stringify would not write. */
const body: fc.Arbitrary<Buffer> = fc.oneof(
  fc.json().map((json) => Buffer.from(json)),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n }).map((id) => Buffer.from(`{ "id" : ${String(id)} }`)),
  fc
    .constantFrom('1.0', '-0', '1e400', '"\\u00e9\\/"', ' [ 1 , "]}\\"" ] ', 'null', '0.1000')
    .map((json) => Buffer.from(json)),
);

const message: fc.Arbitrary<EncodedMessage> = fc.record({ envelope, body });

function plain({ envelope, body }: EncodedMessage): { envelope: Envelope; body: string } {
  return { envelope, body: Buffer.from(body).toString('latin1') };
}

/** White space around `data` is not part of it. */
function trimmed(message: EncodedMessage): { envelope: Envelope; body: string } {
  const { envelope, body } = plain(message);
  return { envelope, body: body.trim() };
}

describe('messages on the wire', () => {
  it('come back from the binary form as they were, byte for byte', () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(plain(only(received(encodeSingle(sent))))).to.deep.equal(plain(sent));
      }),
    );
  });

  it('come back from a batch as they were, byte for byte and in order', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 8 }), (sent) => {
        const members = decode(received(encodeBatch(sent, 'batch-1')));
        expect(members.some(isUndecodable)).to.be.false;
        expect(members.flatMap((member) => (isUndecodable(member) ? [] : [plain(member)]))).to.deep.equal(
          sent.map(plain),
        );
      }),
    );
  });

  it('come back from a batch of one application and type, whatever stands in their attributes', () => {
    const tricky = fc.oneof(text, fc.constantFrom('a', '"', '\\', '","partitionkey":"', 'é', 'x'.repeat(2_000)));
    const alike = fc.record({ envelope, id: tricky, key: tricky, body }).map((each) => ({
      envelope: {
        ...each.envelope,
        id: each.id,
        key: each.key,
        source: '/shop',
        type: 'shop.order.placed',
        version: 1,
      },
      body: each.body,
    }));
    fc.assert(
      fc.property(fc.array(alike, { minLength: 2, maxLength: 8 }), (sent) => {
        const members = decode(received(encodeBatch(sent, 'batch-1')));
        expect(members.flatMap((member) => (isUndecodable(member) ? [] : [plain(member)]))).to.deep.equal(
          sent.map(plain),
        );
      }),
    );
  });

  it('come back from a batch whose offsets somebody dropped', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), (sent) => {
        const batch = received(encodeBatch(sent, 'batch-1'));
        const members = decode(amqp(batch.content, { contentType: BATCH_TYPE }));
        for (const [index, member] of members.entries()) {
          // An edge refuses what JSON.parse would silently change, as any foreign batch.
          if (isUndecodable(member)) expect(member.fault.code).to.match(/^WB_JSON_/);
          else expect(trimmed(member)).to.deep.equal(trimmed(sent[index] ?? member));
        }
      }),
    );
  });

  it('are standard CloudEvents in a batch, which any JSON parser reads', () => {
    const sent = {
      envelope: {
        id: '1',
        source: '/shop',
        type: 'shop.order.placed',
        version: 1,
        time: '2026-01-01T00:00:00Z',
        key: 'k',
      },
      body: Buffer.from('{"n":1}'),
    };
    const batch: unknown = JSON.parse(encodeBatch([sent, sent], 'b').body.toString());
    const member = {
      specversion: '1.0',
      id: '1',
      source: '/shop',
      type: 'shop.order.placed',
      time: '2026-01-01T00:00:00Z',
      dataschema: 'waybill:shop.order.placed@1',
      partitionkey: 'k',
      datacontenttype: 'application/json',
      data: { n: 1 },
    };
    expect(batch).to.deep.equal([member, member]);
  });

  it('ignore offsets that do not fit the bytes', () => {
    const sent = {
      envelope: { id: '1', source: '/shop', type: 'shop.order.placed', version: 1, time: '2026-01-01T00:00:00Z' },
      body: Buffer.from('{"n":1}'),
    };
    const batch = received(encodeBatch([sent, sent], 'b'));
    for (const value of [0, 7, 60, 4_000_000_000]) {
      const offsets = Buffer.alloc(16);
      offsets.writeUInt32BE(value, 4);
      const members = decode(amqp(batch.content, { contentType: BATCH_TYPE, headers: { [OFFSETS]: offsets } }));
      expect(members.map((member) => (isUndecodable(member) ? member.fault.code : plain(member)))).to.deep.equal([
        plain(sent),
        plain(sent),
      ]);
    }
  });

  it('are readable by any AMQP client: properties beside the attributes', () => {
    const { properties } = encodeSingle({
      envelope: {
        id: 'a',
        source: '/shop',
        type: 'shop.order.placed',
        version: 2,
        time: '2026-01-01T00:00:00Z',
        correlationId: 'c',
      },
      body: Buffer.from('1'),
    });
    expect(properties).to.include({
      messageId: 'a',
      type: 'shop.order.placed@2',
      timestamp: 1_767_225_600,
      correlationId: 'c',
      contentType: 'application/json',
    });
    expect(properties.headers).to.include({
      'cloudEvents:id': 'a',
      'cloudEvents:dataschema': 'waybill:shop.order.placed@2',
    });
  });

  it('carry attributes in the body when headers would not hold them', () => {
    const sent = {
      envelope: {
        id: 'a',
        source: '/shop',
        type: 'shop.order.placed',
        version: 1,
        time: 't',
        headers: { xlong: 'é'.repeat(60_000) },
      },
      body: Buffer.from('{"big":9007199254740993}'),
    };
    const wire = encodeSingle(sent);
    expect(wire.properties.contentType).to.equal('application/cloudevents+json');
    expect(plain(only(received(wire)))).to.deep.equal(plain(sent));
  });

  it('may be structured, from others, with data passed on as it was written', () => {
    const content = Buffer.from(
      '{"id":"a","specversion":"1.0","source":"/s","type":"shop.order.placed","time":"t","dataschema":"waybill:shop.order.placed@3","data": {"id": 12345678901234567890 } ,"xtra":"y"}',
    );
    const found = only(amqp(content, { contentType: 'application/cloudevents+json; charset=utf-8' }));
    expect(Buffer.from(found.body).toString()).to.equal('{"id": 12345678901234567890 }');
    expect(found.envelope).to.deep.include({ type: 'shop.order.placed', version: 3, headers: { xtra: 'y' } });
  });

  it('may be plain, from clients that know no CloudEvents', () => {
    const found = only(
      amqp(Buffer.from('{"n":1}'), {
        type: 'shop.order.placed@1',
        messageId: 'm1',
        timestamp: 1_767_225_600,
        appId: 'till',
      }),
    );
    expect(found.envelope).to.deep.equal({
      id: 'm1',
      source: '/till',
      type: 'shop.order.placed',
      version: 1,
      time: '2026-01-01T00:00:00.000Z',
    });
  });

  it('are refused by name when they cannot be read, with the bytes kept', () => {
    expect(fault(amqp(Buffer.from('{"n":1}'), {}))).to.equal('WB_MESSAGE_INVALID');
    expect(fault(amqp(Buffer.from('{"n":1,"n":2}'), { type: 'shop.order.placed@1' }))).to.equal(
      'WB_JSON_DUPLICATE_KEY',
    );
    expect(fault(amqp(Buffer.from([0x22, 0xff, 0x22]), { type: 'shop.order.placed@1' }))).to.equal('WB_JSON_UTF8');
    expect(fault(amqp(Buffer.from('{'), { type: 'shop.order.placed@1' }))).to.equal('WB_JSON_INVALID');
    expect(fault(amqp(Buffer.from('[]'), { contentType: BATCH_TYPE }))).to.equal('WB_MESSAGE_INVALID');
    expect(fault(amqp(Buffer.from('{"id":"a"}'), { contentType: 'application/cloudevents+json' }))).to.equal(
      'WB_MESSAGE_INVALID',
    );
    const attributes = {
      'cloudEvents:id': 'a',
      'cloudEvents:source': '/s',
      'cloudEvents:time': 't',
      'cloudEvents:type': 'shop.order.placed',
    };
    const foreign = amqp(Buffer.from('1'), {
      headers: { ...attributes, 'cloudEvents:dataschema': 'https://elsewhere' },
    });
    expect(fault(foreign)).to.equal('WB_MESSAGE_INVALID');
  });

  it('one faulty member of a batch does not take the others with it', () => {
    const good =
      '{"specversion":"1.0","id":"1","source":"/s","type":"shop.order.placed","time":"t","dataschema":"waybill:shop.order.placed@1","data":1}';
    const members = decode(amqp(Buffer.from(`[ ${good} , {"id":"2"}, ${good}]`), { contentType: BATCH_TYPE }));
    expect(members.map(isUndecodable)).to.deep.equal([false, true, false]);
    expect(members[1]?.body.toString()).to.equal('{"id":"2"}');
  });
});

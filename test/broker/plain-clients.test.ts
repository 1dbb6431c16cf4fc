import { expect } from 'chai';
import { namesOf } from '../../src/adapters/rabbitmq/names.ts';
import { openBus } from '../../src/bus.ts';
import type { DeadLetter } from '../../src/ports/transport.ts';
import type { Host } from '../../src/runtime/host.ts';
import { broker, busName, busUrl } from '../support/broker.ts';
import { type WorkFolder, workFolder } from '../support/cli.ts';
import { all } from '../support/collector.ts';
import { type PlainClients, plainClients } from '../support/plain-clients.ts';
import { removeBus } from '../support/rabbit-bus.ts';
import { testLog } from '../support/targets.ts';
import { until } from '../support/until.ts';

const ORDER = {
  'x-key': '/id',
  type: 'object',
  required: ['id', 'n'],
  properties: { id: { type: 'string' }, n: { type: 'integer' } },
};

/** Publishes what standard arguments say: url, exchange, then a list of [routing key, body in latin-1, properties]. */
const PUBLISH = `
import json, sys, pika
url, exchange, batch = sys.argv[1:4]
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.confirm_delivery()
for key, body, properties in json.loads(batch):
    channel.basic_publish(exchange, key, body.encode('latin-1'), pika.BasicProperties(**properties))
connection.close()
`;

/** Takes and acknowledges so many messages of a queue; prints each as JSON. */
const CONSUME = `
import json, sys, pika
url, queue, count = sys.argv[1:4]
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.basic_qos(prefetch_count=10)
taken = 0
for method, properties, body in channel.consume(queue, inactivity_timeout=20):
    if method is None:
        break
    print(json.dumps({'type': properties.type, 'id': properties.message_id, 'contentType': properties.content_type,
        'headers': properties.headers, 'body': body.decode('utf-8')}), flush=True)
    channel.basic_ack(method.delivery_tag)
    taken += 1
    if taken == int(count):
        break
channel.cancel()
connection.close()
`;

type Publication = readonly [key: string, body: string, properties: Readonly<Record<string, unknown>>];

interface Taken {
  readonly type: string;
  readonly id: string;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const TYPE = 'shop.order.placed@1';

describe('clients without the SDK', function () {
  this.timeout(240_000);
  let clients: PlainClients;
  let url = '';
  const bus = busName('plain');
  const names = namesOf(bus);
  let folder: WorkFolder;
  let host: Host;
  /** Of what `before` opened; it may fail half-way, or skip. */
  const opened: (() => PromiseLike<void>)[] = [];

  before(async function () {
    url = (await broker(this)).url;
    clients = await plainClients(this);
    folder = await workFolder({
      'waybill.yaml': `bus: ${bus}
transport: embedded:unused
limits: { size: 1KiB, depth: 5 }
services:
  legacy: { publishes: [${TYPE}], client: plain, user: guest }
  other: { publishes: [shop.order.lost@1, shop.order.shared@1] }
  one: { publishes: [shop.order.shared@1], client: plain }
  two: { publishes: [shop.order.shared@1], client: plain }
  wms: { receives: [${TYPE}], client: plain }
`,
      'routes/orders.yaml': `from: ${TYPE}\nwhen: data.n >= 0\nto: wms\n`,
      'schemas/shop/order.placed.v1.json': JSON.stringify(ORDER),
      'schemas/shop/order.lost.v1.json': JSON.stringify(ORDER),
      'schemas/shop/order.shared.v1.json': JSON.stringify(ORDER),
    });
    opened.push(() => folder[Symbol.asyncDispose]());
    host = await openBus({ config: folder.path, url: busUrl(url, bus), log: testLog });
    opened.push(async () => {
      await host.close();
      await removeBus(url, host.plan.topology);
    });
    await host.apply('test');
    await host.startRouter();
  });
  after(async () => {
    for (const close of opened.reverse()) await close();
  });

  const publish = (...messages: readonly Publication[]): Promise<string> =>
    clients.python(PUBLISH, url, names.gateway, JSON.stringify(messages));
  const take = async (count: number): Promise<Taken[]> => {
    const printed = await clients.python(CONSUME, url, names.queue('wms', 0), String(count));
    return printed
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Taken);
  };
  const letters = (count: number): Promise<DeadLetter[]> =>
    until(`${String(count)} dead letters`, async () => {
      const found = await all(host.transport.dead.list());
      return found.length >= count ? found : undefined;
    });
  afterEach(async () => {
    await host.transport.dead.discard({}, { by: 'test' });
  });

  it('publish plain messages and CloudEvents in all forms, in the order of arrival, and receive singles', async () => {
    const event = (id: string, n: number): object => ({
      ...{ specversion: '1.0', id, source: '/their-own', type: 'shop.order.placed', dataschema: `waybill:${TYPE}` },
      ...{ gatewayuser: 'forged', datacontenttype: 'application/json', data: { id: 'o-1', n } },
    });
    const attributes = (id: string): object => ({
      ...{ 'cloudEvents:specversion': '1.0', 'cloudEvents:id': id, 'cloudEvents:source': '/their-own' },
      ...{ 'cloudEvents:type': TYPE, 'cloudEvents:gatewayuser': 'forged', 'waybill-route': 'forged' },
    });
    await publish(
      [TYPE, '{"id":"o-1","n":0,"big":12345678901234567890}', { user_id: 'guest', message_id: 'm-0' }],
      ['any.key', '{"id":"o-1","n":1}', { user_id: 'guest', type: TYPE, message_id: 'm-1', timestamp: 1_767_225_600 }],
      [TYPE, '{"id":"o-1","n":2}', { message_id: 'm-2' }],
      [TYPE, '{"id":"o-1","n":3}', { headers: attributes('m-3') }],
      [TYPE, JSON.stringify(event('m-4', 4)), { content_type: 'application/cloudevents+json; charset=utf-8' }],
      [
        TYPE,
        JSON.stringify([event('m-5', 5), event('m-6', 6)]),
        { content_type: 'application/cloudevents-batch+json', headers: { 'waybill-offsets': 'forged' } },
      ],
    );
    const taken = await take(7);
    expect(taken.map(({ id }) => id)).to.deep.equal(['m-0', 'm-1', 'm-2', 'm-3', 'm-4', 'm-5', 'm-6']);
    const [first, second] = taken;
    expect(first?.body).to.equal('{"id":"o-1","n":0,"big":12345678901234567890}');
    expect(second?.headers['cloudEvents:time']).to.equal('2026-01-01T00:00:00.000Z');
    for (const { type, contentType, headers } of taken) {
      expect({ type, contentType }).to.deep.equal({ type: TYPE, contentType: 'application/json' });
      expect(headers).to.include({ 'cloudEvents:source': '/legacy', 'cloudEvents:partitionkey': 'o-1' });
      expect(headers).to.not.have.any.keys('cloudEvents:gatewayuser', 'cloudEvents:gatewaytopic', 'waybill-route');
    }
  });

  it('publish with amqp-publish by routing key alone, and receive with amqp-consume', async () => {
    await clients.tool('amqp-publish', '-u', url, '-e', names.gateway, '-r', TYPE, '-p', '-b', '{"id":"a","n":7}');
    // It acknowledges when the command it calls has succeeded.
    const taken = await clients.tool('amqp-consume', '-u', url, '-q', names.queue('wms', 0), '-c', '1', 'cat');
    expect(taken).to.equal('{"id":"a","n":7}');
    const stats = await host.transport.stats();
    expect(stats.dead).to.equal(0);
  });

  it('give a message without an id the same one whenever it is delivered', async () => {
    await publish(
      [TYPE, '{"id":"a","n":8}', { headers: { x: 'y' } }],
      [TYPE, '{"id":"a","n":8}', { headers: { x: 'y' } }],
    );
    await publish([TYPE, '{"id":"a","n":9}', {}]);
    const [one, same, other] = await take(3);
    expect(one?.id)
      .to.match(/^[\w-]{27}$/)
      .and.equal(same?.id);
    expect(other?.id).to.not.equal(one?.id);
  });

  it('see what is refused kept as dead letters, by name, with the bytes as they came', async () => {
    const deep = '{"id":"a","n":1,"x":[[[[[1]]]]]}';
    const bad: readonly (readonly [code: string, publication: Publication])[] = [
      ['WB_JSON_INVALID', [TYPE, '{"id":', {}]],
      ['WB_JSON_UTF8', [TYPE, '{"id":"\xff","n":1}', {}]],
      ['WB_JSON_DUPLICATE_KEY', [TYPE, '{"id":"a","n":1,"n":2}', {}]],
      ['WB_JSON_PROTO', [TYPE, '{"id":"a","n":1,"__proto__":{}}', {}]],
      ['WB_JSON_DEPTH', [TYPE, deep, {}]],
      ['WB_MESSAGE_TOO_LARGE', [TYPE, `{"id":"${'a'.repeat(1_100)}","n":1}`, {}]],
      ['WB_CONTRACT_VIOLATED', [TYPE, '{"id":"a"}', {}]],
      ['WB_MESSAGE_INVALID', ['no-type', '{}', {}]],
      ['WB_MESSAGE_INVALID', [TYPE, '{"id":"a","n":1}', { timestamp: 1_767_225_600_000 }]],
      [
        'WB_MESSAGE_INVALID',
        [TYPE, '{"specversion":"1.0","id":"e"}', { content_type: 'application/cloudevents+json' }],
      ],
      ['WB_CONTRACT_UNKNOWN', ['shop.order.moved@1', '{}', {}]],
      // Its key is not its type, and nobody vouches for it.
      ['WB_NOT_DECLARED', ['any.key', '{"id":"a","n":1}', { type: TYPE }]],
      // The service of this user does not publish it.
      ['WB_NOT_DECLARED', ['shop.order.lost@1', '{"id":"a","n":1}', { user_id: 'guest' }]],
      // Two services publish it.
      ['WB_NOT_DECLARED', ['shop.order.shared@1', '{"id":"a","n":1}', {}]],
    ];
    await publish(...bad.map(([, publication]) => publication));
    const found = await letters(bad.length);
    expect(found.map(({ code }) => code)).to.have.members(bad.map(([code]) => code));
    expect(found.map(({ endpoint }) => endpoint)).to.deep.equal(found.map(() => 'gateway'));
    expect(found.map(({ message }) => Buffer.from(message.body).toString('latin1'))).to.have.members(
      bad.map(([, [, body]]) => body),
    );

    // Redriven it is judged again, as whose it is and under the key it came with.
    const [again] = found.filter(({ code }) => code === 'WB_CONTRACT_VIOLATED');
    await host.transport.dead.redrive({ ids: [again?.id ?? ''] }, { by: 'test' });
    const later = await until('the dead letter of the redriven one', async () =>
      (await all(host.transport.dead.list({ code: 'WB_CONTRACT_VIOLATED' }))).find(({ id }) => id !== again?.id),
    );
    expect(later.message.envelope.id).to.equal(again?.message.envelope.id);
  });
});

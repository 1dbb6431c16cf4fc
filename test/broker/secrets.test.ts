import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { type Channel, connect, type Message } from 'amqplib';
import { expect } from 'chai';
import { openRabbit } from '../../src/adapters/rabbitmq/transport.ts';
import { type Log, openBus } from '../../src/index.ts';
import { brokerNode, busName, busUrl } from '../support/broker.ts';
import type { BrokerNode } from '../support/broker-node.ts';
import { type Ran, waybill, workFolder } from '../support/cli.ts';
import { Collector } from '../support/collector.ts';
import { outgoing } from '../support/messages.ts';
import { removeBus } from '../support/rabbit-bus.ts';
import { rejection } from '../support/rejection.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

/** With characters that a url must escape, so that it is looked for in both ways of writing. */
const secret = (): string => `s3cret/${randomBytes(9).toString('hex')}@`;

/** All that a person or a program could find in an error. */
function shown(error: unknown): string {
  const found: string[] = [inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })];
  for (let each = error; each instanceof Error; each = each.cause)
    found.push(each.message, each.stack ?? '', JSON.stringify(each), String(Reflect.get(each, 'fix')));
  return found.join('\n');
}

describe('credentials of RabbitMQ', function () {
  // Each call of rabbitmqctl starts a virtual machine.
  this.timeout(480_000);
  const user = busName('user');
  const password = secret();
  const wrong = secret();
  const token = secret();
  let node: BrokerNode;
  const opened: (() => Promise<unknown>)[] = [];
  const seen: string[] = [];
  const note = (fields: object, text: string): void => {
    seen.push(text, inspect(fields, { depth: Number.POSITIVE_INFINITY }), JSON.stringify(fields));
    for (const field of Object.values(fields)) seen.push(shown(field));
  };
  const log: Log = { debug: note, info: note, warn: note, error: note };
  const as = (name: string, pass: string, url = node.url): string => {
    const parts = new URL(url);
    parts.username = name;
    parts.password = encodeURIComponent(pass);
    return parts.href;
  };
  before(async function () {
    node = await brokerNode(this);
    await node.ctl('add_user', user, password);
    opened.push(() => node.ctl('delete_user', user));
    await node.ctl('set_permissions', user, '.*', '.*', '.*');
  });
  after(async () => {
    for (const close of opened) await close();
  });
  const expectNone = (): void => {
    const all = seen.join('\n');
    for (const each of [password, wrong, token]) {
      const ways = [
        each,
        encodeURIComponent(each),
        Buffer.from(`${user}:${each}`).toString('base64'),
        JSON.stringify(each),
      ];
      for (const way of ways) expect(all.includes(way), `a secret was told: ${way}`).to.equal(false);
    }
  };

  it('are not in errors of connecting, whatever is wrong, nor in their causes', async () => {
    const url = busUrl(as(user, password), busName('secret'));
    const closed = new URL(url);
    closed.port = '1';
    const missing = new URL(url);
    missing.pathname = '/no-such-vhost';
    const urls = [
      busUrl(as(user, wrong), 'secret'),
      closed.href,
      missing.href,
      url.replace('amqp:', 'amqps:'),
      url.replace('amqp:', 'http:'),
      `${url}&verify=${encodeURIComponent(password)}`.replace('verify', 'what'),
      `${url}&management=http://${user}:${encodeURIComponent(password)}@127.0.0.1:1`,
      url.replace(encodeURIComponent(password), '%zz'),
      as(user, password),
      `not a url with ${password}`,
    ];
    for (const each of urls) {
      const error = await rejection(openRabbit({ url: each, log }));
      seen.push(shown(error));
    }
    expect(seen).to.have.length(urls.length);
    expectNone();
  });

  it('are not in what is logged of a bus at work whose connections are lost, nor in stats, plan and manifest', async () => {
    const bus = busName('secret');
    const proxy = await tcpProxy(node.port);
    const management = '&management=http://127.0.0.1:1';
    const url = `${busUrl(as(user, password, proxy.through(node.url)), bus)}${management}`;
    await using folder = await workFolder({
      'waybill.yaml': `bus: ${bus}\ntransport: \${WAYBILL_URL:-embedded:.waybill}\nservices:\n  shop: { publishes: [shop.order.placed@1] }\n  oms: { receives: [shop.order.placed@1] }\nsources:\n  customers:\n    http: http://127.0.0.1:1/customers/{key}\n    auth: { bearer: "\${file:token}" }\n    response: shop.order.placed@1\n`,
      'routes/orders.yaml': 'from: shop.order.placed@1\nto: oms\n',
      token,
      'schemas/shop/order.placed.v1.json': JSON.stringify({
        'x-key': '/id',
        type: 'object',
        required: ['id'],
        properties: { id: { type: 'string' } },
      }),
    });
    const env = { WAYBILL_URL: url, WAYBILL_LOG: 'debug' };
    const host = await openBus({ config: folder.path, url, log });
    try {
      await host.apply('tests');
      const { transport } = host;
      const collector = await Collector.drain(transport, 'oms');
      await transport.send([outgoing()]);
      await until(
        'it to come, or its letter',
        async () => collector.deliveries.length > 0 || (await transport.stats()).endpoints.length > 0,
      );
      proxy.cut();
      await until('the loss to be seen', () => !transport.status().connected);
      await until('the connections', () => transport.status().connected);
      // While it is away the broker learns another password.
      await node.ctl('change_password', user, wrong);
      proxy.cut();
      const refused = await until('the refusal', () => transport.status().error);
      seen.push(refused, JSON.stringify(transport.status()));
      await node.ctl('change_password', user, password);
      await until('the connections', () => transport.status().connected, { deadlineMs: 120_000 });
      seen.push(JSON.stringify(await transport.stats()), JSON.stringify(await transport.manifest()));

      const call = async (given: Readonly<Record<string, string>>, ...args: string[]): Promise<Ran> => {
        const ran = await waybill({ cwd: folder.path, env: { ...env, ...given } }, ...args);
        seen.push(ran.stdout, ran.stderr);
        return ran;
      };
      expect(await call({}, 'stats', '--json')).to.include({ code: 0 });
      expect((await call({}, 'plan', '--json')).stdout).to.contain(bus);
      await call({}, 'check', '--json');
      const denied = await call({ WAYBILL_URL: busUrl(as(user, wrong), bus) }, 'stats', '--json');
      expect(denied.stdout + denied.stderr).to.contain('WB_TRANSPORT_REFUSED');
      seen.push(await node.ctl('list_connections', 'client_properties'));

      const connection = await connect(node.url);
      const records = await manifestOf(await connection.createChannel(), `${bus}.manifest`);
      expect(records.join('\n')).to.contain('file:token');
      seen.push(...records);
      await connection.close();
      expectNone();
    } finally {
      await host.close();
      await proxy.close();
      await removeBus(node.url, host.plan.topology);
    }
  });
});

/** All that the stream holds, as it is. */
async function manifestOf(channel: Channel, queue: string): Promise<string[]> {
  const found: string[] = [];
  const parts = ({ content, properties }: Message): string =>
    content.toString('utf8') + inspect(properties, { depth: 9 });
  await channel.prefetch(100);
  await channel.consume(
    queue,
    (message) => {
      if (message === null) return;
      found.push(parts(message));
      channel.ack(message);
    },
    { arguments: { 'x-stream-offset': 'first' } },
  );
  await until('the manifest', () => found.some((each) => each.includes('"applied"')));
  return found;
}

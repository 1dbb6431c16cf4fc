import { connect } from 'amqplib';
import { expect } from 'chai';
import { namesOf } from '../../src/adapters/rabbitmq/names.ts';
import type { Transport } from '../../src/ports/transport.ts';
import { topologyOf } from '../conformance/harness.ts';
import { brokerNode } from '../support/broker.ts';
import { type BrokerNode, findServer, freePorts, startNode } from '../support/broker-node.ts';
import { RabbitBus } from '../support/rabbit-bus.ts';
import { until } from '../support/until.ts';

const SKETCH = { endpoints: { oms: { takes: ['shop.order.placed@1'], partitions: 2 }, mail: {} } };

describe('what drifted on a RabbitMQ with the management plugin', function () {
  this.timeout(240_000);
  let node: BrokerNode;
  let management = '';
  let bus: RabbitBus;
  before(async function () {
    // Skips where no private node can be had.
    await brokerNode(this);
    const [port] = await freePorts();
    node = await startNode(
      findServer() ?? this.skip(),
      undefined,
      [`management.tcp.port = ${String(port)}`, 'management.tcp.ip = 127.0.0.1'],
      ['rabbitmq_management'],
    );
    management = `http://127.0.0.1:${String(port)}`;
  });
  after(() => (node as BrokerNode | undefined)?.dispose());
  beforeEach(async () => {
    bus = await RabbitBus.create(node.url, SKETCH);
  });
  afterEach(() => bus.destroy());

  const open = (user = 'guest', at = management): Promise<Transport> => {
    const url = new URL(node.url);
    url.username = user;
    url.searchParams.set('management', at);
    return bus.open({ settleMs: 100 }, url.href);
  };
  const drift = async (transport: Transport): Promise<readonly string[] | undefined> =>
    (await transport.survey(bus.manifest)).drift;
  /** The plugin hears of what happens a moment later. */
  const hears = async (transport: Transport, expected: readonly string[]): Promise<void> => {
    let seen: readonly string[] | undefined;
    await until(
      'the drift',
      async () => {
        seen = await drift(transport);
        return JSON.stringify(seen) === JSON.stringify(expected);
      },
      { describe: () => JSON.stringify(seen, undefined, 1) },
    );
  };

  it('is nothing after apply, whatever processes there are, and whatever others have on the vhost', async () => {
    const transport = await open();
    await transport.consume('oms', { window: 1, receive: () => undefined });
    await transport.tap('all', () => undefined);
    await transport.openReplies(() => undefined);
    const connection = await connect(node.url);
    const channel = await connection.createChannel();
    await channel.assertQueue('theirs');
    await channel.assertExchange(`${bus.manifest.bus}x.in`, 'topic');
    await channel.bindQueue('theirs', `${bus.manifest.bus}x.in`, '#');
    await hears(transport, []);
    await channel.deleteQueue('theirs');
    await channel.deleteExchange(`${bus.manifest.bus}x.in`);
    await connection.close();
  });

  it('is nothing of an endpoint that is retired or in its second generation', async () => {
    const transport = await open();
    const topology = topologyOf(
      { endpoints: { oms: { takes: ['shop.order.placed@1'], partitions: 4 } } },
      bus.manifest.bus,
    );
    const consumer = await transport.consume('mail', { window: 1, receive: () => undefined });
    await transport.apply({ ...bus.manifest, edition: 'second', topology });
    await hears(transport, []);
    await consumer.close();
  });

  it('names what somebody made, bound and unbound by hand, and policies; apply binds what is missing', async () => {
    const transport = await open();
    const names = namesOf(bus.manifest.bus);
    const connection = await connect(node.url);
    const channel = await connection.createChannel();
    await channel.assertQueue(`${bus.manifest.bus}.by-hand`);
    await channel.bindQueue(`${bus.manifest.bus}.by-hand`, names.in, '#');
    await channel.assertExchange(`${bus.manifest.bus}.extra`, 'topic');
    await channel.assertQueue('spy');
    await channel.bindQueue('spy', names.endpoint('oms'), '*.3');
    await channel.unbindExchange(names.endpoint('oms'), names.in, 'shop/order/placed@1.*');
    await node.ctl('set_policy', 'short', `^${names.queue('oms', 1)}$`, '{"max-length":10}', '--apply-to', 'queues');
    const byHand = [
      `exchange ${bus.manifest.bus}.extra: of no plan`,
      `queue ${bus.manifest.bus}.by-hand: of no plan`,
      `queue ${names.queue('oms', 1)}: a policy adds max-length`,
      `binding ${names.endpoint('oms')} -> spy (*.3): of no plan`,
      `binding ${names.in} -> ${bus.manifest.bus}.by-hand (#): of no plan`,
    ];
    const missing = `binding ${names.in} -> ${names.endpoint('oms')} (shop/order/placed@1.*): is missing, apply binds it again`;
    await hears(transport, [...byHand, missing]);
    await transport.apply(bus.manifest);
    await hears(transport, byHand);
    for (const queue of ['spy', `${bus.manifest.bus}.by-hand`]) await channel.deleteQueue(queue);
    await channel.deleteExchange(`${bus.manifest.bus}.extra`);
    await node.ctl('clear_policy', 'short');
    await hears(transport, []);
    await connection.close();
  });

  it('is not known, and hinders nothing, when the plugin does not answer or refuses the user', async () => {
    await node.ctl('add_user', 'plain', 'guest');
    await node.ctl('set_permissions', 'plain', '.*', '.*', '.*');
    const transport = await open('plain');
    const { changes, drift: known } = await transport.survey(bus.manifest);
    expect({ changes, known }).to.deep.equal({ changes: [], known: undefined });
    const [nobody] = await freePorts();
    expect(await drift(await open('guest', `http://127.0.0.1:${String(nobody)}`))).to.equal(undefined);
  });
});

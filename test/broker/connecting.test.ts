import { expect } from 'chai';
import { openRabbit } from '../../src/adapters/rabbitmq/transport.ts';
import type { TransportStatus } from '../../src/ports/transport.ts';
import { broker, brokerNode, busUrl } from '../support/broker.ts';
import { freePorts } from '../support/broker-node.ts';
import { Collector } from '../support/collector.ts';
import { outgoing } from '../support/messages.ts';
import { RabbitBus } from '../support/rabbit-bus.ts';
import { rejection } from '../support/rejection.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import { until, within } from '../support/until.ts';

const ORDERS = { endpoints: { oms: { takes: ['shop.order.placed@1'] } } };

describe('connecting to RabbitMQ', () => {
  let url = '';
  const proxies: TcpProxy[] = [];
  const buses: RabbitBus[] = [];
  before(async function () {
    url = (await broker(this)).url;
  });
  afterEach(async () => {
    for (const proxy of proxies) proxy.mend();
    for (const bus of buses.splice(0)) await bus.destroy();
    for (const proxy of proxies.splice(0)) await proxy.close();
  });
  const create = async (): Promise<RabbitBus> => {
    const bus = await RabbitBus.create(url, ORDERS);
    buses.push(bus);
    return bus;
  };
  const through = async (): Promise<TcpProxy> => {
    const proxy = await tcpProxy(Number(new URL(url).port || '5672'));
    proxies.push(proxy);
    return proxy;
  };

  it('names a broker that is not there, at once, and without the password', async () => {
    const [port] = await freePorts();
    const refused = await within(
      'refusal',
      rejection(openRabbit({ url: `amqp://ada:secret@127.0.0.1:${String(port)}/?bus=retail` })),
    );
    expect(refused).to.include({ code: 'WB_TRANSPORT_UNAVAILABLE', retryable: true });
    expect(refused.message)
      .to.contain(`127.0.0.1:${String(port)}`)
      .and.not.contain('secret');
  });

  it('names a refused login at once, not for ever', async () => {
    const wrong = new URL(busUrl(url, 'retail'));
    wrong.password = 'wrong-secret';
    const refused = await within('refusal', rejection(openRabbit({ url: wrong.href })));
    expect(refused).to.include({ code: 'WB_TRANSPORT_REFUSED', retryable: false });
    expect(refused.message).to.contain('refused the login of user').and.not.contain('wrong-secret');
  });

  it('names a vhost that is missing', async () => {
    const wrong = new URL(busUrl(url, 'retail'));
    wrong.pathname = '/no-such-vhost';
    const refused = await within('refusal', rejection(openRabbit({ url: wrong.href })));
    expect(refused.code).to.equal('WB_TRANSPORT_REFUSED');
    expect(refused.message).to.contain('does not open the vhost "no-such-vhost"');
  });

  it('asks for the bus when nothing names it', async () => {
    expect((await rejection(openRabbit({ url }))).code).to.equal('WB_TRANSPORT_URL');
  });

  it('waits, visibly, while the broker is blocked by an alarm, fails by name at the deadline, and goes on after it', async function () {
    this.timeout(240_000);
    const node = await brokerNode(this);
    const bus = await create();
    const transport = await bus.open();
    const seen: TransportStatus[] = [];
    transport.onStatus((status) => seen.push(status));
    try {
      await node.ctl('set_vm_memory_high_watermark', '0.0000001');
      // A publisher learns of it by publishing.
      const first = transport.send([outgoing({ id: 'a', key: 'k' })]);
      await until('the block to be seen', () => transport.status().blocked !== undefined);
      expect(seen.at(-1)?.blocked).to.contain('memory');
      const refused = await rejection(transport.send([outgoing({ id: 'late' })], { deadlineMs: 200 }));
      expect(refused).to.include({ code: 'WB_DEADLINE', retryable: true });
      expect(refused.message).to.contain('the broker takes no messages').and.contain('memory');
      await node.ctl('set_vm_memory_high_watermark', '0.4');
      await first;
      await until('the end of the block to be seen', () => transport.status().blocked === undefined);
      const collector = await Collector.drain(transport, 'oms');
      await collector.atLeast(1);
      expect(collector.ids).to.include('a');
    } finally {
      await node.ctl('set_vm_memory_high_watermark', '0.4');
    }
  });

  it('closes within its time while the broker is silent', async function () {
    this.timeout(240_000);
    const proxy = await through();
    const bus = await create();
    const transport = await bus.open({}, proxy.through(url));
    await Collector.start(transport, 'oms');
    proxy.stall();
    const sent = rejection(transport.send([outgoing()]));
    const recorded = transport.record([]).then(
      () => 'kept',
      () => 'left out',
    );
    await within('close', transport.close());
    expect((await sent).code).to.equal('WB_CLOSED');
    expect(await recorded).to.equal('left out');
    proxy.mend();
  });

  it('says that it is not connected and why, and connects again by itself', async () => {
    const proxy = await through();
    const bus = await create();
    const transport = await bus.open({}, proxy.through(url));
    expect(transport.status()).to.deep.equal({ connected: true, owner: false });
    proxy.refuse();
    await until('the loss to be seen', () => !transport.status().connected);
    expect(transport.status().error).to.contain(`127.0.0.1:${String(proxy.port)}`);
    const sent = transport.send([outgoing({ id: 'meanwhile' })]);
    proxy.mend();
    await sent;
    await until('the connection', () => transport.status().connected);
    expect(transport.status()).to.deep.equal({ connected: true, owner: false });
    await transport.close();
  });

  it('opens although its connection is lost while it does, once it had one', async function () {
    this.timeout(480_000);
    const proxy = await through();
    const bus = await create();
    const cuts = new Set<number>();
    let opened = 0;
    for (let pieces = 1; pieces === 1 || cuts.has(pieces - 2); pieces += 2) {
      void proxy.cutAfter(pieces).then(() => cuts.add(pieces));
      try {
        const transport = await bus.open({}, proxy.through(url));
        if (cuts.has(pieces)) opened += 1;
        proxy.mend();
        expect(await transport.manifest()).to.deep.equal(bus.manifest);
        await transport.close();
      } catch (error) {
        // The first attempt to connect fails at once, by name.
        expect(error).to.include({ code: 'WB_TRANSPORT_UNAVAILABLE', retryable: true });
      }
    }
    expect(opened).to.be.greaterThan(5);
  });

  it('leaves nothing on the broker that is not the bus’s own', async function () {
    const node = await brokerNode(this);
    const bus = await create();
    const transport = await bus.open();
    const tap = await transport.tap('all', () => undefined);
    await transport.stats();
    await tap.close();
    await transport.close();
    const listed = await node.ctl('list_queues', 'name');
    const own = listed.split('\n').filter((line) => line.startsWith(`${bus.manifest.bus}.`));
    expect(own.filter((name) => /tap|members|lock/.test(name))).to.deep.equal([]);
  });
});

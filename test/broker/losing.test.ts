import { expect } from 'chai';
import { broker, brokerNode } from '../support/broker.ts';
import { Collector } from '../support/collector.ts';
import { onBus, rounds } from '../support/messages.ts';
import { expectKeyOrder } from '../support/order.ts';
import { RabbitBus } from '../support/rabbit-bus.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const ORDERS = { endpoints: { oms: { takes: ['shop.order.placed@1'], partitions: 2 } } };
const KEYS = 40;
const EACH = 100;

/** Hands everything over in slices, each of which waits for the one before the last. */
async function sendAll(send: (slice: ReturnType<typeof onBus>) => Promise<void>): Promise<void> {
  const messages = onBus(rounds(KEYS, EACH));
  const under: Promise<void>[] = [];
  for (let at = 0; at < messages.length; at += 50) {
    under.push(send(messages.slice(at, at + 50)));
    await under[under.length - 4];
  }
  await Promise.all(under);
}

describe('losing RabbitMQ', () => {
  let url = '';
  let proxy: TcpProxy | undefined;
  let bus: RabbitBus | undefined;
  before(async function () {
    url = (await broker(this)).url;
  });
  afterEach(async () => {
    proxy?.mend();
    await bus?.destroy();
    await proxy?.close();
    proxy = undefined;
    bus = undefined;
  });

  it('keeps a publisher’s order by key when its connection is cut again and again, and loses nothing', async function () {
    this.timeout(480_000);
    bus = await RabbitBus.create(url, ORDERS);
    proxy = await tcpProxy(Number(new URL(url).port || '5672'));
    const through = proxy;
    const sender = await bus.open({}, proxy.through(url));
    const collector = await Collector.drain(await bus.open(), 'oms', 500);
    let sent = 0;
    let cuts = 0;
    await sendAll(async (slice) => {
      const sending = sender.send(slice);
      sent += 1;
      if (sent % 13 === 0) {
        cuts += 1;
        through.cut();
      }
      await sending;
    });
    await until('every message', () => new Set(collector.ids).size === KEYS * EACH, {
      deadlineMs: 90_000,
      describe: () => String(new Set(collector.ids).size),
    });
    expect(cuts).to.be.above(3);
    expectKeyOrder(collector.deliveries, EACH);
  });

  it('keeps a consumer’s order by key when its connection is cut again and again, and loses nothing', async function () {
    this.timeout(480_000);
    bus = await RabbitBus.create(url, ORDERS);
    proxy = await tcpProxy(Number(new URL(url).port || '5672'));
    const through = proxy;
    const sender = await bus.open();
    const collector = await Collector.drain(await bus.open({}, proxy.through(url)), 'oms', 50);
    const sending = sendAll((slice) => sender.send(slice));
    for (let turn = 1; turn <= 4; turn++) {
      await until('some to arrive', () => new Set(collector.ids).size > turn * 500, { deadlineMs: 90_000 });
      through.cut();
    }
    await sending;
    await until('every message', () => new Set(collector.ids).size === KEYS * EACH, {
      deadlineMs: 90_000,
      describe: () => String(new Set(collector.ids).size),
    });
    expectKeyOrder(collector.deliveries, EACH);
  });

  for (const [how, end] of [
    ['stopped', 'stop'],
    ['killed', 'kill'],
  ] as const) {
    it(`goes on under load when the broker is ${how} and started again: nothing acknowledged is lost, each key in order`, async function () {
      this.timeout(600_000);
      const node = await brokerNode(this);
      bus = await RabbitBus.create(url, ORDERS);
      // RabbitMQ 3.10 notes new queues on disk half a second late: killed before, it starts them anew, empty.
      await node.stop();
      await node.start();
      const transport = await bus.open();
      const collector = await Collector.drain(await bus.open(), 'oms', 200);
      let acknowledged = 0;
      const sending = sendAll(async (slice) => {
        await transport.send(slice, { deadlineMs: 90_000 });
        acknowledged += slice.length;
      });
      await until('some to be acknowledged', () => acknowledged > 500, { deadlineMs: 90_000 });
      await node[end]();
      await until('the loss to be seen', () => !transport.status().connected);
      await node.start();
      await sending;
      await until('every message', () => new Set(collector.ids).size === KEYS * EACH, {
        deadlineMs: 180_000,
        describe: () => String(new Set(collector.ids).size),
      });
      expectKeyOrder(collector.deliveries, EACH);
      // Its other connection, which carried nothing, may still wait for its next attempt.
      await until('both connections', () => transport.status().connected, { deadlineMs: 60_000 });
      expect(transport.status()).to.deep.equal({ connected: true, owner: false });
    });
  }
});

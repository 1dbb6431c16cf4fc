import { connect, type Message } from 'amqplib';
import { expect } from 'chai';
import { BATCH_TYPE } from '../../src/adapters/rabbitmq/encode.ts';
import { namesOf } from '../../src/adapters/rabbitmq/names.ts';
import { slotOf } from '../../src/message.ts';
import { systemClock } from '../../src/ports/clock.ts';
import type { Delivery, Transport } from '../../src/ports/transport.ts';
import { Dispatcher } from '../../src/runtime/dispatcher.ts';
import { broker } from '../support/broker.ts';
import { all, Collector, done } from '../support/collector.ts';
import { idsOf, message, onBus, outgoing, series } from '../support/messages.ts';
import { RabbitBus } from '../support/rabbit-bus.ts';
import { testLog } from '../support/targets.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const ORDERS = { endpoints: { oms: { takes: ['shop.order.placed@1', 'shop.order.paid@1'] } } };

describe('consuming from RabbitMQ', () => {
  let url = '';
  const buses: RabbitBus[] = [];
  const proxies: TcpProxy[] = [];
  before(async function () {
    url = (await broker(this)).url;
  });
  afterEach(async () => {
    for (const bus of buses.splice(0)) await bus.destroy();
    for (const proxy of proxies.splice(0)) await proxy.close();
  });
  const create = async (sketch: Parameters<typeof RabbitBus.create>[1] = ORDERS): Promise<RabbitBus> => {
    const bus = await RabbitBus.create(url, sketch);
    buses.push(bus);
    return bus;
  };

  /** Everything that waits in a queue, as any AMQP client sees it, left as it was. */
  const peek = async (queue: string, count: number): Promise<Message[]> => {
    const connection = await connect(url);
    const channel = await connection.createChannel();
    const found: Message[] = [];
    await channel.consume(queue, (each) => {
      if (each !== null) found.push(each);
    });
    await until('the messages', () => found.length >= count);
    await connection.close();
    return found;
  };

  const queueOf = (bus: RabbitBus, endpoint = 'oms'): string => `${bus.manifest.bus}.ep.${endpoint}.1.0`;

  it('finds what waits anyway in batches of one type and slot, and order between types kept', async () => {
    const bus = await create();
    const transport = await bus.open();
    const types = ['shop.order.placed', 'shop.order.placed', 'shop.order.paid'];
    const messages = Array.from({ length: 300 }, (_, n) =>
      message({ id: `k${String(n)}`, key: `key-${String(n % 5)}`, type: types[n % 3] ?? '' }),
    );
    await transport.send(onBus(messages));
    const found = await peek(queueOf(bus), 1);
    // How many depends on when the broker confirms: a key whose type changes waits for that.
    const batches = found.filter(({ properties }) => properties.contentType === BATCH_TYPE);
    expect(batches).to.not.be.empty;
    for (const { content } of batches) {
      const members = JSON.parse(content.toString()) as readonly { type: string; partitionkey: string }[];
      expect(new Set(members.map(({ type }) => type)).size).to.equal(1);
      expect(
        new Set(members.map(({ partitionkey }) => slotOf(partitionkey, bus.manifest.topology.slots))).size,
      ).to.equal(1);
    }
    const collector = await Collector.drain(transport, 'oms', 500);
    await collector.atLeast(300);
    for (let key = 0; key < 5; key++) {
      const of = (list: typeof messages): string[] =>
        list.filter(({ envelope }) => envelope.key === `key-${String(key)}`).map(({ envelope }) => envelope.id);
      expect(of(collector.deliveries.map((delivery) => delivery.message))).to.deep.equal(of(messages));
    }
  });

  it('sends singles, which any AMQP client reads, to an endpoint without the SDK', async () => {
    const bus = await create({ endpoints: { wms: { plain: true } } });
    const transport = await bus.open();
    await transport.send(series('k', 20).map((each) => ({ to: { endpoint: 'wms' }, message: each })));
    const found = await peek(queueOf(bus, 'wms'), 20);
    expect(found.map(({ content, properties }) => [String(properties.contentType), content.toString()])).to.deep.equal(
      Array.from({ length: 20 }, (_, n) => ['application/json', `{"n":${String(n)}}`]),
    );
  });

  it('settles members of a batch apart: one retried, one dead, others done, and none of the batch again', async () => {
    const bus = await create({ endpoints: { oms: { takes: ['shop.order.placed@1'], ordering: 'none' } } });
    const transport = await bus.open();
    await transport.send(onBus(series('k', 6)));
    expect((await peek(queueOf(bus), 1)).map(({ properties }) => properties.contentType === BATCH_TYPE)).to.deep.equal([
      true,
    ]);
    const collector = await Collector.start(transport, 'oms');
    const [first, second, third, ...rest] = await collector.atLeast(6);
    if (first === undefined || second === undefined || third === undefined) throw new Error('6 were expected');
    await collector.consumer.settle([
      {
        delivery: second,
        outcome: 'dead',
        sends: [],
        deaths: [{ code: 'WB_HANDLER_FAILED', error: 'no', attempts: [] }],
      },
    ]);
    await collector.consumer.settle([{ delivery: first, outcome: 'retry', delayMs: 0, attempts: [] }]);
    await collector.settle(rest);
    await collector.close();
    const again = await Collector.drain(transport, 'oms');
    await again.atLeast(2);
    await transport.send([outgoing({ id: 'fence' })]);
    await again.atLeast(3);
    expect(again.ids.sort()).to.deep.equal(['fence', 'k0', 'k2']);
    expect((await all(transport.dead.list())).map(({ message: { envelope } }) => envelope.id)).to.deep.equal(['k1']);
  });

  it('leaves out settled members of a batch for another connection too', async () => {
    const bus = await create();
    const leaving = await bus.open();
    await leaving.send(onBus(series('k', 9)));
    const collector = await Collector.start(leaving, 'oms');
    const had = await collector.atLeast(9);
    await collector.settle(had.filter((_, n) => n % 3 === 0));
    await leaving.close();
    const again = await Collector.drain(await bus.open(), 'oms');
    await again.atLeast(6);
    expect(again.ids).to.deep.equal(['k1', 'k2', 'k4', 'k5', 'k7', 'k8']);
  });

  it('does not hand over again what was settled when its acknowledgement is lost on the way, be it a batch or a single', async () => {
    const bus = await create();
    const near = await bus.open();
    await near.send(onBus(series('k', 9)));
    await near.send([outgoing({ id: 'single' })]);
    const proxy = await tcpProxy(Number(new URL(url).port || '5672'));
    proxies.push(proxy);
    const collector = await Collector.start(await bus.open({}, proxy.through(url)), 'oms');
    const had = await collector.atLeast(10);
    proxy.halfOpen();
    const settled = collector.settle(had);
    proxy.cut();
    await settled;
    await near.send([outgoing({ id: 'fence' })]);
    const again = await collector.atLeast(11);
    expect(collector.ids.slice(10)).to.deep.equal(['fence']);
    await collector.settle(again.slice(10));
    await collector.close();
    const last = await Collector.drain(near, 'oms');
    await near.send([outgoing({ id: 'last' })]);
    await last.atLeast(1);
    expect(last.ids).to.deep.equal(['last']);
  });

  it('writes nothing to the journal when it closes in order and all is settled', async () => {
    const bus = await create();
    const transport = await bus.open();
    await transport.send(onBus(series('k', 9)));
    const collector = await Collector.start(transport, 'oms');
    await collector.settle(await collector.atLeast(9));
    await collector.close();
    const names = namesOf(bus.manifest.bus);
    const connection = await connect(url);
    const channel = await connection.createConfirmChannel();
    channel.publish(names.records, 'journal', Buffer.from('"fence"'));
    await channel.waitForConfirms();
    const notes: string[] = [];
    await channel.prefetch(100);
    await channel.consume(names.journal, (note) => notes.push(String(note?.content)), {
      arguments: { 'x-stream-offset': 'first' },
    });
    await until('the fence', () => notes.includes('"fence"'));
    await connection.close();
    expect(notes).to.deep.equal(['"fence"']);
  });

  it('suspects nothing of having ended a process when that process lives on, however often it comes back', async () => {
    const bus = await create();
    await (await bus.open()).send(onBus(series('k', 3)));
    const proxy = await tcpProxy(Number(new URL(url).port || '5672'));
    proxies.push(proxy);
    const collector = await Collector.start(await bus.open({}, proxy.through(url)), 'oms');
    for (let turn = 1; turn <= 4; turn++) {
      const had = (await collector.atLeast(3 * turn)).slice(-3);
      expect(had.map(({ suspect }) => suspect)).to.deep.equal([false, false, false]);
      if (turn < 4) proxy.cut();
      else await collector.settle(had);
    }
  });

  it('keeps what cannot be read as a dead letter, bytes and all, and goes on', async () => {
    const bus = await create();
    const transport = await bus.open();
    const connection = await connect(url);
    const channel = await connection.createConfirmChannel();
    channel.publish(`${bus.manifest.bus}.ep.oms`, 'x.3', Buffer.from('{"n":1,"n":2}'), { type: 'shop.order.placed@1' });
    channel.publish(`${bus.manifest.bus}.ep.oms`, 'x.3', Buffer.from([0xff, 0xfe]), { contentType: 'text/plain' });
    await channel.waitForConfirms();
    await connection.close();
    const collector = await Collector.drain(transport, 'oms');
    await transport.send([outgoing({ id: 'sound' })]);
    await collector.atLeast(1);
    await until('the letters', async () => (await transport.dead.count()) === 2);
    const letters = await all(transport.dead.list());
    expect(letters.map(({ code, endpoint }) => [code, endpoint])).to.deep.equal([
      ['WB_JSON_DUPLICATE_KEY', 'oms'],
      ['WB_JSON_UTF8', 'oms'],
    ]);
    expect(letters.map(({ message: { body } }) => Buffer.from(body).toString('latin1'))).to.deep.equal([
      '{"n":1,"n":2}',
      '\xff\xfe',
    ]);
    expect(collector.ids).to.deep.equal(['sound']);
  });

  it('files what the broker itself gave up, one letter for each member of a batch, and redrives one of them', async () => {
    const bus = await create();
    const transport = await bus.open();
    await transport.send(onBus(series('k', 4)));
    const connection = await connect(url);
    const channel = await connection.createChannel();
    await channel.consume(queueOf(bus), (batch) => {
      if (batch !== null) channel.reject(batch, false);
    });
    await until('it to be given up', async () => (await transport.dead.count()) === 1);
    await connection.close();
    await until('the letters', async () => (await all(transport.dead.list())).length === 4);
    const letters = await all(transport.dead.list());
    expect(letters.map(({ endpoint, code }) => [endpoint, code])).to.deep.equal(
      Array.from({ length: 4 }, () => ['oms', 'WB_HANDLER_CRASHED']),
    );
    expect(await transport.dead.redrive({ ids: [letters[2]?.id ?? ''] }, { by: 'ada' })).to.equal(1);
    const collector = await Collector.drain(transport, 'oms');
    await collector.atLeast(1);
    expect(collector.ids).to.deep.equal(['k2']);
    expect(idsOf(await all(transport.dead.list()))).to.have.members(['k0', 'k1', 'k3']);
  });

  it('does not bring back members of a suspect batch that ended before one that takes the process with it', async () => {
    const bus = await create();
    await (await bus.open()).send(onBus(series('k', 3)));
    /** The batch in the hands of a process, which then is gone as if killed. */
    const crash = async (settle: (collector: Collector) => Promise<unknown>): Promise<readonly Delivery[]> => {
      const proxy = await tcpProxy(Number(new URL(url).port || '5672'));
      proxies.push(proxy);
      const collector = await Collector.start(await bus.open({}, proxy.through(url)), 'oms');
      const had = await collector.atLeast(3);
      await settle(collector);
      proxy.refuse();
      return had;
    };
    for (let turn = 0; turn < 2; turn++) {
      const had = await crash((collector) => collector.settle(collector.deliveries.slice(0, 1)));
      expect(had.map(({ suspect }) => suspect)).to.deep.equal([false, false, false]);
    }
    const suspects = await crash(async (collector) => {
      await collector.settle(collector.deliveries.slice(0, 1));
      const [, killer] = collector.deliveries;
      if (killer !== undefined) expect(await collector.consumer.begin(killer)).to.equal(1);
    });
    expect(suspects.map(({ suspect, message: { envelope } }) => [suspect, envelope.id])).to.deep.equal([
      [true, 'k0'],
      [true, 'k1'],
      [true, 'k2'],
    ]);
    const last = await Collector.start(await bus.open(), 'oms');
    const [killer] = await last.atLeast(2);
    expect(last.ids).to.deep.equal(['k1', 'k2']);
    if (killer !== undefined) expect(await last.consumer.begin(killer)).to.equal(2);
  });

  it('suspects of an ordered queue what can have been in hand, and the rest when it has come back five times', async () => {
    const window = 4;
    const flagsAfter = async (crashes: number): Promise<readonly boolean[]> => {
      const bus = await create();
      const sender = await bus.open();
      // Each by itself, so that each counts for one.
      for (let n = 0; n < 12; n++) await sender.send([outgoing({ id: `m${String(n)}`, key: 'k' })]);
      for (let turn = 0; turn < crashes; turn++) {
        const proxy = await tcpProxy(Number(new URL(url).port || '5672'));
        proxies.push(proxy);
        const transport = await bus.open({}, proxy.through(url));
        await (await Collector.start(transport, 'oms', { window })).atLeast(window);
        proxy.refuse();
      }
      const last = await Collector.drain(await bus.open(), 'oms', window);
      return (await last.atLeast(12)).map(({ suspect }) => suspect);
    };
    expect(await flagsAfter(2)).to.deep.equal([true, true, true, true, ...Array.from({ length: 8 }, () => false)]);
    expect(await flagsAfter(5)).to.deep.equal(Array.from({ length: 12 }, () => true));
  });

  /** Keys of one slot, so that their messages come together. */
  const [a = '', b = '', c = ''] = Array.from({ length: 1_000 }, (_, n) => `s${String(n)}`).filter(
    (key) => slotOf(key, 16) === 0,
  );

  /** Messages of these keys that two processes had in hand, one after the other, which are gone. */
  const suspects = async (bus: RabbitBus): Promise<void> => {
    await (await bus.open()).send([a, b, c].map((key) => outgoing({ id: key, key })));
    for (let turn = 0; turn < 2; turn++) await (await held(bus)).crash();
  };

  /** A process that has all of them in hand. */
  const held = async (bus: RabbitBus): Promise<{ collector: Collector; crash: () => Promise<void> }> => {
    const proxy = await tcpProxy(Number(new URL(url).port || '5672'));
    proxies.push(proxy);
    const collector = await Collector.start(await bus.open({}, proxy.through(url)), 'oms');
    await collector.atLeast(3);
    return {
      collector,
      crash: () => {
        proxy.refuse();
        return Promise.resolve();
      },
    };
  };

  it('has suspects begun together once, and alone those that a process had begun which is gone', async () => {
    const bus = await create();
    await suspects(bus);
    const { collector, crash } = await held(bus);
    const [one, two, three] = await collector.atLeast(3);
    if (one === undefined || two === undefined || three === undefined) throw new Error('no deliveries');
    expect([one, two, three].map(({ suspect }) => suspect)).to.deep.equal([true, true, true]);
    const { consumer } = collector;
    expect(await consumer.beginTogether?.([one, two])).to.deep.equal(new Set());
    expect(await consumer.beginTogether?.([one, two]), 'by the same process').to.deep.equal(new Set());
    await crash();
    const last = await Collector.start(await bus.open(), 'oms');
    const again = await last.atLeast(3);
    const alone = await last.consumer.beginTogether?.(again);
    expect([...(alone ?? [])].map(({ message: { envelope } }) => envelope.id)).to.deep.equal([a, b]);
    for (const each of again) expect(await last.consumer.begin(each)).to.equal(1);
  });

  it('has suspects handled together, with nothing else beside them, and then those alone that were in hand at another crash', async () => {
    const bus = await create();
    await suspects(bus);
    const inHand = new Map<string, () => void>();
    const attend = async (transport: Transport): Promise<Dispatcher> => {
      const dispatcher = new Dispatcher({
        endpoint: 'oms',
        ordering: 'key',
        retry: { immediate: 1, attempts: 5, delayMs: 10, factor: 1, maxMs: 10 },
        holdMs: 60_000,
        timeoutMs: 600_000,
        concurrency: 10,
        process: ({ delivery: { message: each } }) =>
          new Promise((resolve) => {
            inHand.set(each.envelope.id, () => {
              inHand.delete(each.envelope.id);
              resolve({ outcome: 'done', sends: [] });
            });
          }),
        clock: systemClock,
        log: testLog,
      });
      await dispatcher.start(transport);
      return dispatcher;
    };
    const proxy = await tcpProxy(Number(new URL(url).port || '5672'));
    proxies.push(proxy);
    const sender = await bus.open();
    const first = await attend(await bus.open({}, proxy.through(url)));
    await until('them in hand', () => inHand.size >= 3);
    await sender.send([outgoing({ id: 'fresh', key: 'other' })]);
    await until('the other one to come', async () => (await sender.stats()).endpoints[0]?.inHand === 4);
    expect([...inHand.keys()].sort()).to.deep.equal([a, b, c].sort());
    proxy.refuse();
    await first.close(0);
    inHand.clear();
    const second = await attend(await bus.open());
    const order: string[] = [];
    for (let n = 1; n <= 4; n++) {
      await until('the next in hand', () => inHand.size > 0);
      expect(inHand.size, 'it is alone').to.equal(1);
      for (const [id, end] of [...inHand]) {
        order.push(id);
        end();
      }
    }
    expect(order.filter((id) => id !== 'fresh')).to.deep.equal([a, b, c]);
    await until('the end', async () => (await sender.stats()).endpoints[0]?.waiting === 0);
    await second.close();
  });

  it('attaches again when the queue was deleted and made again', async () => {
    const bus = await create();
    const transport: Transport = await bus.open();
    const collector = await Collector.drain(transport, 'oms');
    await transport.send([outgoing({ id: 'before' })]);
    await collector.atLeast(1);
    await collector.settled();
    const connection = await connect(url);
    const channel = await connection.createChannel();
    await channel.deleteQueue(queueOf(bus));
    await connection.close();
    await transport.apply(bus.manifest);
    await transport.send([outgoing({ id: 'after' })]);
    await collector.atLeast(2);
    expect(collector.ids).to.deep.equal(['before', 'after']);
  });

  it('keeps a message of an unknown type parked although somebody watches everything', async () => {
    const bus = await create();
    const transport = await bus.open();
    const seen: string[] = [];
    const tap = await transport.tap('all', ({ envelope }) => seen.push(envelope.id));
    await transport.send([outgoing({ id: 'unknown', type: 'shop.return.asked' }), outgoing({ id: 'known' })]);
    await until('both to be seen', () => seen.length === 2);
    expect(seen.sort()).to.deep.equal(['known', 'unknown']);
    expect(idsOf(await all(transport.parked.list()))).to.deep.equal(['unknown']);
    await tap.close();
  });

  it('counts members of batches, not batches, while their publisher lives', async () => {
    const bus = await create();
    const transport = await bus.open();
    await transport.send(onBus(series('k', 50)));
    const oms = (await transport.stats()).endpoints.find(({ name }) => name === 'oms');
    expect(oms?.waiting).to.equal(50);
    const collector = await Collector.start(transport, 'oms', { window: 10, each: (delivery) => done(delivery) });
    await collector.atLeast(50);
    await collector.settled();
    expect((await transport.stats()).ledger).to.include({ made: 50, done: 50, waiting: 0 });
  });
});

import { connect } from 'amqplib';
import { expect } from 'chai';
import { toError } from '../../src/errors.ts';
import { partitionOf, slotOf } from '../../src/message.ts';
import type { Manifest } from '../../src/ports/topology.ts';
import type { Consumer, Transport } from '../../src/ports/transport.ts';
import { type Sketch, topologyOf } from '../conformance/harness.ts';
import { broker } from '../support/broker.ts';
import { Collector, done } from '../support/collector.ts';
import { idsByKey, idsOf, message, outgoing } from '../support/messages.ts';
import { RabbitBus } from '../support/rabbit-bus.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const TYPE = 'shop.order.placed@1';
const KEYS = 12;
/** What is on its way through a broker that nobody else loads arrives sooner. @unit milliseconds */
const SETTLE = 300;

/** Publishes to all keys in turn, until it is stopped, and knows what was confirmed. */
class Stream {
  readonly sent = new Map<string, string[]>();
  #stopped = false;
  #running: Promise<void> | undefined;
  #failed: Error | undefined;
  total = 0;

  static start(transport: Transport): Stream {
    const stream = new Stream();
    stream.#running = stream.#run(transport).catch((error: unknown) => {
      stream.#failed = toError(error);
    });
    return stream;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    if (this.#failed !== undefined) throw this.#failed;
  }

  async #run(transport: Transport): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      const round = Array.from({ length: KEYS }, (_, key) =>
        message({ key: `k${String(key)}`, id: `k${String(key)}-${String(n)}` }),
      );
      await transport.send(round.map((each) => ({ to: 'bus', message: each })));
      for (const { envelope } of round) {
        const ids = this.sent.get(envelope.key ?? '') ?? [];
        ids.push(envelope.id);
        this.sent.set(envelope.key ?? '', ids);
        this.total += 1;
      }
    }
  }
}

/** Notes in which order several consumers were handed messages, and settles each. */
async function gather(transports: readonly Transport[], endpoint: string) {
  const handled: { message: ReturnType<typeof message> }[] = [];
  const consumers: Consumer[] = [];
  for (const transport of transports) {
    const consumer = await transport.consume(endpoint, {
      window: 50,
      receive: (deliveries) => {
        handled.push(...deliveries);
        void until('the consumer', () => own.current !== undefined).then(() =>
          own.current?.settle(deliveries.map((delivery) => done(delivery))),
        );
      },
    });
    const own: { current?: Consumer } = { current: consumer };
    consumers.push(consumer);
  }
  return { handled, consumers };
}

describe('changing the queues of a bus under traffic', () => {
  let url = '';
  const buses: RabbitBus[] = [];
  before(async function () {
    url = (await broker(this)).url;
  });
  afterEach(async function () {
    this.timeout(240_000);
    for (const bus of buses.splice(0)) await bus.destroy();
  });
  const create = async (sketch: Sketch): Promise<RabbitBus> => {
    const bus = await RabbitBus.create(url, sketch);
    buses.push(bus);
    return bus;
  };
  let edition = 0;
  const next = (bus: RabbitBus, sketch: Sketch): Manifest => ({
    ...bus.manifest,
    edition: `edition-${String(++edition)}`,
    topology: topologyOf(sketch, bus.manifest.bus),
  });
  const divided = (partitions: number, slots = 4): Sketch => ({
    endpoints: { oms: { takes: [TYPE], partitions } },
    slots,
  });

  it('divides an endpoint anew, and again, losing nothing and no order of a key', async function () {
    this.timeout(240_000);
    const bus = await create(divided(2));
    const [publisher, first, second, applier] = await Promise.all(
      [1, 2, 3, 4].map(() => bus.open({ settleMs: SETTLE })),
    );
    if (!publisher || !first || !second || !applier) throw new Error('not open');
    const { handled } = await gather([first, second], 'oms');
    const stream = Stream.start(publisher);
    const more = (count: number): Promise<unknown> => {
      const from = handled.length;
      return until('more to be handled', () => handled.length >= from + count, { deadlineMs: 90_000 });
    };
    await more(100);
    const { changes } = await applier.apply(next(bus, divided(4)));
    expect(changes).to.include('endpoint oms: changed, partitions 2 -> 4');
    expect(changes).to.include('old queues (generation 1) of endpoint oms: deleted');
    await more(100);
    // More partitions than slots: publishers learn the new slots first.
    await applier.apply(next(bus, divided(5, 8)));
    await more(100);
    await stream.stop();
    await until('all to be handled', () => handled.length >= stream.total, {
      deadlineMs: 90_000,
      describe: () => `${String(handled.length)} of ${String(stream.total)}`,
    });
    expect(idsByKey(handled)).to.deep.equal(stream.sent);
    const stats = await applier.stats();
    expect(stats).to.include({ dead: 0, parked: 0 });
  });

  it('loses nothing and no order of a key when apply is interrupted at each of its steps and run again', async function () {
    this.timeout(480_000);
    const bus = await create(divided(2));
    const [publisher, consumer, applier] = await Promise.all([1, 2, 3].map(() => bus.open({ settleMs: SETTLE })));
    if (!publisher || !consumer || !applier) throw new Error('not open');
    const { handled } = await gather([consumer], 'oms');
    const stream = Stream.start(publisher);
    const steps: string[] = [];
    let interrupted = true;
    for (let turn = 1; interrupted; turn++) {
      const proxy = await tcpProxy(Number(new URL(url).port || '5672'));
      let ended = false;
      // At the first step of a kind at which it was not interrupted yet.
      const note = (fields: object, text: string): void => {
        if (ended || text !== 'apply' || !('what' in fields)) return;
        const step = String(fields.what).replace(/^deleted .*/, 'deleted');
        if (steps.includes(step)) return;
        ended = true;
        steps.push(step);
        proxy.cut();
      };
      const silent = (): void => undefined;
      const failing = await bus.open(
        { settleMs: SETTLE, log: { debug: note, info: silent, warn: silent, error: silent } },
        proxy.through(url),
      );
      // Another number of partitions each time, so that there is something to do at each step.
      const manifest = next(bus, divided(turn % 2 === 0 ? 2 : 3));
      interrupted = await failing.apply(manifest).then(
        () => false,
        () => true,
      );
      await failing.close();
      await proxy.close();
      const from = handled.length;
      await applier.apply(manifest);
      await until('more to be handled', () => handled.length > from, { deadlineMs: 90_000 });
    }
    await stream.stop();
    await until('all to be handled', () => handled.length >= stream.total, { deadlineMs: 90_000 });
    expect(steps).to.include.members(['intent', 'base', 'queues of oms', 'bus bindings', 'applied', 'deleted']);
    expect(idsByKey(handled)).to.deep.equal(stream.sent);
    expect(await applier.stats()).to.include({ dead: 0, parked: 0 });
  });

  it('shares the queues of old slots with new ones, so that a key stays in its place', async () => {
    const bus = await create(divided(4, 4));
    const old = await bus.open();
    const applier = await bus.open();
    const ids = Array.from({ length: 20 }, (_, n) => `k${String(n % 10)}-${String(n)}`);
    const send = (transport: Transport, from: number, to: number): Promise<void> =>
      transport.send(ids.slice(from, to).map((id) => outgoing({ id, key: id.slice(0, 2) })));
    await send(old, 0, 10);
    const { changes } = await applier.apply(next(bus, divided(4, 32)));
    expect(changes.filter((line) => line.startsWith('endpoint'))).to.deep.equal([]);
    await send(applier, 10, 20);
    const collector = await Collector.drain(applier, 'oms');
    const found = idsByKey(await collector.atLeast(20));
    for (const [key, list] of found) expect(list, key).to.deep.equal(ids.filter((id) => id.startsWith(`${key}-`)));
    const partitions = new Map<string, Set<number>>();
    for (const { message: found, lease } of collector.deliveries) {
      const key = found.envelope.key ?? '';
      partitions.set(key, (partitions.get(key) ?? new Set()).add(lease.partition));
    }
    for (const [key, places] of partitions) expect([...places], key).to.have.length(1);
  });

  it('divides an endpoint anew over slots that the bus has got, where few of them fill its partitions unevenly', async () => {
    const bus = await create(divided(4, 4));
    const applier = await bus.open({ settleMs: SETTLE });
    const wanted = next(bus, divided(3, 16));
    await applier.apply(wanted);
    const collector = await Collector.drain(applier, 'oms');
    const keys = Array.from({ length: 160 }, (_, n) => `k${String(n)}`);
    await applier.send(keys.map((key) => outgoing({ id: key, key })));
    await collector.atLeast(keys.length);
    const counts = [0, 1, 2].map((at) => collector.deliveries.filter(({ lease }) => lease.partition === at).length);
    expect(counts).to.deep.equal(
      [0, 1, 2].map((at) => keys.filter((key) => partitionOf(slotOf(key, 16), 3) === at).length),
    );
    expect((await applier.apply(wanted)).changes).to.deep.equal([]);
  });

  it('brings what is retried back to a removed endpoint, whatever slots the bus has by then', async () => {
    const both: Sketch = { endpoints: { oms: {}, fax: { takes: [TYPE], ordering: 'none' } }, slots: 4 };
    const bus = await create(both);
    const transport = await bus.open({ settleMs: SETTLE });
    const keys = Array.from({ length: 12 }, (_, n) => `k${String(n)}`);
    await transport.send(keys.map((key) => outgoing({ id: key, key })));
    const collector = await Collector.start(transport, 'fax');
    const had = await collector.atLeast(keys.length);
    await transport.apply(next(bus, { endpoints: { oms: {} }, slots: 64 }));
    await collector.consumer.settle(had.map((delivery) => ({ delivery, outcome: 'retry', delayMs: 0, attempts: [] })));
    const again = await collector.atLeast(2 * keys.length);
    expect(idsOf(again.slice(keys.length)).sort()).to.deep.equal([...keys].sort());
    expect(await transport.stats()).to.include({ parked: 0 });
  });

  it('takes a removed endpoint whose queues somebody deleted for drained, also when the bus gets slots', async () => {
    const both: Sketch = { endpoints: { oms: { takes: [TYPE] }, fax: { takes: [TYPE] } }, slots: 4 };
    const bus = await create(both);
    const transport = await bus.open({ settleMs: SETTLE });
    await transport.send([outgoing()]);
    await transport.apply(next(bus, { endpoints: { oms: { takes: [TYPE] } }, slots: 4 }));
    const connection = await connect(url);
    await (await connection.createChannel()).deleteQueue(`${bus.manifest.bus}.ep.fax.1.0`);
    await connection.close();
    const { changes } = await transport.apply(next(bus, { endpoints: { oms: { takes: [TYPE] } }, slots: 16 }));
    expect(changes).to.include('queues of the removed endpoint fax: deleted');
    expect(await transport.retired()).to.deep.equal([]);
  });

  it('goes on at a queue that was made by hand, and replaces it', async () => {
    const bus = RabbitBus.bare(url, divided(1));
    buses.push(bus);
    const queue = `${bus.manifest.bus}.ep.oms.1.0`;
    const connection = await connect(url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(queue, { durable: true });
    await connection.close();
    const transport = await bus.open({ settleMs: SETTLE });
    const { changes } = await transport.apply(bus.manifest);
    expect(changes).to.include('old queues (generation 1) of endpoint oms: deleted');
    const collector = await Collector.drain(transport, 'oms');
    await transport.send([outgoing()]);
    await collector.atLeast(1);
  });

  it('takes stale bindings away, and keeps a removed endpoint until it is empty', async () => {
    const both: Sketch = { endpoints: { oms: { takes: [TYPE] }, fax: { takes: [TYPE], kind: 'route' } }, slots: 2 };
    const bus = await create(both);
    const transport = await bus.open({ settleMs: SETTLE });
    await transport.send([outgoing({ id: 'before' })]);
    const removed = next(bus, { endpoints: { oms: { takes: [TYPE] } }, slots: 2 });
    const { changes } = await transport.apply(removed);
    expect(changes).to.include('endpoint fax: removed').and.include(`binding ${TYPE} -> fax: removed`);
    expect(changes.find((line) => line.includes('removed endpoint fax'))).to.contain('kept, 1 message waiting');
    await transport.send([outgoing({ id: 'after' })]);
    expect((await transport.stats()).endpoints.find(({ name }) => name === 'fax')).to.include({
      retired: true,
      waiting: 1,
    });
    const [retired] = await transport.retired();
    expect(retired?.spec.name).to.equal('fax');
    expect(retired?.manifest?.edition).to.equal(bus.manifest.edition);
    const collector = await Collector.drain(transport, 'fax');
    await collector.atLeast(1);
    await collector.settled();
    await collector.close();
    expect(collector.ids).to.deep.equal(['before']);
    expect((await transport.apply(removed)).changes).to.deep.equal(['queues of the removed endpoint fax: deleted']);
    expect(await transport.retired()).to.deep.equal([]);
    expect((await transport.apply(removed)).changes).to.deep.equal([]);
  });

  it('touches nothing that the bus does not own', async () => {
    const bus = await create({ endpoints: { oms: { takes: [TYPE] }, fax: {} }, slots: 2 });
    const connection = await connect(url);
    const channel = await connection.createChannel();
    const foreign = `${bus.manifest.bus}.ep.fax.audit`;
    await channel.assertQueue(foreign, { exclusive: true });
    await channel.bindQueue(foreign, `${bus.manifest.bus}.in`, '#');
    const transport = await bus.open({ settleMs: SETTLE });
    await transport.apply(next(bus, { endpoints: { oms: { takes: [TYPE] } }, slots: 2 }));
    await transport.send([outgoing()]);
    await until('the foreign queue gets its copy', async () => (await channel.checkQueue(foreign)).messageCount === 1);
    await connection.close();
  });
});

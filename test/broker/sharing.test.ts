import { expect } from 'chai';
import type { AttendedBy, Transport } from '../../src/ports/transport.ts';
import { broker } from '../support/broker.ts';
import { Collector } from '../support/collector.ts';
import { onBus, rounds } from '../support/messages.ts';
import { expectKeyOrder } from '../support/order.ts';
import { type Peer, PeerProcess } from '../support/peer.ts';
import type { PeerDelivery } from '../support/peer-protocol.ts';
import { RabbitBus } from '../support/rabbit-bus.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const PARTITIONS = 8;
const ORDERS = { endpoints: { oms: { takes: ['shop.order.placed@1'], partitions: PARTITIONS } } };
/** Within how long shares are even again after someone came or went: seconds; the rest is for a loaded machine. */
const EVEN = { deadlineMs: 60_000 };

/** Most messages that wait or are in hand. */
const AHEAD = 400;

const attendedOf = async (transport: Transport): Promise<readonly AttendedBy[]> =>
  (await transport.stats()).endpoints.find(({ name }) => name === 'oms')?.attended ?? [];

/** Waits until so many consumers have all partitions, each its own, evenly within one. */
async function untilEven(transport: Transport, consumers: number): Promise<void> {
  let found: readonly AttendedBy[] = [];
  await until(
    `an even share of ${String(consumers)}`,
    async () => {
      found = await attendedOf(transport);
      const loads = found.map(({ partitions }) => partitions.length);
      const held = found.flatMap(({ partitions }) => partitions).sort((a, b) => a - b);
      return (
        loads.length === consumers &&
        held.join() === Array.from({ length: PARTITIONS }, (_, n) => n).join() &&
        Math.max(...loads) - Math.min(...loads) <= 1
      );
    },
    { ...EVEN, describe: () => JSON.stringify(found) },
  );
}

/** Messages without end, in rounds over all keys, until it is stopped; no faster than they are handled. */
class Stream {
  static readonly #keys = 40;
  readonly #sending: Promise<void>;
  #rounds = 0;
  #ended = false;

  constructor(transport: Transport, seen: () => number) {
    this.#sending = (async () => {
      while (!this.#ended) {
        await until('messages to be handled', () => this.#ended || this.#rounds * Stream.#keys - seen() < AHEAD);
        await transport.send(onBus(rounds(Stream.#keys, this.#rounds + 1, this.#rounds)));
        this.#rounds += 1;
      }
    })();
  }

  async end(): Promise<{ count: number; rounds: number }> {
    this.#ended = true;
    await this.#sending;
    return { count: this.#rounds * Stream.#keys, rounds: this.#rounds };
  }
}

describe('sharing partitions on RabbitMQ', function () {
  this.timeout(480_000);
  let url = '';
  const buses: RabbitBus[] = [];
  const proxies: TcpProxy[] = [];
  const processes: PeerProcess[] = [];
  before(async function () {
    url = (await broker(this)).url;
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((process) => process.kill()));
    for (const bus of buses.splice(0)) await bus.destroy();
    for (const proxy of proxies.splice(0)) await proxy.close();
  });
  const create = async (): Promise<RabbitBus> => {
    const bus = await RabbitBus.create(url, ORDERS);
    buses.push(bus);
    return bus;
  };

  it('is even soon after a process comes, goes or is killed, under traffic, with every key in order and nothing lost', async () => {
    const bus = await create();
    const watcher = await bus.open();
    const target = { kind: 'rabbitmq', url, bus: bus.manifest.bus, parkingBytes: 1 << 28 } as const;
    const handled: PeerDelivery[] = [];
    const settling = new Set<Promise<void>>();
    const gone = new Set<Peer>();
    const faults: unknown[] = [];
    const join = async (): Promise<Peer> => {
      const process = await PeerProcess.start();
      processes.push(process);
      const peer = await process.open(target);
      let at = 0;
      // The process handles nothing by itself: what it has in hand when it is killed comes again elsewhere.
      peer.onDelivery = () => {
        const fresh = peer.deliveries.slice(at);
        at = peer.deliveries.length;
        handled.push(...fresh);
        for (const { message } of fresh) ids.add(message.envelope.id);
        const settled = peer
          .settle(fresh.map(({ index }) => ({ delivery: index, outcome: 'done', sends: [] })))
          .catch((error: unknown) => {
            if (!gone.has(peer)) faults.push(error);
          })
          .finally(() => settling.delete(settled));
        settling.add(settled);
      };
      await peer.consume('oms', 50);
      return peer;
    };
    const ids = new Set<string>();
    const stream = new Stream(watcher, () => ids.size);
    await join();
    await untilEven(watcher, 1);
    const [second, third] = await Promise.all([join(), join()]);
    await untilEven(watcher, 3);
    gone.add(second);
    await second.close();
    await untilEven(watcher, 2);
    gone.add(third);
    await third.kill();
    await untilEven(watcher, 1);
    const sent = await stream.end();
    await until('every message', () => ids.size === sent.count, {
      describe: () => `${String(ids.size)} of ${String(sent.count)}`,
    });
    await Promise.all(settling);
    expect(faults).to.deep.equal([]);
    expectKeyOrder(handled, sent.rounds);
    expect(await watcher.parked.count(), 'parked').to.equal(0);
  });

  it('goes on with everything in one that hears nobody, and loses nothing while views differ', async () => {
    const bus = await create();
    const near = await bus.open();
    const proxy = await tcpProxy(Number(new URL(url).port || '5672'));
    proxies.push(proxy);
    const first = await Collector.drain(near, 'oms');
    const collectors = [first];
    const seen = (): number => new Set(collectors.flatMap(({ ids }) => ids)).size;
    const stream = new Stream(near, seen);
    const far = await bus.open({}, proxy.through(url));
    collectors.push(await Collector.drain(far, 'oms'));
    await untilEven(near, 2);
    proxy.halfOpen();
    await until(
      'the first to have all',
      async () => (await attendedOf(near)).some(({ partitions }) => partitions.length === 8),
      EVEN,
    );
    proxy.cut();
    await untilEven(near, 2);
    const sent = await stream.end();
    await until('every message', () => seen() === sent.count, {
      describe: () => `${String(seen())} of ${String(sent.count)}`,
    });
    await first.settled();
    expect(await near.parked.count(), 'parked').to.equal(0);
  });

  it('lets what is in hand of a partition end before another consumer gets it', async () => {
    const bus = await create();
    const transport = await bus.open();
    const first = await Collector.start(transport, 'oms');
    await transport.send(onBus(rounds(40, 1)));
    const had = await first.atLeast(40);
    const second = await Collector.drain(await bus.open(), 'oms');
    await until(
      'the second to stand by',
      async () => (await attendedOf(transport)).some(({ partitions }) => partitions.length === 4),
      EVEN,
    );
    await transport.send(onBus(rounds(40, 2, 1)));
    expect(second.ids).to.deep.equal([]);
    expect(had.filter(({ lease }) => lease.revoked)).to.deep.equal([]);
    await first.settle(had);
    await second.atLeast(1);
    await until(
      'even shares',
      async () => {
        const found = await attendedOf(transport);
        return found.every(({ partitions }) => partitions.length === 4);
      },
      EVEN,
    );
    await until('the first to have its own', () => first.deliveries.length + second.deliveries.length >= 80);
    expect(new Set([...first.ids, ...second.ids]).size).to.equal(80);
    expect(first.ids.length + second.ids.length, 'no repeats').to.equal(80);
    await first.settle(first.deliveries.slice(40));
  });

  it('does not share what has no order: every consumer takes from all partitions', async () => {
    const bus = await RabbitBus.create(url, {
      endpoints: { oms: { takes: ['shop.order.placed@1'], ordering: 'none' } },
    });
    buses.push(bus);
    const one = await bus.open();
    await Collector.drain(one, 'oms');
    await Collector.drain(await bus.open(), 'oms');
    await until('both to attend it', async () => {
      const found = await attendedOf(one);
      return found.length === 2 && found.every(({ partitions }) => partitions.join() === '0');
    });
  });
});

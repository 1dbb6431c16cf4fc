import { expect } from 'chai';
import { toError } from '../../src/errors.ts';
import type { Consumer, Delivery, Transport } from '../../src/ports/transport.ts';
import { Collector, done } from '../support/collector.ts';
import { onBus, rounds } from '../support/messages.ts';
import { expectKeyOrder } from '../support/order.ts';
import { until, within } from '../support/until.ts';
import { conformance } from './conformance.ts';

const ORDERS = { oms: { takes: ['shop.order.placed@1'], partitions: 4 } };

/** Watches all consumers of one endpoint: who has which partition in hand, and what was handled in which order. */
class Floor {
  readonly handled: Delivery[] = [];
  readonly overlaps: string[] = [];
  readonly #inHand = new Map<Delivery, string>();
  #error: Error | undefined;

  /** A consumer that settles each delivery as done, by itself. */
  async join(name: string, transport: Transport, window: number): Promise<Consumer> {
    const early: Delivery[] = [];
    const started: { consumer?: Consumer } = {};
    const take = (deliveries: readonly Delivery[], settling: Consumer): void => {
      // Handled for some turns of the event loop, so that they are in hand; what comes after `settle` is the transport's affair.
      const handle = (turns: number): void => {
        if (turns > 0) {
          setImmediate(handle, turns - 1);
          return;
        }
        for (const delivery of deliveries) this.#inHand.delete(delivery);
        settling.settle(deliveries.map((delivery) => done(delivery))).catch((error: unknown) => {
          this.#error ??= toError(error);
        });
      };
      handle(3);
    };
    const consumer = await transport.consume('oms', {
      window,
      receive: (deliveries) => {
        for (const delivery of deliveries) this.#enter(name, delivery);
        if (started.consumer === undefined) early.push(...deliveries);
        else take(deliveries, started.consumer);
      },
    });
    started.consumer = consumer;
    take(early, consumer);
    return consumer;
  }

  get ids(): Set<string> {
    if (this.#error !== undefined) throw this.#error;
    return new Set(this.handled.map(({ message }) => message.envelope.id));
  }

  #enter(name: string, delivery: Delivery): void {
    const { partition } = delivery.lease;
    for (const [other, holder] of this.#inHand) {
      if (holder !== name && other.lease.partition === partition && !other.lease.revoked) {
        this.overlaps.push(`${name} was given partition ${String(partition)} while ${holder} had it in hand`);
      }
    }
    this.#inHand.set(delivery, name);
    this.handled.push(delivery);
  }
}

conformance('handing partitions over', ({ open }) => {
  it('has one consumer in hand of a partition at a time, in order, while consumers come and go', async function () {
    this.timeout(240_000);
    const { bus, transport } = await open({ endpoints: ORDERS });
    const floor = new Floor();
    const sending = (async () => {
      for (let round = 0; round < 40; round++) await transport.send(onBus(rounds(50, round + 1, round)));
    })();
    const first = await floor.join('first', transport, 100);
    await until('the first to handle some', () => floor.ids.size > 200);
    const connection = await bus.connect();
    const second = await floor.join('second', connection, 100);
    await until('more', () => floor.ids.size > 500);
    await within('close of the first', first.close());
    await until('the second to go on', () => floor.ids.size > 900);
    const third = await floor.join('third', transport, 100);
    await within('close of the second', second.close());
    await sending;
    await until('every message', () => floor.ids.size === 2_000, { describe: () => String(floor.ids.size) });
    await third.close();
    expect(floor.overlaps).to.deep.equal([]);
    expectKeyOrder(floor.handled, 40);
  });

  it('gives all partitions to the one that is left', async () => {
    const { bus, transport } = await open({ endpoints: ORDERS });
    const leaving = await bus.connect();
    const gone = await Collector.start(leaving, 'oms', { window: 50 });
    const left = await Collector.drain(transport, 'oms');
    await transport.send(onBus(rounds(40, 5)));
    await until('all to be with somebody', () => gone.deliveries.length + left.deliveries.length >= 40);
    await leaving.close();
    await until('every message', () => new Set(left.ids).size === 200, {
      describe: () => String(new Set(left.ids).size),
    });
    expectKeyOrder(left.deliveries, 5);
  });

  it('gives what a killed process had in hand to another, in order, before later messages', async function () {
    this.timeout(240_000);
    const { bus, transport } = await open({ endpoints: ORDERS });
    const peer = await bus.peer();
    await transport.send(onBus(rounds(20, 10)));
    await peer.consume('oms', 60);
    const had = await peer.atLeast(60);
    const settled = had.slice(0, 20);
    await peer.settle(settled.map(({ index }) => ({ delivery: index, outcome: 'done', sends: [] })));
    await peer.kill();
    await transport.send(onBus(rounds(20, 12, 10)));
    const collector = await Collector.drain(transport, 'oms');
    const gone = new Set(settled.map(({ message }) => message.envelope.id));
    await until('every message', () => new Set(collector.ids).size === 240 - gone.size, { deadlineMs: 90_000 });
    expect(
      collector.ids.filter((id) => gone.has(id)),
      'settled ones that came again',
    ).to.deep.equal([]);
    expectKeyOrder([...settled, ...collector.deliveries], 12);
  });

  it('loses nothing when connections close in the middle of the stream', async function () {
    this.timeout(240_000);
    const { bus, transport } = await open({ endpoints: ORDERS });
    const stream = { ended: false, rounds: 0 };
    // Goes on for as long as there are turns: a quick consumer would have emptied a stream of fixed length before the last of them.
    const sending = (async () => {
      for (; !stream.ended; stream.rounds++) {
        await transport.send(onBus(rounds(50, stream.rounds + 1, stream.rounds)));
      }
    })();
    const floor: Delivery[] = [];
    try {
      for (let turn = 0; turn < 4; turn++) {
        const connection = await bus.connect();
        const collector = await Collector.drain(connection, 'oms', 40);
        await collector.atLeast(60);
        await within('close', connection.close());
        floor.push(...collector.deliveries);
      }
    } finally {
      stream.ended = true;
      await sending;
    }
    const last = await Collector.drain(transport, 'oms', 200);
    const seen = (): Set<string> => new Set([...floor, ...last.deliveries].map(({ message }) => message.envelope.id));
    const sent = 50 * stream.rounds;
    await until('every message', () => seen().size === sent, {
      describe: () => `${String(seen().size)} of ${String(sent)}`,
    });
    expectKeyOrder([...floor, ...last.deliveries], stream.rounds);
  });
});

import { expect } from 'chai';
import { WaybillError } from '../../src/errors.ts';
import type { TransportStatus } from '../../src/ports/transport.ts';
import { all, Collector } from '../support/collector.ts';
import { onBus, outgoing, rounds, series } from '../support/messages.ts';
import { expectKeyOrder } from '../support/order.ts';
import { rejection } from '../support/rejection.ts';
import { until, within } from '../support/until.ts';
import { conformance } from './conformance.ts';

const ORDERS = { oms: { takes: ['shop.order.placed@1'], partitions: 2 } };

conformance('life of a connection', ({ open, create, harness }) => {
  it('says that it is connected, and who owns', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    expect(transport.kind).to.equal(harness.kind);
    expect(transport.status()).to.include({ connected: true, owner: harness.name === 'embedded, owned' });
  });

  it('closes twice in peace, also at the same time', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    await within('two closes', Promise.all([transport.close(), transport.close()]));
    await within('a third', transport.close());
  });

  it('refuses everything by name after it is closed', async () => {
    const { bus, transport } = await open({ endpoints: ORDERS });
    const collector = await Collector.start(transport, 'oms');
    await transport.close();
    const uses: Readonly<Record<string, () => Promise<unknown>>> = {
      send: () => transport.send([outgoing()]),
      consume: () => transport.consume('oms', { window: 1, receive: () => undefined }),
      tap: () => transport.tap('all', () => undefined),
      stats: () => transport.stats(),
      manifest: () => transport.manifest(),
      apply: () => transport.apply(bus.manifest),
      list: () => all(transport.dead.list()),
      count: () => transport.dead.count(),
      redrive: () => transport.dead.redrive({}, { by: 'ada' }),
      discard: () => transport.parked.discard({}, { by: 'ada' }),
      audit: () => all(transport.audit()),
    };
    for (const [name, use] of Object.entries(uses)) {
      expect((await within(name, rejection(use()))).code, name).to.equal('WB_CLOSED');
    }
    expect(transport.status().connected).to.be.false;
    await within('close of its consumer', collector.close());
  });

  it('settles each send in flight when it closes: durable, or refused by name', async () => {
    const { bus, transport } = await open({ endpoints: ORDERS });
    const messages = rounds(20, 20);
    const sends = messages.map((each) =>
      transport.send([{ to: 'bus', message: each }]).then(
        () => each.envelope.id,
        (error: unknown) => {
          if (error instanceof WaybillError) return undefined;
          throw error;
        },
      ),
    );
    await within('close', transport.close());
    const acknowledged = (await within('the sends', Promise.all(sends))).filter((id) => id !== undefined);
    const collector = await Collector.drain(await bus.connect(), 'oms');
    await collector.atLeast(acknowledged.length);
    expect(collector.ids).to.include.members(acknowledged);
  });

  it('sends nothing and settles nothing without complaint', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    await within('an empty send', transport.send([]));
    const collector = await Collector.start(transport, 'oms');
    await within('an empty settle', collector.consumer.settle([]));
  });

  it('closes a consumer twice, and again after its connection', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    const collector = await Collector.start(transport, 'oms');
    await Promise.all([collector.close(), collector.close()]);
    await transport.close();
    await within('the last close', collector.close());
  });

  it('lets several consumers of one connection close one by one', async () => {
    const { transport } = await open({ endpoints: { ...ORDERS, mail: { takes: ['shop.order.placed@1'] } } });
    const oms = await Collector.drain(transport, 'oms');
    const mail = await Collector.drain(transport, 'mail');
    await transport.send(onBus(series('k', 5)));
    await oms.atLeast(5);
    await oms.settled();
    await oms.close();
    await transport.send(onBus(series('l', 5)));
    await mail.atLeast(10);
    expect(oms.ids).to.have.length(5);
  });

  it('goes on by itself after its connection broke: nothing acknowledged is lost, each key in order', async function () {
    this.timeout(240_000);
    const bus = await create({ endpoints: ORDERS });
    if (bus.cut === undefined) return this.skip();
    const transport = await bus.connect();
    const consuming = await bus.connect();
    const statuses: TransportStatus[] = [];
    transport.onStatus((status) => statuses.push(status));
    const collector = await Collector.drain(consuming, 'oms');
    const messages = rounds(20, 30);
    for (const [at, each] of messages.entries()) {
      if (at === 200) await bus.cut();
      // A refused send may be durable or not, so it is sent again with the same id, as the port says.
      await until('the send', () =>
        transport.send([{ to: 'bus', message: each }], { deadlineMs: 5_000 }).then(
          () => true,
          (error: unknown) => {
            expect(error).to.be.instanceOf(WaybillError);
            return false;
          },
        ),
      );
    }
    await until('every message', () => new Set(collector.ids).size === messages.length, { deadlineMs: 90_000 });
    expectKeyOrder(collector.deliveries, 30);
    expect(
      statuses.some(({ connected }) => !connected),
      'it said that it was not connected',
    ).to.be.true;
    expect(transport.status().connected).to.be.true;
  });

  it('gives an answer by name to sends that are in flight when the connection breaks', async function () {
    this.timeout(240_000);
    const bus = await create({ endpoints: ORDERS });
    if (bus.cut === undefined) return this.skip();
    const transport = await bus.connect();
    await transport.send([outgoing({ id: 'first', key: 'k' })]);
    const sends = rounds(20, 20).map((each) =>
      transport.send([{ to: 'bus', message: each }], { deadlineMs: 10_000 }).then(
        () => each.envelope.id,
        (error: unknown) => {
          if (error instanceof WaybillError) return undefined;
          throw error;
        },
      ),
    );
    await bus.cut();
    const acknowledged = (await within('an answer to each', Promise.all(sends))).filter((id) => id !== undefined);
    const collector = await Collector.drain(transport, 'oms');
    await until('what was acknowledged', () => acknowledged.every((id) => collector.ids.includes(id)), {
      deadlineMs: 60_000,
    });
  });

  it('ends a close, and gives sends in flight an answer by name, while the far side reads nothing more', async function () {
    this.timeout(240_000);
    const { bus, transport } = await open({ endpoints: ORDERS });
    if (bus.freeze === undefined || bus.thaw === undefined) return this.skip();
    bus.freeze();
    const body = Buffer.from(JSON.stringify('x'.repeat(500_000)));
    const sends = Array.from({ length: 20 }, () => rejection(transport.send([outgoing({ body })])));
    await within('the close', transport.close());
    for (const refused of await within('the answers', Promise.all(sends))) {
      expect(refused).to.have.property('code', 'WB_CLOSED');
    }
    bus.thaw();
  });

  it('revokes what was in hand when the connection breaks, and delivers it again', async function () {
    this.timeout(240_000);
    const bus = await create({ endpoints: ORDERS });
    if (bus.cut === undefined) return this.skip();
    const transport = await bus.connect();
    await transport.send(onBus(rounds(5, 4)));
    const collector = await Collector.start(transport, 'oms', { window: 20 });
    const had = [...(await collector.atLeast(20))];
    await bus.cut();
    await until('the leases to be revoked', () => had.every(({ lease }) => lease.revoked && lease.signal.aborted), {
      deadlineMs: 45_000,
    });
    await until('all again', () => collector.deliveries.length >= 40, { deadlineMs: 90_000 });
    const again = collector.deliveries.slice(20).filter(({ lease }) => !lease.revoked);
    expectKeyOrder(again, 4);
    await collector.settle(again);
  });
});

import { expect } from 'chai';
import { Collector, done } from '../support/collector.ts';
import { onBus, outgoing, rounds, series } from '../support/messages.ts';
import { expectKeyOrder } from '../support/order.ts';
import { rejection } from '../support/rejection.ts';
import { until } from '../support/until.ts';
import { conformance } from './conformance.ts';

const ORDERS = { oms: { takes: ['shop.order.placed@1'] } };
const PARTITIONED = { oms: { takes: ['shop.order.placed@1'], partitions: 4 } };

conformance('consuming', ({ open }) => {
  it('refuses by name to consume from an endpoint that is not applied', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    const refused = await rejection(transport.consume('nowhere', { window: 1, receive: () => undefined }));
    expect(refused).to.have.property('code', 'WB_PLAN_NOT_APPLIED');
  });

  it('has no more unsettled than the window, and goes on as they are settled', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    await transport.send(onBus(series('k', 50)));
    const collector = await Collector.start(transport, 'oms', { window: 10 });
    let settled = 0;
    while (settled < 50) {
      await until('more deliveries', () => collector.deliveries.length > settled);
      expect(collector.deliveries.length - settled).to.be.at.most(10);
      const batch = collector.deliveries.slice(settled);
      await collector.settle(batch);
      settled += batch.length;
    }
    expect(collector.ids).to.deep.equal(Array.from({ length: 50 }, (_, n) => `k${String(n)}`));
  });

  it('counts the window for each partition by itself', async () => {
    const { transport } = await open({ endpoints: PARTITIONED });
    await transport.send(rounds(64, 5).map((each) => ({ to: 'bus', message: each })));
    const collector = await Collector.start(transport, 'oms', { window: 3 });
    await collector.atLeast(12);
    const byPartition = new Map<number, number>();
    for (const { lease } of collector.deliveries)
      byPartition.set(lease.partition, (byPartition.get(lease.partition) ?? 0) + 1);
    expect([...byPartition.values()]).to.deep.equal([3, 3, 3, 3]);
  });

  it('lets deliveries be settled in any order, and brings back only those that were not', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    await transport.send(onBus(series('k', 10)));
    const collector = await Collector.start(transport, 'oms');
    const all = await collector.atLeast(10);
    const odd = all.filter((_, n) => n % 2 === 1).reverse();
    for (const delivery of odd) await collector.settle([delivery]);
    await collector.close();
    const again = await Collector.drain(transport, 'oms');
    await again.atLeast(5);
    await transport.send([outgoing({ id: 'last', key: 'k' })]);
    await again.atLeast(6);
    expect(again.ids).to.deep.equal(['k0', 'k2', 'k4', 'k6', 'k8', 'last']);
  });

  it('gives back what is unsettled on close, in order and before later messages of the key', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    await transport.send(onBus(rounds(5, 10)));
    const collector = await Collector.start(transport, 'oms', { window: 30 });
    const had = await collector.atLeast(30);
    await collector.settle(had.filter((_, n) => n < 10));
    await collector.close();
    expect(had.every(({ lease }) => lease.revoked && lease.signal.aborted)).to.be.true;
    await transport.send(onBus(rounds(5, 12, 10)));
    const again = await Collector.drain(transport, 'oms');
    await again.atLeast(50);
    expectKeyOrder([...had.slice(0, 10), ...again.deliveries], 12);
  });

  it('hands deliveries again with the attempts and the suspicion unchanged when a consumer closes in peace', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    await transport.send(onBus(series('k', 3)));
    const collector = await Collector.start(transport, 'oms');
    await collector.atLeast(3);
    await collector.close();
    const again = await Collector.drain(transport, 'oms');
    await again.atLeast(3);
    expect(again.deliveries.map(({ attempts }) => attempts)).to.deep.equal([[], [], []]);
  });

  it('skips settlements of a revoked lease, with their sends', async () => {
    const { transport } = await open({ endpoints: { ...ORDERS, mail: {} } });
    await transport.send(onBus(series('k', 2)));
    const collector = await Collector.start(transport, 'oms');
    const [first, second] = await collector.atLeast(2);
    if (first === undefined || second === undefined) throw new Error('two deliveries were expected');
    const mail = await Collector.drain(transport, 'mail');
    await collector.consumer.settle([done(first, [outgoing({ id: 'kept' }, { endpoint: 'mail' })])]);
    await mail.atLeast(1);
    await collector.close();
    await collector.consumer
      .settle([done(second, [outgoing({ id: 'skipped' }, { endpoint: 'mail' })])])
      .catch((error: unknown) => {
        expect(error).to.have.property('code').that.is.oneOf(['WB_CLOSED', 'WB_DELIVERY_REVOKED']);
      });
    const again = await Collector.drain(transport, 'oms');
    await again.atLeast(1);
    await transport.send([outgoing({ id: 'fence' }, { endpoint: 'mail' })]);
    await mail.atLeast(2);
    expect(again.ids).to.deep.equal(['k1']);
    expect(mail.ids).to.deep.equal(['kept', 'fence']);
  });

  it('calls receive no more after stop, and still takes settlements', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    await transport.send(onBus(series('k', 4)));
    const collector = await Collector.start(transport, 'oms', { window: 4 });
    const had = await collector.atLeast(4);
    await collector.consumer.stop();
    await collector.settle(had.slice(0, 3));
    await transport.send([outgoing({ id: 'later', key: 'k' })]);
    expect(collector.deliveries).to.have.length(4);
    await collector.close();
    expect(collector.deliveries).to.have.length(4);
    const again = await Collector.drain(transport, 'oms');
    await again.atLeast(2);
    expect(again.ids).to.deep.equal(['k3', 'later']);
  });

  it('shares an endpoint without order among its consumers', async () => {
    const { bus, transport } = await open({
      endpoints: { mail: { takes: ['shop.order.placed@1'], ordering: 'none', partitions: 1 } },
    });
    const other = await bus.connect();
    const first = await Collector.start(transport, 'mail', { window: 5 });
    const second = await Collector.start(other, 'mail', { window: 5 });
    const messages = series('k', 10);
    for (const each of messages) await transport.send([{ to: 'bus', message: each }]);
    await until('both to have some', () => first.deliveries.length + second.deliveries.length === 10);
    expect(first.deliveries).to.have.length(5);
    expect(second.deliveries).to.have.length(5);
  });

  it('delivers to a consumer that was there before the message, and to one that came later', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    const early = await Collector.drain(transport, 'oms');
    await transport.send([outgoing({ id: 'a', key: 'k' })]);
    await early.atLeast(1);
    await early.settled();
    await early.close();
    await transport.send([outgoing({ id: 'b', key: 'k' })]);
    const late = await Collector.drain(transport, 'oms');
    await late.atLeast(1);
    expect([...early.ids, ...late.ids]).to.deep.equal(['a', 'b']);
  });
});

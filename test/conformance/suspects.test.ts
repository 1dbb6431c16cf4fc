import { expect } from 'chai';
import { Collector, done } from '../support/collector.ts';
import { onBus, outgoing, series } from '../support/messages.ts';
import { conformance } from './conformance.ts';

const ORDERS = { oms: { takes: ['shop.order.placed@1'] } };

conformance('suspects of a crash', ({ create, open }) => {
  it('suspects nothing that has never been in hand', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    await transport.send(onBus(series('k', 5)));
    const collector = await Collector.start(transport, 'oms');
    const deliveries = await collector.atLeast(5);
    expect(deliveries.map(({ suspect }) => suspect)).to.deep.equal([false, false, false, false, false]);
  });

  it('suspects what a killed process had in hand, twice at the latest, and counts how often it was begun over processes', async function () {
    this.timeout(240_000);
    const bus = await create({ endpoints: ORDERS });
    const sender = await bus.peer();
    await sender.send(onBus(series('k', 3)));
    await sender.kill();
    const counts: number[] = [];
    for (let crash = 0; crash < 4; crash++) {
      const peer = await bus.peer();
      await peer.consume('oms');
      const [first] = await peer.atLeast(1);
      if (first === undefined) throw new Error('no delivery');
      expect(first.message.envelope.id).to.equal('k0');
      // RabbitMQ counts a hand-over like a crash, so it suspects from the second time on.
      if (first.suspect) counts.push(await peer.begin(first));
      await peer.kill();
    }
    expect(counts.length).to.be.at.least(2);
    expect(counts).to.deep.equal(counts.map((_, n) => n + 1));
    const transport = await bus.connect();
    const collector = await Collector.start(transport, 'oms');
    const [suspect, ...others] = await collector.atLeast(3);
    if (suspect === undefined) throw new Error('no delivery');
    expect(suspect.suspect).to.be.true;
    expect(await collector.consumer.begin(suspect)).to.equal(counts.length + 1);
    await collector.consumer.settle([done(suspect)]);
    for (const each of others) expect(await collector.consumer.begin(each)).to.equal(1);
    await collector.settle(others);
    await transport.send([outgoing({ id: 'fresh', key: 'k' })]);
    const [, , , fresh] = await collector.atLeast(4);
    expect(fresh?.suspect).to.be.false;
  });

  it('begins nothing whose lease was revoked', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    await transport.send(onBus(series('k', 1)));
    const collector = await Collector.start(transport, 'oms');
    const [delivery] = await collector.atLeast(1);
    if (delivery === undefined) throw new Error('no delivery');
    await collector.close();
    const code = await collector.consumer.begin(delivery).then(
      () => 'begun',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : undefined),
    );
    expect(code).to.be.oneOf(['WB_DELIVERY_REVOKED', 'WB_CLOSED']);
  });

  it('forgets the count of what was settled', async () => {
    const { transport } = await open({ endpoints: ORDERS });
    const collector = await Collector.start(transport, 'oms');
    for (let turn = 1; turn <= 2; turn++) {
      await transport.send([outgoing({ id: 'same', key: 'k' })]);
      const delivery = (await collector.atLeast(turn))[turn - 1];
      if (delivery === undefined) throw new Error('no delivery');
      expect(await collector.consumer.begin(delivery)).to.equal(1);
      await collector.consumer.settle([done(delivery)]);
    }
  });
});

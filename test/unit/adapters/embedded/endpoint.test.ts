import { expect } from 'chai';
import { type Clock, systemClock } from '../../../../src/ports/clock.ts';
import { Collector } from '../../../support/collector.ts';
import { onBus, rounds } from '../../../support/messages.ts';
import { expectKeyOrder } from '../../../support/order.ts';
import { until } from '../../../support/until.ts';
import { Home, plan } from './home.ts';

describe('partitions of an ordered endpoint', () => {
  let home: Home;
  beforeEach(async () => {
    home = await Home.make('bus');
  });
  afterEach(async () => {
    await home.remove();
  });

  it('go to a consumer that joins only when nothing of them is in hand any more', async () => {
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1', endpoints: { oms: { partitions: 2 } } }));
    await transport.send(onBus(rounds(16, 1)));
    const first = await Collector.start(transport, 'oms');
    const held = await first.atLeast(16);
    const second = await Collector.start(transport, 'oms');
    await transport.send(onBus(rounds(16, 2, 1)));
    await until('the joining to be known', async () => (await transport.stats()).endpoints[0]?.consumers === 2);
    expect(second.deliveries).to.deep.equal([]);
    await first.settle(held);
    const moved = await second.atLeast(1);
    const partition = moved[0]?.lease.partition;
    await first.atLeast(16 + 1);
    expect(first.deliveries.slice(16).every(({ lease }) => lease.partition !== partition)).to.be.true;
    await until('all', () => first.deliveries.length + second.deliveries.length === 32);
    expectKeyOrder([...first.deliveries, ...second.deliveries], 2);
    expect(held.some(({ lease }) => lease.revoked && lease.partition !== partition)).to.be.false;
  });

  it('are taken away from a consumer that keeps them in hand for too long', async () => {
    const hurried: Clock = { ...systemClock, timer: (ms, fire) => systemClock.timer(ms / 50, fire, true) };
    const transport = await home.open({ bus: 'retail', clock: hurried });
    await transport.apply(plan({ edition: '1', endpoints: { oms: { partitions: 2 } } }));
    await transport.send(onBus(rounds(16, 1)));
    const first = await Collector.start(transport, 'oms');
    const held = await first.atLeast(16);
    const second = await Collector.drain(transport, 'oms');
    const [moved] = await second.atLeast(1);
    const taken = held.filter(({ lease }) => lease.partition === moved?.lease.partition);
    expect(taken.every(({ lease }) => lease.revoked && lease.signal.aborted)).to.be.true;
    await first.settle(held);
    await second.atLeast(taken.length);
    await second.settled();
    expect((await transport.stats()).ledger).to.include({ made: 16, done: 16, waiting: 0 });
  });

  it('are spread evenly, whatever the order in which consumers come and go', async () => {
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1', endpoints: { oms: { partitions: 7 } } }));
    const collectors: Collector[] = [];
    for (let n = 0; n < 3; n++) collectors.push(await Collector.drain(transport, 'oms'));
    await until('the joining to be known', async () => (await transport.stats()).endpoints[0]?.consumers === 3);
    await transport.send(onBus(rounds(200, 1)));
    await until('all', () => collectors.reduce((sum, { ids }) => sum + ids.length, 0) === 200);
    const shares = collectors.map(({ deliveries }) => new Set(deliveries.map(({ lease }) => lease.partition)).size);
    expect([...shares].sort()).to.deep.equal([2, 2, 3]);
    await collectors[0]?.close();
    await transport.send(onBus(rounds(200, 2, 1)));
    await until('all', () => collectors.reduce((sum, { ids }) => sum + ids.length, 0) === 400);
    const later = collectors
      .slice(1)
      .map(
        ({ deliveries }) =>
          new Set(
            deliveries.filter(({ message }) => message.envelope.id.endsWith('-1')).map(({ lease }) => lease.partition),
          ).size,
      );
    expect([...later].sort()).to.deep.equal([3, 4]);
  });
});

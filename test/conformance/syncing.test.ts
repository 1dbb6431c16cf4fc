import { tmpdir } from 'node:os';
import { expect } from 'chai';
import { Collector, done } from '../support/collector.ts';
import { flushCounter } from '../support/flushes.ts';
import { outgoing } from '../support/messages.ts';
import { conformance } from './conformance.ts';

const TIMES = 40;

/** A killed process cannot show it, since the system keeps what was written; only the device can tell. */
conformance('syncing', ({ open, harness }) => {
  if (harness.name !== 'embedded, owned') return;

  it('has the device make each send and each settlement durable before it resolves', async function () {
    const flushes = flushCounter(tmpdir());
    if (flushes === undefined) return this.skip();
    const { transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
    let before = flushes();
    for (let n = 0; n < TIMES; n++) await transport.send([outgoing()]);
    expect(flushes() - before, 'flushes during the sends').to.be.at.least(TIMES);
    const collector = await Collector.start(transport, 'oms', { window: TIMES });
    const deliveries = await collector.atLeast(TIMES);
    before = flushes();
    for (const delivery of deliveries) await collector.consumer.settle([done(delivery)]);
    expect(flushes() - before, 'flushes during the settlements').to.be.at.least(TIMES);
  });
});

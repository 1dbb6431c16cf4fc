import { expect } from 'chai';
import { Collector } from '../../../support/collector.ts';
import { outgoing } from '../../../support/messages.ts';
import { until } from '../../../support/until.ts';
import { Home, plan } from './home.ts';

const MEGABYTE = Buffer.from(JSON.stringify('x'.repeat(999_998)));

describe('large messages', () => {
  let home: Home;
  beforeEach(async () => {
    home = await Home.make('bus');
  });
  afterEach(async () => {
    await home.remove();
  });

  it('fill the window before their number does, and go on as they are settled', async function () {
    this.timeout(120_000);
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1' }));
    const messages = Array.from({ length: 150 }, (_, n) => outgoing({ key: 'k', id: String(n), body: MEGABYTE }));
    await transport.send(messages);
    const oms = await Collector.start(transport, 'oms', { window: 1_000 });
    let settled = 0;
    while (settled < 150) {
      const inHand = (await oms.atLeast(settled + 1)).length - settled;
      await until('the window to be full', async () => {
        const [endpoint] = (await transport.stats()).endpoints;
        return endpoint?.inHand === Math.min(68, 150 - settled);
      });
      expect(oms.deliveries.length - settled).to.be.within(inHand, 68);
      const batch = oms.deliveries.slice(settled);
      settled += batch.length;
      await oms.settle(batch);
    }
    expect(oms.ids).to.deep.equal(messages.map(({ message }) => message.envelope.id));
  });

  it('may be sent many at once by an attached process', async function () {
    this.timeout(240_000);
    const peer = await home.peer();
    await peer.apply(plan({ edition: '1' }));
    const transport = await home.open({ bus: 'retail' });
    // More than a frame between processes may hold.
    await Promise.all(Array.from({ length: 560 }, () => transport.send([outgoing({ body: MEGABYTE })])));
    expect((await transport.stats()).ledger.made).to.equal(560);
  });
});

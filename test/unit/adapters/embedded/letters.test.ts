import { expect } from 'chai';
import type { Clock } from '../../../../src/ports/clock.ts';
import { systemClock } from '../../../../src/ports/clock.ts';
import { all, Collector } from '../../../support/collector.ts';
import { onBus, series } from '../../../support/messages.ts';
import { Home, plan } from './home.ts';

describe('letters of a folder', () => {
  let home: Home;
  beforeEach(async () => {
    home = await Home.make('bus');
  });
  afterEach(async () => {
    await home.remove();
  });

  it('keep apart what is filed before and after a new start while the clock is behind', async () => {
    let behindMs = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() - behindMs };
    const death = { code: 'WB_HANDLER_FAILED', error: 'no', attempts: [] } as const;
    let transport = await home.open({ bus: 'retail', clock });
    await transport.apply(plan({ edition: '1' }));
    const oms = await Collector.start(transport, 'oms', {
      each: (delivery) => ({ delivery, outcome: 'dead', sends: [], deaths: [death] }),
    });
    await transport.send(onBus(series('first', 1)));
    await oms.atLeast(1);
    await oms.settled();
    behindMs = 3_600_000;
    await transport.send(onBus(series('second', 1)));
    await oms.atLeast(2);
    await oms.settled();
    await transport.send(onBus(series('before', 3, { type: 'shop.return.asked' })));
    await transport.close();
    transport = await home.open({ bus: 'retail', clock });
    await transport.send(onBus(series('after', 3, { type: 'shop.return.asked' })));
    const kept = (await all(transport.parked.list())).map(({ message }) => message.envelope.id);
    expect(kept).to.deep.equal(['before0', 'before1', 'before2', 'after0', 'after1', 'after2']);
    expect(await transport.parked.count()).to.equal(6);
  });
});

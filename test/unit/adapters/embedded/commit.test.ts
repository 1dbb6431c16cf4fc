import { expect } from 'chai';
import type { Outgoing } from '../../../../src/ports/transport.ts';
import { Collector } from '../../../support/collector.ts';
import { outgoing } from '../../../support/messages.ts';
import { rejection } from '../../../support/rejection.ts';
import { until } from '../../../support/until.ts';
import { Home, plan } from './home.ts';

/** What only plain JavaScript sends: a header that JSON has no word for. */
const unwritable = (key: string): Outgoing => outgoing({ key, headers: { n: 5n } as never });

describe('what cannot be written', () => {
  let home: Home;
  beforeEach(async () => {
    home = await Home.make('bus');
  });
  afterEach(async () => {
    await home.remove();
  });

  it('fails the commit as a whole: nothing of what was rejected is durable, and what comes next is', async () => {
    const owner = await home.open({ bus: 'retail' });
    await owner.apply(plan({ edition: '1', endpoints: { oms: { partitions: 8 } } }));
    const together = Array.from({ length: 8 }, (_, n) => outgoing({ key: `k${String(n)}` }));
    const sent = [...together, unwritable('k7')].map((each) => owner.send([each]));
    for (const each of await Promise.all(sent.map(rejection))) {
      expect(each).to.include({ code: 'WB_TRANSPORT_UNAVAILABLE', retryable: true });
    }
    await until('the state to be read again', () => owner.status().blocked === undefined);
    await owner.send([outgoing({ id: 'next', key: 'k0' })]);
    await home.close();
    const again = await home.open();
    expect((await again.stats()).ledger).to.include({ made: 1, waiting: 1 });
    const [delivery] = await (await Collector.start(again, 'oms')).atLeast(1);
    expect(delivery?.message.envelope.id).to.equal('next');
  });

  it('fails alone where a process is attached, and its caller hears of it', async () => {
    const owner = await home.open({ bus: 'retail' });
    await owner.apply(plan({ edition: '1' }));
    const attached = await home.open();
    const before = attached.send([outgoing({ id: 'before', key: 'k' })]);
    const refused = rejection(attached.send([unwritable('k')]));
    const after = attached.send([outgoing({ id: 'after', key: 'k' })]);
    expect(await refused).to.include({ code: 'WB_MESSAGE_INVALID', retryable: false });
    await Promise.all([before, after]);
    const oms = await Collector.start(attached, 'oms');
    const [delivery, next] = await oms.atLeast(2);
    expect([delivery, next].map((each) => each?.message.envelope.id)).to.deep.equal(['before', 'after']);
    if (delivery === undefined) throw new Error('nothing came');
    const settled = oms.consumer.settle([{ delivery, outcome: 'done', sends: [unwritable('k')] }]);
    expect(await rejection(settled)).to.include({ code: 'WB_MESSAGE_INVALID', retryable: false });
    await oms.consumer.settle([{ delivery, outcome: 'done', sends: [] }]);
  });
});

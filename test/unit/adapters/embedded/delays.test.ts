import { expect } from 'chai';
import { Collector, done } from '../../../support/collector.ts';
import { onBus, outgoing, series } from '../../../support/messages.ts';
import { until } from '../../../support/until.ts';
import { Home, plan } from './home.ts';

describe('delayed attempts', () => {
  let home: Home;
  beforeEach(async () => {
    home = await Home.make('bus');
  });
  afterEach(async () => {
    await home.remove();
  });

  it('come once each, while other commits are under way all the time', async () => {
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1', endpoints: { oms: { ordering: 'none' }, busy: {} }, bound: ['oms'] }));
    await transport.send(onBus(series('k', 300)));
    const attempts = [{ at: '2026-01-01T00:00:00.000Z', code: 'WB_HANDLER_FAILED' as const, error: 'no' }];
    let turn = 0;
    const oms = await Collector.start(transport, 'oms', {
      window: 50,
      each: (delivery) =>
        delivery.attempts.length > 0 ? done(delivery) : { delivery, outcome: 'retry', delayMs: turn++ % 30, attempts },
    });
    let sent = 0;
    while (
      (await transport.stats()).endpoints.some(({ name, outcomes }) => name === 'oms' && outcomes['done'] !== 300)
    ) {
      await transport.send([outgoing({ id: `b${String(sent++)}`, key: 'b' }, { endpoint: 'busy' })]);
    }
    await oms.settled();
    expect(oms.deliveries).to.have.length(600);
    expect(new Set(oms.ids).size).to.equal(300);
    const { ledger, endpoints } = await transport.stats();
    expect(ledger).to.include({ made: 300 + sent, done: 300, waiting: sent });
    expect(endpoints.find(({ name }) => name === 'oms')).to.include({ delayed: 0, waiting: 0, inHand: 0 });
  });

  it('keep their due time and their history when the owner ends', async () => {
    const first = await home.open({ bus: 'retail' });
    await first.apply(plan({ edition: '1', endpoints: { oms: { ordering: 'none' } } }));
    await first.send(onBus(series('k', 2)));
    const attempts = [{ at: '2026-01-01T00:00:00.000Z', code: 'WB_HANDLER_TIMEOUT' as const, error: 'late' }];
    const collector = await Collector.start(first, 'oms');
    const [soon, later] = await collector.atLeast(2);
    if (soon === undefined || later === undefined) throw new Error('nothing was delivered');
    await collector.consumer.settle([
      { delivery: soon, outcome: 'retry', delayMs: 50, attempts },
      { delivery: later, outcome: 'retry', delayMs: 600_000, attempts },
    ]);
    await first.close();
    const second = await home.open();
    const again = await Collector.start(second, 'oms');
    const [found] = await again.atLeast(1);
    expect(found?.message.envelope.id).to.equal('k0');
    expect(found?.attempts).to.deep.equal(attempts);
    await until('the counts', async () => (await second.stats()).endpoints[0]?.delayed === 1);
    expect(again.deliveries).to.have.length(1);
  });
});

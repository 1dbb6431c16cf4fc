import { expect } from 'chai';
import { all } from '../../support/collector.ts';
import { rejection } from '../../support/rejection.ts';
import { until } from '../../support/until.ts';
import { throughServices } from './services.ts';

throughServices('scheduling', (bus) => {
  it('takes a delay and a time at publish and from a handler, and no nonsense', async () => {
    const got: string[] = [];
    const mail = await bus().connect('mail');
    const due = new Map<string, number>();
    mail.handle('oms.order.accepted@1', ({ key }) => {
      expect(Date.now()).to.be.at.least(due.get(String(key)) ?? Number.NaN);
      got.push(String(key));
    });
    await mail.start();
    const oms = await bus().connect('oms');
    oms.handle('shop.order.placed@1', ({ data }, context) => {
      due.set('result', Date.now() + 1_000);
      context.publish('oms.order.accepted@1', data, { delay: '1s' });
    });
    await oms.start();
    due.set('at', Date.now() + 1_000);
    await oms.publish(
      'oms.order.accepted@1',
      { id: 'at' },
      { deliverAt: new Date(due.get('at') ?? 0), expiresIn: '1h' },
    );
    const shop = await bus().connect('shop');
    await shop.publish('shop.order.placed@1', { id: 'result' });
    await until('both', () => got.length === 2);
    expect(got.sort()).to.deep.equal(['at', 'result']);
    for (const options of [
      { delay: '1s', deliverAt: new Date() },
      { delay: 'soon' },
      { delay: '49d' },
      { deliverAt: 'tomorrow' },
      { delay: '1h', expiryTime: '2020-01-01T00:00:00Z' },
    ]) {
      const refused = await rejection(shop.publish('shop.order.placed@1', { id: 'no' }, options));
      expect(refused).to.have.property('code', 'WB_OPTION_INVALID');
    }
  });

  it('delivers an expired letter when a person redrives it', async () => {
    const got: string[] = [];
    const oms = await bus().connect('oms');
    oms.handle('shop.order.placed@1', ({ key }) => {
      got.push(String(key));
    });
    await oms.start();
    const shop = await bus().connect('shop');
    await shop.publish('shop.order.placed@1', { id: 'late' }, { expiryTime: '2020-01-01T00:00:00Z' });
    const { dead } = bus().transport;
    await until('the letter', async () => (await all(dead.list({ code: 'WB_EXPIRED' }))).length === 1);
    expect(got).to.deep.equal([]);
    await dead.redrive({}, { by: 'tests' });
    await until('it', () => got.length === 1);
  });
});

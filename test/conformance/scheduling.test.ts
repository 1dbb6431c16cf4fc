import { expect } from 'chai';
import { LONGEST_DELAY } from '../../src/ports/delay.ts';
import type { Outgoing } from '../../src/ports/transport.ts';
import { all, Collector, done } from '../support/collector.ts';
import { outgoing } from '../support/messages.ts';
import { rejection } from '../support/rejection.ts';
import { until } from '../support/until.ts';
import { conformance } from './conformance.ts';
import type { Sketch } from './harness.ts';

const FLOW: Sketch = { endpoints: { oms: { takes: ['shop.order.placed@1'] }, mail: {} } };

/** Due in a second: the least that every transport can wait. */
function soon(sketch: Parameters<typeof outgoing>[0], to: Outgoing['to'] = 'bus', ms = 1_000): Required<Outgoing> {
  return { ...outgoing(sketch, to), dueAt: Date.now() + ms };
}

conformance('scheduling', ({ open }) => {
  it('delivers to the bus and to an endpoint not before the time, and lets others pass meanwhile', async () => {
    const { transport } = await open(FLOW);
    const arrived: number[] = [];
    const oms = await Collector.start(transport, 'oms', {
      each: (delivery) => {
        arrived.push(Date.now());
        return done(delivery);
      },
    });
    const mail = await Collector.drain(transport, 'mail');
    const later = soon({ id: 'later', key: 'k', data: { n: 7 } });
    await transport.send([later, soon({ id: 'alone', key: 'k' }, { endpoint: 'mail' })]);
    await transport.send([outgoing({ id: 'now', key: 'k' })]);
    const [, last] = await oms.atLeast(2);
    expect(oms.ids).to.deep.equal(['now', 'later']);
    expect(arrived[1]).to.be.at.least(later.dueAt);
    expect(last?.message).to.deep.equal(later.message);
    expect(last?.attempts).to.deep.equal([]);
    await mail.atLeast(1);
    expect(mail.ids).to.deep.equal(['alone']);
    await oms.settled();
    await mail.settled();
    await until('an empty ledger', async () => (await transport.stats()).ledger.waiting === 0);
    const { ledger, delayed } = await transport.stats();
    expect({ made: ledger.made, done: ledger.done, delayed }).to.deep.equal({ made: 3, done: 3, delayed: 0 });
  });

  it('delivers at once what is due already', async () => {
    const { transport } = await open(FLOW);
    const oms = await Collector.drain(transport, 'oms');
    await transport.send([soon({ id: 'past' }, 'bus', -60_000), soon({ id: 'long past' }, 'bus', -1e12)]);
    await oms.atLeast(2);
    expect((await transport.stats()).delayed).to.equal(0);
  });

  it('refuses what is too far ahead or no time, and sends nothing of that call', async () => {
    const { transport } = await open(FLOW);
    const oms = await Collector.drain(transport, 'oms');
    for (const ms of [LONGEST_DELAY + 60_000, Number.NaN, Number.POSITIVE_INFINITY]) {
      const error = await rejection(transport.send([outgoing({ id: 'beside' }), soon({ id: 'far' }, 'bus', ms)]));
      expect(error).to.include({ code: 'WB_OPTION_INVALID', retryable: false });
    }
    await transport.send([soon({ id: 'far enough' }, 'bus', LONGEST_DELAY - 60_000)]);
    await transport.send([outgoing({ id: 'fence' })]);
    await oms.atLeast(1);
    expect(oms.ids).to.deep.equal(['fence']);
    await until('one delayed', async () => (await transport.stats()).delayed === 1);
    expect((await transport.stats()).ledger.waiting).to.be.at.least(1);
  });

  it('keeps results with a time, and what is scheduled, over a close of every connection', async () => {
    const { bus, transport } = await open(FLOW);
    await transport.send([outgoing({ id: 'cause' })]);
    const collector = await Collector.start(transport, 'oms');
    const [cause] = await collector.atLeast(1);
    if (cause === undefined) throw new Error('no delivery');
    await collector.consumer.settle([done(cause, [soon({ id: 'result' }, { endpoint: 'mail' })])]);
    await transport.send([soon({ id: 'scheduled' })]);
    await transport.close();
    const later = await bus.connect();
    const mail = await Collector.drain(later, 'mail');
    const oms = await Collector.drain(later, 'oms');
    await mail.atLeast(1);
    await oms.atLeast(1);
    expect([mail.ids, oms.ids]).to.deep.equal([['result'], ['scheduled']]);
  });

  it('takes the bindings there are when it is due, and parks what has none then', async () => {
    const { bus, transport } = await open(FLOW);
    const seen: string[] = [];
    await transport.tap('all', ({ envelope }) => seen.push(envelope.id));
    const binding = async (type: string): Promise<void> => {
      const { topology } = bus.manifest;
      const bindings = [...topology.bindings, { type, endpoint: 'mail' }];
      await transport.apply({ ...bus.manifest, edition: type, topology: { ...topology, bindings } });
    };
    // How long it takes on this machine now says how much time the second one needs.
    const began = Date.now();
    await binding('shop.mail.asked@1');
    const enough = 2_000 + 5 * (Date.now() - began);
    await transport.send([
      soon({ id: 'bound meanwhile', type: 'shop.cart.abandoned' }, 'bus', enough),
      soon({ id: 'never bound', type: 'shop.return.asked' }),
    ]);
    await binding('shop.cart.abandoned@1');
    const mail = await Collector.drain(transport, 'mail');
    await mail.atLeast(1);
    expect(mail.ids).to.deep.equal(['bound meanwhile']);
    await until('the other to be parked', async () => (await transport.parked.count()) === 1);
    const [letter] = await all(transport.parked.list());
    expect(letter).to.include({ endpoint: 'bus', code: 'WB_UNROUTED' });
    expect(letter?.message.envelope.id).to.equal('never bound');
    await until('both to be seen', () => seen.length >= 2);
    expect(seen.sort()).to.deep.equal(['bound meanwhile', 'never bound']);
  });
});

import { expect } from 'chai';
import { WaybillError } from '../../src/errors.ts';
import { all, Collector } from '../support/collector.ts';
import { onBus, outgoing, series } from '../support/messages.ts';
import { rejection } from '../support/rejection.ts';
import { until } from '../support/until.ts';
import { conformance } from './conformance.ts';

conformance('sending', ({ open, create, harness }) => {
  it('delivers a message of the bus once to each endpoint bound to its type, and to no other', async () => {
    const { transport } = await open({
      endpoints: {
        oms: { takes: ['shop.order.placed@1'] },
        mail: { takes: ['shop.order.placed@1', 'crm.customer.updated@1'] },
        crm: { takes: ['crm.customer.updated@1'] },
        old: { takes: ['shop.order.placed@2'] },
      },
    });
    const oms = await Collector.drain(transport, 'oms');
    const mail = await Collector.drain(transport, 'mail');
    const crm = await Collector.drain(transport, 'crm');
    const old = await Collector.drain(transport, 'old');
    await transport.send([outgoing({ id: 'order' }), outgoing({ id: 'customer', type: 'crm.customer.updated' })]);
    await transport.send([outgoing({ id: 'second', version: 2 })]);
    await oms.atLeast(1);
    await mail.atLeast(2);
    await crm.atLeast(1);
    await old.atLeast(1);
    for (const each of [oms, mail, crm, old]) await each.settled();
    expect(oms.ids).to.deep.equal(['order']);
    expect(mail.ids).to.have.members(['order', 'customer']).and.have.length(2);
    expect(crm.ids).to.deep.equal(['customer']);
    expect(old.ids).to.deep.equal(['second']);
  });

  it('delivers a message addressed to an endpoint to that endpoint alone, bound or not', async () => {
    const { transport } = await open({
      endpoints: { oms: {}, mail: { takes: ['shop.order.placed@1'] } },
    });
    const oms = await Collector.drain(transport, 'oms');
    const mail = await Collector.drain(transport, 'mail');
    await transport.send([outgoing({ id: 'alone' }, { endpoint: 'oms' })]);
    await oms.atLeast(1);
    await transport.send([outgoing({ id: 'all' })]);
    await mail.atLeast(1);
    expect(oms.ids).to.deep.equal(['alone']);
    expect(mail.ids).to.deep.equal(['all']);
    expect(await transport.parked.count()).to.equal(0);
  });

  it('keeps the order of each key over concurrent sends, keys and types', async () => {
    const { transport } = await open({
      endpoints: {
        oms: { takes: ['shop.order.placed@1', 'shop.order.cancelled@1', 'crm.customer.updated@1'], partitions: 4 },
      },
    });
    const types = ['shop.order.placed', 'shop.order.cancelled', 'crm.customer.updated'];
    const keys = Array.from({ length: 40 }, (_, key) => `key-${String(key)}-`);
    const sends: Promise<void>[] = [];
    for (let n = 0; n < 50; n++) {
      for (const key of keys) {
        const type = types[(n * 7 + key.length) % types.length] ?? 'shop.order.placed';
        sends.push(transport.send([outgoing({ id: `${key}${String(n)}`, key, type })]));
      }
    }
    const collector = await Collector.drain(transport, 'oms', 500);
    await Promise.all(sends);
    await collector.atLeast(keys.length * 50);
    for (const key of keys) {
      const expected = Array.from({ length: 50 }, (_, n) => `${key}${String(n)}`);
      expect(
        collector.ids.filter((id) => id.startsWith(key)),
        key,
      ).to.deep.equal(expected);
    }
  });

  it('keeps the order of a key over sends of many messages that overlap', async () => {
    const { transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
    const messages = series('k', 600);
    const sends: Promise<void>[] = [];
    for (let at = 0; at < messages.length; at += 75) sends.push(transport.send(onBus(messages.slice(at, at + 75))));
    await Promise.all(sends);
    const collector = await Collector.drain(transport, 'oms');
    await collector.atLeast(600);
    expect(collector.ids).to.deep.equal(messages.map(({ envelope }) => envelope.id));
  });

  it('keeps the order of a key between the bus and an endpoint addressed alone', async () => {
    const { transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
    const messages = series('k', 60);
    // Two addresses may be two ways to the same queue; each keeps its own order.
    const sends = messages.map((message, n) =>
      transport.send([{ to: n % 2 === 0 ? 'bus' : { endpoint: 'oms' }, message }]),
    );
    await Promise.all(sends);
    const collector = await Collector.drain(transport, 'oms');
    await collector.atLeast(60);
    const numbers = collector.ids.map((id) => Number(id.slice(1)));
    expect(numbers.filter((n) => n % 2 === 0)).to.deep.equal(numbers.filter((n) => n % 2 === 0).sort((a, b) => a - b));
    expect(numbers.filter((n) => n % 2 === 1)).to.deep.equal(numbers.filter((n) => n % 2 === 1).sort((a, b) => a - b));
  });

  it('gives one key always to the same partition, and spreads thousands of keys over all', async () => {
    const { transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'], partitions: 4 } } });
    const collector = await Collector.drain(transport, 'oms', 1_000);
    const keys = Array.from({ length: 3_000 }, (_, n) => `customer-${String(n)}`);
    for (const round of ['a', 'b']) await transport.send(keys.map((key) => outgoing({ key, id: `${round}/${key}` })));
    await collector.atLeast(6_000);
    const partitions = new Map<string, Set<number>>();
    for (const { message, lease } of collector.deliveries) {
      const { key = '' } = message.envelope;
      partitions.set(key, (partitions.get(key) ?? new Set()).add(lease.partition));
    }
    expect(partitions.size).to.equal(3_000);
    expect([...partitions.values()].every(({ size }) => size === 1)).to.be.true;
    expect(new Set([...partitions.values()].flatMap((set) => [...set])).size).to.equal(4);
  });

  it('keeps what it said is sent, though the sending process is killed at once', async () => {
    const bus = await create({ endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
    const peer = await bus.peer();
    const acknowledged: string[] = [];
    for (let n = 0; n < 20; n++) {
      const each = outgoing({ id: `m${String(n)}`, key: 'k' });
      await peer.send([each]);
      acknowledged.push(each.message.envelope.id);
    }
    await peer.kill();
    const collector = await Collector.drain(await bus.connect(), 'oms');
    await collector.atLeast(20);
    expect(collector.ids).to.deep.equal(acknowledged);
  });

  it('keeps messages over a close of every connection', async () => {
    const { bus, transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
    const messages = series('k', 10);
    await transport.send(onBus(messages));
    await transport.close();
    const collector = await Collector.drain(await bus.connect(), 'oms');
    await collector.atLeast(10);
    expect(collector.ids).to.deep.equal(messages.map(({ envelope }) => envelope.id));
  });

  it('parks a message that nothing takes, where it can be redriven once something does', async () => {
    const { transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
    await transport.send([outgoing({ id: 'lost?', type: 'shop.return.asked', key: 'k' })]);
    await until('the parked message', async () => (await transport.parked.count()) === 1);
    const [letter] = await all(transport.parked.list());
    expect(letter?.endpoint).to.equal('bus');
    expect(letter?.message.envelope.id).to.equal('lost?');
  });

  it('loses nothing when sent to an endpoint that does not exist: it refuses by name, or keeps it', async () => {
    const { transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
    const refused = await transport.send([outgoing({ id: 'astray' }, { endpoint: 'nowhere' })]).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refused === undefined) {
      await until(
        'the message to be kept',
        async () => (await transport.parked.count()) + (await transport.dead.count()) === 1,
      );
    } else {
      expect(refused).to.be.instanceOf(WaybillError);
    }
  });

  it('refuses by name to park more than the bound, and loses none of what it took', async () => {
    const { transport } = await open({ endpoints: { oms: {} }, parking: 200_000 });
    let taken = 0;
    const refused = await rejection(
      (async () => {
        for (; taken < 100; taken++)
          await transport.send([outgoing({ body: Buffer.from(JSON.stringify('x'.repeat(20_000))) })]);
      })(),
    );
    expect(refused).to.have.property('code', 'WB_PARKING_FULL');
    expect(taken).to.be.within(4, 20);
    expect(await transport.parked.count()).to.equal(taken);
    await transport.send([outgoing({ id: 'elsewhere' }, { endpoint: 'oms' })]);
    const collector = await Collector.drain(transport, 'oms');
    await collector.atLeast(1);
  });

  it('keeps the order of a key while its type, so far parked, is given its first endpoint', async () => {
    const { bus, transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
    const { topology } = bus.manifest;
    const bindings = [...topology.bindings, { type: 'shop.return.asked@1', endpoint: 'oms' }];
    const oms = await Collector.drain(transport, 'oms', 1_000);
    let sent = 0;
    const more = (): Promise<void> =>
      transport.send([outgoing({ type: 'shop.return.asked', key: 'k', id: String(sent++) })]);
    const sends: Promise<void>[] = [];
    const progress = { applied: false };
    const apply = transport
      .apply({ ...bus.manifest, edition: 'with a binding', topology: { ...topology, bindings } })
      .finally(() => {
        progress.applied = true;
      });
    for (let after = 0; after < 100; after += progress.applied ? 1 : 0) {
      sends.push(more());
      // Some of them wait behind others of the key all the time.
      await sends.at(-10);
    }
    await apply;
    await Promise.all(sends);
    const last = String(sent - 1);
    await until('the last', () => oms.ids.includes(last), { describe: () => String(oms.ids.length) });
    const came = oms.ids.map(Number);
    expect(came).to.deep.equal([...came].sort((one, other) => one - other));
    expect(came.length + (await transport.parked.count())).to.equal(sent);
  });

  it('names the deadline when the far side is silent', async function () {
    const { bus, transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
    if (bus.freeze === undefined || bus.thaw === undefined) return this.skip();
    await transport.send([outgoing()]);
    bus.freeze();
    const refused = await rejection(transport.send([outgoing()], { deadlineMs: 300 }));
    bus.thaw();
    expect(refused).to.have.property('code', 'WB_DEADLINE');
    await until('the transport to work again', () =>
      transport.send([outgoing()], { deadlineMs: 1_000 }).then(
        () => true,
        () => false,
      ),
    );
  });

  if (harness.kind === 'embedded') {
    it('counts a tally in one transaction with the send', async () => {
      const { transport } = await open({ endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
      await transport.send([outgoing()], { tally: { 'service.shop.published': 1 } });
      await transport.send([outgoing(), outgoing()], { tally: { 'service.shop.published': 2 } });
      expect((await transport.stats()).tallies).to.include({ 'service.shop.published': 3 });
    });
  }
});

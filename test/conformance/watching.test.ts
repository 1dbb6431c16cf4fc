import { expect } from 'chai';
import type { EncodedMessage } from '../../src/message.ts';
import type { Manifest } from '../../src/ports/topology.ts';
import { Collector } from '../support/collector.ts';
import { onBus, outgoing, series } from '../support/messages.ts';
import { until } from '../support/until.ts';
import { conformance } from './conformance.ts';
import { manifestOf, type Sketch } from './harness.ts';

const FLOW = { oms: { takes: ['shop.order.placed@1'] } };

conformance('watching a bus', ({ open }) => {
  it('shows a tap what is published from now on, without taking it from anyone', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await transport.send([outgoing({ id: 'before', key: 'k' })]);
    const seen: EncodedMessage[] = [];
    const tap = await transport.tap('all', (message) => seen.push(message));
    const sent = series('k', 20);
    await transport.send(onBus(sent));
    const collector = await Collector.drain(transport, 'oms');
    await collector.atLeast(21);
    await until('the tap to see all', () => seen.length >= 20);
    expect(seen.map(({ envelope }) => envelope.id)).to.deep.equal(sent.map(({ envelope }) => envelope.id));
    expect(seen[0]?.envelope).to.deep.equal(sent[0]?.envelope);
    await tap.close();
    await transport.send([outgoing({ id: 'after', key: 'k' })]);
    await collector.atLeast(22);
    expect(seen).to.have.length(20);
  });

  it('shows a tap only the types it asks for, also from other connections', async () => {
    const { bus, transport } = await open({ endpoints: FLOW });
    const other = await bus.connect();
    const seen: string[] = [];
    const tap = await transport.tap(['shop.order.placed@2', 'crm.customer.updated@1'], ({ envelope }) =>
      seen.push(envelope.id),
    );
    await other.send([
      outgoing({ id: 'no', key: 'k' }),
      outgoing({ id: 'two', key: 'k', version: 2 }),
      outgoing({ id: 'crm', key: 'k', type: 'crm.customer.updated' }),
    ]);
    await until('both', () => seen.length >= 2);
    expect(seen.sort()).to.deep.equal(['crm', 'two']);
    await tap.close();
  });

  it('counts nothing that a tap saw', async () => {
    const { transport } = await open({ endpoints: FLOW });
    const seen: string[] = [];
    const tap = await transport.tap('all', ({ envelope }) => seen.push(envelope.id));
    await transport.send([outgoing()]);
    await until('the tap to see it', () => seen.length === 1);
    await tap.close();
    const stats = await transport.stats();
    expect(stats.ledger.made).to.equal(1);
    expect(stats.endpoints.map(({ name }) => name)).to.deep.equal(['oms']);
  });
});

conformance('the manifest', ({ open }) => {
  const edition = (bus: string, sketch: Sketch): Manifest => manifestOf(sketch, bus);

  it('is what was applied last, for every connection', async () => {
    const { bus, transport } = await open({ endpoints: FLOW });
    const other = await bus.connect();
    expect(await transport.manifest()).to.deep.equal(bus.manifest);
    const next = edition(bus.manifest.bus, { endpoints: { ...FLOW, mail: { takes: ['shop.order.placed@1'] } } });
    await transport.apply(next);
    await until('the other to see it', async () => (await other.manifest())?.edition === next.edition);
    expect(await other.manifest()).to.deep.equal(next);
  });

  it('changes nothing when the same is applied again', async () => {
    const { bus, transport } = await open({ endpoints: FLOW });
    await transport.send(onBus(series('k', 5)));
    expect((await transport.apply(bus.manifest)).changes).to.deep.equal([]);
    const collector = await Collector.drain(transport, 'oms');
    await collector.atLeast(5);
    expect(collector.ids).to.have.length(5);
  });

  it('says what applying it changed, and what it added works at once', async () => {
    const { bus, transport } = await open({ endpoints: FLOW });
    const next = edition(bus.manifest.bus, { endpoints: { ...FLOW, mail: { takes: ['shop.order.placed@1'] } } });
    const { changes } = await transport.apply(next);
    expect(changes).to.not.be.empty;
    expect(changes.join('\n')).to.contain('mail');
    const mail = await Collector.drain(transport, 'mail');
    const oms = await Collector.drain(transport, 'oms');
    await transport.send([outgoing({ id: 'both', key: 'k' })]);
    await mail.atLeast(1);
    await oms.atLeast(1);
  });

  it('tells listeners of each manifest applied, by anyone, until they unsubscribe', async () => {
    const { bus, transport } = await open({ endpoints: FLOW });
    const other = await bus.connect();
    const heard: string[] = [];
    const stop = other.onManifest((manifest) => heard.push(manifest.edition));
    const next = edition(bus.manifest.bus, { endpoints: { ...FLOW, mail: {} } });
    await transport.apply(next);
    await until('the news', () => heard.includes(next.edition));
    expect(heard).to.deep.equal([next.edition]);
    stop();
    const last = edition(bus.manifest.bus, { endpoints: { ...FLOW, mail: {}, crm: {} } });
    await transport.apply(last);
    await until('the manifest', async () => (await other.manifest())?.edition === last.edition);
    expect(heard).to.deep.equal([next.edition]);
  });

  it('keeps what was waiting and its order when endpoints are added under traffic', async () => {
    const { bus, transport } = await open({ endpoints: FLOW });
    const messages = series('k', 400);
    const sending = Promise.all(messages.map((each) => transport.send([{ to: 'bus', message: each }])));
    const collector = await Collector.drain(transport, 'oms');
    for (const name of ['mail', 'crm', 'erp']) {
      await transport.apply(
        edition(bus.manifest.bus, { endpoints: { ...FLOW, [name]: { takes: ['shop.order.placed@1'] } } }),
      );
    }
    await sending;
    await collector.atLeast(400);
    expect([...new Set(collector.ids)]).to.deep.equal(messages.map(({ envelope }) => envelope.id));
  });
});

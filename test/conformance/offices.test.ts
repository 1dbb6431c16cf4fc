import { expect } from 'chai';
import type { DeadLetter, Death, OfficeFilter, Transport } from '../../src/ports/transport.ts';
import { all, Collector } from '../support/collector.ts';
import { idsOf, message, onBus, outgoing } from '../support/messages.ts';
import { until } from '../support/until.ts';
import { conformance } from './conformance.ts';
import { manifestOf } from './harness.ts';

const TYPES = ['shop.order.placed@1', 'crm.customer.updated@1'];
const FLOW = { oms: { takes: TYPES }, mail: { takes: ['crm.customer.updated@1'] } };
const DEATH: Death = { code: 'WB_HANDLER_FAILED', error: 'no', attempts: [] };

/** Gives up everything at `oms` and `mail` until there are `count` letters. */
async function bury(transport: Transport, count: number): Promise<DeadLetter[]> {
  const collectors = await Promise.all(
    ['oms', 'mail'].map((endpoint) =>
      Collector.start(transport, endpoint, {
        each: (delivery) => ({
          delivery,
          outcome: 'dead',
          sends: [],
          deaths: [
            delivery.message.envelope.key === 'contract'
              ? { ...DEATH, code: 'WB_CONTRACT_VIOLATED', route: 'eu-orders' }
              : DEATH,
          ],
        }),
      }),
    ),
  );
  await until('the letters', async () => (await transport.dead.count()) === count, { deadlineMs: 45_000 });
  for (const collector of collectors) {
    await collector.settled();
    await collector.close();
  }
  return all(transport.dead.list());
}

/** Six letters: orders `a`, `b`, `c` at oms, customer `d` at oms and mail, and one with the key `contract`. */
async function six(transport: Transport): Promise<DeadLetter[]> {
  await transport.send([
    outgoing({ id: 'a', key: 'one' }),
    outgoing({ id: 'b', key: 'one' }),
    outgoing({ id: 'c', key: 'two' }),
    outgoing({ id: 'd', key: 'two', type: 'crm.customer.updated' }),
    outgoing({ id: 'e', key: 'contract' }),
  ]);
  return bury(transport, 6);
}

const by = { by: 'ada' };

conformance('dead letters and parked messages', ({ open, harness }) => {
  it('lists what a filter asks for', async () => {
    const { transport } = await open({ endpoints: FLOW });
    const letters = await six(transport);
    const some = async (filter: OfficeFilter): Promise<string[]> =>
      idsOf(await all(transport.dead.list(filter))).sort();
    expect(idsOf(letters).sort()).to.deep.equal(['a', 'b', 'c', 'd', 'd', 'e']);
    expect(letters.map(({ id }) => id)).to.deep.equal(
      letters.map(({ id }) => id).sort(),
      'ids sort by time, oldest first',
    );
    expect(await some({ endpoint: 'mail' })).to.deep.equal(['d']);
    expect(await some({ endpoint: 'oms' })).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
    expect(await some({ type: 'crm.customer.updated@1' })).to.deep.equal(['d', 'd']);
    expect(await some({ type: 'crm.customer.updated@2' })).to.deep.equal([]);
    expect(await some({ code: 'WB_CONTRACT_VIOLATED' })).to.deep.equal(['e']);
    expect(await some({ route: 'eu-orders' })).to.deep.equal(['e']);
    expect(await some({ key: 'two', endpoint: 'oms' })).to.deep.equal(['c', 'd']);
    expect(await some({ messageId: 'b' })).to.deep.equal(['b']);
    expect(idsOf(await all(transport.dead.list({ limit: 2 })))).to.deep.equal(idsOf(letters.slice(0, 2)));
    const wanted = letters.slice(1, 3).map(({ id }) => id);
    expect((await all(transport.dead.list({ ids: wanted }))).map(({ id }) => id)).to.deep.equal(wanted);
    expect(await some({ ids: [] })).to.deep.equal([]);
    expect(await transport.dead.count()).to.equal(6);
  });

  it('redrives one letter to the endpoint it died at, and to no other', async () => {
    const { transport } = await open({ endpoints: FLOW });
    const letters = await six(transport);
    const letter = letters.find(({ endpoint, message: { envelope } }) => endpoint === 'mail' && envelope.id === 'd');
    if (letter === undefined) throw new Error('no letter of mail');
    expect(await transport.dead.redrive({ ids: [letter.id] }, by)).to.equal(1);
    const mail = await Collector.drain(transport, 'mail');
    const [delivery] = await mail.atLeast(1);
    expect(delivery?.message).to.deep.equal(letter.message);
    expect(await transport.dead.count()).to.equal(5);
    expect(await transport.dead.get(letter.id)).to.equal(undefined);
    const oms = await Collector.drain(transport, 'oms');
    await transport.send([outgoing({ id: 'fence', key: 'two' }, { endpoint: 'oms' })]);
    await oms.atLeast(1);
    expect([mail.ids, oms.ids]).to.deep.equal([['d'], ['fence']]);
  });

  it('redrives what a filter asks for, then all, and says how many', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await six(transport);
    expect(await transport.dead.redrive({ endpoint: 'oms', key: 'one' }, by)).to.equal(2);
    const oms = await Collector.drain(transport, 'oms');
    await oms.atLeast(2);
    expect([...oms.ids].sort()).to.deep.equal(['a', 'b']);
    expect(await transport.dead.redrive({ ids: ['no-such-letter'] }, by)).to.equal(0);
    expect(await transport.dead.redrive({ limit: 1 }, by)).to.equal(1);
    expect(await transport.dead.redrive({}, by)).to.equal(3);
    expect(await transport.dead.count()).to.equal(0);
    const mail = await Collector.drain(transport, 'mail');
    await mail.atLeast(1);
    await oms.atLeast(5);
    expect([...oms.ids].sort()).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
  });

  it('hands a redriven letter of one route back for that route alone', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await six(transport);
    await transport.dead.redrive({ key: 'contract' }, by);
    await transport.dead.redrive({ key: 'one', limit: 1 }, by);
    const oms = await Collector.drain(transport, 'oms');
    await oms.atLeast(2);
    const routes = new Map(oms.deliveries.map(({ message: { envelope }, route }) => [envelope.key, route]));
    expect(routes.get('contract')).to.equal('eu-orders');
    expect(routes.get('one')).to.equal(undefined);
  });

  it('reports progress and keeps to the rate while it redrives', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await transport.send(Array.from({ length: 12 }, (_, n) => outgoing({ id: `m${String(n)}`, key: `k${String(n)}` })));
    await bury(transport, 12);
    const progress: number[] = [];
    const began = performance.now();
    expect(
      await transport.dead.redrive({}, { by: 'ada', rate: 10, onProgress: (count) => progress.push(count) }),
    ).to.equal(12);
    // At 10 a second the last of 12 cannot go before a second has passed; how much later it goes is not our matter.
    expect(performance.now() - began).to.be.at.least(900);
    expect(progress.at(-1)).to.equal(12);
    expect(progress).to.deep.equal([...progress].sort((a, b) => a - b));
  });

  it('discards what a filter asks for, and only that', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await six(transport);
    expect(await transport.dead.discard({ type: 'crm.customer.updated@1' }, by)).to.equal(2);
    expect(idsOf(await all(transport.dead.list())).sort()).to.deep.equal(['a', 'b', 'c', 'e']);
    expect(await transport.dead.discard({}, by)).to.equal(4);
    expect(await transport.dead.count()).to.equal(0);
  });

  it('records who redrove and discarded what', async () => {
    const { transport } = await open({ endpoints: FLOW });
    const letters = await six(transport);
    await transport.dead.redrive({ messageId: 'a' }, { by: 'ada' });
    await transport.dead.discard({ messageId: 'b' }, { by: 'grace' });
    const audit = await all(transport.audit());
    const idOf = (messageId: string): string | undefined =>
      letters.find(({ message: { envelope } }) => envelope.id === messageId)?.id;
    expect(audit.map(({ at: _, ...record }) => record)).to.deep.equal([
      { by: 'ada', action: 'redrive', letter: idOf('a'), messageId: 'a', endpoint: 'oms' },
      { by: 'grace', action: 'discard', letter: idOf('b'), messageId: 'b', endpoint: 'oms' },
    ]);
    for (const { at } of audit) expect(Date.parse(at)).to.be.a('number').and.not.NaN;
  });

  it('shows the same letters to every connection, and keeps them over a close of all', async () => {
    const { bus, transport } = await open({ endpoints: FLOW });
    const letters = await six(transport);
    const other = await bus.connect();
    expect(await all(other.dead.list())).to.deep.equal(letters);
    await other.close();
    await transport.close();
    const later = await bus.connect();
    expect(await all(later.dead.list())).to.deep.equal(letters);
    expect(await later.dead.count()).to.equal(6);
  });

  it('can redrive a letter that died again, again', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await transport.send([outgoing({ id: 'a', key: 'k' })]);
    await bury(transport, 1);
    for (let turn = 0; turn < 2; turn++) {
      expect(await transport.dead.redrive({}, by)).to.equal(1);
      const [letter] = await bury(transport, 1);
      expect(letter?.message.envelope.id).to.equal('a');
    }
  });

  it('loses no letter when the process that redrives is killed', async function () {
    this.timeout(240_000);
    const { bus, transport } = await open({ endpoints: FLOW });
    const messages = Array.from({ length: 60 }, (_, n) => message({ id: `m${String(n)}`, key: `k${String(n)}` }));
    await transport.send(onBus(messages));
    await bury(transport, 60);
    const peer = await bus.peer();
    const redriving = peer.redrive({}, { by: 'ada', rate: 100 }).catch(() => 0);
    await until('some to be redriven', async () => (await transport.dead.count()) < 50);
    await peer.kill();
    await redriving;
    const collector = await Collector.drain(transport, 'oms');
    const everywhere = async (): Promise<number> => {
      const left = idsOf(await all(transport.dead.list()));
      return new Set([...collector.ids, ...left]).size;
    };
    await until('each message in one place or the other', async () => (await everywhere()) === 60);
  });

  it('lists, discards and records parked messages like dead letters', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await transport.send([
      outgoing({ id: 'p', type: 'shop.return.asked', key: 'k' }),
      outgoing({ id: 'q', type: 'shop.return.refused', key: 'k' }),
    ]);
    await until('the parked messages', async () => (await transport.parked.count()) === 2);
    const letters = await all(transport.parked.list({ type: 'shop.return.asked@1' }));
    expect(idsOf(letters)).to.deep.equal(['p']);
    expect(letters[0]).to.include({ endpoint: 'bus' });
    expect((await transport.stats()).parked).to.equal(2);
    expect(await transport.parked.discard({ messageId: 'q' }, { by: 'grace' })).to.equal(1);
    expect(idsOf(await all(transport.parked.list()))).to.deep.equal(['p']);
    const [record] = await all(transport.audit());
    expect(record).to.include({ by: 'grace', action: 'discard', messageId: 'q', endpoint: 'bus' });
  });

  it('publishes a redriven parked message to what takes it by now', async () => {
    const { bus, transport } = await open({ endpoints: FLOW });
    await transport.send([outgoing({ id: 'p', type: 'shop.return.asked', key: 'k' })]);
    await until('the parked message', async () => (await transport.parked.count()) === 1);
    const more = { ...FLOW, returns: { takes: ['shop.return.asked@1'] } };
    await transport.apply(manifestOf({ endpoints: more }, bus.manifest.bus));
    expect(await transport.parked.redrive({}, by)).to.equal(1);
    const collector = await Collector.drain(transport, 'returns');
    await collector.atLeast(1);
    expect(collector.ids).to.deep.equal(['p']);
    expect(await transport.parked.count()).to.equal(0);
  });

  it('parks again what still nothing takes when it is redriven', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await transport.send([outgoing({ id: 'p', type: 'shop.return.asked', key: 'k' })]);
    await until('the parked message', async () => (await transport.parked.count()) === 1);
    await transport.parked.redrive({}, by);
    await until('it to be parked again', async () => (await transport.parked.count()) === 1);
    expect(idsOf(await all(transport.parked.list()))).to.deep.equal(['p']);
  });

  it('keeps the bytes of letters', async () => {
    const { transport } = await open({ endpoints: FLOW });
    const body = Buffer.from('{"id": 9007199254740993,\t"note":"Grüße 🚚"}');
    await transport.send([outgoing({ id: 'exact', key: 'k', body })]);
    const [letter] = await bury(transport, 1);
    expect(Buffer.from(letter?.message.body ?? Buffer.alloc(0)).toString()).to.equal(body.toString());
    await transport.dead.redrive({}, by);
    const collector = await Collector.drain(transport, 'oms');
    const [delivery] = await collector.atLeast(1);
    expect(Buffer.from(delivery?.message.body ?? Buffer.alloc(0)).toString()).to.equal(body.toString());
  });

  it(`lists thousands of letters in pages (${harness.kind})`, async function () {
    this.timeout(240_000);
    const { transport } = await open({ endpoints: FLOW });
    const messages = Array.from({ length: 3_000 }, (_, n) => message({ id: `m${String(n)}`, key: `k${String(n)}` }));
    await transport.send(onBus(messages));
    const letters = await bury(transport, 3_000);
    expect(new Set(idsOf(letters)).size).to.equal(3_000);
    let seen = 0;
    for await (const _ of transport.dead.list()) if (++seen === 10) break;
    expect(await transport.dead.redrive({}, by)).to.equal(3_000);
    const collector = await Collector.drain(transport, 'oms', 1_000);
    await collector.atLeast(3_000, 30_000);
    expect(new Set(collector.ids).size).to.equal(3_000);
  });
});

import { expect } from 'chai';
import type { EmbeddedTransport } from '../../../../src/adapters/embedded/transport.ts';
import type { Death, Ledger, Settlement } from '../../../../src/ports/transport.ts';
import { Collector, done } from '../../../support/collector.ts';
import { onBus, outgoing, series } from '../../../support/messages.ts';
import { Home, plan } from './home.ts';

const death = (route: string): Death => ({ code: 'WB_HANDLER_FAILED', error: 'no', route, attempts: [] });

describe('the ledger', () => {
  let home: Home;
  beforeEach(async () => {
    home = await Home.make('bus');
  });
  afterEach(async () => {
    await home.remove();
  });

  const columns = async (transport: EmbeddedTransport): Promise<Ledger> => {
    const { ledger } = await transport.stats();
    const { made, ...ends } = ledger;
    expect(Object.values(ends).reduce((sum, each) => sum + each, 0)).to.equal(made);
    return ledger;
  };

  it('balances after each of all that can happen to a delivery, and when it is read again', async () => {
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1', endpoints: { oms: {}, mail: {} } }));
    await transport.send([outgoing({ type: 'nobody.takes.this' }), ...onBus(series('k', 9))]);
    expect(await columns(transport)).to.include({ made: 19, waiting: 18, parked: 1 });
    const oms = await Collector.start(transport, 'oms');
    const deliveries = await oms.atLeast(9);
    const outcome: ((delivery: (typeof deliveries)[number]) => Settlement)[] = [
      (delivery) => done(delivery, [outgoing({}, { endpoint: 'mail' })]),
      (delivery) => ({ delivery, outcome: 'filtered', sends: [] }),
      (delivery) => ({ delivery, outcome: 'merged', sends: [] }),
      (delivery) => ({ delivery, outcome: 'duplicate', sends: [] }),
      (delivery) => ({ delivery, outcome: 'dead', sends: [], deaths: [death('a'), death('b'), death('c')] }),
      (delivery) => ({ delivery, outcome: 'expired', sends: [], deaths: [death('a')] }),
      (delivery) => ({ delivery, outcome: 'parked' }),
      (delivery) => ({ delivery, outcome: 'retry', delayMs: 600_000, attempts: [] }),
    ];
    for (const [at, make] of outcome.entries()) {
      const delivery = deliveries[at];
      if (delivery === undefined) throw new Error('too few were delivered');
      await oms.consumer.settle([make(delivery)]);
      await columns(transport);
    }
    const ended = {
      made: 22,
      done: 1,
      filtered: 1,
      merged: 1,
      duplicate: 1,
      dead: 3,
      expired: 1,
      parked: 2,
      waiting: 12,
    };
    expect(await columns(transport)).to.include(ended);
    expect(await transport.dead.redrive({ route: 'b' }, { by: 'ada' })).to.equal(1);
    expect(await columns(transport)).to.include({ made: 22, dead: 2, waiting: 13 });
    expect(await transport.dead.discard({ route: 'a' }, { by: 'ada' })).to.equal(2);
    expect(await columns(transport)).to.include({ made: 22, dead: 1, expired: 0, discarded: 2 });
    // Taken by two endpoints, which makes one delivery more than the parked message was.
    expect(await transport.parked.redrive({ type: 'shop.order.placed@1' }, { by: 'ada' })).to.equal(1);
    expect(await columns(transport)).to.include({ made: 23, parked: 1, waiting: 15 });
    expect(await transport.parked.redrive({}, { by: 'ada' })).to.equal(0);
    expect(await transport.parked.discard({}, { by: 'ada' })).to.equal(1);
    const last = await columns(transport);
    expect(last).to.include({ made: 23, parked: 0, discarded: 3, waiting: 15 });
    await transport.close();
    expect(await columns(await home.open())).to.deep.equal(last);
  });

  it('gives the room of parked messages back when they leave', async () => {
    const transport = await home.open({ bus: 'retail' });
    const limits = { parking: 1_000 };
    const empty = { ...plan({ edition: '1', endpoints: { oms: {} }, bound: [] }), definition: { limits } };
    await transport.apply(empty);
    const large = outgoing({ body: Buffer.alloc(900, 120) });
    await transport.send([large]);
    await transport.parked.discard({}, { by: 'ada' });
    await transport.send([large]);
    await transport.apply({ ...plan({ edition: '2' }), definition: { limits } });
    expect(await transport.parked.redrive({}, { by: 'ada' })).to.equal(1);
    await transport.apply({ ...empty, edition: '3' });
    await transport.send([large]);
    expect(await transport.parked.count()).to.equal(1);
  });
});

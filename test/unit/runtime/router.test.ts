import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openEmbedded } from '../../../src/adapters/embedded/transport.ts';
import { systemClock, type Transport } from '../../../src/index.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { Control } from '../../../src/runtime/control.ts';
import { LiveTables } from '../../../src/runtime/live-tables.ts';
import { ProcessResources } from '../../../src/runtime/resources.ts';
import { Router } from '../../../src/runtime/router.ts';
import { OwnStates } from '../../../src/runtime/states.ts';
import { all, Collector } from '../../support/collector.ts';
import { planOf } from '../../support/definitions.ts';
import { message } from '../../support/messages.ts';
import { testLog } from '../../support/targets.ts';
import { until } from '../../support/until.ts';

const ORDER = { type: 'object', 'x-key': '/id', properties: { id: { type: 'string' } }, required: ['id'] };
const BEFORE = planOf({
  bus: 'retail',
  contracts: { 'shop.order.placed@1': ORDER, 'shop.cart.abandoned@1': ORDER },
  services: {
    shop: { publishes: ['shop.order.placed@1', 'shop.cart.abandoned@1'] },
    oms: { receives: ['shop.order.placed@1'] },
  },
  routes: { orders: "from: shop.order.placed@1\nwhen: data.id != ''\nto: oms" },
});
const AFTER = planOf({
  bus: 'retail',
  contracts: { 'shop.order.placed@1': ORDER, 'shop.cart.abandoned@1': ORDER },
  services: {
    shop: { publishes: ['shop.order.placed@1', 'shop.cart.abandoned@1'] },
    oms: { receives: ['shop.order.placed@1'] },
    mail: { receives: ['shop.cart.abandoned@1'] },
  },
  routes: {
    orders: "from: shop.order.placed@1\nwhen: data.id != ''\nto: oms",
    carts: "from: shop.cart.abandoned@1\nwhen: data.id != ''\nto: mail",
  },
});

const NUMBERED = planOf({
  bus: 'retail',
  contracts: {
    'shop.order.placed@1': {
      ...ORDER,
      properties: { id: { type: 'string' }, seq: { type: 'integer' }, n: { type: 'string' } },
      required: ['id', 'seq', 'n'],
    },
    'oms.order.create@1': { ...ORDER, properties: { id: { type: 'string' }, n: { type: 'number' } } },
  },
  services: { shop: { publishes: ['shop.order.placed@1'] }, oms: { receives: ['oms.order.create@1'] } },
  routes: {
    numbered: `from: shop.order.placed@1
steps:
  - resequence: { sequence: data.seq, timeout: 1h }
  - map: { to: oms.order.create@1, set: { id: data.id, n: number(data.n) } }
to: oms`,
  },
});

describe('the router', () => {
  let folder = '';
  let transport: Transport;
  let router: Router;

  const apply = ({ definition, edition, topology }: Plan): Promise<unknown> =>
    transport.apply({
      format: 1,
      bus: 'retail',
      edition,
      appliedAt: '2026-01-01T00:00:00Z',
      appliedBy: 'tests',
      topology,
      definition,
    });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'waybill-'));
    transport = await openEmbedded({ folder, bus: 'retail', clock: systemClock, log: testLog });
    await apply(BEFORE);
    const { state } = transport;
    if (state === undefined) throw new Error('the transport has no states');
    router = new Router(BEFORE, {
      tables: new LiveTables({ settings: new Map(), clock: systemClock, log: testLog }),
      transport,
      clock: systemClock,
      log: testLog,
      planOf: () => Promise.resolve(BEFORE),
      resources: new ProcessResources(),
      control: new Control(),
      states: new OwnStates(state),
    });
    await router.start();
  });
  afterEach(async () => {
    await router.close();
    await transport.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('does not park a message whose route was applied before the router heard of it', async () => {
    await apply(AFTER);
    const cart = message({ type: 'shop.cart.abandoned', data: { id: 'c' }, key: 'c' });
    await transport.send([{ to: 'bus', message: cart }]);
    await until('the router to have it', async () => {
      const { endpoints } = await transport.stats();
      return endpoints.find(({ name }) => name === 'router')?.inHand === 1;
    });
    await router.update(AFTER);
    const mail = await Collector.start(transport, 'mail');
    const [delivered] = await mail.atLeast(1);
    expect(delivered?.message.envelope.id).to.equal(cart.envelope.id);
    expect(await transport.parked.count()).to.equal(0);
  });

  it('parks a message whose route is gone', async () => {
    await apply(AFTER);
    await router.update(AFTER);
    // The plan loses the route while the binding to the router is still there.
    await router.update(BEFORE);
    await apply(BEFORE);
    await transport.send([
      { to: { endpoint: 'router' }, message: message({ type: 'shop.cart.abandoned', data: { id: 'c' }, key: 'c' }) },
    ]);
    await until('the parking lot', async () => (await transport.parked.count()) === 1);
  });

  it('lets go on what a bad message was released with, which alone is the dead letter', async () => {
    await apply(NUMBERED);
    await router.update(NUMBERED);
    const nth = (seq: number, n: string) =>
      message({ id: String(seq), type: 'shop.order.placed', data: { id: 'o', seq, n }, key: 'o' });
    const sent = [nth(2, 'none'), nth(3, '3'), nth(1, '1'), nth(4, '4')];
    await transport.send(sent.map((each) => ({ to: 'bus' as const, message: each })));
    const oms = await Collector.start(transport, 'oms');
    const came = await oms.atLeast(3);
    expect(came.map(({ message: { envelope } }) => envelope.causationId)).to.deep.equal(['1', '3', '4']);
    await until('the dead letter', async () => (await transport.dead.count()) === 1);
    const [letter] = await all(transport.dead.list());
    expect(letter).to.include({ endpoint: 'route.numbered', code: 'WB_EXPRESSION_FAILED', route: 'numbered' });
    expect(letter?.message.envelope).to.include({ causationId: '2', key: 'o' });
  });
});

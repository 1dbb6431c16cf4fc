import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openEmbedded } from '../../../src/adapters/embedded/transport.ts';
import { Service } from '../../../src/client/service.ts';
import { checkConfiguration, type Host, openBus, serviceOn, systemClock } from '../../../src/index.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { Collector } from '../../support/collector.ts';
import { planOf } from '../../support/definitions.ts';
import { rejection } from '../../support/rejection.ts';
import { writeRetail } from '../../support/retail.ts';
import { testLog } from '../../support/targets.ts';
import { until, within } from '../../support/until.ts';
import { untyped } from '../../support/untyped.ts';

describe('a host', () => {
  let folder = '';
  const opened: { close(): Promise<void> }[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'waybill-'));
    await writeRetail(folder, { bus: 'retail', transport: `embedded:${folder}/store` });
  });
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function open(): Promise<Host> {
    const host = await openBus({ config: folder, log: testLog });
    opened.push(host);
    return host;
  }

  async function planHere(): Promise<Plan> {
    const { plan } = await checkConfiguration({ config: folder });
    if (plan === undefined) throw new Error('the configuration is faulty');
    return plan;
  }

  it('applies its configuration through an owner that has applied nothing yet', async () => {
    const owner = await openEmbedded({ folder: `${folder}/store`, bus: 'retail', clock: systemClock, log: testLog });
    opened.push(owner);
    const host = await open();
    expect(host.transport.status().owner).to.equal(false);
    await host.host();
    expect(await owner.manifest()).to.have.property('edition', host.plan.edition);
  });

  it('says which pause ends with its endpoint where nobody is shown what it applies', async () => {
    const said: string[] = [];
    const warn = (fields: object, text: string): void => {
      said.push(`${text} ${JSON.stringify(fields)}`);
    };
    const host = await openBus({ config: folder, log: { ...testLog, warn } });
    opened.push(host);
    const route =
      'from: shop.cart.abandoned@1\nsteps:\n  - map: { to: oms.order.accepted@1, set: { id: data.id } }\nto: mail\n';
    await writeFile(join(folder, 'routes', 'carts.yaml'), `isolate: true\n${route}`);
    await host.change(await planHere(), 'tests');
    await host.pause('carts', 'kim', 'moving');
    await host.pause('mail', 'kim');
    said.length = 0;
    await writeFile(join(folder, 'routes', 'carts.yaml'), route);
    await host.change(await planHere(), 'tests');
    expect(said).to.have.lengthOf(1);
    expect(said[0]).to.match(
      /^the endpoint is gone, and its pause with it.*"endpoint":"route.carts".*"reason":"moving"/,
    );
    expect((await host.transport.manifest())?.paused).to.have.all.keys('mail');
  });

  it('runs the router once it takes the folder over', async () => {
    const owner = await openEmbedded({ folder: `${folder}/store`, bus: 'retail', clock: systemClock, log: testLog });
    const host = await open();
    await host.host();
    await owner.close();
    await until('the take-over', () => host.transport.status().owner);
    const shop = untyped(serviceOn(host, 'shop'));
    await shop.publish('shop.order.cancelled@1', { id: 'o', total: 5 });
    const claims = await Collector.start(host.transport, 'billing');
    const [claim] = await claims.atLeast(1);
    expect(claim?.message.envelope.type).to.equal('billing.claim.made');
  });

  it('stays with the plan before when the next one cannot be applied', async () => {
    const host = await open();
    await host.host();
    const before = host.plan;
    const refused = await rejection(host.change(planOf({ bus: 'another' }), 'ada'));
    expect(refused.message).to.contain('another');
    expect(host.plan).to.equal(before);
    expect(await host.applied()).to.equal('same');
  });

  it('ends with the plan that was applied last, whoever changes it how fast', async () => {
    const host = await open();
    await host.host();
    const other = await open();
    const first = await planHere();
    const second = planOf({ bus: 'retail', services: { shop: {} } });
    const third = planOf({ bus: 'retail', services: { shop: {}, mail: {} } });
    // A change that another one overtook may fail: its endpoints are gone.
    await Promise.allSettled([host.change(second, 'ada'), other.change(third, 'bob'), host.change(first, 'ada')]);
    await until('one plan', async () => (await host.applied()) === 'same');
  });

  it('closes while it changes its plan', async () => {
    const host = await open();
    await host.host();
    const changing = host.change(planOf({ bus: 'retail', services: { shop: {} } }), 'ada').catch(() => undefined);
    await within('close', host.close());
    await within('the change', changing);
  });

  it('lets a service start again whose endpoint was not applied the first time', async () => {
    const host = await open();
    await host.apply('ada');
    const more = planOf({
      bus: 'retail',
      contracts: {
        'shop.order.placed@1': {
          type: 'object',
          'x-key': '/id',
          properties: { id: { type: 'string' } },
          required: ['id'],
        },
      },
      services: { wms: { receives: ['shop.order.placed@1'] } },
      routes: { wms: 'from: shop.order.placed@1\nto: wms' },
    });
    const { transport, clock, log } = host;
    const wms = untyped(
      new Service({ name: 'wms', plan: () => more, transport, clock, log, release: () => Promise.resolve() }),
    );
    opened.push(wms);
    wms.handle('shop.order.placed@1', () => undefined);
    expect((await rejection(wms.start())).code).to.equal('WB_PLAN_NOT_APPLIED');
    await host.change(more, 'ada');
    await wms.start();
    expect((await rejection(wms.start())).code).to.equal('WB_ALREADY_STARTED');
  });
});

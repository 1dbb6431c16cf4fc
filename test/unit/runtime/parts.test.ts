import { expect } from 'chai';
import { type Host, type Log, openBus, partFile, partsOf, serviceOn } from '../../../src/index.ts';
import { type WorkFolder, workFolder } from '../../support/cli.ts';
import { type Files, ORDER, shopFiles, stockFiles } from '../../support/part-folders.ts';
import { rejection } from '../../support/rejection.ts';
import { testLog } from '../../support/targets.ts';
import { until } from '../../support/until.ts';
import { untyped } from '../../support/untyped.ts';

describe('a bus of several parts', () => {
  let store: WorkFolder;
  const opened: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    store = await workFolder();
  });
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close();
    await store[Symbol.asyncDispose]();
  });

  const transport = (): string => `embedded:${store.path}/bus`;

  async function open(files: Files, log: Log = testLog): Promise<Host> {
    const folder = await workFolder(files);
    opened.push(async () => {
      await folder[Symbol.asyncDispose]();
    });
    const host = await openBus({ config: folder.path, log });
    opened.push(() => host.close());
    return host;
  }

  async function openShop(order?: object, log?: Log): Promise<Host> {
    return open(shopFiles('retail', transport(), order), log);
  }

  /** The stock's files, with what is applied now of the shop. */
  async function stockPulled(host: Host, more: Files = {}): Promise<Files> {
    const pulled = partsOf(await host.transport.manifest()).flatMap((part) =>
      part.name === 'stock' ? [] : (partFile(part) ?? []),
    );
    const files = Object.fromEntries(pulled.map(({ file, text }) => [file, text]));
    return { ...stockFiles('retail', transport()), ...files, ...more };
  }

  async function partNames(host: Host): Promise<readonly string[]> {
    return partsOf(await host.transport.manifest()).map(({ name }) => name);
  }

  it('replaces its own part, and goes on with what the others applied', async () => {
    const shop = await openShop();
    await shop.apply('ada');
    const stock = await open(await stockPulled(shop));
    await stock.apply('bob');
    expect(await partNames(shop)).to.deep.equal(['shop', 'stock']);
    await shop.apply('ada');
    expect(await partNames(shop)).to.deep.equal(['shop', 'stock']);
    expect(shop.plan.topology.bindings).to.deep.equal([{ type: 'shop.order.placed@1', endpoint: 'wms' }]);
    expect(shop.plan.edition).to.equal(stock.plan.edition);
  });

  it('refuses by name what another part still needs, and changes nothing', async () => {
    const shop = await openShop();
    await shop.apply('ada');
    const stock = await open(await stockPulled(shop));
    await stock.apply('bob');
    const before = await shop.transport.manifest();
    const without = await open(withoutOrder());
    const refused = await rejection(without.apply('ada'));
    expect(refused.code).to.equal('WB_CONFIG_FAULTS');
    expect(refused.message).to.contain('stock:routes/picking.yaml').and.to.contain('stock:waybill.yaml');
    expect(await shop.transport.manifest()).to.deep.equal(before);
  });

  function withoutOrder(): Files {
    return { 'waybill.yaml': `bus: retail\npart: shop\ntransport: ${transport()}\nservices:\n  shop: {}\n` };
  }

  it('takes two applies at once: who comes second applies to what the first has made', async () => {
    const first = await openShop();
    await first.apply('ada');
    const stock = await open(await stockPulled(first));
    const others = await Promise.all(
      ['one', 'two', 'three'].map((part) =>
        open({
          'waybill.yaml': `bus: retail\npart: ${part}\ntransport: ${transport()}\nservices:\n  ${part}: {}\n`,
        }),
      ),
    );
    let proposals = 0;
    const onProposal = (): void => {
      proposals++;
    };
    await Promise.all([stock, ...others].map((host) => host.apply('ada', { onProposal })));
    expect(await partNames(first)).to.deep.equal(['one', 'shop', 'stock', 'three', 'two']);
    expect(proposals).to.be.greaterThan(4);
  });

  it('applies again after somebody else was quicker between reading and writing', async () => {
    const shop = await openShop();
    await shop.apply('ada');
    const stock = await open(await stockPulled(shop));
    const more = await open({
      'waybill.yaml': `bus: retail\npart: more\ntransport: ${transport()}\nservices:\n  mail: {}\n`,
    });
    const seen: (readonly string[])[] = [];
    await stock.apply('bob', {
      onProposal: async ({ manifest }) => {
        seen.push(partsOf(manifest).map(({ name }) => name));
        if (seen.length === 1) await more.apply('eve');
      },
    });
    expect(seen).to.deep.equal([
      ['shop', 'stock'],
      ['more', 'shop', 'stock'],
    ]);
    const manifest = await shop.transport.manifest();
    const stale = await rejection(shop.transport.apply({ ...(manifest ?? never()), edition: 'x' }, { after: null }));
    expect(stale.code).to.equal('WB_MANIFEST_MOVED');
    expect(await shop.transport.manifest()).to.deep.equal(manifest);
  });

  it('lets a part take the place of another one in one step', async () => {
    const main = await open({
      ...shopFiles('retail', transport()),
      'waybill.yaml': (shopFiles('retail', transport())['waybill.yaml'] ?? '').replace('part: shop\n', ''),
    });
    await main.apply('ada');
    const shop = await openShop();
    expect((await rejection(shop.apply('ada'))).message).to.contain('is in the part main and in the part shop');
    await shop.apply('ada', { remove: 'main' });
    expect(await partNames(shop)).to.deep.equal(['shop']);
    const unknown = await rejection(shop.apply('ada', { remove: 'shopp' }));
    expect(unknown).to.include({ code: 'WB_PART_UNKNOWN', fix: 'did you mean shop?' });
    expect((await rejection(shop.apply('ada', { remove: 'shop' }))).message).to.contain('last part');
  });

  it('tells a service that is behind what breaks, and refuses only that', async () => {
    const said: { readonly fields: object; readonly message: string }[] = [];
    const tell = (fields: object, message: string): void => {
      said.push({ fields, message });
    };
    const log: Log = { debug: () => undefined, info: () => undefined, warn: tell, error: tell };
    const shop = await openShop();
    await shop.host();
    const behind = await openShop(ORDER, log);
    await behind.host();
    const service = untyped(serviceOn(behind, 'shop'));
    await service.publish('shop.order.placed@1', { id: 'a' });
    expect(said).to.deep.equal([]);

    const stricter = await openShop({ ...ORDER, required: ['id', 'qty'] });
    await stricter.apply('ada');
    await until('the comparison', () => said.some(({ fields }) => 'breaks' in fields));
    expect(said.map(({ fields }) => fields)).to.deep.include({
      service: 'shop',
      breaks: ['publishes shop.order.placed@1: breaks its applied contract (/qty: required, was optional)'],
    });
    expect((await rejection(service.publish('shop.order.placed@1', { id: 'a' }))).code).to.equal(
      'WB_CONTRACT_VIOLATED',
    );
    await service.publish('shop.order.placed@1', { id: 'a', qty: 1 });

    const gone = await open(withoutOrder());
    await gone.apply('ada');
    await until('the refusal', () => said.some(({ fields }) => JSON.stringify(fields).includes('does not have that')));
    const refused = await rejection(service.publish('shop.order.placed@1', { id: 'a', qty: 1 }));
    expect(refused.code).to.equal('WB_PLAN_OUTDATED');
    expect(refused.message).to.contain('shop cannot publish shop.order.placed@1');
    expect(refused.fix).to.contain('waybill apply');
  });

  it('goes on with the whole plan when only another part changed', async () => {
    const shop = await openShop();
    await shop.host();
    const attached = await openShop();
    await attached.host();
    const stock = await open(await stockPulled(shop));
    await stock.apply('bob');
    await until(
      'one plan',
      () => attached.plan.edition === stock.plan.edition && shop.plan.edition === stock.plan.edition,
    );
    expect(await attached.applied()).to.equal('same');
  });

  it('says so, and goes on, when a newer Waybill applied what this one cannot read', async () => {
    const shop = await openShop();
    await shop.host();
    const { edition } = shop.plan;
    const manifest = (await shop.transport.manifest()) ?? never();
    await shop.transport.apply({
      ...manifest,
      edition: 'newer',
      definition: { ...withUnknownStep(manifest.definition) },
    });
    await until('the word', () => shop.outdated !== undefined);
    expect(shop.outdated).to.contain('edition newer is applied, and cannot be read here');
    expect(shop.plan.edition).to.equal(edition);
    await shop.apply('ada');
    expect(shop.outdated).to.equal(undefined);
  });
});

/** A definition with a route that only a newer version knows how to run. */
function withUnknownStep(definition: unknown): object {
  const route = {
    name: 'new',
    enabled: true,
    isolate: false,
    from: ['shop.order.placed@1'],
    steps: [{ use: 'teleport', options: {}, path: [] }],
    branches: [{ to: [], path: [] }],
    exclusive: false,
    file: 'routes/new.yaml',
    path: [],
  };
  return { ...(typeof definition === 'object' ? definition : undefined), routes: [route] };
}

function never(): never {
  throw new Error('nothing is applied');
}

import { expect } from 'chai';
import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { parseJson } from '../../src/index.ts';
import type { Topology } from '../../src/ports/topology.ts';
import { broker, busName, busUrl } from '../support/broker.ts';
import { waybill, workFolder } from '../support/cli.ts';
import { shopFiles, stockFiles } from '../support/part-folders.ts';
import { removeBus } from '../support/rabbit-bus.ts';

describe('two repositories on one RabbitMQ', function () {
  this.timeout(600_000);
  let url = '';
  before(async function () {
    url = (await broker(this)).url;
  });

  it('apply at once and again, and neither prunes what the other has', async () => {
    const bus = busName('parts');
    const own = '${WAYBILL_URL}';
    await using shop = await workFolder(shopFiles(bus, own));
    await using stock = await workFolder(stockFiles(bus, own));
    const env = { WAYBILL_URL: busUrl(url, bus) };
    const [inShop, inStock] = [
      { cwd: shop.path, env },
      { cwd: stock.path, env },
    ];
    try {
      expect((await waybill(inShop, 'apply')).code).to.equal(0);
      expect((await waybill(inStock, 'pull')).stdout).to.contain('wrote parts/shop.json');
      await shop.write('waybill.yaml', `${shopFiles(bus, own)['waybill.yaml'] ?? ''}  crm: {}\n`);
      const both = await Promise.all([waybill(inShop, 'apply'), waybill(inStock, 'apply')]);
      for (const ran of both) expect(ran, ran.stderr).to.include({ code: 0 });
      expect((await waybill(inShop, 'apply')).stdout)
        .to.contain('1 other part of the bus')
        .and.contain('nothing to do');
      const planned = await waybill(inStock, 'plan', '--json', '--detailed-exitcode');
      expect(planned, planned.stderr).to.include({ code: 0 });
      const { flows } = parseJson(planned.stdout) as { flows: unknown };
      expect(flows).to.deep.equal([
        { type: 'shop.order.placed@1', publishers: ['shop'], routes: ['picking'], receivers: ['wms'] },
      ]);
      await shop.write('waybill.yaml', `bus: ${bus}\npart: shop\ntransport: ${own}\n`);
      await shop.remove('schemas/shop/order.placed.v1.json');
      const refused = await waybill(inShop, 'apply');
      expect(refused.code).to.equal(EXIT_CODES.configuration.code);
      expect(refused.stderr).to.contain('stock:routes/picking.yaml');
    } finally {
      const { slots, endpoints } = parseJson(
        (await waybill(inStock, 'plan', '--offline', '--json')).stdout,
      ) as Topology;
      await removeBus(url, { bus, slots, endpoints, bindings: [] });
    }
  });
});

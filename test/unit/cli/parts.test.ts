import { expect } from 'chai';
import { EXIT_CODES } from '../../../src/cli/exit-codes.ts';
import { parseJson } from '../../../src/index.ts';
import { waybill, workFolder } from '../../support/cli.ts';
import { ORDER, shopFiles, stockFiles } from '../../support/part-folders.ts';

describe('two repositories on the command line', function () {
  this.timeout(600_000);

  it('share a bus: each pulls, checks offline, and applies its own part only', async () => {
    await using store = await workFolder();
    const url = `embedded:${store.path}/bus`;
    await using shop = await workFolder(shopFiles('retail', url));
    await using stock = await workFolder(stockFiles('retail', url));
    const [inShop, inStock] = [{ cwd: shop.path }, { cwd: stock.path }];

    const planned = await waybill(inShop, 'plan', '--detailed-exitcode');
    expect(planned, planned.stderr).to.include({ code: EXIT_CODES.changes.code });
    expect((await waybill(inShop, 'apply')).stdout)
      .to.contain('+ part shop')
      .and.contain('applied edition');

    const alone = await waybill(inStock, 'check');
    expect(alone.code).to.equal(EXIT_CODES.configuration.code);
    expect(alone.stderr).to.contain('shop.order.placed@1');
    expect((await waybill(inStock, 'pull')).stdout).to.equal(
      'wrote parts/shop.json: 1 contract, 1 service, 0 routes\n',
    );
    expect((await waybill(inStock, 'pull', '--check')).stdout).to.equal('up to date: 1 other part\n');
    const whole = await waybill(inStock, 'check', '--strict');
    expect(whole, whole.stderr).to.include({ code: 0 });
    expect(whole.stdout).to.contain('1 contract, 2 services, 1 route');
    expect((await waybill(inStock, 'types', '--out', '-')).stdout).to.contain("'shop.order.placed@1'");

    const applied = await waybill(inStock, 'apply', '--json');
    expect(applied, applied.stderr).to.include({ code: 0 });
    const told = parseJson(applied.stdout) as { part: string; parts: { name: string; pulled: string }[] };
    expect(told.part).to.equal('stock');
    expect(told.parts).to.have.length(1);
    expect(told.parts[0]).to.include({ name: 'shop', pulled: 'same' });

    const again = await waybill(inShop, 'apply');
    expect(again.stdout).to.contain('1 other part of the bus').and.contain('nothing to do');
    expect(again.stderr).to.contain('parts/ is behind for stock: `waybill pull`');

    await shop.write(
      'waybill.yaml',
      shopFiles('retail', url, ORDER)['waybill.yaml']?.replace(/publishes: .*\]/, '') ?? '',
    );
    const refused = await waybill(inShop, 'apply');
    expect(refused, refused.stderr).to.include({ code: 0 });
    await shop.remove('schemas/shop/order.placed.v1.json');
    const broken = await waybill(inShop, 'apply');
    expect(broken.code).to.equal(EXIT_CODES.configuration.code);
    expect(broken.stderr).to.contain('stock:routes/picking.yaml').and.contain('shop.order.placed@1');

    const unsure = await waybill(inStock, 'apply', '--remove-part', 'stock');
    expect(unsure.code).to.equal(EXIT_CODES.usage.code);
    expect(unsure.stdout).to.contain('- part stock').and.contain('- route picking');
    expect((await waybill(inStock, 'apply', '--remove-part', 'stock', '--yes')).code).to.equal(0);
    expect((await waybill(inShop, 'apply')).stdout).not.to.contain('other part');
  });
});

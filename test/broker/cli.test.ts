import { expect } from 'chai';
import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { parseJson } from '../../src/index.ts';
import type { Topology } from '../../src/ports/topology.ts';
import { broker, busName, busUrl } from '../support/broker.ts';
import { Called, type Ran, waybill, workFolder } from '../support/cli.ts';
import { removeBus } from '../support/rabbit-bus.ts';
import { until } from '../support/until.ts';

const contract = JSON.stringify({
  'x-key': '/id',
  type: 'object',
  required: ['id', 'amount'],
  properties: { id: { type: 'string' }, amount: { type: 'number' } },
});

describe('the command line on RabbitMQ', function () {
  this.timeout(600_000);
  let url = '';
  before(async function () {
    url = (await broker(this)).url;
  });

  it('runs no router before its plan is applied, then carries messages, and repairs from the url alone', async () => {
    const bus = busName('cli');
    await using folder = await workFolder({
      'waybill.yaml': `bus: ${bus}\ntransport: \${WAYBILL_URL}\nservices:\n  shop: { publishes: [shop.order.placed@1] }\n  oms: { receives: [oms.order.create@1] }\n`,
      'routes/orders.yaml':
        'from: shop.order.placed@1\nsteps:\n  - map: { to: oms.order.create@1, set: { id: data.id, amount: 100 / data.amount } }\nto: oms\n',
      'schemas/shop/order.placed.v1.json': contract,
      'schemas/oms/order.create.v1.json': contract,
    });
    const at = { cwd: folder.path, env: { WAYBILL_URL: busUrl(url, bus) } };
    const call = (...args: string[]): Promise<Ran> => waybill(at, ...args);
    try {
      const early = await call('run');
      expect(early, early.stderr).to.include({ code: EXIT_CODES.notApplied.code });
      expect(early.stderr).to.contain('WB_PLAN_NOT_APPLIED').and.contain('waybill apply');

      const nothing = await call('trace', 'a-message');
      expect(nothing, nothing.stderr).to.include({ code: EXIT_CODES.notApplied.code });
      expect(nothing.stderr).to.contain(`nothing was applied to the bus ${bus} yet`).and.contain('waybill apply');

      const applied = await call('apply', '--json');
      expect(applied, applied.stderr).to.include({ code: 0 });
      expect(parseJson(applied.stdout)).to.have.property('changes').that.includes(`bus ${bus}: added`);
      expect((await call('apply')).stdout).to.contain('nothing to do');

      await using router = await Called.start(['run'], at);
      await router.says(`the router of ${bus} runs`);
      // From a folder without configuration: what was applied says everything.
      await using elsewhere = await workFolder({ 'orders.csv': 'id,amount\na,4\nb,0\n' });
      const away = { ...at, cwd: elsewhere.path };
      const published = await waybill(away, 'publish', 'shop.order.placed@1', 'orders.csv');
      expect(published, published.stderr).to.include({ code: 0 });
      expect(published.stdout).to.match(/^\S+\n\S+\npublished 2 messages\n$/);

      const dead = await until(
        'the dead letter',
        async () => {
          const { stdout } = await waybill(away, 'dead', 'list', '--json');
          return stdout === '' ? undefined : parseJson(stdout);
        },
        { deadlineMs: 180_000 },
      );
      expect(dead).to.include({ endpoint: 'router', route: 'orders', code: 'WB_EXPRESSION_FAILED' });
      expect((await waybill(away, 'dead', 'discard', '--key', 'b')).stdout).to.equal('discarded 1 dead letter\n');
      const stats = await waybill(away, 'stats', '--json');
      expect(parseJson(stats.stdout)).to.deep.include({ bus, transport: 'rabbitmq', exact: false, dead: 0 });
      expect((await router.stop('SIGTERM')).code).to.equal(0);
    } finally {
      const plan = parseJson((await call('plan', '--offline', '--json')).stdout) as {
        slots: number;
        endpoints: Topology['endpoints'];
      };
      await removeBus(url, { bus, slots: plan.slots, endpoints: plan.endpoints, bindings: [] });
    }
  });

  it('takes a plan for applied while an old generation is still to be drained', async () => {
    const bus = busName('cli');
    const config = (partitions: number): string =>
      `bus: ${bus}\ntransport: \${WAYBILL_URL}\nservices:\n  shop: { publishes: [shop.order.placed@1] }\n  oms: { receives: [shop.order.placed@1], partitions: ${String(partitions)} }\n`;
    await using folder = await workFolder({
      'waybill.yaml': config(2),
      'routes/orders.yaml': 'from: shop.order.placed@1\nto: oms\n',
      'schemas/shop/order.placed.v1.json': contract,
      'orders.csv': 'id,amount\na,4\n',
    });
    const at = { cwd: folder.path, env: { WAYBILL_URL: busUrl(url, bus) } };
    const call = async (...args: string[]): Promise<Ran> => {
      const ran = await waybill(at, ...args);
      expect(ran, ran.stderr).to.include({ code: 0 });
      return ran;
    };
    try {
      await call('apply');
      await call('publish', 'shop.order.placed@1', 'orders.csv');
      await folder.write('waybill.yaml', config(1));
      expect((await call('apply')).stdout).to.match(
        /old queues \(generation 1\) of endpoint oms: kept, 1 message waiting, 0 consumers; run `waybill apply` again/,
      );
      const { stdout } = await call('plan', '--detailed-exitcode');
      expect(stdout).to.contain('applied: the bus runs this plan').and.not.contain('not applied');
      expect(stdout).to.match(
        /by an `apply` once what waits there is handled:\n\s+- queue oms\.1\.\* \(an old generation\)/,
      );
    } finally {
      await removeBus(url, { bus, slots: 4, endpoints: [], bindings: [] });
    }
  });
});

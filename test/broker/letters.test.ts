import { expect } from 'chai';
import { openBus } from '../../src/index.ts';
import { broker, busName, busUrl } from '../support/broker.ts';
import { waybill, workFolder } from '../support/cli.ts';
import { all, Collector } from '../support/collector.ts';
import { message, onBus } from '../support/messages.ts';
import { removeBus } from '../support/rabbit-bus.ts';
import { testLog } from '../support/targets.ts';
import { until } from '../support/until.ts';

/** `WAYBILL_LETTERS=100000` tries it at its full size, which takes minutes on a small machine. */
const LETTERS = Number(process.env['WAYBILL_LETTERS'] ?? '20000');
const TYPE = 'shop.order.placed';
/** More all together than a list holds at a time. @unit characters */
const LENGTH = Math.ceil(150_000_000 / LETTERS);
const body = (n: number): Buffer =>
  Buffer.from(JSON.stringify({ id: `k${String(n % 100)}`, n, text: 'x'.repeat(LENGTH) }));
const contract = JSON.stringify({
  'x-key': '/id',
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string' } },
});

describe('very many dead letters on RabbitMQ', function () {
  this.timeout(600_000);
  let url = '';
  before(async function () {
    url = (await broker(this)).url;
  });

  it('are listed, shown, redriven by id, by filter and all, and discarded, and none is lost: who did it stands recorded', async () => {
    const bus = busName('letters');
    await using folder = await workFolder({
      'waybill.yaml': `bus: ${bus}\ntransport: ${busUrl(url, bus)}\nservices:\n  shop: { publishes: [${TYPE}@1] }\n  oms: { receives: [${TYPE}@1], ordering: none }\n`,
      'routes/orders.yaml': `from: ${TYPE}@1\nto: oms\n`,
      'schemas/shop/order.placed.v1.json': contract,
    });
    await using host = await openBus({ config: folder.path, log: testLog });
    await host.apply('tests');
    const { transport } = host;
    const { dead } = transport;
    try {
      // Some die of another fault than the others.
      const codeOf = (id: string) => (id.endsWith('0') ? 'WB_HANDLER_TIMEOUT' : 'WB_HANDLER_FAILED');
      const dying = await Collector.start(transport, 'oms', {
        window: 5_000,
        each: (delivery) => {
          const death = { code: codeOf(delivery.message.envelope.id), error: 'no', attempts: [] } as const;
          return { delivery, outcome: 'dead', sends: [], deaths: [death] };
        },
      });
      for (let n = 0; n < LETTERS; n += 2_000) {
        const some = Array.from({ length: 2_000 }, (_, at) => ({
          ...message({ id: `m${String(n + at)}`, key: `k${String((n + at) % 100)}`, type: TYPE }),
          body: body(n + at),
        }));
        await transport.send(onBus(some));
      }
      await dying.atLeast(LETTERS, 180_000);
      await dying.settled();
      await dying.close();
      await until('every letter', async () => (await dead.count()) === LETTERS);

      const letters = await all(dead.list());
      expect(letters).to.have.length(LETTERS);
      expect(new Set(letters.map(({ id }) => id)).size).to.equal(LETTERS);
      expect(new Set(letters.map(({ message: { envelope } }) => envelope.id)).size).to.equal(LETTERS);
      const last = letters[LETTERS - 1];
      if (last === undefined) throw new Error('there are letters');
      expect(await dead.get(last.id)).to.deep.equal(last);

      const handled = await Collector.drain(transport, 'oms', 5_000);
      expect(await dead.redrive({ ids: [last.id] }, { by: 'ada' })).to.equal(1);
      const ofCode = letters.filter(({ id, code }) => code === 'WB_HANDLER_TIMEOUT' && id !== last.id).length;
      expect(ofCode).to.be.above(LETTERS / 20);
      expect(await dead.redrive({ code: 'WB_HANDLER_TIMEOUT' }, { by: 'ada' })).to.equal(ofCode);
      const ofKey = await dead.discard({ key: 'k7' }, { by: 'grace' });
      expect(ofKey).to.equal(LETTERS / 100);
      const rest = LETTERS - 1 - ofCode - ofKey;
      const ran = await waybill({ cwd: folder.path }, 'dead', 'redrive', '--yes', '--rate', '20000', '--json');
      expect(ran, ran.stderr).to.include({ code: 0 });
      expect(JSON.parse(ran.stdout)).to.deep.equal({ redriven: rest });

      await handled.atLeast(LETTERS - ofKey, 180_000);
      await handled.settled();
      expect(new Set(handled.ids).size).to.equal(LETTERS - ofKey);
      expect(await dead.count()).to.equal(0);
      const records = await all(transport.audit());
      expect(new Set(records.map(({ letter }) => letter)).size).to.equal(LETTERS);
      const tally = (by: string, action: string): number =>
        records.filter((record) => record.by === by && record.action === action).length;
      expect(tally('ada', 'redrive')).to.equal(ofCode + 1);
      expect(tally('grace', 'discard')).to.equal(ofKey);
      expect(records).to.have.length(LETTERS);
      expect(records.every(({ at, endpoint }) => !Number.isNaN(Date.parse(at)) && endpoint === 'oms')).to.equal(true);
      await handled.close();
    } finally {
      await removeBus(url, host.plan.topology);
    }
  });
});

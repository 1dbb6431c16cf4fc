import { expect } from 'chai';
import { connect, type Host, openBus } from '../../src/index.ts';
import { brokerUrl, busName, busUrl } from '../support/broker.ts';
import { postgres, schemaUrl } from '../support/postgres.ts';
import { removeBus } from '../support/rabbit-bus.ts';
import { testLog } from '../support/targets.ts';
import { until } from '../support/until.ts';
import { untyped } from '../support/untyped.ts';
import { makeFolder } from '../unit/config/folder.ts';

describe('scheduled routes on RabbitMQ', () => {
  it('begin once per tick for the whole bus, however many routers run, and one of them ends', async function () {
    this.timeout(300_000);
    const url = await brokerUrl(this);
    const { url: database } = await postgres(this);
    const bus = busName('tick');
    await using folder = await makeFolder({
      'waybill.yaml': `bus: ${bus}
transport: ${url}
store: ${schemaUrl(database)}
services: { ops: { receives: [ops.run.due@1] } }
`,
      'schemas/ops/run.due.v1.json': JSON.stringify({
        type: 'object',
        required: ['at'],
        properties: { at: { type: 'string' } },
      }),
      'routes/run.yaml':
        "from: { schedule: '* * * * * *', as: ops.run.due@1, missed: all, data: { at: meta.time } }\nto: ops\n",
    });
    const options = { config: folder.root, log: testLog };
    const first: Host = await openBus(options);
    const { topology } = first.plan;
    await first.apply('tests');
    const second = await openBus(options);
    const ops = untyped(await connect({ service: 'ops', ...options }));
    try {
      const came: { readonly id: string; readonly at: string }[] = [];
      ops.handle('ops.run.due@1', ({ id, data }) => {
        came.push({ id, at: (data as { at: string }).at });
      });
      await ops.start();
      await first.startRouter();
      await second.startRouter();
      await until('ticks of both', () => came.length >= 3);
      await until('a tick that both brought', async () => {
        const { endpoints } = await second.transport.stats();
        return (endpoints.find(({ name }) => name === 'route.run')?.outcomes['duplicate'] ?? 0) > 0;
      });
      await first.close();
      const before = came.length;
      await until('ticks of the other', () => came.length >= before + 2);
      const seconds = came.map(({ at }) => Date.parse(at) / 1_000);
      const [begin = 0] = seconds;
      expect(seconds).to.deep.equal(came.map((_, index) => begin + index));
      expect(new Set(came.map(({ id }) => id)).size).to.equal(came.length);
    } finally {
      await Promise.all([first.close(), second.close(), ops.close()]);
      await removeBus(busUrl(url, bus), topology);
    }
  });
});

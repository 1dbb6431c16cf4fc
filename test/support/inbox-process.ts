/**
 * A process of the service `oms` of `retail.ts` whose handler has an inbox and writes to the database of its store, to be killed. Its
 * arguments: the configuration's folder, a schema of the database. It tells the id of each message whose handler has ended.
 */
import { connect } from '../../src/index.ts';
import { testLog } from './targets.ts';
import { untyped } from './untyped.ts';

const [, , config = '.', schema = ''] = process.argv;
const oms = untyped(await connect({ service: 'oms', config, log: testLog }));
oms.handle(
  'shop.order.placed@1',
  async ({ id, data }, context) => {
    const database = await context.transaction();
    await database.query(`INSERT INTO ${schema}.effects (id) VALUES ($1)`, [id]);
    context.publish('oms.order.accepted@1', data);
    process.send?.(id);
  },
  { inbox: true },
);
await oms.start();
process.send?.('ready');
process.on('disconnect', () => {
  process.exit();
});

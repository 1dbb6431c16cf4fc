/** A process of the service `oms` whose handler kills it at one order. Its arguments: the configuration's folder, the order. */
import { connect } from '../../src/index.ts';
import { testLog } from './targets.ts';
import { untyped } from './untyped.ts';

const [, , config = '.', deadly = ''] = process.argv;
const service = await connect({ service: 'oms', config, log: testLog });
const handlers = untyped(service).handle('shop.order.placed@1', ({ data }) => {
  const { id } = data as { id: string };
  if (id === deadly) process.kill(process.pid, 'SIGKILL');
  process.send?.(id);
});
await handlers.start();
process.on('message', () => {
  service.close().then(
    () => {
      process.disconnect();
    },
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exitCode = 1;
      process.disconnect();
    },
  );
});

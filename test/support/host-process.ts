/** A process that hosts a bus: owns the folder, or only runs the router. Its argument is the configuration's folder. */
import { openBus } from '../../src/index.ts';
import { testLog } from './targets.ts';

const [, , config = '.'] = process.argv;
const host = await openBus({ config, log: testLog });
await host.host();
process.on('message', () => {
  host.close().then(
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
process.send?.('ready');

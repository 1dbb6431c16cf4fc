import { systemClock } from '../../src/ports/clock.ts';
import type { Log } from '../../src/ports/log.ts';
import type { Transport } from '../../src/ports/transport.ts';
import type { Target } from './peer-protocol.ts';

/** Says nothing, unless `WAYBILL_TEST_LOG` is set: transports warn of the very faults that tests make. */
const say = (fields: object, text: string): void => {
  if (process.env['WAYBILL_TEST_LOG'] !== undefined)
    process.stderr.write(`${new Date().toISOString()} ${String(process.pid)} ${text} ${JSON.stringify(fields)}\n`);
};
export const testLog: Log = { debug: say, info: say, warn: say, error: say };

/** The transport of a bus, wherever it is: the one place where tests say how each adapter is opened. */
export async function openTarget(target: Target): Promise<Transport> {
  const { bus, parkingBytes } = target;
  const shared = { bus, clock: systemClock, log: testLog, limits: { parkingBytes } };
  if (target.kind === 'embedded') {
    const { openEmbedded } = await import('../../src/adapters/embedded/transport.ts');
    return openEmbedded({ ...shared, folder: target.folder });
  }
  const { openRabbit } = await import('../../src/adapters/rabbitmq/transport.ts');
  return openRabbit({ ...shared, url: target.url });
}

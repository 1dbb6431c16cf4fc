/**
 * A process of a service of `pricing.ts`, to be killed. Its arguments: the configuration's folder, and its part: `responder`
 * takes requests and never answers one, `requester` asks once. It says when it has begun, and when a request is in hand.
 */
import { connect } from '../../src/index.ts';
import { testLog } from './targets.ts';
import { untyped } from './untyped.ts';

const [, , config = '.', part = ''] = process.argv;
const service = await connect({ service: part === 'responder' ? 'pricing' : 'shop', config, log: testLog });
const mine = untyped(service);
if (part === 'responder') {
  const never = new Promise<never>(() => undefined);
  mine.respond('pricing.quote@1', () => {
    process.send?.('asked');
    return never;
  });
  await mine.start();
  process.send?.('ready');
} else {
  process.send?.('ready');
  await mine.request('pricing.quote@1', { sku: 'orphan' }, { timeoutMs: 60_000 });
}
process.on('disconnect', () => {
  process.exit();
});

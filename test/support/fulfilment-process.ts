/**
 * A router of the bus of `fulfilment.ts`, to be killed at a point of its own. Its arguments: the configuration's folder, the trap as JSON, and
 * `alone` where its services run here too.
 */
import { openBus } from '../../src/index.ts';
import { attendFulfilment } from './fulfilment.ts';
import { testLog } from './targets.ts';
import { Trap, type TrapPlan } from './traffic/trap.ts';

const [, , config = '.', plan = 'null', alone = ''] = process.argv;
const host = await openBus({ config, log: testLog });
new Trap((JSON.parse(plan) as TrapPlan | null) ?? undefined).watch(host.transport);
await host.startRouter();
if (alone === 'alone') await attendFulfilment(config);
process.send?.('ready');
process.on('disconnect', () => {
  process.exit();
});

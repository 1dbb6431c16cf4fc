import type { Fault } from '../errors.ts';
import type { Locate } from '../plan/faults.ts';
import type { Plan } from '../plan/plan.ts';
import type { Settings } from './settings.ts';

const FILE = 'waybill.yaml';

/** What somebody should know of the store before routes that remember run on RabbitMQ, which keeps no state. */
export function warnOfStore({ routes }: Plan, { transport, store }: Settings, locate: Locate): readonly Fault[] {
  const route = routes.find(({ remembers }) => remembers === true);
  if (route === undefined || transport.kind !== 'rabbitmq') return [];
  if (store === undefined) {
    return [
      {
        code: 'WB_STORE_MISSING',
        message: `the route ${route.name} remembers, and there is no store, so a router starts only where WAYBILL_STORE names one`,
        at: locate(FILE, ['transport']),
        fix: 'add `store: postgres://...`, or `store: embedded:<folder>` where one router runs',
      },
    ];
  }
  if (store.kind !== 'embedded') return [];
  return [
    {
      code: 'WB_STORE_SINGLE',
      message: `the route ${route.name} remembers in a folder, so only one router can run`,
      at: locate(FILE, ['store']),
      fix: 'use `store: postgres://...` before you run a second one',
    },
  ];
}

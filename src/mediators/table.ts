import type { Mediator } from '../ports/mediator.ts';
import { aggregate } from './aggregate.ts';
import { call } from './call.ts';
import { claimCheck } from './claim-check.ts';
import { decrypt } from './decrypt.ts';
import { dedupe } from './dedupe.ts';
import { delay } from './delay.ts';
import { encrypt } from './encrypt.ts';
import { enrich } from './enrich.ts';
import { filter } from './filter.ts';
import { invoke } from './invoke.ts';
import { map } from './map.ts';
import { processManager } from './process.ts';
import { redact } from './redact.ts';
import { resequence } from './resequence.ts';
import { routingSlip } from './routing-slip.ts';
import { scatterGather } from './scatter-gather.ts';
import { script } from './script.ts';
import { set } from './set.ts';
import { split } from './split.ts';
import { throttle } from './throttle.ts';
import { validate } from './validate.ts';
import { wiretap } from './wiretap.ts';

/** The built-in mediators, in the order of the reference. */
export const MEDIATORS: readonly Mediator[] = [
  map,
  filter,
  set,
  script,
  validate,
  split,
  wiretap,
  redact,
  encrypt,
  decrypt,
  enrich,
  call,
  invoke,
  scatterGather,
  routingSlip,
  claimCheck,
  delay,
  dedupe,
  throttle,
  aggregate,
  resequence,
  processManager,
];

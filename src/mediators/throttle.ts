import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { UNITS } from '../config/units.ts';
import { WaybillError } from '../errors.ts';
import type { KeptMessage, Mediator, Moment, RouteMessage, Transition } from '../ports/mediator.ts';
import { duration } from './amount.ts';
import { stateKey } from './state-key.ts';

const LONGEST = duration({
  least: '1s',
  most: '30d',
  default: '1d',
  description: 'The longest that a message may have to wait; one that would wait longer fails as `WB_THROTTLE_FULL`.',
});

const ThrottleOptions = Type.Object(
  {
    rate: Type.String({
      pattern: '^[1-9][0-9]{0,8}/(ms|s|m|h|d)$',
      'x-expected': 'so many in a unit of time, such as 10/s or 600/h',
      description: 'How many go on, evenly: at `10/s` one every 100 ms.',
    }),
    by: Type.Optional(
      Type.String({ minLength: 1, description: 'CEL; each value has a rate of its own. Without it all share one.' }),
    ),
    longest: Type.Optional(LONGEST.schema),
  },
  { additionalProperties: false },
);

/** How long a message that came out of turn waits for those before it, which may have failed. @unit milliseconds */
const PATIENCE_MS = 60_000;

interface Queue {
  /** When the next message may go on. @unit milliseconds since the Unix epoch */
  readonly nextMs: number;
  /** Messages that wait have numbers, so that they go on in their order, however they come back. The last one given: */
  readonly issued: number;
  /** All up to this number have gone on, or were not waited for any longer. */
  readonly passed: number;
  /** Came back before others of lower numbers. In order. */
  readonly early: readonly (readonly [number, KeptMessage])[];
}

const IDLE: Queue = { nextMs: 0, issued: 0, passed: 0, early: [] };

/** `throttle: { rate: 10/s, by: data.customerId }` */
export const throttle: Mediator = {
  name: 'throttle',
  describe: 'Lets messages go on no faster than a rate, in their order.',
  options: ThrottleOptions,
  runs: 'state',
  prepare(options, scope) {
    if (!Value.Check(ThrottleOptions, options)) return undefined;
    const everyMs = intervalOf(options.rate);
    const longestMs = LONGEST.read(options.longest, ['longest'], scope);
    const key = stateKey(options.by, scope, () => '');
    if (longestMs === undefined || key === undefined) return undefined;
    return {
      key,
      advance(state, message, moment) {
        const queue = isQueue(state) ? state : IDLE;
        const { timer } = moment;
        if (timer === undefined) return take(queue, message, moment.nowMs, { everyMs, longestMs });
        const ticket = Number(timer.tag);
        return timer.message === undefined
          ? passUpTo(queue, ticket, moment)
          : comeBack(queue, ticket, timer.message, moment);
      },
    };
  },
};

function take(
  queue: Queue,
  message: RouteMessage,
  nowMs: number,
  { everyMs, longestMs }: { readonly everyMs: number; readonly longestMs: number },
): Transition {
  const waits = queue.issued > queue.passed;
  // Where nobody waits nothing can be further ahead than one turn, unless the clock went back.
  const slotMs = Math.max(nowMs, waits ? queue.nextMs : Math.min(queue.nextMs, nowMs + everyMs));
  const next = { ...queue, nextMs: slotMs + everyMs };
  if (slotMs === nowMs && !waits) return remember(next, [message]);
  if (slotMs - nowMs > longestMs) {
    const wait = `${String(Math.ceil((slotMs - nowMs) / 1_000))} s`;
    throw new WaybillError('WB_THROTTLE_FULL', `it would have to wait ${wait}, and longest is less`, {
      fix: 'Raise rate or longest, and redrive.',
    });
  }
  const ticket = queue.issued + 1;
  const timers = [{ name: 'slot', atMs: Math.ceil(slotMs), tag: ticket, message, precise: true }];
  return { ...remember({ ...next, issued: ticket }, []), timers };
}

/** Its time has come; but it goes on only after those before it. */
function comeBack(queue: Queue, ticket: number, message: RouteMessage, moment: Moment): Transition {
  // The others went on without it.
  if (ticket <= queue.passed) return remember(queue, [message]);
  if (ticket === queue.passed + 1) {
    const next = release({ ...queue, passed: ticket }, moment);
    return remember(next.queue, [message, ...next.released]);
  }
  const early = [...queue.early, [ticket, moment.keep(message)] as const].sort(([a], [b]) => a - b);
  const timers = [{ name: 'patience', atMs: moment.nowMs + PATIENCE_MS, tag: ticket }];
  return { ...remember({ ...queue, early }, []), timers };
}

/** Those before it did not come: they failed, and are dead letters by now. */
function passUpTo(queue: Queue, ticket: number, moment: Moment): Transition {
  if (ticket <= queue.passed) return remember(queue, []);
  const waited = queue.early.filter(([number]) => number <= ticket);
  const passed = { ...queue, passed: ticket, early: queue.early.filter(([number]) => number > ticket) };
  const next = release(passed, moment);
  return remember(next.queue, [...waited.map(([, kept]) => moment.restore(kept)), ...next.released]);
}

/** Those whose turn has come by now. */
function release(queue: Queue, moment: Moment): { readonly queue: Queue; readonly released: readonly RouteMessage[] } {
  let { passed } = queue;
  const released: RouteMessage[] = [];
  for (const [ticket, kept] of queue.early) {
    if (ticket !== passed + 1) break;
    passed = ticket;
    released.push(moment.restore(kept));
  }
  return { queue: { ...queue, passed, early: queue.early.filter(([ticket]) => ticket > passed) }, released };
}

function remember(queue: Queue, emits: readonly RouteMessage[]): Transition {
  const idle = queue.issued === queue.passed;
  return { state: queue, emits, ...(idle && { forgetAtMs: Math.ceil(queue.nextMs) }) };
}

/** @unit milliseconds */
function intervalOf(rate: string): number {
  const [amount, unit = 's'] = rate.split('/');
  return (UNITS.duration.scale[unit] ?? 1_000) / Number(amount);
}

/** What was written is only ever read by this file, so its inside is trusted. */
function isQueue(state: unknown): state is Queue {
  return typeof state === 'object' && state !== null && 'nextMs' in state;
}

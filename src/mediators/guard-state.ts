import type { Moment, RouteMessage, StatefulStep, StepTimer, Transition } from '../ports/mediator.ts';
import { atOnce, blaming } from './blame.ts';
import { isObject, Lent, rubbish } from './lent.ts';
import { freezeJson } from './plain-json.ts';

const OUTCOMES: readonly unknown[] = ['merged', 'duplicate', 'filtered', undefined];

/** A step of a plugin that remembers. */
export function guardState(
  step: StatefulStep,
  { who, back }: { readonly who: string; readonly back: (given: unknown) => RouteMessage },
): StatefulStep {
  return {
    ...(step.key !== undefined && {
      key: (message: RouteMessage) =>
        blaming(who, () => {
          const value: unknown = atOnce(step.key?.(new Lent(message)));
          if (typeof value === 'string') return value;
          throw rubbish('key() gave no text');
        }),
    }),
    advance: (state, message, moment) =>
      blaming(who, () => {
        freezeJson(state);
        return transition(atOnce(step.advance(state, new Lent(message), lend(moment))), back);
      }),
  };
}

function lend(moment: Moment): Moment {
  const { nowMs, timer } = moment;
  const carried = timer?.message;
  return {
    nowMs,
    ...(timer !== undefined && {
      timer: { ...timer, ...(carried !== undefined && { message: new Lent(carried) }) },
    }),
    keep: (message) => moment.keep(Lent.back(message)),
    restore: (kept) => new Lent(moment.restore(kept)),
  };
}

/** @throws WB_PLUGIN_RESULT, WB_CONTRACT_VIOLATED */
function transition(given: unknown, back: (given: unknown) => RouteMessage): Transition {
  if (!isObject(given)) throw rubbish('advance() gave no transition', 'Return { state, emits: [] }.');
  const { state, unchanged, forgetAtMs, emits, timers = [], outcome } = given;
  const wrong = state === undefined ? undefined : freezeJson(state, 'state');
  if (wrong !== undefined) throw rubbish(`advance(): ${wrong}`);
  if (!Array.isArray(emits)) throw rubbish('advance(): emits is no list');
  if (!Array.isArray(timers)) throw rubbish('advance(): timers is no list');
  if (forgetAtMs !== undefined && !Number.isFinite(forgetAtMs)) throw rubbish('advance(): forgetAtMs is no number');
  if (!isOutcome(outcome)) throw rubbish('advance(): the outcome is merged, duplicate or filtered');
  return {
    state,
    emits: emits.map(back),
    timers: timers.map(timerOf),
    ...(unchanged === true && { unchanged }),
    ...(typeof forgetAtMs === 'number' && { forgetAtMs }),
    ...(outcome !== undefined && { outcome }),
  };
}

function timerOf(given: unknown): StepTimer {
  if (!isObject(given)) throw rubbish('advance(): a timer is no object');
  const { name, atMs, tag, message, precise } = given;
  if (typeof name !== 'string' || typeof atMs !== 'number' || !Number.isFinite(atMs)) {
    throw rubbish('advance(): a timer has a name and atMs, a number');
  }
  const wrong = tag === undefined ? undefined : freezeJson(tag, 'tag');
  if (wrong !== undefined) throw rubbish(`advance(): the timer ${name}: ${wrong}`);
  return {
    name,
    atMs,
    ...(tag !== undefined && { tag }),
    ...(message !== undefined && { message: Lent.back(message) }),
    ...(precise === true && { precise }),
  };
}

function isOutcome(value: unknown): value is Transition['outcome'] {
  return OUTCOMES.includes(value);
}

import type { Envelope, TypeRef } from '../message.ts';
import type { StatefulStep } from '../ports/mediator.ts';
import type { FlowStep } from './flow.ts';

/** How long it is known that a tick came: what comes again later than that is no longer told from the first. @unit milliseconds */
const KEEP_MS = 30 * 86_400_000;
/** A last tick that is so far ahead was brought by a clock that was wrong. @unit milliseconds */
const AHEAD_MS = 86_400_000;

/**
 * The attribute by which the copies of one tick differ that several routers bring: each is a delivery of its own, and only the first one
 * goes on, without it.
 */
export const TICKER = 'waybillticker';

/** The key under which a scheduled route keeps its last tick. */
export const LAST = 'last';

/** The scope of the state of its last tick. */
export function lastTickScope(route: string): string {
  return `route.${route}/schedule-last`;
}

/** Without the mark of who brought it. */
export function unmarked({ headers = {}, ...envelope }: Envelope): Envelope {
  const { [TICKER]: _, ...others } = headers;
  return Object.keys(others).length === 0 ? envelope : { ...envelope, headers: others };
}

/** Lets each tick through once, whoever brings it, and however often. */
const once: StatefulStep = {
  key: ({ envelope }) => envelope.time,
  advance(state, message, { nowMs }) {
    if (state !== undefined) return { state, unchanged: true, emits: [], outcome: 'duplicate' };
    return {
      state: nowMs,
      forgetAtMs: nowMs + KEEP_MS,
      emits: [message.with({ envelope: unmarked(message.envelope) })],
    };
  },
};

/** Remembers the last tick, so that a router that starts knows which it missed. */
const last: StatefulStep = {
  key: () => LAST,
  advance(state, message, { nowMs }) {
    const tickMs = Date.parse(message.envelope.time);
    const latest = typeof state === 'number' && state > tickMs && state < nowMs + AHEAD_MS;
    return { state: latest ? state : tickMs, emits: [message] };
  },
};

/** What comes before the steps of a scheduled route. */
export function tickSteps(type: TypeRef): readonly FlowStep[] {
  const form = { version: 1 };
  return [
    { id: 'schedule', label: 'schedule', type, step: once, form, mixes: false },
    // A tick whose message fails has come all the same.
    { id: 'schedule-last', label: 'schedule', type, step: last, form, mixes: false, apart: true },
  ];
}

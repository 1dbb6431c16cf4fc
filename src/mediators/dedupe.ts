import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Mediator } from '../ports/mediator.ts';
import { duration } from './amount.ts';
import { messageIdentity, stateKey } from './state-key.ts';

const FOR = duration({ least: '1s', most: '365d', description: 'For how long after the first one, which goes on.' });

const DedupeOptions = Type.Object(
  {
    by: Type.Optional(
      Type.String({
        minLength: 1,
        description: "CEL; messages of one value are the same. Without it the message's source and id.",
      }),
    ),
    for: FOR.schema,
  },
  { additionalProperties: false },
);

/** `dedupe: { by: data.orderId, for: 1h }` */
export const dedupe: Mediator = {
  name: 'dedupe',
  describe: 'Lets only the first of equal messages go on.',
  options: DedupeOptions,
  runs: 'state',
  prepare(options, scope) {
    if (!Value.Check(DedupeOptions, options)) return undefined;
    const windowMs = FOR.read(options.for, ['for'], scope);
    const key = stateKey(options.by, scope, messageIdentity);
    if (windowMs === undefined || key === undefined) return undefined;
    return {
      key,
      advance(state, message, { nowMs }) {
        // The store may keep it a little longer than it was asked to. Where the clock went back the window begins anew, and is no longer.
        const untilMs = typeof state === 'number' ? Math.min(state, nowMs + windowMs) : 0;
        if (nowMs < untilMs) return { state: untilMs, forgetAtMs: untilMs, emits: [], outcome: 'duplicate' };
        return { state: nowMs + windowMs, forgetAtMs: nowMs + windowMs, emits: [message] };
      },
    };
  },
};

import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { WaybillError } from '../errors.ts';
import type { Mediator, RouteMessage, StepScope } from '../ports/mediator.ts';
import { duration } from './amount.ts';

const FOR = duration({ least: '1ms', most: '365d', description: 'How long, counted from when it comes to the step.' });

const DelayOptions = Type.Object(
  {
    for: Type.Optional(FOR.schema),
    until: Type.Optional(
      Type.String({ minLength: 1, description: 'Instead of `for`: CEL; a date. One that has passed means at once.' }),
    ),
  },
  { additionalProperties: false, minProperties: 1, maxProperties: 1 },
);

/** When a message that comes at `nowMs` goes on. @unit milliseconds since the Unix epoch */
type Due = (message: RouteMessage, nowMs: number) => number;

/** `delay: { for: 5m }`, or `delay: { until: data.dueAt }` */
export const delay: Mediator = {
  name: 'delay',
  describe: 'Lets a message go on later; meanwhile it is as durable as any.',
  options: DelayOptions,
  runs: 'io',
  prepare(options, scope) {
    if (!Value.Check(DelayOptions, options)) return undefined;
    const due = dueOf(options, scope);
    if (due === undefined) return undefined;
    return {
      perform: (message, work) => Promise.resolve(message.with({ notBeforeMs: due(message, work.now()) })),
    };
  },
};

function dueOf(options: Static<typeof DelayOptions>, scope: StepScope): Due | undefined {
  const { until } = options;
  if (until === undefined) {
    const waitMs = FOR.read(options.for, ['for'], scope);
    return waitMs === undefined ? undefined : (_message, nowMs) => nowMs + waitMs;
  }
  const expression = scope.expression(until, ['until'], 'date');
  if (expression === undefined) return undefined;
  return (message) => {
    const date = expression.evaluate(message);
    const atMs = typeof date === 'string' ? Date.parse(date) : Number.NaN;
    if (!Number.isNaN(atMs)) return atMs;
    throw new WaybillError('WB_EXPRESSION_FAILED', `${until} is no date: ${JSON.stringify(date)}`);
  };
}

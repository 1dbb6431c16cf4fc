import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { WaybillError } from '../errors.ts';
import type {
  CompiledExpression,
  KeptMessage,
  Mediator,
  Moment,
  RouteMessage,
  StepScope,
  Transition,
} from '../ports/mediator.ts';
import { duration } from './amount.ts';
import { messageKey, type StateKey, stateKey } from './state-key.ts';

const TIMEOUT = duration({
  least: '1s',
  most: '365d',
  description: 'How long messages wait for the one that is missing before them.',
});
const FORGET = duration({
  least: '1m',
  most: '3650d',
  default: '30d',
  description: 'How long after its last message a sequence is remembered. Then it begins with `first` again.',
});

const Then = Type.Union([Type.Literal('skip'), Type.Literal('dead')], {
  default: 'skip',
  'x-expected': 'skip or dead',
  description:
    'When the one that is missing did not come in time, or too many wait: those that wait go on without it, or they are one dead letter, `WB_SEQUENCE_GAP`.',
});

const ResequenceOptions = Type.Object(
  {
    by: Type.Optional(
      Type.String({
        minLength: 1,
        description: "CEL; messages of one value are a sequence. Without it the message's key.",
      }),
    ),
    sequence: Type.String({
      minLength: 1,
      description: 'CEL; the number of the message, a whole one. Each follows the last by 1.',
    }),
    first: Type.Optional(Type.Integer({ default: 1, description: 'The number of the first message.' })),
    timeout: TIMEOUT.schema,
    onGap: Type.Optional(Then),
    max: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, default: 1_000, description: 'Most messages that wait.' }),
    ),
    late: Type.Optional(
      Type.Union([Type.Literal('pass'), Type.Literal('drop'), Type.Literal('dead')], {
        default: 'dead',
        'x-expected': 'pass, drop or dead',
        description:
          'A message that was not waited for any longer goes on all the same, is filtered out, or is a dead letter, `WB_SEQUENCE_LATE`.',
      }),
    ),
    forget: Type.Optional(FORGET.schema),
  },
  { additionalProperties: false },
);

/** As they are compiled. */
interface Rules {
  readonly key: StateKey;
  readonly sequence: CompiledExpression;
  readonly first: number;
  readonly timeoutMs: number;
  readonly onGap: 'skip' | 'dead';
  readonly max: number;
  readonly late: 'pass' | 'drop' | 'dead';
  readonly forgetMs: number;
}

/** A message that waits for those before it. */
type Early = readonly [number: number, message: KeptMessage];

interface Sequence {
  /** The number that goes on next. */
  readonly next: number;
  /** Until when it is waited for; a timer that comes before is that of an earlier wait for it. @unit milliseconds since the Unix epoch */
  readonly untilMs?: number;
  /** What came before its turn, by number. */
  readonly early: readonly Early[];
  /** Numbers that were not waited for any longer, and did not come yet: from, to. The latest last. */
  readonly skipped: readonly (readonly [number, number])[];
}

/** Most gaps that are remembered apart. Beyond that the oldest are one: what is repeated from between them is taken for late. */
const MOST_GAPS = 100;

/** `resequence: { by: data.storeId, sequence: data.number, timeout: 30s }` */
export const resequence: Mediator = {
  name: 'resequence',
  describe: 'Brings messages into the order of their numbers.',
  options: ResequenceOptions,
  runs: 'state',
  prepare(options, scope) {
    if (!Value.Check(ResequenceOptions, options)) return undefined;
    const rules = rulesOf(options, scope);
    if (rules === undefined) return undefined;
    return {
      key: rules.key,
      advance(state, message, moment) {
        const sequence = isSequence(state) ? state : { next: rules.first, early: [], skipped: [] };
        const { timer } = moment;
        if (timer === undefined) return take(sequence, message, moment, rules);
        if (timer.name === 'gap') return bringBack(sequence, timer.tag, moment, rules);
        // Set when it began to wait for this number; it may have begun anew since.
        const { early, next, untilMs = timer.atMs } = sequence;
        if (early.length === 0 || next !== timer.tag || timer.atMs < untilMs) return keep(sequence, [], moment, rules);
        return giveUpOnGap(sequence, moment, rules);
      },
    };
  },
};

function rulesOf(options: Static<typeof ResequenceOptions>, scope: StepScope): Rules | undefined {
  const { first = 1, onGap = 'skip', max = 1_000, late = 'dead' } = options;
  const key = stateKey(options.by, scope, messageKey);
  const sequence = scope.expression(options.sequence, ['sequence'], 'whole');
  const timeoutMs = TIMEOUT.read(options.timeout, ['timeout'], scope);
  const forgetMs = FORGET.read(options.forget, ['forget'], scope);
  if (key === undefined || sequence === undefined || timeoutMs === undefined || forgetMs === undefined)
    return undefined;
  return { key, sequence, first, timeoutMs, onGap, max, late, forgetMs };
}

function take(sequence: Sequence, message: RouteMessage, moment: Moment, rules: Rules): Transition {
  const number = numberOf(message, rules);
  if (number < sequence.next) return comeLate(sequence, [[number, message]], moment, rules);
  if (number > sequence.next) return wait(sequence, number, message, moment, rules);
  return goOn(sequence, { ...sequence, next: number + 1 }, moment, rules, [message]);
}

/** @throws WB_MESSAGE_INVALID */
function numberOf(message: RouteMessage, { sequence, first }: Rules): number {
  const number = sequence.evaluate(message);
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= first) return number;
  throw new WaybillError(
    'WB_MESSAGE_INVALID',
    `${sequence.source} is ${String(number)}, and numbers of the sequence are whole and begin with ${String(first)}`,
  );
}

/** Messages whose turn has passed, or that are there already. */
function comeLate(
  sequence: Sequence,
  passed: readonly (readonly [number: number, message: RouteMessage])[],
  moment: Moment,
  rules: Rules,
): Transition {
  const late = passed.filter(([number]) => sequence.skipped.some(([from, to]) => number >= from && number <= to));
  const [first] = late;
  if (first === undefined) return { ...keep(sequence, [], moment, rules), outcome: 'duplicate' };
  if (rules.late === 'dead') {
    throw new WaybillError('WB_SEQUENCE_LATE', `number ${String(first[0])} came after those behind it had gone on`, {
      fix: 'Write late: pass and redrive, or discard it.',
    });
  }
  const skipped = late.reduce((gaps, [number]) => gaps.flatMap((gap) => without(gap, number)), sequence.skipped);
  const emits = rules.late === 'pass' ? late.map(([, message]) => message) : [];
  return { ...keep({ ...sequence, skipped: remembered(skipped) }, emits, moment, rules), outcome: 'filtered' };
}

function wait(sequence: Sequence, number: number, message: RouteMessage, moment: Moment, rules: Rules): Transition {
  if (sequence.early.some(([waiting]) => waiting === number))
    return { ...keep(sequence, [], moment, rules), outcome: 'duplicate' };
  const grown = { ...sequence, early: sorted([...sequence.early, [number, moment.keep(message)]]) };
  if (grown.early.length > rules.max) return giveUpOnGap(grown, moment, rules);
  return goOn(sequence, grown, moment, rules);
}

/** Those that wait go on, or are given up. */
function giveUpOnGap(sequence: Sequence, moment: Moment, rules: Rules): Transition {
  const [first] = sequence.early;
  if (first === undefined) return keep(sequence, [], moment, rules);
  if (rules.onGap === 'dead') {
    // As a message that holds them, for it is that which becomes the dead letter.
    const timers = [{ name: 'gap', atMs: moment.nowMs, tag: { missing: sequence.next, early: sequence.early } }];
    return { ...keep({ ...sequence, early: [] }, [], moment, rules), timers };
  }
  const skipped = remembered([...sequence.skipped, [sequence.next, first[0] - 1]]);
  return goOn(sequence, { ...sequence, skipped, next: first[0] }, moment, rules);
}

/**
 * Messages that waited in vain: a dead letter. When that is redriven, and the one that was missing has come, they go on; else they
 * are given up again. Those whose turn has passed meanwhile are late or repeated, as any: where they are not all, they are a message
 * of their own, for what becomes of them is told of a whole message, and a dead letter holds none that may go on.
 */
function bringBack(sequence: Sequence, tag: unknown, moment: Moment, rules: Rules): Transition {
  if (!isGap(tag)) throw new WaybillError('WB_STATE_OUTDATED', 'the timer holds no messages');
  const { missing, early } = tag;
  if (rules.onGap === 'dead' && sequence.next === missing) {
    throw new WaybillError('WB_SEQUENCE_GAP', `number ${String(missing)} did not come in time`, {
      fix: 'Send it and redrive this, or write onGap: skip and redrive.',
    });
  }
  const known = new Set(sequence.early.map(([number]) => number));
  const isPast = ([number]: Early): boolean => number < sequence.next || known.has(number);
  const passed = early.filter(isPast);
  if (passed.length === early.length) {
    const restored = passed.map(([number, kept]) => [number, moment.restore(kept)] as const);
    return comeLate(sequence, restored, moment, rules);
  }
  const joined = { ...sequence, early: sorted([...sequence.early, ...early.filter((each) => !isPast(each))]) };
  const gaveUp = sequence.next === missing || joined.early.length > rules.max;
  const step = gaveUp ? giveUpOnGap(joined, moment, rules) : goOn(sequence, joined, moment, rules);
  if (passed.length === 0) return step;
  const apart = { name: 'gap', atMs: moment.nowMs, tag: { missing, early: passed } };
  return { ...step, timers: [apart, ...(step.timers ?? [])] };
}

/** Those whose turn has come go on, after `emits`. Waits anew where that leaves others that wait, for another number now. */
function goOn(
  before: Sequence,
  after: Sequence,
  moment: Moment,
  rules: Rules,
  emits: readonly RouteMessage[] = [],
): Transition {
  let { next } = after;
  const released: RouteMessage[] = [];
  for (const [number, kept] of after.early) {
    if (number !== next) break;
    released.push(moment.restore(kept));
    next += 1;
  }
  const rest = { ...after, next, early: after.early.slice(released.length) };
  const gone = [...emits, ...released];
  const anew = rest.early.length > 0 && (next !== before.next || before.early.length === 0);
  if (!anew) return keep(rest, gone, moment, rules);
  const untilMs = moment.nowMs + rules.timeoutMs;
  const timers = [{ name: 'patience', atMs: untilMs, tag: next }];
  return { ...keep({ ...rest, untilMs }, gone, moment, rules), timers };
}

function keep(sequence: Sequence, emits: readonly RouteMessage[], { nowMs }: Moment, { forgetMs }: Rules): Transition {
  // What waits is never forgotten.
  return { state: sequence, emits, ...(sequence.early.length === 0 && { forgetAtMs: nowMs + forgetMs }) };
}

function sorted(early: readonly Early[]): readonly Early[] {
  return [...early].sort(([a], [b]) => a - b);
}

/** No number is forgotten to have been skipped: its message would be dropped as a repeated one. */
function remembered(skipped: Sequence['skipped']): Sequence['skipped'] {
  const [oldest] = skipped;
  const over = skipped.length - MOST_GAPS;
  const last = skipped[over];
  if (over <= 0 || oldest === undefined || last === undefined) return skipped;
  return [[oldest[0], last[1]], ...skipped.slice(over + 1)];
}

function without([from, to]: readonly [number, number], number: number): readonly (readonly [number, number])[] {
  if (number < from || number > to) return [[from, to]];
  const parts: readonly (readonly [number, number])[] = [
    [from, number - 1],
    [number + 1, to],
  ];
  return parts.filter(([first, last]) => first <= last);
}

/** What was written is only ever read by this file, so its inside is trusted. */
function isSequence(state: unknown): state is Sequence {
  return typeof state === 'object' && state !== null && 'next' in state && 'early' in state;
}

function isGap(tag: unknown): tag is { readonly missing: number; readonly early: readonly Early[] } {
  return typeof tag === 'object' && tag !== null && 'missing' in tag && 'early' in tag;
}

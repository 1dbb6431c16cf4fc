import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { WaybillError } from '../errors.ts';
import type { CompiledExpression, Mediator, Moment, RouteMessage, StepScope, Transition } from '../ports/mediator.ts';
import { bytes, duration } from './amount.ts';
import {
  add,
  type Done,
  type Group,
  type Groups,
  isGroup,
  isGroups,
  LIMIT_OF_IDS,
  openGroup,
  withoutPast,
} from './group.ts';
import { messageIdentity, messageKey, type StateKey, stateKey } from './state-key.ts';

const TIMEOUT = duration({
  least: '1s',
  most: '365d',
  description: 'How long after its first member a group ends that is not complete by then.',
});
const REMEMBER = duration({
  least: '1s',
  most: '365d',
  default: '10m',
  description: 'How long a group that ended is remembered, so that repeated and late members are told.',
});
const BYTES = bytes({
  least: '1KiB',
  most: '8MiB',
  default: '4MiB',
  description: 'Most bytes of a group, envelopes included.',
});

const AggregateOptions = Type.Object(
  {
    by: Type.Optional(
      Type.String({
        minLength: 1,
        description: "CEL; messages of one value are a group. Without it the message's key.",
      }),
    ),
    as: Type.String({
      pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
      'x-expected': 'a name of letters, digits and _',
      description: "Later steps read the members' data as the list `vars.<as>`, in the order in which they came.",
    }),
    size: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: 10_000 }), Type.String({ minLength: 1 })], {
        'x-expected': 'a whole number from 1, or CEL that gives one',
        description: 'A group of so many members is complete. CEL sees the member that came last.',
      }),
    ),
    when: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'CEL; a group for which it is true is complete. Sees `vars.<as>`, and the member that came last.',
      }),
    ),
    timeout: TIMEOUT.schema,
    onTimeout: Type.Optional(
      Type.Union([Type.Literal('complete'), Type.Literal('dead')], {
        'x-expected': 'complete or dead',
        description:
          'What becomes of a group that is out of time: it goes on with the members it has, or they are one dead letter, `WB_AGGREGATE_EXPIRED`. Without it `complete` where there is neither `size` nor `when`, else `dead`.',
      }),
    ),
    max: Type.Optional(
      Type.Object(
        {
          members: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 10_000, default: 1_000, description: 'Most members of a group.' }),
          ),
          bytes: Type.Optional(BYTES.schema),
        },
        { additionalProperties: false, description: 'A group that is full ends as one that is out of time.' },
      ),
    ),
    late: Type.Optional(
      Type.Union([Type.Literal('new'), Type.Literal('drop'), Type.Literal('dead')], {
        default: 'new',
        'x-expected': 'new, drop or dead',
        description:
          'A member of a group that ended begins a new one, is filtered out, or is a dead letter, `WB_AGGREGATE_LATE`.',
      }),
    ),
    remember: Type.Optional(REMEMBER.schema),
  },
  { additionalProperties: false },
);

type Options = Static<typeof AggregateOptions>;

/** As they are compiled. */
interface Rules {
  readonly as: string;
  readonly key: StateKey;
  readonly size: number | CompiledExpression | undefined;
  readonly when: CompiledExpression | undefined;
  readonly timeoutMs: number;
  readonly onTimeout: 'complete' | 'dead';
  readonly members: number;
  readonly bytes: number;
  readonly late: 'new' | 'drop' | 'dead';
  readonly rememberMs: number;
}

/** `aggregate: { by: data.orderId, size: data.parcels, timeout: 1h, as: parcels }` */
export const aggregate: Mediator = {
  name: 'aggregate',
  describe: 'Makes one message of several: a group goes on when it is complete.',
  options: AggregateOptions,
  runs: 'state',
  mixes: true,
  prepare(options, scope) {
    if (!Value.Check(AggregateOptions, options)) return undefined;
    const rules = rulesOf(options, scope);
    if (rules === undefined) return undefined;
    return {
      key: rules.key,
      advance(state, message, moment) {
        const groups = withoutPast(isGroups(state) ? state : {}, moment.nowMs);
        const { timer } = moment;
        if (timer === undefined) return take(groups, message, moment, rules);
        if (timer.name === 'expired') return bringBack(groups, timer.tag, moment, rules);
        if (groups.group === undefined || groups.group.id !== timer.tag) return kept(groups, []);
        return outOfTime(groups, groups.group, moment, rules);
      },
    };
  },
};

function rulesOf(options: Options, scope: StepScope): Rules | undefined {
  const { as, late = 'new', max = {} } = options;
  const key = stateKey(options.by, scope, messageKey);
  const size = typeof options.size === 'string' ? scope.expression(options.size, ['size'], 'whole') : options.size;
  // From here on, so that `when` sees it as later steps do.
  scope.adds(as, { listOf: scope.type, least: 1 });
  const when = options.when === undefined ? undefined : scope.expression(options.when, ['when'], 'predicate');
  const timeoutMs = TIMEOUT.read(options.timeout, ['timeout'], scope);
  const rememberMs = REMEMBER.read(options.remember, ['remember'], scope);
  const most = BYTES.read(max.bytes, ['max', 'bytes'], scope);
  const { members = 1_000 } = max;
  if (typeof size === 'number' && size > members) {
    scope.fault(['size'], {
      code: 'WB_MEDIATOR_OPTION',
      message: `size: a group has at most ${String(members)} members, so one of ${String(size)} never comes to be`,
      fix: `write max: { members: ${String(size)} }`,
    });
  }
  const missing =
    (options.size !== undefined && size === undefined) || (options.when !== undefined && when === undefined);
  if (missing || key === undefined || timeoutMs === undefined || rememberMs === undefined || most === undefined)
    return undefined;
  const byTime = size === undefined && when === undefined;
  const { onTimeout = byTime ? 'complete' : 'dead' } = options;
  return { as, key, size, when, timeoutMs, onTimeout, members, bytes: most, late, rememberMs };
}

function take(groups: Groups, message: RouteMessage, moment: Moment, rules: Rules): Transition {
  const identity = messageIdentity(message);
  const { group, done } = groups;
  if (group?.ids.includes(identity) === true || done?.ids.includes(identity) === true)
    return { ...kept(groups, []), outcome: 'duplicate' };
  if (group === undefined && done !== undefined && rules.late !== 'new') {
    if (rules.late === 'drop') return { ...kept(groups, []), outcome: 'filtered' };
    throw new WaybillError('WB_AGGREGATE_LATE', 'its group ended before it came', {
      fix: 'Write late: new and redrive, or discard it.',
    });
  }
  const before = group ?? openGroup(identity, moment.nowMs + rules.timeoutMs);
  const grown = add(before, identity, moment.keep(message));
  if (isComplete(grown, message, moment, rules)) return complete(groups, grown, message, moment, rules);
  if (grown.members.length >= rules.members || grown.bytes >= rules.bytes) {
    return outOfTime(groups, grown, moment, rules);
  }
  const timers = group === undefined ? [{ name: 'timeout', atMs: grown.untilMs, tag: grown.id }] : [];
  return { ...kept({ ...groups, group: grown }, []), timers };
}

function isComplete(group: Group, message: RouteMessage, moment: Moment, { as, size, when }: Rules): boolean {
  const wanted = typeof size === 'object' ? size.evaluate(message) : size;
  if (typeof wanted === 'number' && group.members.length >= wanted) return true;
  return when?.evaluate(gathered(group, message, moment, as)) === true;
}

function complete(groups: Groups, group: Group, message: RouteMessage, moment: Moment, rules: Rules): Transition {
  return ended(groups, group, moment, rules, [gathered(group, message, moment, rules.as)]);
}

/** Out of time, or full. */
function outOfTime(groups: Groups, group: Group, moment: Moment, rules: Rules): Transition {
  const last = group.members.at(-1);
  if (rules.onTimeout === 'complete' && last !== undefined)
    return complete(groups, group, moment.restore(last), moment, rules);
  // As a message that holds the members, for it is that which becomes the dead letter.
  const timers = [{ name: 'expired', atMs: moment.nowMs, tag: group }];
  return { ...ended(groups, group, moment, rules, []), timers };
}

/**
 * The members of a group that expired: a dead letter. When that is redriven they join the group that came to be meanwhile, which so
 * may become complete; where there is none they expire again.
 */
function bringBack(groups: Groups, tag: unknown, moment: Moment, rules: Rules): Transition {
  if (!isGroup(tag)) throw new WaybillError('WB_STATE_OUTDATED', 'the timer holds no group');
  const expired = tag;
  const last = expired.members.at(-1);
  if (last === undefined) return kept(groups, []);
  if (rules.onTimeout === 'complete') return complete(groups, expired, moment.restore(last), moment, rules);
  if (groups.group === undefined) {
    const count = String(expired.members.length);
    throw new WaybillError('WB_AGGREGATE_EXPIRED', `its ${count} members did not become complete in time`, {
      fix: 'Send what is missing and redrive, or write onTimeout: complete and redrive.',
    });
  }
  const joined = expired.members.reduce<Group>((group, member, index) => {
    const identity = expired.ids[index] ?? '';
    return group.ids.includes(identity) ? group : add(group, identity, member);
  }, groups.group);
  const message = moment.restore(joined.members.at(-1) ?? last);
  if (isComplete(joined, message, moment, rules)) return complete(groups, joined, message, moment, rules);
  return kept({ ...groups, group: joined }, []);
}

function ended(
  { group: open, done }: Groups,
  group: Group,
  { nowMs }: Moment,
  { rememberMs }: Rules,
  emits: readonly RouteMessage[],
): Transition {
  const ids = [...(done?.ids ?? []), ...group.ids].slice(-LIMIT_OF_IDS);
  const remembered: Done = { ids, untilMs: nowMs + rememberMs };
  // Of one that expired, and is redriven when another has come to be, that other goes on gathering.
  const another = open !== undefined && (open.id !== group.id || open.untilMs !== group.untilMs);
  return kept({ ...(another && { group: open }), done: remembered }, emits);
}

function kept(groups: Groups, emits: readonly RouteMessage[]): Transition {
  const { group, done } = groups;
  if (group !== undefined) return { state: groups, emits };
  return done === undefined ? { state: undefined, emits } : { state: groups, forgetAtMs: done.untilMs, emits };
}

/** The message with all members' data. */
function gathered(group: Group, message: RouteMessage, moment: Moment, as: string): RouteMessage {
  const list = group.members.map((member) => moment.restore(member).data);
  return message.with({ vars: { ...message.vars, [as]: list } });
}

import { Value } from 'typebox/value';
import { WaybillError } from '../errors.ts';
import type { TypeRef } from '../message.ts';
import type { Mediator, Moment, RouteMessage, StepTimer, Transition } from '../ports/mediator.ts';
import { checkHandled, checkStates } from './process-check.ts';
import { ProcessOptions } from './process-options.ts';
import { type Dispatch, type Move, made, type Rules, rulesOf } from './process-rules.ts';
import { messageIdentity } from './state-key.ts';
import { checkVariableName } from './variable-name.ts';

/** What is kept of one process. */
interface Instance {
  /** The identity of the message that began it. */
  readonly id: string;
  readonly state: string;
  /** The contract of `data`. */
  readonly of: TypeRef;
  readonly data: unknown;
  /** Counts the states that were entered, which tells timers of now from earlier ones. */
  readonly entered: number;
  /** The identities of the messages that did something, the latest last. */
  readonly ids: readonly string[];
  readonly undo: readonly Undo[];
  /** Set once it has ended. @unit milliseconds since the Unix epoch */
  readonly endedUntilMs?: number;
}

interface Undo {
  readonly exit: string;
  readonly data: unknown;
}

/** How many messages of a process are told from new ones. */
const LIMIT_OF_IDS = 1_000;

/**
 * `process: { by: data.orderId, keep: fulfilment.order@1, start: { ... }, states: { ... } }`
 *
 * | a message                                    | then                                                                 |
 * |----------------------------------------------|----------------------------------------------------------------------|
 * | of which its state has a transition          | does what that says, in one transaction                              |
 * | that did something before (source and id)    | is a duplicate                                                       |
 * | that begins a process where there is none    | begins it                                                            |
 * | of which its state says nothing              | by `otherwise`: WB_PROCESS_UNHANDLED, or filtered out                |
 * | that begins nothing, where there is none     | by `unknown`: WB_PROCESS_UNKNOWN, or filtered out                    |
 * | of a process that ended                      | by `late`: WB_PROCESS_ENDED, filtered out, or begins a new one       |
 * | of a process of another form of the route    | after casts and `renamed`, or WB_STATE_OUTDATED                      |
 */
export const processManager: Mediator = {
  name: 'process',
  describe:
    'Leads a process of several messages through its states: sends what each state asks for, and undoes it when something fails. Nothing goes on from it.',
  options: ProcessOptions,
  runs: 'state',
  ends: true,
  prepare(options, scope) {
    if (!Value.Check(ProcessOptions, options)) return undefined;
    checkVariableName('process', options.as ?? 'process', ['as'], scope);
    checkStates(options, scope);
    checkHandled(options, scope);
    const rules = rulesOf(options, scope);
    if (rules === undefined) return undefined;
    return {
      key: rules.key,
      advance(state, message, moment) {
        const instance = upToDate(state, moment.nowMs, rules);
        const { timer } = moment;
        return timer === undefined
          ? take(instance, message, moment, rules)
          : outOfTime(instance, timer, message, moment, rules);
      },
    };
  },
};

function take(before: Instance | undefined, message: RouteMessage, moment: Moment, rules: Rules): Transition {
  const identity = messageIdentity(message);
  if (before?.ids.includes(identity) === true) return nothing('duplicate');
  if (before === undefined || before.endedUntilMs !== undefined) return begin(before, identity, message, moment, rules);
  const { moves, ignores } = stateOf(before, rules);
  if (ignores) return nothing('filtered');
  const seen = message.with({ vars: { ...message.vars, [rules.as]: before.data } });
  const move = moves?.find(({ when }) => when === undefined || when.evaluate(seen) === true);
  if (move === undefined) return unhandled(`${before.state} does nothing with it`, rules);
  const ids = [...before.ids, identity].slice(-LIMIT_OF_IDS);
  return make(move, { ...before, ids }, seen, moment, rules);
}

/** There is no process, or one that has ended. */
function begin(
  ended: Instance | undefined,
  identity: string,
  message: RouteMessage,
  moment: Moment,
  rules: Rules,
): Transition {
  const { start, late, unknown } = rules;
  if (ended !== undefined && (late !== 'new' || start === undefined)) {
    if (late === 'ignore') return nothing('filtered');
    throw new WaybillError('WB_PROCESS_ENDED', `its process ended as ${ended.state} before it came`, {
      fix: 'Discard it, or write late: ignore, or late: new for what begins another one.',
    });
  }
  if (start === undefined) {
    if (unknown === 'ignore') return nothing('filtered');
    throw new WaybillError('WB_PROCESS_UNKNOWN', 'there is no process that it belongs to, and it begins none', {
      fix: 'Redrive it once the process has begun, or write unknown: ignore.',
    });
  }
  const move = start.find(({ when }) => when === undefined || when.evaluate(message) === true);
  if (move === undefined) return unhandled('nothing begins with it: each when is false', rules);
  const ids = [...(ended?.ids ?? []), identity].slice(-LIMIT_OF_IDS);
  const blank = { id: identity, state: '', of: rules.keep.ref, data: {}, entered: 0, ids, undo: [] };
  return make(move, blank, message, moment, rules);
}

/** A timer of a state that was left meanwhile has nothing to do. */
function outOfTime(
  before: Instance | undefined,
  { tag }: StepTimer,
  message: RouteMessage,
  moment: Moment,
  rules: Rules,
): Transition {
  if (before === undefined || before.endedUntilMs !== undefined || tag !== tagOf(before)) return nothing();
  const { timeout } = stateOf(before, rules);
  if (timeout === undefined) return nothing();
  // A timer has nothing worth reading, so its data is what the process keeps.
  const seen = message.with({ data: before.data, vars: { [rules.as]: before.data } });
  return make(timeout.move, before, seen, moment, rules, true);
}

/** Does what a transition says. @param seen the message, with what is kept at hand */
function make(
  move: Move,
  before: Instance,
  seen: RouteMessage,
  moment: Moment,
  rules: Rules,
  timer = false,
): Transition {
  const { as, keep } = rules;
  const data = move.set === undefined ? before.data : merged(before.data, move.set.evaluate(seen));
  const violated = move.set === undefined ? undefined : keep.validate(data);
  if (violated !== undefined) throw violated;
  const after = seen.with({ vars: { ...seen.vars, [as]: data }, ...(timer && { data }) });
  const back = move.compensate ? [...before.undo].reverse() : [];
  const kept = move.compensate ? [] : before.undo;
  const undo = [...kept, ...move.undo.map((each) => ({ exit: each.exit.id, data: made(each, after) }))];
  const emits = [
    ...back.map(({ exit, data: of }) => sent(after, { id: exit }, of)),
    ...move.send.map((each) => sent(after, each.exit, made(each, after))),
  ];
  const entered = before.entered + (move.to === undefined ? 0 : 1);
  const next = { ...before, state: move.to ?? before.state, of: keep.ref, data, entered, undo };
  return { emits, ...(move.to === undefined ? { state: next } : enter(next, moment, rules)) };
}

function enter(next: Instance, { nowMs }: Moment, rules: Rules): Omit<Transition, 'emits'> {
  const { end, timeout } = stateOf(next, rules);
  if (end) {
    const endedUntilMs = nowMs + rules.rememberMs;
    return { state: { ...next, data: null, undo: [], endedUntilMs }, forgetAtMs: endedUntilMs };
  }
  if (timeout === undefined) return { state: next };
  return { state: next, timers: [{ name: 'timeout', atMs: nowMs + timeout.afterMs, tag: tagOf(next) }] };
}

function sent(message: RouteMessage, exit: Dispatch['exit'], data: unknown): RouteMessage {
  // Whoever asked is not answered by what is sent here.
  const { replyTo: _replyTo, ...envelope } = message.envelope;
  return message.with({ envelope, data, exit });
}

/** @throws WB_PROCESS_UNHANDLED */
function unhandled(why: string, { otherwise }: Rules): Transition {
  if (otherwise === 'ignore') return nothing('filtered');
  throw new WaybillError('WB_PROCESS_UNHANDLED', why, {
    fix: 'Redrive it once the process is in a state that takes it, or add it to on: or ignore: of the state.',
  });
}

function nothing(outcome?: 'duplicate' | 'filtered'): Transition {
  return { state: undefined, unchanged: true, emits: [], ...(outcome !== undefined && { outcome }) };
}

function merged(data: unknown, fields: unknown): unknown {
  return { ...(typeof data === 'object' && data), ...(typeof fields === 'object' && fields) };
}

function tagOf({ id, entered }: Instance): string {
  return `${String(entered)} ${id}`;
}

/** The instance by the rules of today; undefined when there is none, or it may be forgotten. @throws WB_STATE_OUTDATED */
function upToDate(state: unknown, nowMs: number, rules: Rules): Instance | undefined {
  if (state === undefined) return undefined;
  if (!isInstance(state)) throw new WaybillError('WB_STATE_OUTDATED', 'the state is none of a process');
  const { endedUntilMs } = state;
  if (endedUntilMs !== undefined) return endedUntilMs > nowMs ? state : undefined;
  const name = rules.states.has(state.state) ? state.state : (rules.renamed.get(state.state) ?? state.state);
  if (state.of === rules.keep.ref) return { ...state, state: name };
  const cast = rules.cast(state.of);
  if (cast !== undefined) return { ...state, state: name, of: rules.keep.ref, data: cast(state.data) };
  throw new WaybillError(
    'WB_STATE_OUTDATED',
    `the process is kept as ${state.of}, and the route keeps ${rules.keep.ref}`,
    {
      fix: `Add a cast from the one to the other, or bring keep: ${state.of} back until such processes have ended.`,
    },
  );
}

/** @throws WB_STATE_OUTDATED */
function stateOf({ state }: Instance, { states }: Rules) {
  const found = states.get(state);
  if (found !== undefined) return found;
  throw new WaybillError('WB_STATE_OUTDATED', `the process is in the state ${state}, which the route has no more`, {
    fix: `Write renamed: { ${state}: <state> }, or bring the state back until such processes have ended.`,
  });
}

/** What was written is only ever read by this file, so its inside is trusted. */
function isInstance(state: unknown): state is Instance {
  return typeof state === 'object' && state !== null && 'entered' in state && 'ids' in state && 'undo' in state;
}

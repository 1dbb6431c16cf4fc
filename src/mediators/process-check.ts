import type { TypeRef } from '../message.ts';
import { didYouMean } from '../nearest.ts';
import type { Path, StepScope } from '../ports/mediator.ts';
import { listOf, type ProcessOptions, type Timeout, type Transition } from './process-options.ts';

/** A transition and where it stands. */
interface Placed {
  /** The state it leaves; undefined of what begins a process. */
  readonly from: string | undefined;
  /** Undefined of a timeout. */
  readonly on: TypeRef | undefined;
  readonly does: Transition | Timeout;
  readonly at: Path;
}

/** All transitions, with where they stand. */
export function transitionsOf({ start, states }: ProcessOptions): readonly Placed[] {
  const placed = (from: string | undefined, all: ProcessOptions['start'], at: Path): readonly Placed[] =>
    Object.entries(all).flatMap(([on, given]) =>
      listOf(given).map((does, index) => {
        return { from, on, does, at: [...at, on, ...(Array.isArray(given) ? [index] : [])] };
      }),
    );
  return [
    ...placed(undefined, start, ['start']),
    ...Object.entries(states).flatMap(([name, { on = {}, timeout }]) => [
      ...placed(name, on, ['states', name, 'on']),
      ...(timeout === undefined ? [] : [{ from: name, on: undefined, does: timeout, at: ['states', name, 'timeout'] }]),
    ]),
  ];
}

/** What is wrong with the states as a whole, whatever their messages are. */
export function checkStates(options: ProcessOptions, scope: StepScope): void {
  const transitions = transitionsOf(options);
  checkTargets(options, transitions, scope);
  checkStarts(options, transitions, scope);
  checkEnds(options, scope);
  checkWays(options, transitions, scope);
  checkLists(options, scope);
  checkUndo(transitions, scope);
  for (const { on, at } of transitions) if (on !== undefined) scope.expects(on, at);
  for (const [name, { ignore = [] }] of Object.entries(options.states)) {
    for (const [index, type] of ignore.entries()) scope.expects(type, ['states', name, 'ignore', index]);
  }
}

/** What the states say of the one type that comes here. */
export function checkHandled({ start, states, otherwise }: ProcessOptions, scope: StepScope): void {
  const { type } = scope;
  const handled = Object.values(states).some(({ on = {} }) => Object.hasOwn(on, type));
  if (!handled && !Object.hasOwn(start, type)) {
    refuse(scope, ['states'], `${type} comes here, and no state does anything with it`, `add it to on: of a state`);
    return;
  }
  if (otherwise !== undefined || !handled) return;
  for (const [name, { on = {}, ignore = [], end = false }] of Object.entries(states)) {
    if (end || Object.hasOwn(on, type) || ignore.includes(type)) continue;
    const fix = `add it to on: or ignore: there, or say what becomes of all such messages by otherwise: dead`;
    refuse(scope, ['states', name], `the state ${name} does not say what becomes of ${type}`, fix);
  }
}

function checkTargets({ states, renamed = {} }: ProcessOptions, all: readonly Placed[], scope: StepScope): void {
  const names = Object.keys(states);
  const check = (to: string, at: Path): void => {
    if (names.includes(to)) return;
    refuse(scope, at, `there is no state ${to}`, didYouMean(to, names) ?? `there are ${names.join(', ')}`);
  };
  for (const { does, at } of all) if (does.to !== undefined) check(does.to, [...at, 'to']);
  for (const [old, name] of Object.entries(renamed)) {
    check(name, ['renamed', old]);
    if (names.includes(old)) refuse(scope, ['renamed', old], `${old} is still a state`, 'rename only what is gone');
  }
}

function checkStarts({ start }: ProcessOptions, all: readonly Placed[], scope: StepScope): void {
  if (Object.keys(start).length === 0) refuse(scope, ['start'], 'nothing begins the process', 'add a type');
  for (const { from, does, at } of all) {
    if (from !== undefined) continue;
    if (does.to === undefined) refuse(scope, at, 'it does not say in which state the process begins', 'add to:');
    if (does.set === undefined) refuse(scope, at, 'it does not say what the process keeps', 'add set:');
  }
}

function checkEnds({ states }: ProcessOptions, scope: StepScope): void {
  for (const [name, { on, ignore, timeout, end = false }] of Object.entries(states)) {
    if (!end || (on === undefined && ignore === undefined && timeout === undefined)) continue;
    refuse(
      scope,
      ['states', name],
      `the process ends in ${name}, so nothing happens there any more`,
      'leave end: out, or the rest',
    );
  }
}

/** Each state can be reached, and from each of them an end. */
function checkWays({ states }: ProcessOptions, all: readonly Placed[], scope: StepScope): void {
  const ends = Object.entries(states).flatMap(([name, { end = false }]) => (end ? [name] : []));
  if (ends.length === 0) {
    refuse(scope, ['states'], 'the process never ends', 'add a state with end: true');
    return;
  }
  const begins = all.flatMap(({ from, does: { to } }) => (from === undefined && to !== undefined ? [to] : []));
  const ways = all.flatMap(({ from, does: { to } }) =>
    from === undefined || to === undefined ? [] : [[from, to] as const],
  );
  const reached = reach(begins, ways);
  const leads = reach(
    ends,
    ways.map(([from, to]) => [to, from] as const),
  );
  for (const [name, { on = {}, timeout }] of Object.entries(states)) {
    if (!reached.has(name))
      refuse(
        scope,
        ['states', name],
        `no transition leads to the state ${name}`,
        'remove it, or add to: where it begins',
      );
    if (leads.has(name)) continue;
    const nothing = Object.keys(on).length === 0 && timeout === undefined;
    const why = nothing ? `nothing happens in the state ${name}` : `no way leads from the state ${name} to an end`;
    refuse(
      scope,
      ['states', name],
      `${why}, so a process stays there for ever`,
      'add a transition or a timeout, or end: true',
    );
  }
}

function reach(from: readonly string[], ways: readonly (readonly [string, string])[]): ReadonlySet<string> {
  const reached = new Set(from);
  // What is added meanwhile is visited as well.
  for (const state of reached) for (const [a, b] of ways) if (a === state) reached.add(b);
  return reached;
}

/** Of a list of transitions only the last may have no `when`. */
function checkLists(options: ProcessOptions, scope: StepScope): void {
  const check = (all: ProcessOptions['start'], at: Path): void => {
    for (const [on, given] of Object.entries(all)) {
      const list = listOf(given);
      const open = list.findIndex(({ when }) => when === undefined);
      if (open === -1 || open === list.length - 1) continue;
      refuse(scope, [...at, on, open], 'it has no when, so those after it are never taken', 'move it to the end');
    }
  };
  check(options.start, ['start']);
  for (const [name, { on = {} }] of Object.entries(options.states)) check(on, ['states', name, 'on']);
}

function checkUndo(all: readonly Placed[], scope: StepScope): void {
  const undoing = all.find(({ does }) => listOf(does.undo).length > 0);
  const compensating = all.find(({ does }) => does.compensate === true);
  if (undoing !== undefined && compensating === undefined) {
    refuse(
      scope,
      [...undoing.at, 'undo'],
      'nothing ever asks for it to be undone',
      'add compensate: true to a transition',
    );
  }
  if (compensating !== undefined && undoing === undefined) {
    refuse(scope, [...compensating.at, 'compensate'], 'there is nothing to undo', 'add undo: where something happens');
  }
}

export function refuse(scope: StepScope, at: Path, message: string, fix: string): void {
  scope.fault(at, { code: 'WB_PROCESS_INVALID', message: `process: ${message}`, fix });
}

import type { TypeRef } from '../message.ts';
import type { CompiledExpression, Path, RouteMessage, StepContract, StepExit, StepScope } from '../ports/mediator.ts';
import { refuse, transitionsOf } from './process-check.ts';
import {
  AFTER,
  listOf,
  type ProcessOptions,
  REMEMBER,
  type Sending,
  type Timeout,
  type Transition,
} from './process-options.ts';
import { messageKey, type StateKey, stateKey } from './state-key.ts';

/** A message to be sent. */
export interface Dispatch {
  readonly exit: StepExit;
  readonly contract: StepContract;
  readonly set: CompiledExpression;
}

/** What a transition does. */
export interface Move {
  readonly when: CompiledExpression | undefined;
  readonly set: CompiledExpression | undefined;
  readonly to: string | undefined;
  readonly send: readonly Dispatch[];
  readonly undo: readonly Dispatch[];
  readonly compensate: boolean;
}

export interface StateRules {
  /** For the type that comes here; undefined where the state says nothing of it. */
  readonly moves: readonly Move[] | undefined;
  readonly ignores: boolean;
  readonly timeout: { readonly afterMs: number; readonly move: Move } | undefined;
  readonly end: boolean;
}

/** A process as it is compiled for one type of message. */
export interface Rules {
  readonly as: string;
  readonly key: StateKey;
  readonly keep: StepContract;
  /** Brings up what was kept as an older type; undefined where nothing can. */
  readonly cast: (from: TypeRef) => ((data: unknown) => unknown) | undefined;
  /** Undefined where the type begins nothing. */
  readonly start: readonly Move[] | undefined;
  readonly states: ReadonlyMap<string, StateRules>;
  readonly renamed: ReadonlyMap<string, string>;
  readonly otherwise: 'dead' | 'ignore';
  readonly unknown: 'dead' | 'ignore';
  readonly late: 'dead' | 'ignore' | 'new';
  readonly rememberMs: number;
}

/** Compiles what concerns the type of `scope`. Every fault is reported; undefined after one that leaves nothing to run. */
export function rulesOf(options: ProcessOptions, scope: StepScope): Rules | undefined {
  const { as = 'process', start, states, otherwise = 'dead', unknown = 'dead', late = 'dead', renamed = {} } = options;
  const keep = scope.contract(options.keep, ['keep']);
  const key = keyOf(options.by, scope);
  const rememberMs = REMEMBER.read(options.remember, ['remember'], scope);
  const exits = new Exits(options, scope);
  if (keep === undefined || key === undefined || rememberMs === undefined) return undefined;
  // What begins a process has nothing at hand yet, but what it sends has.
  const began = listOf(own(start, scope.type)).map((each, index) => {
    const at = placeOf(start, scope.type, ['start'], index);
    return { each, at, ...condition(each, at, scope), set: setOf(each, at, keep, scope, 'whole') };
  });
  scope.adds(as, { type: keep.ref });
  const apart = scope.beside(keep.ref);
  apart.adds(as, { type: keep.ref });
  const rules = Object.entries(states).map(([name, state]): [string, StateRules] => {
    const at: Path = ['states', name, 'on'];
    const { on = {}, ignore = [], timeout, end = false } = state;
    const given = own(on, scope.type);
    const moves = listOf(given).map((each, index): Move => {
      const place = placeOf(on, scope.type, at, index);
      const set = setOf(each, place, keep, scope, 'fields');
      return { ...condition(each, place, scope), set, ...exits.movesOf(each, place, scope) };
    });
    const out = timeout && timeoutOf(timeout, ['states', name, 'timeout'], { keep, apart, exits });
    return [name, { moves: given && moves, ignores: ignore.includes(scope.type), timeout: out, end }];
  });
  const first = began.map(({ each, at, when, set }): Move => ({ when, set, ...exits.movesOf(each, at, scope) }));
  return {
    ...{ as, key, keep, otherwise, unknown, late, rememberMs },
    cast: (from) => scope.cast(from, keep.ref),
    start: own(start, scope.type) && first,
    states: new Map(rules),
    renamed: new Map(Object.entries(renamed)),
  };
}

/** A name that a person wrote may be one that every object has. */
function own<T>(all: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(all, name) ? all[name] : undefined;
}

function placeOf(all: ProcessOptions['start'], type: TypeRef, at: Path, index: number): Path {
  return Array.isArray(own(all, type)) ? [...at, type, index] : [...at, type];
}

function keyOf(by: ProcessOptions['by'], scope: StepScope): StateKey | undefined {
  if (by === undefined || typeof by === 'string') return stateKey(by, scope, messageKey);
  for (const type of Object.keys(by)) scope.expects(type, ['by', type]);
  const mine = own(by, scope.type);
  if (mine !== undefined) return stateKey(mine, scope, messageKey, ['by', scope.type]);
  refuse(scope, ['by'], `it does not say to which process a ${scope.type} belongs`, `add ${scope.type}: with CEL`);
  return undefined;
}

function condition({ when }: Transition, at: Path, scope: StepScope): Pick<Move, 'when'> {
  return { when: when === undefined ? undefined : scope.expression(when, [...at, 'when'], 'predicate') };
}

function setOf(
  { set }: Transition | Timeout,
  at: Path,
  keep: StepContract,
  scope: StepScope,
  extent: 'whole' | 'fields',
): CompiledExpression | undefined {
  return set === undefined ? undefined : scope.mapping(set, [...at, 'set'], keep.ref, extent);
}

interface TimeoutScope {
  readonly keep: StepContract;
  /** Of what has no message: its data is what the process keeps. */
  readonly apart: StepScope;
  readonly exits: Exits;
}

function timeoutOf(timeout: Timeout, at: Path, { keep, apart, exits }: TimeoutScope): StateRules['timeout'] {
  const afterMs = AFTER.read(timeout.after, [...at, 'after'], apart);
  const move: Move = {
    when: undefined,
    set: setOf(timeout, at, keep, apart, 'fields'),
    ...exits.movesOf(timeout, at, apart),
  };
  return afterMs === undefined ? undefined : { afterMs, move };
}

/** The ways out of the process. All of them are asked for whatever the type, since what is undone has come by other types. */
class Exits {
  readonly #exits = new Map<Sending, { readonly exit: StepExit; readonly contract: StepContract }>();

  constructor(options: ProcessOptions, scope: StepScope) {
    for (const { does, at } of transitionsOf(options)) {
      for (const name of ['send', 'undo'] as const) {
        for (const [each, place] of placesOf(does, name, at)) this.#add(each, place, scope);
      }
    }
  }

  movesOf(does: Transition | Timeout, at: Path, scope: StepScope): Omit<Move, 'when' | 'set'> {
    return {
      to: does.to,
      send: this.#dispatches(does, 'send', at, scope),
      undo: this.#dispatches(does, 'undo', at, scope),
      compensate: does.compensate ?? false,
    };
  }

  #dispatches(does: Transition | Timeout, name: 'send' | 'undo', at: Path, scope: StepScope): readonly Dispatch[] {
    return placesOf(does, name, at).flatMap(([each, place]) => {
      const way = this.#exits.get(each);
      const set = way && scope.mapping(each.set, [...place, 'set'], way.contract.ref);
      return way === undefined || set === undefined ? [] : [{ ...way, set }];
    });
  }

  #add(each: Sending, at: Path, scope: StepScope): void {
    const { service, type, publish } = each;
    const ref = service === undefined ? publish : type;
    if (
      ref === undefined ||
      (service !== undefined && publish !== undefined) ||
      (publish !== undefined && type !== undefined)
    ) {
      refuse(scope, at, 'it does not say what is sent where', 'write { service, type, set } or { publish, set }');
      return;
    }
    const place = [...at, service === undefined ? 'publish' : 'type'];
    const exit = scope.exit(service, ref, place);
    const contract = exit && scope.contract(ref, place);
    if (exit !== undefined && contract !== undefined) this.#exits.set(each, { exit, contract });
  }
}

function placesOf(does: Transition | Timeout, name: 'send' | 'undo', at: Path): readonly (readonly [Sending, Path])[] {
  const given = does[name];
  const several = Array.isArray(given);
  return listOf(given).map((each, index) => [each, [...at, name, ...(several ? [index] : [])]] as const);
}

/** What a message is made to, by a mapping. @throws WB_CONTRACT_VIOLATED and as expressions do */
export function made({ set, contract }: Pick<Dispatch, 'set' | 'contract'>, message: RouteMessage): unknown {
  const data = set.evaluate(message);
  const violated = contract.validate(data);
  if (violated !== undefined) throw violated;
  return data;
}

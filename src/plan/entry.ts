import type { Limits } from '../config/definition.ts';
import type { Contract } from '../contracts/contracts.ts';
import { WaybillError } from '../errors.ts';
import type { EncodedMessage, TypeRef } from '../message.ts';
import type { CompiledExpression } from '../ports/mediator.ts';
import type { Span } from '../ports/tracing.ts';
import type { Address, Outgoing } from '../ports/transport.ts';
import { isPure, type PureFlowStep, runSteps } from './chain.ts';
import { routeEndpoint } from './endpoint-name.ts';
import { type CompiledRoute, type Flow, type FlowBranch, type FlowDestination, forwardsTo, type Take } from './flow.ts';
import type { Matchable } from './match.ts';
import type { Count } from './plan.ts';
import { isUnaltered, makeResult, type Passage, type ResultStyle } from './result.ts';

import { TICKER, unmarked } from './ticks.ts';
import type { Transit } from './transit.ts';

/** A route, for messages of one type, ready to run. */
export interface Entry extends Matchable {
  readonly route: string;
  /** The route's place among all, which orders results. */
  readonly position: number;
  readonly flow: Flow;
  /** The steps of the flow where all are pure, else none of them. */
  readonly pure: readonly PureFlowStep[];
  readonly branches: readonly Branch[];
  /** By the `id` of a `StepExit`. */
  readonly exits: ReadonlyMap<string, StepWayOut>;
  /** Where the message goes, as it came, when the flow fails on it. */
  readonly onError: readonly Exit[];
  /** When it goes nowhere instead. */
  readonly ignores: Take['ignores'];
  /** The contract of the message as it came. */
  readonly origin: Contract;
  readonly style: ResultStyle;
  /** The route's own endpoint, when it is isolated. */
  readonly own: Address;
  /** Made once, since they are the same for every message. */
  readonly counted: Readonly<Record<Exclude<Count[1], 'out'>, Count>>;
}

interface Branch {
  readonly when: CompiledExpression | undefined;
  readonly exits: readonly Exit[];
}

/** Where a destination's messages go. */
interface Exit {
  readonly destination: FlowDestination;
  readonly address: Address;
  /** An unaltered message keeps the publisher's id. */
  readonly keepsId: boolean;
}

/** Where a step lets messages out. */
interface StepWayOut {
  readonly exit: Exit;
  readonly passage: Passage;
}

export interface EntryOptions {
  readonly bus: string;
  readonly limits: Limits;
  /** Pairs of service and type (`pairOf`) that more than one route forwards to, so that their messages need ids of their own. */
  readonly shared: ReadonlySet<string>;
  /** One address object for an endpoint, so that addresses can be compared. */
  readonly address: (service: string | undefined) => Address;
}

const NOTHING: readonly Outgoing[] = [];

export function pairOf(service: string, ref: TypeRef): string {
  return `${service} ${ref}`;
}

export function makeEntry({ name, position }: CompiledRoute, take: Take, options: EntryOptions): Entry {
  const { flow, origin, onError, ignores } = take;
  const exit = (destination: FlowDestination): Exit => {
    const forwarded = forwardsTo(take, destination);
    return {
      destination,
      address: options.address(destination.service),
      keepsId: forwarded !== undefined && !options.shared.has(pairOf(forwarded, take.ref)),
    };
  };
  const branch = ({ when, destinations }: FlowBranch): Branch => ({ when, exits: destinations.map(exit) });
  return {
    route: name,
    position,
    flow,
    pure: flow.steps.every(isPure) ? flow.steps.filter(isPure) : [],
    when: flow.when,
    branches: flow.branches.map(branch),
    exits: new Map(
      flow.exits.map(({ id, from, destination }) => [
        id,
        { exit: exit(destination), passage: { start: flow.start, end: from } },
      ]),
    ),
    onError: onError.map(exit),
    ignores,
    origin,
    style: { route: name, source: `/${options.bus}/${name}`, maxSize: options.limits.size },
    own: options.address(routeEndpoint(name)),
    counted: {
      in: [name, 'in', 1],
      filtered: [name, 'filtered', 1],
      faulted: [name, 'faulted', 1],
      ignored: [name, 'ignored', 1],
      merged: [name, 'merged', 1],
      duplicate: [name, 'duplicate', 1],
    },
  };
}

/**
 * Runs the route on a message that its predicate let in. The steps come first, so predicates of branches and destinations
 * see what the steps made.
 * @returns what the route sends; empty when a step or every predicate left the message out
 * @throws when the route cannot do its work on the message; then nothing of it may be sent
 */
export function runEntry(entry: Entry, start: Transit, span?: Span): readonly Outgoing[] {
  const [first, ...others] = runSteps(entry.pure, start, span);
  if (first === undefined) return NOTHING;
  const sends = leaveRoute(entry, first);
  return others.length === 0 ? sends : [...sends, ...others.flatMap((each) => leaveRoute(entry, each))];
}

/** What a message that has come through the steps is sent as. @throws as `runEntry` */
export function leaveRoute({ flow, branches, exits, style }: Entry, message: Transit): readonly Outgoing[] {
  const sends: Outgoing[] = [];
  const results: EncodedMessage[] = [];
  if (message.progress.exit !== undefined) {
    const way = exits.get(message.progress.exit);
    if (way === undefined) throw exitGone(style.route, message.progress.exit);
    leave(message, [way.exit], way.passage, style, results, sends);
    return sends;
  }
  for (const branch of branches) {
    if (!holds(branch.when, message)) continue;
    leave(message, branch.exits, flow, style, results, sends);
    if (flow.exclusive) break;
  }
  return sends;
}

/**
 * What `onError` makes of a message on which the route failed.
 * @param origin the message as it came
 * @returns empty when there is no `onError`, or none of its destinations takes the message
 */
export function runOnError(entry: Entry, origin: Transit): readonly Outgoing[] {
  const sends: Outgoing[] = [];
  // A tick is the same whoever brought it.
  const marked = origin.envelope.headers?.[TICKER] !== undefined;
  const from = marked ? origin.with({ envelope: unmarked(origin.envelope) }) : origin;
  leave(from, entry.onError, { start: entry.origin, end: entry.origin }, entry.style, [], sends);
  return sends;
}

/** Whether a message on which the route failed, and which goes nowhere by `onError`, is no dead letter all the same. */
export function isIgnored({ ignores }: Entry, origin: Transit): boolean {
  return ignores.some(({ when }) => holds(when, origin));
}

function leave(
  message: Transit,
  exits: readonly Exit[],
  passage: Passage,
  style: ResultStyle,
  results: EncodedMessage[],
  sends: Outgoing[],
): void {
  for (const { destination, address, keepsId } of exits) {
    if (!holds(destination.when, message)) continue;
    const result =
      keepsId && isUnaltered(message, passage, destination)
        ? message.input
        : (results[destination.ordinal] ??= makeResult(message, passage, destination, style));
    // A result goes to an address once, however many of the route's destinations ask for it.
    if (!sends.some((sent) => sent.to === address && sent.message === result))
      sends.push({ to: address, message: result });
  }
}

export function exitGone(route: string, exit: string): WaybillError {
  return new WaybillError(
    'WB_STATE_OUTDATED',
    `the route ${route} no longer sends to ${exit}, where this was on its way`,
    {
      fix: 'Bring the step back and redrive, or discard this.',
    },
  );
}

function holds(when: CompiledExpression | undefined, message: Transit): boolean {
  return when === undefined || when.evaluate(message) === true;
}

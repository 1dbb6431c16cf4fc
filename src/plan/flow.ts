import type { DocumentPath } from '../config/definition.ts';
import type { Cast, Contract } from '../contracts/contracts.ts';
import type { TypeRef } from '../message.ts';
import type { CompiledExpression, StateForm, Step } from '../ports/mediator.ts';

import type { Schedule } from './schedule.ts';

/** A route as it was checked, ready to be run. */
export interface CompiledRoute {
  readonly name: string;
  /** Its place among the routes, which orders results. */
  readonly position: number;
  readonly enabled: boolean;
  readonly isolate: boolean;
  /** It begins by itself; nothing of the bus comes to it. */
  readonly schedule?: Schedule;
  readonly takes: readonly Take[];
}

/** A type that a route takes. */
export interface Take {
  readonly ref: TypeRef;
  /** The contract of `ref`. */
  readonly origin: Contract;
  /** Set when `ref` is an older major of the type that the route is written for. */
  readonly cast: Cast | undefined;
  /** Whether the type is published by anyone. Upcast ones that are not need no binding. */
  readonly published: boolean;
  readonly flow: Flow;
  /** Where the message goes, as it came, when the flow fails on it; when none of them takes it, it is a dead letter. */
  readonly onError: readonly FlowDestination[];
  /** When it goes nowhere instead of being a dead letter. */
  readonly ignores: readonly { readonly when: CompiledExpression | undefined }[];
}

/** What a route does with messages of one type. */
export interface Flow {
  /** The contract the data keeps at the start. */
  readonly start: Contract;
  readonly when: CompiledExpression | undefined;
  readonly steps: readonly FlowStep[];
  /** The contract the data keeps after the steps. */
  readonly end: Contract;
  readonly branches: readonly FlowBranch[];
  /** Where steps let messages out. */
  readonly exits: readonly FlowExit[];
  /** Only the first branch that matches is taken. */
  readonly exclusive: boolean;
  /** What steps said that has to come to them. */
  readonly expected: readonly Expectation[];
}

/** A type that one of the flows of a route has to bring to a step. */
export interface Expectation {
  /** The id of the step. */
  readonly step: string;
  readonly type: TypeRef;
  /** Where that is written. */
  readonly path: DocumentPath;
}

/** A destination that a step named, under the `id` of its `StepExit`. */
export interface FlowExit {
  readonly id: string;
  /** The contract that the data keeps there. */
  readonly from: Contract;
  readonly destination: FlowDestination;
}

export interface FlowStep {
  /** Its mediator and, from the second of the same on, which one: `aggregate`, `aggregate-2`. Other steps may come and go around it. */
  readonly id: string;
  /** Names the step in errors: `step 2 (map)`. */
  readonly label: string;
  /** The contract that the data keeps when it comes to the step. */
  readonly type: TypeRef;
  readonly step: Step;
  /** Of the states that it keeps. */
  readonly form?: StateForm;
  /** See `Mediator`. */
  readonly mixes: boolean;
  /** What it lets go goes on by a delivery of its own, so that what it remembers stays when that fails. @default false */
  readonly apart?: boolean;
}

export interface FlowBranch {
  readonly when: CompiledExpression | undefined;
  readonly destinations: readonly FlowDestination[];
}

export interface FlowDestination {
  readonly when: CompiledExpression | undefined;
  /** The service, or the endpoint of another route (`route.<name>`); undefined to publish on the bus. */
  readonly service: string | undefined;
  /** The contract it arrives with. */
  readonly as: Contract;
  /** To `as`, from the contract at the end of the flow; under `onError` from that of the message as it came. */
  readonly cast: Cast | undefined;
  /** Which of the route's results this is: destinations with one `as` get the same one. */
  readonly ordinal: number;
  /** It gets a copy, which is always a message of its own. */
  readonly copy?: boolean;
}

export function destinationsOf(flow: Flow): readonly FlowDestination[] {
  return [
    ...flow.branches.flatMap((branch) => branch.destinations),
    ...flow.exits.map(({ destination }) => destination),
  ];
}

/** With those under `onError`. */
export function allDestinationsOf(take: Take): readonly FlowDestination[] {
  return [...destinationsOf(take.flow), ...take.onError];
}

/** The service to which the destination may bring messages as they came, under the publisher's id. */
export function forwardsTo({ ref }: Take, { service, as, copy = false }: FlowDestination): string | undefined {
  return as.ref === ref && !copy ? service : undefined;
}

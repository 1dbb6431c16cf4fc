import type { Definition, ServiceDefinition } from '../config/definition.ts';
import type { Contracts } from '../contracts/contracts.ts';
import type { Fault } from '../errors.ts';
import type { EncodedMessage, TypeRef } from '../message.ts';
import type { Tables } from '../ports/lookup.ts';
import type { PluginOrigin, StepWork } from '../ports/mediator.ts';
import type { Resources } from '../ports/resources.ts';
import type { StateRef } from '../ports/store.ts';
import type { Topology } from '../ports/topology.ts';
import type { Span, Tracing } from '../ports/tracing.ts';
import type { Death, Outgoing } from '../ports/transport.ts';

import type { Schedule } from './schedule.ts';

/** What configuration compiles to: checked routes, the match index and the topology. Immutable. */
export interface Plan {
  readonly definition: Definition;
  /** Hash of the definition: equal editions are equal plans. */
  readonly edition: string;
  readonly contracts: Contracts;
  readonly topology: Topology;
  readonly routes: readonly PlannedRoute[];
  /** Of the routes that begin by themselves. */
  readonly schedules: readonly Schedule[];
  /**
   * The plugins that routes need and this process does not have, or has in another edition. Such a plan tells services what they need;
   * it runs no route. Only of a plan that was applied: of a configuration it is a fault.
   */
  readonly lacks: readonly LackingPlugin[];
  /** Things that work but that somebody should know, such as a published type that no route takes. */
  readonly warnings: readonly Fault[];
  service(name: string): ServiceDefinition | undefined;
  /**
   * The program of the router (`router`) or of an isolated route (`route.<name>`).
   * @param tables what its expressions look up in
   * @throws WB_PLUGIN_MISSING
   */
  program(endpoint: string, tables?: Tables): Program | undefined;
}

/** A plugin that a route needs. */
export interface LackingPlugin {
  readonly route: string;
  /** Of its mediator. */
  readonly name: string;
  readonly needed: PluginOrigin;
  /** Undefined where there is none of that name. */
  readonly found: PluginOrigin | 'built in' | undefined;
}

/** How a route is run, and why that way. */
export interface PlannedRoute {
  readonly name: string;
  readonly road: 'direct' | 'inline' | 'isolated';
  /** One clause for people: `selection by type alone, receiver with the SDK`. */
  readonly because: string;
  /** Every type it takes, patterns expanded, versions that are upcast included. */
  readonly from: readonly TypeRef[];
  /** Every service and type it can send to. */
  readonly to: readonly (
    | { readonly service: string; readonly as: TypeRef }
    | { readonly route: string; readonly as: TypeRef }
    | { readonly publish: TypeRef }
  )[];
  /** When it begins by itself. */
  readonly schedule?: Pick<Schedule, 'cron' | 'zone' | 'missed'>;
  /** Whether a step of it has a state, so that its router needs a store. */
  readonly remembers?: true;
  /** Where its messages are taken: absent for `direct`. */
  readonly endpoint?: string;
}

/**
 * Runs all routes of one endpoint on a message. What a message is to blame for is in the result; what may heal, and what is no failure of
 * the route (`Interrupt`), is thrown.
 */
export interface Program {
  /** Whether no step asks outside, remembers or waits: then `run` will do. */
  readonly pure: boolean;
  /**
   * Only of a program that is `pure`. Never throws.
   * @param only take only this route (a redriven dead letter)
   * @param tracing where somebody listens
   */
  run(message: EncodedMessage, only?: string, tracing?: Tracing): ProgramResult;
  /** Of any program. @throws WaybillError with `retryable: true`, Interrupt */
  perform(message: EncodedMessage, work: ProgramWork): Promise<ProgramResult>;
  /** What becomes of a message whose attempts were used up: what `onError` makes of it, else the death, which then names the route. */
  giveUp(message: EncodedMessage, death: Death): ProgramResult;
}

/** What a process hands to the steps of one attempt. */
export interface ProgramWork extends Omit<StepWork, 'id' | 'request' | 'resources'> {
  readonly resources: Pick<Resources, 'keys' | 'ask' | 'request'>;
  readonly states: StateSession;
  /** By how much a transport may be late: what waits comes earlier by as much, and waits for the rest in place. @unit milliseconds */
  readonly graceMs: number;
  /** Where somebody listens. */
  readonly tracing?: Tracing;
  /** A person has sent it again. @default false */
  readonly redriven?: boolean;
}

/** The states that one attempt sees and makes. */
export interface StateSession {
  /**
   * As earlier steps of the attempt left it, else as the store has it.
   * @throws Interrupt when the message is on record, WB_STORE_MISSING, WB_STORE_UNAVAILABLE
   */
  read(ref: StateRef): Promise<HeldState | undefined>;
  write(ref: StateRef, state: HeldState | undefined, forgetAtMs?: number): void;
  /** @returns takes back what is written from here on */
  mark(): () => void;
}

export interface HeldState {
  /** `StateForm.version` */
  readonly form: number;
  readonly state: unknown;
}

export interface ProgramResult {
  /** In the order of routes and destinations; ids derived from the input's id, the route and the ordinal. */
  readonly sends: readonly Outgoing[];
  /** One for each route that failed on this message. */
  readonly deaths: readonly Death[];
  /** No route took it although some route takes its type: it is filtered. */
  readonly filtered: boolean;
  /** A step that remembers took it in, and let nothing go on. */
  readonly absorbed?: 'merged' | 'duplicate';
  /** No route of this endpoint takes its type (the plan changed since it was sent): it is parked. */
  readonly unknown: boolean;
  /** Counters by route: [route name, what, amount]. */
  readonly counts: readonly Count[];
  /** Of `sends`, to be ended once they are durable. */
  readonly spans?: readonly Span[];
}

export type Count = readonly [
  route: string,
  what: 'in' | 'out' | 'filtered' | 'faulted' | 'ignored' | 'merged' | 'duplicate',
  amount: number,
];

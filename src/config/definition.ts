import type { TypeRef } from '../message.ts';
import type { PluginOrigin } from '../ports/mediator.ts';

/**
 * What a bus is, as plain JSON: all that configuration says except what differs from machine to machine (`Settings`) and
 * secrets. It is what a plan is compiled from and what the manifest keeps.
 */
export interface Definition {
  readonly bus: string;
  /** @default 16 */
  readonly slots: number;
  readonly limits: Limits;
  readonly services: readonly ServiceDefinition[];
  /** Kept as written, references to secrets unresolved. */
  readonly sources: Readonly<Record<string, unknown>>;
  /** What each process that runs routes has to have. Absent where it is nothing. */
  readonly facilities?: Facilities;
  readonly contracts: readonly ContractDocument[];
  readonly casts: readonly CastDocument[];
  readonly routes: readonly RouteDefinition[];
  /** The mediators of routes that are not built in, by name, and the scripts of routes, by file. Absent where there are none. */
  readonly plugins?: Readonly<Record<string, PluginOrigin>>;
  /** Partitions of the router's endpoint. @default 4 */
  readonly routerPartitions: number;
  /** Of a bus that several repositories share: the edition of each part. Absent where all is one part. */
  readonly parts?: Readonly<Record<string, string>>;
}

/** What one repository says of a bus: everything it owns. */
export interface PartDefinition extends Omit<Definition, 'parts'> {
  readonly part: string;
  /** The limits that its files state. Others are defaults, which yield to what another part states. */
  readonly states: readonly (keyof Limits)[];
}

/** The part of a repository that does not name it. */
export const MAIN_PART = 'main';

/** By name only: what is behind a name differs from machine to machine, and is secret. */
export interface Facilities {
  readonly keyRings: readonly string[];
}

export interface Limits {
  /** Largest `data`. @unit bytes @default 1_048_576 */
  readonly size: number;
  /** Deepest nesting of `data`. @default 64 */
  readonly depth: number;
  /** Largest amount of parked messages. @unit bytes @default 268_435_456 */
  readonly parking: number;
}

export interface ServiceDefinition {
  readonly name: string;
  readonly publishes: readonly TypeRef[];
  readonly receives: readonly TypeRef[];
  readonly ordering: 'key' | 'none';
  readonly partitions: number;
  readonly client: 'sdk' | 'plain';
  /** Its login at the broker. @default the name of the service */
  readonly user?: string;
  readonly retry: RetryPolicy;
  /** How long a failing delivery may hold its key. @unit milliseconds @default 60_000 */
  readonly holdMs: number;
  /** How long a handler may take. @unit milliseconds @default 30_000 */
  readonly timeoutMs: number;
  /** Most handlers at a time in one process. @default 16 */
  readonly concurrency: number;
  /** How long its inbox knows a message that was handled. @unit milliseconds @default 604_800_000, a week */
  readonly inboxKeepMs: number;
  readonly describe?: string;
}

export interface RetryPolicy {
  /** Attempts at once, before the first delay. @default 1 */
  readonly immediate: number;
  /** Attempts in all. @default 5 */
  readonly attempts: number;
  /** Before the first delayed attempt. @unit milliseconds @default 1_000 */
  readonly delayMs: number;
  /** Growth from one delay to the next. @default 2 */
  readonly factor: number;
  /** Longest delay. @unit milliseconds @default 60_000 */
  readonly maxMs: number;
}

export interface ContractDocument {
  readonly type: string;
  readonly version: number;
  readonly file: string;
  /** The JSON Schema as it stands in the file. */
  readonly schema: unknown;
}

/** `schemas/<domain>/<name>.v1-v2.yaml`. */
export interface CastDocument {
  readonly type: string;
  readonly from: number;
  readonly to: number;
  readonly file: string;
  /** A mapping, as under `set` of a `map` step. */
  readonly up: unknown;
  readonly down?: unknown;
}

/** Under `onError` also another route, to whose endpoint it goes, or nowhere. */
export interface ErrorDestinationDefinition extends Omit<DestinationDefinition, 'target'> {
  readonly target: DestinationDefinition['target'] | { readonly route: string } | { readonly ignore: true };
}

/** Where something stands in a file: the keys and indexes that lead to it. */
export type DocumentPath = readonly (string | number)[];

export interface RouteDefinition {
  readonly name: string;
  readonly describe?: string;
  readonly enabled: boolean;
  readonly isolate: boolean;
  /** Types or patterns, as written: `shop.order.*@1`. */
  readonly from: readonly string[];
  /** It begins by itself, at times; `from` is then the one type that it makes. */
  readonly schedule?: ScheduleDefinition;
  readonly when?: string;
  readonly steps: readonly StepDefinition[];
  /** The first branch whose `when` holds is taken; `otherwise` has none. Without `choose` a single branch without `when`. */
  readonly branches: readonly BranchDefinition[];
  /** Whether `branches` came from `choose`: then only the first match is taken, else all are. */
  readonly exclusive: boolean;
  /** Set when it has neither `to` nor `choose`: its last step says where messages go. */
  readonly byStep?: true;
  /** Where the message goes, as it came, when the route fails on it in a way that cannot heal; without it a dead letter. */
  readonly onError?: readonly ErrorDestinationDefinition[];
  readonly file: string;
  /** Of the route in its file: `[]`, or `[index]` in a list. */
  readonly path: DocumentPath;
}

export interface ScheduleDefinition {
  /** Five fields, or six with seconds. */
  readonly cron: string;
  /** IANA. @default UTC */
  readonly zone: string;
  /** A mapping to the type under `from`, over `meta` alone. @default an empty object */
  readonly data?: unknown;
  /** What becomes of ticks at which no router ran. @default once */
  readonly missed: 'once' | 'all' | 'skip';
}

export interface StepDefinition {
  /** The mediator's name. */
  readonly use: string;
  readonly options: unknown;
  /** Of the options, the mediator's name being its end: `['steps', 0, 'map']`. */
  readonly path: DocumentPath;
}

export interface BranchDefinition {
  readonly when?: string;
  readonly to: readonly DestinationDefinition[];
  /** Of the mapping that holds `when` and `to`: an item of `choose`, else the route itself. */
  readonly path: DocumentPath;
}

export interface DestinationDefinition {
  /** `{ service }` delivers to it alone; `{ publish }` puts the message on the bus again, as that type. */
  readonly target: { readonly service: string } | { readonly publish: TypeRef };
  readonly when?: string;
  readonly path: DocumentPath;
}

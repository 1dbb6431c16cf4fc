import type { Fault } from '../errors.ts';
import type { Envelope, TypeRef } from '../message.ts';
import type { Tables } from './lookup.ts';
import type { Resources } from './resources.ts';

/**
 * One step of a route. A mediator is one exported object of this type, in a file of its own; built-in ones and those of plugins are
 * the same to the bus.
 *
 * | `runs`  | its step                                                        | the road of its route | kept between messages |
 * |---------|-----------------------------------------------------------------|-----------------------|-----------------------|
 * | `pure`  | `PureStep`: synchronous, the same result for the same message   | any                   | nothing               |
 * | `io`    | `IoStep`: asks something outside, in its time                   | isolated              | nothing               |
 * | `state` | `StatefulStep`: sees and makes the next state of its key        | isolated              | its state, by key     |
 */
export interface Mediator {
  /** The word in YAML: `map`. Lower-case letters, digits and hyphens. */
  readonly name: string;
  /** One sentence for the reference. */
  readonly describe: string;
  /** JSON Schema of what stands under the word in YAML. */
  readonly options: object;
  /** @default 'pure' */
  readonly runs?: 'pure' | 'io' | 'state';
  /** Of a mediator that `runs: 'state'`: which form its states have, and how older ones are read. */
  readonly state?: StateForm;
  /** Its state brings messages together: all types that a route takes have to be one where it stands. @default false */
  readonly mixes?: boolean;
  /** Nothing goes on from its step: it is the last of its route, which then has neither `to` nor `choose`. @default false */
  readonly ends?: boolean;
  /**
   * Checks the options, which have passed the schema, against the message as it is at this step, and makes the step.
   * Reports every fault to `scope.fault`; after a fault it may return undefined.
   */
  prepare(options: unknown, scope: StepScope): Step | undefined;
}

/** Where a mediator that is not built in comes from, and which one it is: two of one name may differ. */
export interface PluginOrigin {
  /** Its file below the folder of `waybill.yaml`, or the name of its package. */
  readonly from: string;
  /** Of a file a hash of it, of a package its version. */
  readonly edition: string;
}

export interface StateForm {
  /** Grows when the form of the state changes. @range 1 and more */
  readonly version: number;
  /** The state in today's form; undefined when it cannot be read any more: then the message is refused by name. @default none can */
  migrate?(state: unknown, from: number): unknown;
  /** A name under which all steps of the bus that say it have their states together. Not for plugins. @default each step has its own */
  readonly shared?: string;
}

/** Where in the options something stands: `['set', 'total']`. */
export type Path = readonly (string | number)[];

/** What a mediator sees of the route while it is checked, and how it says what it makes of the message. */
export interface StepScope {
  /** The contract the data keeps at this step. */
  readonly type: TypeRef;
  /** The name of the route. */
  readonly route: string;
  /**
   * Compiles a CEL expression over `data`, `meta` and `vars`; undefined after a fault. `predicate`: absent fields make it false.
   * The others have a value: of any kind, or of one that is checked here.
   */
  expression(source: string, at: Path, kind: ExpressionKind): CompiledExpression | undefined;
  /**
   * Compiles a mapping whose result must keep the contract `target`; undefined after a fault. `fields`: the mapping gives
   * only some fields of it, so that required ones may be absent.
   */
  mapping(set: unknown, at: Path, target: TypeRef, extent?: 'whole' | 'fields'): CompiledExpression | undefined;
  /** The contract of a type; undefined, and a fault at `at`, when there is none. */
  contract(type: TypeRef, at: Path): StepContract | undefined;
  /** Whether `keys:` has a key ring of this name; a fault at `at` with the nearest one when it has none. */
  keys(ring: string, at: Path): boolean;
  /** What `sources:` says of a source; undefined, and a fault at `at`, when there is none of this name. */
  source(name: string, at: Path): StepSource | undefined;
  /** A service that receives `type`; a fault at `at` when there is no such service or it does not declare the type. */
  service(name: string, type: TypeRef, at: Path): boolean;
  /**
   * A way out of the route, to a service that receives `type`; undefined after a fault, as of `service`.
   * @param service undefined: onto the bus, for every route from `type`
   */
  exit(service: string | undefined, type: TypeRef, at: Path): StepExit | undefined;
  /** A service that is asked for an answer; undefined after a fault: as of `exit`, or when it cannot answer such a message. */
  asks(service: string, type: TypeRef, at: Path): StepAsked | undefined;
  /**
   * A destination for copies of the message as it is here, checked as any of the route: the service receives its type, or a major that
   * there is a cast to; a type that is published is the message's. Undefined after a fault.
   */
  copies(to: CopyTarget, at: Path): StepExit | undefined;
  /** A fault at `at` when no message comes to this step as `type`, whatever the types that the route takes. */
  expects(type: TypeRef, at: Path): void;
  /** What turns data of one major of a type into another; undefined where no casts do. May be asked at any time. */
  cast(from: TypeRef, to: TypeRef): ((data: unknown) => unknown) | undefined;
  /** A scope of its own, for what is evaluated with other data: expressions see data of `type`, and no variable that was added here. */
  beside(type: TypeRef): StepScope;
  /** From here on the data keeps the contract `type`, which stands at `at`; a fault when there is no such contract. */
  becomes(type: TypeRef, at: Path): void;
  /** From here on expressions may say `vars.<name>`. `optional`: it may be absent, so that who reads it has to say what then. */
  adds(name: string, value: Added, optional?: boolean): void;
  /** All texts that the items of a list can be, where its contract or the expression says so. @param list of the kind `list` */
  textsOf(list: CompiledExpression): readonly string[] | undefined;
  fault(at: Path, fault: Omit<Fault, 'at'>): void;
  /** Something that works, but that somebody should know: `waybill check` tells it. */
  warn(at: Path, warning: Omit<Fault, 'at'>): void;
}

export interface StepSource {
  /** The contract of what is sent; undefined where nothing is declared. */
  readonly request: TypeRef | undefined;
  /** The contract of the answer. */
  readonly response: TypeRef;
  /** Whether it may answer that there is no such thing. */
  readonly mayBeAbsent: boolean;
  /** Whether its address has a place for a key. */
  readonly byKey: boolean;
  /** Of HTTP: `GET`. */
  readonly method: string;
  /** Set where it is a table in memory, whose answers are at hand. */
  readonly table?: StepTable;
}

export interface StepTable {
  /** The column that it goes by. */
  readonly key: string;
  /** The row of a key; undefined when there is none. It keeps the contract `response`. @throws WB_RESOURCE_MISSING */
  find(message: RouteMessage, key: string): unknown;
}

/** A service as a step asks it. */
export interface StepAsked {
  readonly exit: StepExit;
  readonly request: StepContract;
  readonly answer: StepContract;
}

/** `scalar`: text, a number, a date, true or false; `whole`: a whole number; `date`: RFC 3339 text. Neither is ever absent. `list`: a list. */
export type ExpressionKind = 'predicate' | 'value' | 'scalar' | 'whole' | 'date' | 'list';

/** What a variable holds: what an expression gives, data of a type, a list of such, an element of a list, an object, or something plain. */
export type Added =
  | CompiledExpression
  | { readonly type: TypeRef }
  /** `least`: how many items there are at least. @default 0 */
  | { readonly listOf: TypeRef; readonly least?: number }
  | { readonly elementOf: CompiledExpression }
  | { readonly fields: Readonly<Record<string, 'text' | 'number' | 'boolean'>> }
  | { readonly plain: 'text' | 'number' | 'boolean' | 'any' };

export interface StepContract {
  readonly ref: TypeRef;
  /** The JSON Schema as it stands in its file. */
  readonly schema: unknown;
  /** Undefined when `data` keeps the contract. */
  validate(data: unknown): Error | undefined;
  /** A field by its path; undefined when the contract does not declare it. */
  field(path: FieldPath): StepField | undefined;
  /** The names of the fields below a path, for telling what was meant. */
  fieldNames(path: FieldPath): readonly string[];
  /** Where it declares sensitive values (`x-sensitive`), the outermost only. */
  sensitiveFields(): readonly FieldPath[];
  /**
   * A copy with `instead` in place of every value that is, or may be, sensitive: what stands undeclared beside a sensitive field is too.
   * @param instead undefined leaves the value out
   */
  mask(data: unknown, instead: unknown): unknown;
}

/** The names that lead to a field. `[]` stands for every item of a list, `*` for every property. */
export type FieldPath = readonly string[];

export interface StepField {
  /** Whether data without it breaks the contract. */
  readonly required: boolean;
  /** Whether the contract reads the key of messages here, or inside of it. */
  readonly key: boolean;
  /** Why the value may not stand there: `the format email`; undefined when it may. */
  refuses(value: unknown): string | undefined;
}

/** Where a message, or a copy, leaves the route, past all later steps. Made by `StepScope` while the route is checked. */
export interface StepExit {
  readonly id: string;
}

/** Where copies go: to one service, or onto the bus as that type. */
export type CopyTarget = { readonly service: string } | { readonly publish: TypeRef };

/** Pure: no clock, no chance, no I/O. @throws WaybillError, not retryable, when the data does not allow a result */
export interface CompiledExpression {
  readonly source: string;
  evaluate(message: RouteMessage): unknown;
}

export type Step = PureStep | IoStep | StatefulStep;

/** What goes on from a step: one message, several in order, or none, which is then filtered out. */
export type StepResult = RouteMessage | readonly RouteMessage[] | undefined;

/** @throws WaybillError when it cannot do its work on the message, which is then a dead letter, or goes where `onError` says */
export interface PureStep {
  run(message: RouteMessage): StepResult;
}

/**
 * Waits for something. It may be run again for the same message, after a retryable error or a crash, so what it asks for should bear
 * to be asked twice.
 */
export interface IoStep {
  /** @throws WaybillError with `retryable: true` when the same may succeed later: the delivery is tried again */
  perform(message: RouteMessage, work: StepWork): Promise<StepResult>;
}

export interface StepWork {
  /** Aborts when the attempt ran out of time or its delivery was taken back. */
  readonly signal: AbortSignal;
  /** Counts from 1. */
  readonly attempt: number;
  /**
   * The same for this step and this message in every attempt, and another for any other: what is asked for can be told by it. At most
   * 100 characters.
   */
  readonly id: string;
  /** What the process has for steps that look outside. */
  readonly resources: Pick<Resources, 'keys' | 'ask'>;
  /**
   * Asks a service of the bus, and resolves to the data of its answer, which keeps its contract.
   * @throws WB_CONTRACT_VIOLATED; WB_REQUEST_FAILED when the service gave it up; WB_REQUEST_TIMEOUT, WB_CLOSED (both retryable)
   */
  request(question: StepQuestion): Promise<unknown>;
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. */
  pause(ms: number): Promise<void>;
}

export interface StepQuestion {
  /** Of `StepScope.asks`. */
  readonly exit: StepExit;
  readonly data: unknown;
  /** @unit milliseconds */
  readonly timeoutMs: number;
  /** Tells apart what one step asks about one message: the id of the request is made of it. @default '' */
  readonly name?: string;
}

/**
 * Remembers. For each key there is one state, plain JSON, which only this step of this route reads and writes. The state, the messages
 * that go on and the timers it sets become durable together, once for each message or timer, whatever process ends when.
 */
export interface StatefulStep {
  /** Which state the message belongs to. At most 1 KiB. @default the message's key, or its id where it has none */
  key?(message: RouteMessage): string;
  /**
   * The next state. Pure but for `moment`; may be computed again, of a newer state, before any of it becomes durable. Neither changes
   * `state` nor keeps it.
   */
  advance(state: unknown, message: RouteMessage, moment: Moment): Transition;
}

export interface Moment {
  /** When this is computed. Never earlier than a timer's time when it is one. @unit milliseconds since the Unix epoch */
  readonly nowMs: number;
  /**
   * Set when a timer that this step set came due. `message` is then the timer's own, with an id of its own and nothing worth reading:
   * it may go on with new data, but not as it is.
   */
  readonly timer?: StepTimer;
  /** Packs a message to keep it in the state, and takes it out again as it was: its bytes, variables, and id. */
  keep(message: RouteMessage): KeptMessage;
  restore(kept: KeptMessage): RouteMessage;
}

export interface Transition {
  /** Undefined: forget it. */
  readonly state: unknown;
  /** The state was only read: it stays as it is, whatever `state` says. @default false */
  readonly unchanged?: boolean;
  /** The state may be forgotten from then on, without a word. @unit milliseconds since the Unix epoch @default never */
  readonly forgetAtMs?: number;
  /** Go on to the next step, in order. */
  readonly emits: readonly RouteMessage[];
  /** A timer of a name replaces nothing: one that is no longer wanted is to be told by the state when it comes. */
  readonly timers?: readonly StepTimer[];
  /**
   * What became of the message, or of what its timer held, when nothing is emitted, and no timer carries it.
   * @default 'merged'; of a timer it is not counted
   */
  readonly outcome?: 'merged' | 'duplicate' | 'filtered';
}

export interface StepTimer {
  readonly name: string;
  /** @unit milliseconds since the Unix epoch */
  readonly atMs: number;
  /** Plain JSON that comes back with it. */
  readonly tag?: unknown;
  /** Comes back with it, as it is. When the timer's attempts are used up, or what it sets going fails, this is what has failed. */
  readonly message?: RouteMessage;
  /**
   * RabbitMQ waits for whole seconds, rounded up. `true`: it comes earlier, and the rest of its time is waited for in place, in
   * which the key waits too. @default false
   */
  readonly precise?: boolean;
}

/** Plain JSON; only `Moment.restore` reads it. */
export type KeptMessage = object;

/** A message on its way through a route. Steps make new ones with `with`; they never change one. */
export interface RouteMessage {
  readonly envelope: Envelope;
  /** Parsed on first use, and frozen in spirit: steps do not write to it. */
  readonly data: unknown;
  readonly vars: Readonly<Record<string, unknown>>;
  /** What expressions look up in, where the bus has tables. */
  readonly tables?: Tables | undefined;
  with(change: RouteMessageChange): RouteMessage;
}

export interface RouteMessageChange {
  readonly envelope?: Envelope;
  /** New data; without it the bytes of the original pass through. The key then follows the contract's `x-key`. */
  readonly data?: unknown;
  /** The key from here on, until a later step makes new data. Goes before `envelope.key`. */
  readonly key?: string;
  readonly vars?: Readonly<Record<string, unknown>>;
  /**
   * It does not go on to the next step before. Meanwhile it waits in the route's endpoint, as durable as any message. For steps that
   * run `io` or `state`. @unit milliseconds since the Unix epoch
   */
  readonly notBeforeMs?: number;
  /**
   * It comes to this step again instead of going on, by a delivery of its own: what is in `vars` by then is durable first, and never
   * done again. For steps that run `io`.
   */
  readonly again?: true;
  /** It goes there instead of through the later steps. */
  readonly exit?: StepExit;
  /**
   * Copies of it, as it is with this change, go there when the step returns it; it goes on itself as if there were none. Of
   * `StepScope.copies`. Each copy is a message of its own, whose id derives from the input's, the route and the ordinal.
   */
  readonly copies?: readonly StepExit[];
}

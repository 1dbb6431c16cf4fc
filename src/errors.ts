/**
 * Every error of Waybill carries a code of this table. `docs/reference/errors.md` is generated from it and a test holds
 * the two together.
 */
export const ERROR_CODES = {
  WB_AGGREGATE_EXPIRED: 'The members of an aggregate did not become complete in time.',
  WB_AGGREGATE_LATE: 'A message belongs to an aggregate that ended before it came.',
  WB_ALREADY_STARTED: 'A handler was added, or `start()` called, after the service had started.',
  WB_CAST_INVALID: 'A cast between two majors of a contract is faulty.',
  WB_CLAIM_UNKNOWN: 'What a claim stands for is not in the store (any more), or what stands there is no claim.',
  WB_CLOSED: 'The bus connection is closed or closing, so it takes no more work.',
  WB_CONFIG_FAULTS: 'The configuration has faults; all of them are listed.',
  WB_CONFIG_FILE: 'A file of the configuration cannot be read, or its name says nothing.',
  WB_CONFIG_NOT_FOUND: 'No `waybill.yaml` was found and no url was given.',
  WB_CONFIG_REFERENCE: 'A `${...}` of the configuration cannot be resolved.',
  WB_CONFIG_YAML: 'A file is not plain YAML: text that needs quotes, a tag, an anchor, an alias, or a key twice.',
  WB_CONTRACT_DUPLICATE: 'Two files give the contract of one type and version, or two casts join the same majors.',
  WB_CONTRACT_EXAMPLE: 'An example of a contract breaks the contract.',
  WB_CONTRACT_INVALID: 'A contract is not a valid JSON Schema, or one of its annotations is faulty.',
  WB_CONTRACT_NAME: 'The name of a contract file does not say its type and version.',
  WB_CONTRACT_UNKNOWN: 'There is no contract for this type and version.',
  WB_CONTRACT_VIOLATED: 'The data breaks its contract; every fault is listed.',
  WB_DEADLINE: 'The transport did not take the message durably within its deadline.',
  WB_DECRYPT_FAILED:
    'A field is no encrypted value, was changed, or belongs to another message, field, type or context.',
  WB_DEFINITION_MISSING: 'The bus has no applied definition yet, and no configuration was found.',
  WB_DELIVERED_TWICE: 'Two routes deliver the same message to one service, which gets it from each (a warning).',
  WB_DELIVERY_REVOKED: 'The delivery was taken back (connection or partition lost); it will be delivered again.',
  WB_ENDPOINT_REMOVED: 'The endpoint at which the message waited is no longer declared.',
  WB_EXPIRED: 'The message passed its `expirytime` before it was handled.',
  WB_EXPRESSION_ABSENT: 'An expression reads a field that is, or may be, absent where a value is needed.',
  WB_EXPRESSION_FAILED: 'An expression has no result for the data of this message.',
  WB_EXPRESSION_FIELD: 'An expression names a field or variable that there is not.',
  WB_EXPRESSION_FUNCTION: 'An expression calls an unknown function, or one with the wrong number of arguments.',
  WB_EXPRESSION_SYNTAX: 'An expression is not valid CEL, or uses a part of CEL that Waybill leaves out.',
  WB_EXPRESSION_TYPE: 'A value in an expression is not of the kind that its place needs.',
  WB_GATHER_INCOMPLETE: 'Of the services that a route asked too few answered.',
  WB_HANDLER_CRASHED: 'The process ended while this message was being handled, as often as is allowed.',
  WB_HANDLER_FAILED: 'The handler threw an error.',
  WB_HANDLER_MISSING: 'A declared type has no handler.',
  WB_HANDLER_TIMEOUT: 'The handler did not finish within `timeout`.',
  WB_INPUT_INVALID: 'The input of a command cannot be read, or not as its format.',
  WB_JSON_DEPTH: 'The JSON is nested deeper than the limit.',
  WB_JSON_DUPLICATE_KEY: 'A JSON object has the same key twice.',
  WB_JSON_INVALID: 'The bytes are not valid JSON.',
  WB_JSON_PROTO: 'A JSON object has a `__proto__` key.',
  WB_JSON_UTF8: 'The bytes are not valid UTF-8.',
  WB_KEY_UNKNOWN: 'A value was encrypted with a key that its key ring does not have (any more).',
  WB_MANIFEST_MOVED: 'Somebody else applied a plan between reading and writing; nothing was changed.',
  WB_MAPPING_FIELD: 'A mapping sets a field that its target contract does not declare.',
  WB_MAPPING_FORM: 'What stands in a mapping is not of the mapping language.',
  WB_MAPPING_REQUIRED: 'A mapping does not, or not always, set a field that its target contract requires.',
  WB_MAPPING_TYPE: 'A mapping sets a field to a value that its target contract does not allow.',
  WB_MEDIATOR_OPTION: 'An option of a step is unknown, missing or not of its form.',
  WB_MEDIATOR_UNKNOWN: 'There is no mediator of this name.',
  WB_MESSAGE_INVALID: 'An attribute of the message is missing or malformed.',
  WB_MESSAGE_TOO_LARGE: 'The message is larger than the limit.',
  WB_NOT_DECLARED: 'The service publishes or receives a type that it does not declare.',
  WB_NUMBER_EXACT:
    'A number cannot be held as a JSON number without changing its value, and a step would have to rewrite it.',
  WB_OPTION_INVALID: 'An option is unknown or out of range.',
  WB_PARKING_FULL: 'No route takes this type, and the parking lot for such messages is full.',
  WB_PART_CONFLICT: 'Two parts of the bus declare the same thing, or limits that differ.',
  WB_PART_UNKNOWN: 'The bus has no part of this name.',
  WB_PAUSE_REFUSED: 'What is to be paused or resumed is no endpoint of the bus, or shares one with others.',
  WB_PLAN_NOT_APPLIED: 'The plan of this configuration is not the applied one.',
  WB_PLAN_OUTDATED: 'What this process uses is not in the applied plan (any more).',
  WB_PLUGIN_FAILED: 'A plugin or a script threw an error, did not end in time, or changed what it was given.',
  WB_PLUGIN_INVALID: 'A plugin or a script cannot be loaded, exports no mediator, or has a name that is taken.',
  WB_PLUGIN_MISSING: 'A route needs a plugin or a script that this process does not have, or has in another edition.',
  WB_PLUGIN_RESULT: 'A plugin or a script returned something that is no message, no step, or not plain JSON.',
  WB_PREDICATE_CONSTANT: 'A predicate has the same value for every message (a warning).',
  WB_PROCESS_ENDED: 'A message belongs to a process that ended before it came.',
  WB_PROCESS_INVALID:
    'The states of a process do not fit together: one cannot be reached or left, or says nothing of a message.',
  WB_PROCESS_UNHANDLED: 'The state that a process is in says nothing of a message that came.',
  WB_PROCESS_UNKNOWN: 'A message belongs to no process, and begins none.',
  WB_PUBLISHER_FULL: 'More messages wait in this process to be published than it may hold.',
  WB_REQUEST_FAILED:
    'A request has no answer: the responder, or a route to it, gave it up, or what came back is not the answer.',
  WB_REQUEST_TIMEOUT: 'No answer to a request came within its deadline.',
  WB_REQUEST_TYPE: 'The type is not a request: its contract names no answer with `x-reply`.',
  WB_REQUEST_UNROUTED: 'No route takes a request, so nobody would answer it.',
  WB_RESOURCE_MISSING: 'A step needs something that this process was not given, such as a key ring.',
  WB_ROUTE_DUPLICATE: 'Two routes have one name.',
  WB_ROUTE_FROM: 'What stands under `from` is neither a type with a version nor a pattern that matches one.',
  WB_ROUTE_LOOP: 'Routes publish in a circle, so that a message would go round for ever.',
  WB_ROUTE_TYPE: 'The message is of another type where a route sends it on.',
  WB_ROUTE_UNKNOWN:
    'There is no route of this name, or a redriven message belongs to one that is gone or no longer takes its type.',
  WB_RULE_BROKEN: 'A message breaks a rule of a `validate` step; every broken one is listed.',
  WB_SEQUENCE_GAP: 'Messages waited in vain for the one before them in their sequence.',
  WB_SEQUENCE_LATE: 'A message came after those behind it in its sequence had gone on without it.',
  WB_SERVICE_UNKNOWN: 'The service is not declared in the configuration.',
  WB_SLIP_FAILED:
    'A stop of a routing slip failed; what the stops before it had done is undone, or the undoing failed as well.',
  WB_SLIP_UNKNOWN: 'A routing slip names a stop that the route does not declare, or has too many.',
  WB_SOURCE_ANSWER: 'What a source answered is not what its contract says, too large, or no JSON.',
  WB_SOURCE_FAILED:
    'A source cannot be reached, did not answer in time, answered that it failed, or is left alone after failures.',
  WB_SOURCE_KIND: 'A step asks a source in a way that it is not declared for.',
  WB_SOURCE_REFUSED: 'A source refused what it was asked.',
  WB_SOURCE_UNKNOWN: 'There is no source of this name.',
  WB_STATE_OUTDATED: 'What a step remembers was written in a form, or for a type, that the route no longer has.',
  WB_STEP_FAILED: 'A step of a route threw an error.',
  WB_STEP_UNKNOWN: 'A timer, or a message that waited, belongs to a step that its route no longer has.',
  WB_STORE_BUS: 'The folder of the embedded store belongs to a bus of another name.',
  WB_STORE_CORRUPT: 'The files of the embedded store are damaged.',
  WB_STORE_FOLDER:
    'The folder of the embedded store cannot be used: not a folder, not allowed, read-only, or without a bus where one is looked at.',
  WB_STORE_FOREIGN: 'The folder holds a database that Waybill did not make.',
  WB_STORE_FULL: 'The disk of the embedded store is full.',
  WB_STORE_MISSING: 'What was asked for needs a store, or a store that can do it, and none is configured.',
  WB_STORE_NEWER: 'The store was written by a newer version of Waybill.',
  WB_STORE_OWNED: 'Another process has the embedded store, which only one may have at a time.',
  WB_STORE_REFUSED: 'The store refused the login, or does not have the database or the rights that it needs.',
  WB_STORE_SINGLE: 'The store is a folder, so that only one router can run (a warning).',
  WB_STORE_UNAVAILABLE: 'The store cannot be reached, or did not answer in time.',
  WB_STORE_URL: 'The url of the store is not one that Waybill understands.',
  WB_TABLE_INVALID: 'A table is missing, too large, or not what its contract says: every fault of it is listed.',
  WB_TELEMETRY_MISSING: 'Telemetry was asked for, and the OpenTelemetry SDK is not installed.',
  WB_THROTTLE_FULL: 'More messages wait for their turn at a throttle than may.',
  WB_TOPOLOGY_CONFLICT: 'Something on the broker is not as the plan needs it, and cannot be changed in place.',
  WB_TRANSPORT_REFUSED: 'The transport refused the login, or does not have the place that the url names.',
  WB_TRANSPORT_TLS:
    'The connection could not be made secure: a certificate is missing, unknown, expired or of another name.',
  WB_TRANSPORT_UNAVAILABLE: 'The transport cannot be reached.',
  WB_TRANSPORT_URL: 'The transport url is not one that Waybill understands.',
  WB_TYPE_UNDELIVERED: 'A service receives a type that no route delivers to it (a warning).',
  WB_TYPE_UNPUBLISHED: 'A route takes a type that nobody publishes (a warning).',
  WB_TYPE_UNROUTED: 'A service publishes a type that no route takes, so it will be parked (a warning).',
  WB_UNROUTED: 'No route takes a message of this type, so it is kept in the parking lot.',
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface WaybillErrorOptions {
  /** Whether the same attempt may succeed later. @default false */
  retryable?: boolean;
  /** What to do about it, as an imperative sentence. */
  fix?: string;
  cause?: unknown;
}

/** The one error class of Waybill. Tell errors apart by `code`, not by message. */
export class WaybillError extends Error {
  override readonly name: string = 'WaybillError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly fix: string | undefined;

  constructor(code: ErrorCode, message: string, options: WaybillErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.fix = options.fix;
  }
}

/** A place in a file that a person wrote. Lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** One fault of configuration, contracts, routes or expressions. Faults are collected and shown together. */
export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly at?: Position;
  readonly fix?: string;
}

/** A fault at a place in a document, before the line and column are looked up. */
export interface LocatedFault extends Omit<Fault, 'at'> {
  readonly file: string;
  /** The keys and indexes that lead to the place; empty for the whole file. */
  readonly path: readonly (string | number)[];
  /** Within the text at `path`. @unit UTF-16 code units */
  readonly offset?: number;
}

/** All the faults of a configuration at once. */
export class FaultsError extends WaybillError {
  override readonly name = 'FaultsError';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const count = faults.length === 1 ? '1 fault' : `${String(faults.length)} faults`;
    super('WB_CONFIG_FAULTS', `the configuration has ${count}\n${faults.map(formatFault).join('\n')}`);
    this.faults = faults;
  }
}

/** Orders faults as a reader meets them: by file, line and column. */
export function comparePlaces(a: Position | undefined, b: Position | undefined): number {
  if (a?.file !== b?.file) return (a?.file ?? '') < (b?.file ?? '') ? -1 : 1;
  return (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0);
}

/** `routes/a.yaml:3:7  WB_CODE`, then the message and the fix, indented. */
export function formatFault(fault: Fault): string {
  const { at } = fault;
  const place = at === undefined ? '' : [at.file, at.line, at.column].filter((part) => part !== undefined).join(':');
  const head = place === '' ? fault.code : `${place}  ${fault.code}`;
  const lines = [fault.message, ...(fault.fix === undefined ? [] : [fault.fix])];
  return [head, ...lines.flatMap((line) => line.split('\n')).map((line) => `  ${line}`)].join('\n');
}

/** Whatever was thrown, as an error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

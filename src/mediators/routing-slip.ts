import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { toError, WaybillError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import type { CompiledExpression, Mediator, RouteMessage, StepScope, StepWork } from '../ports/mediator.ts';
import { withAnswer } from './answered.ts';
import { type AskedService, askedService, askingService, askService, WAIT } from './asked-service.ts';
import { checkVariableName } from './variable-name.ts';

const Undo = Type.Object(
  {
    service: Type.Optional(
      Type.String({ minLength: 1, description: 'Whom to ask. Without it the service of the stop.' }),
    ),
    type: askingService.type,
    set: askingService.set,
  },
  {
    additionalProperties: false,
    description: 'What undoes it when a later stop fails. It is asked for, and has to be answered.',
  },
);

const Stop = Type.Object(
  {
    ...askingService,
    as: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Its answer is `vars.<as>` from here on. Absent where it is not on the slip.',
      }),
    ),
    undo: Type.Optional(Undo),
  },
  { additionalProperties: false, description: 'A stop: a service that is asked.' },
);

/** A map from names that people choose. */
const byName = <S extends TSchema>(each: S, more: object) =>
  Type.Unsafe<Record<string, Static<S>>>({ type: 'object', additionalProperties: each, ...more });

const RoutingSlipOptions = Type.Object(
  {
    slip: Type.String({
      minLength: 1,
      description: 'CEL; the list of the names of the stops, in the order in which they are visited.',
    }),
    stops: byName(Stop, { minProperties: 1, description: 'All stops that there are, by name.' }),
    timeout: Type.Optional(WAIT.schema),
    attempts: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 5,
        description:
          'After how many attempts a stop that does not answer has failed. It is undone as well then, since nobody knows what it did. Without it the stop is asked until the delivery is given up: a dead letter, which goes on from there when it is redriven.',
      }),
    ),
  },
  { additionalProperties: false },
);

interface Visit {
  readonly ask: AskedService;
  readonly as: string | undefined;
  readonly undo: AskedService | undefined;
}

interface Rules {
  readonly slip: CompiledExpression;
  readonly stops: ReadonlyMap<string, Visit>;
  readonly timeoutMs: number;
  readonly attempts: number;
}

/** How far it has come. It travels with the message, under a name that no expression can say. */
interface Progress {
  readonly stops: readonly string[];
  /** How many have answered. */
  readonly done: number;
  /** Set once one has failed. */
  readonly failed?: { readonly stop: string; readonly error: string };
  /** The places of those that are still to be undone, the next first. */
  readonly undo: readonly number[];
}

const PROGRESS = 'routing-slip';
/** How long all attempts at one stop may take, pauses apart. @unit milliseconds */
const LONGEST_MS = 45_000;
/** Most stops of a slip. */
const MOST = 100;

/**
 * `routing-slip: { slip: data.stops, stops: { hotel: { service: hotels, type: hotel.book@1, undo: { type: hotel.cancel@1 } } } }`
 *
 * After each stop the message comes here again by a delivery of its own, so what has been done is durable, and is not done again.
 *
 * | a stop                          | then                                                                                   |
 * |---------------------------------|----------------------------------------------------------------------------------------|
 * | answers                         | the next one is asked; after the last the message goes on                               |
 * | gives up, or is out of attempts | those that answered are undone, the last first; then WB_SLIP_FAILED                     |
 * | does not answer in time         | is asked again, under the same id                                                       |
 * | cannot be undone                | WB_SLIP_FAILED at once; a redrive goes on with the undoing                              |
 */
export const routingSlip: Mediator = {
  name: 'routing-slip',
  describe:
    'Asks services of the bus one after the other, in an order that is computed from the message. When one fails, those before it are undone in reverse order.',
  options: RoutingSlipOptions,
  runs: 'io',
  prepare(options, scope) {
    if (!Value.Check(RoutingSlipOptions, options)) return undefined;
    const rules = rulesOf(options, scope);
    if (rules === undefined) return undefined;
    return {
      async perform(message, work) {
        const progress = progressOf(message, rules);
        if (progress.failed !== undefined) return undoNext(progress, progress.failed, message, work, rules);
        return visitNext(progress, message, work, rules);
      },
    };
  },
};

function rulesOf(options: Static<typeof RoutingSlipOptions>, scope: StepScope): Rules | undefined {
  const slip = scope.expression(options.slip, ['slip'], 'list');
  const timeoutMs = WAIT.read(options.timeout, ['timeout'], scope);
  const named = Object.entries(options.stops);
  checkPatience(options.attempts, timeoutMs, scope);
  checkNames(named, scope);
  if (slip !== undefined) warnOfMissing(slip, Object.keys(options.stops), scope);
  // Each may see what others answered, whose order is not known, so all of it may be absent.
  for (const [name, stop] of named) addAnswer(name, stop, scope, true);
  const stops = named.map(([name, stop]): [string, Visit] | undefined => {
    const ask = askedService(stop, ['stops', name], scope);
    const undo = stop.undo && undoOf(name, stop, options.attempts !== undefined, scope);
    if (ask === undefined || (stop.undo !== undefined && undo === undefined)) return undefined;
    return [name, { ask, as: stop.as, undo }];
  });
  const known = stops.filter((stop) => stop !== undefined);
  if (slip === undefined || timeoutMs === undefined || known.length < named.length) return undefined;
  return { slip, stops: new Map(known), timeoutMs, attempts: options.attempts ?? Number.POSITIVE_INFINITY };
}

/** A delivery holds its key for a minute at most; what takes longer would be given up before it has failed. */
function checkPatience(attempts: number | undefined, timeoutMs: number | undefined, scope: StepScope): void {
  if (attempts === undefined || timeoutMs === undefined || attempts * timeoutMs <= LONGEST_MS) return;
  scope.fault(['attempts'], {
    code: 'WB_MEDIATOR_OPTION',
    message: `attempts: ${String(attempts)} of ${String(timeoutMs / 1_000)}s each are more than 45s`,
    fix: 'write a shorter timeout, or fewer attempts',
  });
}

function checkNames(named: readonly (readonly [string, Static<typeof Stop>])[], scope: StepScope): void {
  const first = new Map<string, string>();
  for (const [name, { as }] of named) {
    const other = as === undefined ? undefined : first.get(as);
    if (as !== undefined) first.set(as, other ?? name);
    if (other === undefined) continue;
    const message = `routing-slip: ${other} and ${name} both answer as ${String(as)}`;
    scope.fault(['stops', name, 'as'], { code: 'WB_MEDIATOR_OPTION', message, fix: 'give each a name of its own' });
  }
}

/** Where it is known what the slip can name. */
function warnOfMissing(slip: CompiledExpression, stops: readonly string[], scope: StepScope): void {
  const missing = scope.textsOf(slip)?.filter((name) => !stops.includes(name)) ?? [];
  const [first] = missing;
  if (first === undefined) return;
  scope.warn(['slip'], {
    code: 'WB_SLIP_UNKNOWN',
    message: `${slip.source} may name ${missing.join(', ')}, which ${missing.length === 1 ? 'is no stop' : 'are no stops'}: such a message is a dead letter`,
    fix: didYouMean(first, stops) ?? `add stops: ${first}: { service: ..., type: ... }`,
  });
}

function addAnswer(
  name: string,
  { service, type, as }: Static<typeof Stop>,
  scope: StepScope,
  optional: boolean,
): void {
  if (as === undefined) return;
  checkVariableName('routing-slip', as, ['stops', name, 'as'], scope);
  const asked = scope.asks(service, type, ['stops', name, 'type']);
  // Of a stop that is at fault others have nothing to say.
  scope.adds(as, asked === undefined ? { plain: 'any' } : { type: asked.answer.ref }, optional);
}

/** @param uncertain it may have to undo what was not answered, so that there is no answer to see */
function undoOf(
  name: string,
  stop: Static<typeof Stop>,
  uncertain: boolean,
  scope: StepScope,
): AskedService | undefined {
  const { undo, service } = stop;
  if (undo === undefined) return undefined;
  addAnswer(name, stop, scope, uncertain);
  const asked = askedService({ service, ...undo }, ['stops', name, 'undo'], scope);
  addAnswer(name, stop, scope, true);
  return asked;
}

async function visitNext(
  progress: Progress,
  message: RouteMessage,
  work: StepWork,
  rules: Rules,
): Promise<RouteMessage> {
  const name = progress.stops[progress.done];
  if (name === undefined) return over(message);
  const { ask, as } = stopOf(name, rules);
  const { timeoutMs } = rules;
  let answer: unknown;
  try {
    answer = await askService(ask, message, work, { timeoutMs, name: placeOf(progress.done, name) });
  } catch (thrown) {
    return failAt(name, toError(thrown), { progress, message, work, rules });
  }
  const visited = as === undefined ? message : withAnswer(message, as, answer);
  const next = { ...progress, done: progress.done + 1 };
  return next.done === next.stops.length ? over(visited) : again(visited, next);
}

interface Failing {
  readonly progress: Progress;
  readonly message: RouteMessage;
  readonly work: StepWork;
  readonly rules: Rules;
}

/** Decides, durably, that what was done is undone. @throws `error` when the stop may still answer, WB_SLIP_FAILED when there is nothing to undo */
function failAt(name: string, error: Error, { progress, message, work, rules }: Failing): RouteMessage {
  const open = error instanceof WaybillError && error.retryable;
  // Anything else that may heal, such as the end of this process, is no failure of the stop.
  if (open && (error.code !== 'WB_REQUEST_TIMEOUT' || work.attempt < rules.attempts)) throw error;
  const failed = { stop: name, error: error.message };
  const reached = progress.done + (open ? 1 : 0);
  const undo = progress.stops
    .slice(0, reached)
    .flatMap((stop, index) => (stopOf(stop, rules).undo === undefined ? [] : [index]))
    .reverse();
  if (undo.length === 0) throw ended(failed, 'there was nothing to undo', error);
  return again(message, { ...progress, failed, undo });
}

async function undoNext(
  progress: Progress,
  failed: NonNullable<Progress['failed']>,
  message: RouteMessage,
  work: StepWork,
  rules: Rules,
): Promise<RouteMessage> {
  const [place, ...rest] = progress.undo;
  if (place === undefined) throw ended(failed, 'what was done before it is undone');
  const name = progress.stops[place] ?? '';
  const { undo } = stopOf(name, rules);
  if (undo === undefined) throw gone(name);
  try {
    await askService(undo, message, work, { timeoutMs: rules.timeoutMs, name: `${placeOf(place, name)} undo` });
  } catch (thrown) {
    const error = toError(thrown);
    if (error instanceof WaybillError && error.retryable) throw error;
    throw ended(failed, `${name} cannot be undone: ${error.message}`, error);
  }
  return again(message, { ...progress, undo: rest });
}

/** Tells apart what is asked at one stop and at another, in the ids of requests. */
function placeOf(index: number, name: string): string {
  return `${String(index)} ${name}`;
}

function again(message: RouteMessage, progress: Progress): RouteMessage {
  return message.with({ vars: { ...message.vars, [PROGRESS]: progress }, again: true });
}

function over(message: RouteMessage): RouteMessage {
  return withAnswer(message, PROGRESS, undefined);
}

/** How far it has come; at first what the slip says. @throws WB_SLIP_UNKNOWN */
function progressOf(message: RouteMessage, { slip, stops }: Rules): Progress {
  const held = message.vars[PROGRESS];
  if (isProgress(held)) return held;
  const given = slip.evaluate(message);
  const names: unknown[] = Array.isArray(given) ? given : [];
  if (names.length > MOST) {
    throw new WaybillError(
      'WB_SLIP_UNKNOWN',
      `the slip has ${String(names.length)} stops, and at most ${String(MOST)} are visited`,
    );
  }
  const known = names.map((name) => {
    if (typeof name === 'string' && stops.has(name)) return name;
    const fix = typeof name === 'string' ? didYouMean(name, stops.keys()) : undefined;
    throw new WaybillError('WB_SLIP_UNKNOWN', `the slip names ${JSON.stringify(name)}, which is no stop`, {
      fix: fix ?? `There is ${[...stops.keys()].join(', ')}.`,
    });
  });
  return { stops: known, done: 0, undo: [] };
}

/** @throws WB_STATE_OUTDATED when the route has another form by now */
function stopOf(name: string, { stops }: Rules): Visit {
  const stop = stops.get(name);
  if (stop !== undefined) return stop;
  throw gone(name);
}

function gone(name: string): WaybillError {
  return new WaybillError('WB_STATE_OUTDATED', `the stop ${name}, or its undo, is gone from the routing slip`, {
    fix: 'Bring it back and redrive, or discard this.',
  });
}

function ended(failed: NonNullable<Progress['failed']>, what: string, cause?: Error): WaybillError {
  return new WaybillError('WB_SLIP_FAILED', `the stop ${failed.stop} failed; ${what}. It said: ${failed.error}`, {
    ...(cause !== undefined && { cause }),
    fix: 'Publish the message again once the reason is mended.',
  });
}

/** What was written is only ever read by this file, so its inside is trusted. */
function isProgress(value: unknown): value is Progress {
  return typeof value === 'object' && value !== null && 'stops' in value && 'done' in value && 'undo' in value;
}

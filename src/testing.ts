/** The door for tests of mediators and routes: no transport, no broker, no test runner. `import { openRoute } from 'waybill/testing'`. */
import { type CheckedConfiguration, type ConfigurationOptions, checkConfiguration } from './config/check.ts';
import type { Definition } from './config/definition.ts';
import { parseQuantity } from './config/units.ts';
import { type ErrorCode, type Fault, FaultsError, WaybillError } from './errors.ts';
import { encodeJson, parseJson } from './json.ts';
import { guard } from './mediators/guard.ts';
import { MEDIATORS } from './mediators/table.ts';
import { type EncodedMessage, type Envelope, parseTypeRef, type TypeRef, typeRef } from './message.ts';
import { didYouMean } from './nearest.ts';
import { compilePlan } from './plan/compile.ts';
import type { Plan, ProgramResult } from './plan/plan.ts';
import type { Schedule } from './plan/schedule.ts';
import type { Tables } from './ports/lookup.ts';
import type { Mediator } from './ports/mediator.ts';
import type { KeyRing, Resources } from './ports/resources.ts';
import { FixedTables, givenTables } from './runtime/fixed-tables.ts';
import { ProcessResources } from './runtime/resources.ts';
import { RouteRun } from './runtime/route-run.ts';
import { type StandIns, standIns } from './runtime/stand-ins.ts';

export { type ErrorCode, type Fault, FaultsError, WaybillError } from './errors.ts';
export type { EncodedMessage, Envelope, TypeRef } from './message.ts';
export type { Answer, KeyRing, Question, Resources } from './ports/resources.ts';
export type { ServiceAnswers, SourceAnswers, TestRequest } from './runtime/stand-ins.ts';

export interface TestOptions extends StandIns {
  /** When the test begins: RFC 3339, or milliseconds since the Unix epoch. @default 2026-01-01T00:00:00Z */
  readonly now?: string | number;
}

export interface RouteTestOptions extends ConfigurationOptions, TestOptions {
  /** The rows of tables, by name and key, instead of those of files. A table in a database has none unless they are given. */
  readonly tables?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface StepTestOptions extends TestOptions {
  /** The type that the step gets, with its version. @default test.message@1 */
  readonly from?: TypeRef;
  /** JSON Schemas by type: of `from`, and of all that the step makes. @default any object */
  readonly contracts?: Readonly<Record<TypeRef, object>>;
  /** Names of key rings that the configuration would have. */
  readonly keys?: Readonly<Record<string, KeyRing>>;
}

/** What goes in. The id is `in-1`, `in-2` ... and the key that of the contract, unless they are given. */
export type TestMessage = Partial<Omit<Envelope, 'type' | 'version'>> & {
  /** With its version: `shop.order.placed@1`. @default the only one that the route takes */
  readonly type?: TypeRef;
  readonly data: unknown;
};

/** What came out. */
export interface Sent {
  /** A service, or `bus` for what is published. */
  readonly to: string;
  readonly type: TypeRef;
  readonly data: unknown;
  readonly envelope: Envelope;
  /** As it travels, byte for byte. */
  readonly body: Uint8Array;
}

/**
 * What became of a message. `merged`: a step that remembers took it in; `waiting`: it goes on later; `retry`: an error that may heal,
 * after which the bus would make another attempt.
 */
export interface TestOutcome {
  readonly outcome: 'done' | 'filtered' | 'merged' | 'duplicate' | 'waiting' | 'dead' | 'retry';
  readonly sent: readonly Sent[];
  /** Of `dead` and `retry`. */
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}

const START = '2026-01-01T00:00:00Z';
const MESSAGE: TypeRef = 'test.message@1';

/**
 * A route of a configuration, its plugins included, in memory.
 * @throws WB_CONFIG_NOT_FOUND, WB_CONFIG_FAULTS with every fault, WB_ROUTE_UNKNOWN
 */
export async function openRoute(name: string, options: RouteTestOptions = {}): Promise<RouteTest> {
  const { plan, mediators, settings, faults, tables }: CheckedConfiguration = await checkConfiguration(options);
  if (plan === undefined) throw new FaultsError(faults);
  const given = givenTables(plan, options.tables ?? {});
  const names = plan.definition.routes.map((route) => route.name);
  if (!names.includes(name)) {
    throw new WaybillError('WB_ROUTE_UNKNOWN', `there is no route ${name}`, {
      fix: didYouMean(name, names) ?? `There is ${names.join(', ')}.`,
    });
  }
  // By a road of its own, whatever the others are: what it makes is the same.
  const routes = plan.definition.routes.map((route) => {
    return route.name === name ? { ...route, enabled: true, isolate: true } : route;
  });
  const own = new ProcessResources(settings === undefined ? {} : { keyRings: settings.keyRings });
  const test = { ...options, tables: new FixedTables(new Map([...tables, ...given])) };
  return new RouteTest(soundPlan({ ...plan.definition, routes }, mediators), name, own, test);
}

/**
 * One step of a mediator, in a route that has nothing else. The mediator is guarded as it would be on the bus.
 * @param options what stands under its name in YAML
 * @throws WB_CONFIG_FAULTS with every fault that it finds in its options
 */
export function openStep(mediator: Mediator, options: unknown, test: StepTestOptions = {}): RouteTest {
  const { from = MESSAGE, keys = {} } = test;
  const contracts = { [from]: { type: 'object' }, ...test.contracts };
  const rings = Object.keys(keys).sort();
  const definition: Definition = {
    ...BUS,
    services: [{ ...SERVICE, name: 'test', publishes: [from], receives: Object.keys(contracts) }],
    contracts: Object.entries(contracts).map(([ref, schema]) => {
      const { type, version } = parsed(ref);
      const [domain = '', ...name] = type.split('.');
      return { type, version, file: `schemas/${domain}/${name.join('.')}.v${String(version)}.json`, schema };
    }),
    ...(rings.length > 0 && { facilities: { keyRings: rings } }),
    routes: [
      {
        name: 'test',
        enabled: true,
        isolate: true,
        from: [from],
        steps: [{ use: mediator.name, options, path: ['steps', 0, mediator.name] }],
        ...(mediator.ends === true
          ? { branches: [], byStep: true as const }
          : { branches: [{ to: [{ target: { service: 'test' }, path: ['to'] }], path: [] }] }),
        exclusive: false,
        file: 'test',
        path: [],
      },
    ],
  };
  const builtIn = MEDIATORS.includes(mediator);
  const mediators = builtIn ? MEDIATORS : [...MEDIATORS, guard(mediator, { from: 'a test', edition: '' })];
  const own = new ProcessResources({ keyRings: new Map(Object.entries(keys)) });
  return new RouteTest(soundPlan(definition, mediators), 'test', own, test);
}

/** A route whose time goes on only when told to, and whose states stay in memory. */
export class RouteTest {
  readonly #plan: Plan;
  readonly #run: RouteRun;
  readonly #takes: readonly TypeRef[];
  readonly #schedule: Schedule | undefined;
  readonly #tables: Tables | undefined;
  #count = 0;

  /** Made by `openRoute` and `openStep`. */
  constructor(plan: Plan, route: string, own: Resources, test: TestOptions & { readonly tables?: Tables }) {
    const { now = START, tables } = test;
    this.#plan = plan;
    this.#takes = plan.routes.find(({ name }) => name === route)?.from ?? [];
    this.#schedule = plan.schedules.find((schedule) => schedule.route === route);
    this.#tables = tables;
    const nowMs = typeof now === 'number' ? now : Date.parse(now);
    if (Number.isNaN(nowMs)) throw new WaybillError('WB_OPTION_INVALID', `now: ${String(now)} is no date`);
    this.#run = new RouteRun({
      plan,
      endpoint: `route.${route}`,
      resources: standIns(test, own, plan),
      graceMs: 0,
      nowMs,
      tables,
    });
  }

  /** @unit milliseconds since the Unix epoch */
  get nowMs(): number {
    return this.#run.nowMs;
  }

  /** How many messages and timers wait for their time. */
  get waiting(): number {
    return this.#run.later.length;
  }

  /** What each step remembers, by `route.<name>/<step> <key>`: its form and its state. */
  get states(): Readonly<Record<string, unknown>> {
    return this.#run.memory.entries();
  }

  /**
   * Hands a message to the route.
   * @throws WB_CONTRACT_VIOLATED when the data breaks its contract: a publisher would be refused; WB_CONTRACT_UNKNOWN
   */
  async take(message: TestMessage): Promise<TestOutcome> {
    return this.#took(this.#encode(message));
  }

  async #took(encoded: EncodedMessage): Promise<TestOutcome> {
    try {
      return outcomeOf(await this.#run.take(encoded), this.#run.later.length > 0);
    } catch (thrown) {
      if (!(thrown instanceof WaybillError) || !thrown.retryable) throw thrown;
      return { outcome: 'retry', sent: [], error: { code: thrown.code, message: thrown.message } };
    }
  }

  /**
   * Lets time go on, and resolves to what came of all that was due meanwhile, in order.
   * @param by milliseconds, or as in configuration: `90s`, `1h`
   */
  async advance(by: number | string): Promise<readonly TestOutcome[]> {
    const ms = typeof by === 'number' ? by : parseQuantity('duration', by);
    if (ms === undefined || !(ms >= 0))
      throw new WaybillError('WB_OPTION_INVALID', `advance: ${String(by)} is no duration`);
    return (await this.#run.advance(ms)).map(({ result }) => outcomeOf(result, this.#run.later.length > 0));
  }

  /**
   * Lets time go on to the next tick of the route's schedule, and hands its message to the route. Resolves to what came of all that
   * was due meanwhile, in order, and of the tick at the end.
   * @throws WB_OPTION_INVALID when the route has no schedule, or its last tick has been
   */
  async tick(): Promise<readonly TestOutcome[]> {
    const nextMs = this.#schedule?.nextAfter(this.nowMs);
    if (this.#schedule === undefined || nextMs === undefined) {
      throw new WaybillError('WB_OPTION_INVALID', 'tick: the route has no schedule, or its last tick has been', {
        fix: 'Hand it a message by take(), or write from: { schedule: ..., as: ... }.',
      });
    }
    const before = await this.advance(nextMs - this.nowMs);
    return [...before, await this.#took(this.#schedule.message(nextMs, this.#tables))];
  }

  #encode({ type: given, data, ...attributes }: TestMessage): EncodedMessage {
    const [only = '', ...others] = this.#takes;
    if (given === undefined && others.length > 0) {
      throw new WaybillError('WB_OPTION_INVALID', `take: the route takes ${this.#takes.join(', ')}; say which one`);
    }
    const ref = given ?? only;
    const contract = this.#plan.contracts.get(ref);
    if (contract === undefined) throw new WaybillError('WB_CONTRACT_UNKNOWN', `there is no contract for ${ref}`);
    const violated = contract.validate(data);
    if (violated !== undefined) throw violated;
    this.#count += 1;
    const key = contract.key(data);
    const { type, version } = parsed(ref);
    const envelope: Envelope = {
      id: `in-${String(this.#count)}`,
      source: '/test',
      time: new Date(this.#run.nowMs).toISOString(),
      ...(key !== undefined && { key }),
      ...attributes,
      type,
      version,
    };
    return { envelope, body: encodeJson(data) };
  }
}

function outcomeOf({ sends, deaths, filtered, absorbed, unknown }: ProgramResult, waits: boolean): TestOutcome {
  const sent = sends.map(({ to, message: { envelope, body } }): Sent => {
    const where = typeof to === 'object' && 'endpoint' in to ? to.endpoint : 'bus';
    return { to: where, type: typeRef(envelope.type, envelope.version), data: parseJson(body), envelope, body };
  });
  const [death] = deaths;
  if (death !== undefined) return { outcome: 'dead', sent, error: { code: death.code, message: death.error } };
  if (unknown) {
    const message = 'the route does not take this type, so it would be parked';
    return { outcome: 'dead', sent, error: { code: 'WB_UNROUTED', message } };
  }
  if (sent.length > 0) return { outcome: 'done', sent };
  if (absorbed !== undefined) return { outcome: absorbed, sent };
  return { outcome: filtered ? 'filtered' : waits ? 'waiting' : 'done', sent };
}

function soundPlan(definition: Definition, mediators: readonly Mediator[]): Plan {
  const { plan, faults }: { plan?: Plan; faults: readonly Fault[] } = compilePlan(definition, { mediators });
  if (plan === undefined) throw new FaultsError(faults);
  return plan;
}

/** @throws WB_CONTRACT_UNKNOWN */
function parsed(ref: TypeRef): { readonly type: string; readonly version: number } {
  const found = parseTypeRef(ref);
  if (found !== undefined) return found;
  throw new WaybillError('WB_CONTRACT_UNKNOWN', `${ref} is not a type with its major version`, {
    fix: 'Write it as shop.order.placed@1.',
  });
}

const BUS: Omit<Definition, 'services' | 'contracts' | 'routes'> = {
  bus: 'test',
  slots: 1,
  limits: { size: 1_048_576, depth: 64, parking: 1_048_576 },
  sources: {},
  casts: [],
  routerPartitions: 1,
};

const SERVICE: Omit<Definition['services'][number], 'name' | 'publishes' | 'receives'> = {
  ordering: 'key',
  partitions: 1,
  client: 'sdk',
  retry: { immediate: 1, attempts: 1, delayMs: 0, factor: 1, maxMs: 0 },
  holdMs: 0,
  timeoutMs: 30_000,
  concurrency: 1,
  inboxKeepMs: 0,
};

import path from 'node:path';
import { checkOptions, type Names } from './client/options.ts';
import { Service } from './client/service.ts';
import type { SourceSettings } from './config/bus-file.ts';
import { type ConfigurationOptions, checkConfiguration } from './config/check.ts';
import type { Definition } from './config/definition.ts';
import type { Settings, TelemetrySettings } from './config/settings.ts';
import { FileTable } from './config/table-file.ts';
import { parseStoreUrl, parseTransportUrl, type StoreSetting, type TransportSetting } from './config/transport-url.ts';
import { FaultsError, WaybillError } from './errors.ts';
import type { TypeRef } from './message.ts';
import { didYouMean } from './nearest.ts';
import type { Difference } from './plan/diff.ts';
import type { Plan } from './plan/plan.ts';
import type { Clock } from './ports/clock.ts';
import { systemClock } from './ports/clock.ts';
import type { Grant } from './ports/grants.ts';
import type { Log } from './ports/log.ts';
import type { TableReader } from './ports/lookup.ts';
import type { Mediator } from './ports/mediator.ts';
import type { Source } from './ports/resources.ts';
import type { Store } from './ports/store.ts';
import type { Manifest } from './ports/topology.ts';
import type { Tracing } from './ports/tracing.ts';
import type { Transport } from './ports/transport.ts';
import { History } from './runtime/history.ts';
import { Host } from './runtime/host.ts';
import { LazyStore } from './runtime/lazy-store.ts';
import { LiveTables, type TableSetting } from './runtime/live-tables.ts';
import type { Proposal } from './runtime/proposal.ts';
import { ProcessResources } from './runtime/resources.ts';

/** Where the bus is. With neither `config` nor `url`, `WAYBILL_URL` is taken, then the nearest `waybill.yaml`; with both, `url` says
 * which transport. */
export interface BusOptions extends ConfigurationOptions {
  /** Of the transport: `embedded:<folder>`, `amqp://...?bus=<name>`, `amqps://...`. What was applied there says the rest. */
  readonly url?: string;
  /**
   * Whether there has to be a bus at `url`, or at `WAYBILL_URL`, already: an embedded folder that holds none is refused then, as it is,
   * and not made. For who only looks. @default false
   */
  readonly existing?: boolean;
  /**
   * What steps that remember and inboxes keep their records in: `postgres://...` or `embedded:<folder>`.
   * @default `WAYBILL_STORE`, then `store` of waybill.yaml
   */
  readonly store?: string;
  /** @default pino, JSON lines on standard error, at the level of `WAYBILL_LOG` */
  readonly log?: Log;
  /** Time, timers and jitter; tests hand in their own. @default the system's */
  readonly clock?: Clock;
}

export interface ConnectOptions extends BusOptions {
  /** The name under `services:` in waybill.yaml. */
  readonly service: string;
}

const CONNECT_OPTIONS: Names<ConnectOptions> = {
  service: true,
  url: true,
  existing: true,
  store: true,
  config: true,
  env: true,
  log: true,
  clock: true,
};

/**
 * Opens the bus as one of its services.
 * @throws WB_CONFIG_FAULTS, WB_CONFIG_NOT_FOUND, WB_DEFINITION_MISSING, WB_OPTION_INVALID, WB_PLAN_NOT_APPLIED, WB_SERVICE_UNKNOWN,
 *   WB_TRANSPORT_URL, WB_TRANSPORT_UNAVAILABLE
 */
export async function connect(options: ConnectOptions): Promise<Service> {
  checkConnect(options);
  const host = await openBus(options);
  try {
    await host.host();
    return serviceOn(host, options.service, (timeoutMs) => host.close(timeoutMs));
  } catch (error) {
    await host.close();
    throw error;
  }
}

/** Plain JavaScript may call with anything. */
function checkConnect(options: unknown): void {
  const given: object = typeof options === 'object' && options !== null ? options : {};
  checkOptions('connect(options)', given, CONNECT_OPTIONS);
  if (!('service' in given) || typeof given.service !== 'string') {
    throw new WaybillError('WB_OPTION_INVALID', 'connect(options): the name of the service is missing', {
      fix: "Write connect({ service: '<name>' }).",
    });
  }
}

/**
 * One of the services of a bus that is open already; closing it leaves the bus open.
 * @throws WB_SERVICE_UNKNOWN
 */
export function serviceOn(
  host: Host,
  name: string,
  release: (timeoutMs: number) => Promise<void> = () => Promise.resolve(),
): Service {
  if (host.plan.service(name) === undefined) throw unknownService(name, host.plan);
  const { transport, clock, log, store, control, tracing } = host;
  host.serve(name);
  const refusal = (type: TypeRef, data: unknown): WaybillError | undefined => host.refusal(name, type, data);
  const own = { name, plan: () => host.plan, refusal, transport, clock, log, control, tracing, release };
  return new Service({ ...own, ...(store && { store }) });
}

/** In what a bus differs from the applied one when it is applied; everything, when nothing was. */
export async function changesOf({ before, plan }: Proposal): Promise<readonly Difference[]> {
  const { diffPlans } = await import('./plan/diff.ts');
  return diffPlans(before && { definition: before.definition as Definition, topology: before.topology }, plan);
}

/**
 * Opens the bus for those who run it or look after it: configuration, then plan, then transport. Applies nothing and runs
 * nothing until asked.
 * @throws WB_CONFIG_FAULTS, WB_CONFIG_NOT_FOUND, WB_OPTION_INVALID, WB_TRANSPORT_URL, WB_TRANSPORT_UNAVAILABLE, WB_STORE_FOLDER
 */
export async function openBus(options: BusOptions = {}): Promise<Host> {
  const clock = options.clock ?? systemClock;
  const given = options.url ?? (options.config === undefined ? process.env['WAYBILL_URL'] : undefined);
  const setting = given === undefined ? undefined : parseTransportUrl(given, process.cwd());
  const there = setting === undefined || (await isThere(setting));
  if (setting !== undefined && !there && options.existing === true) throw nothingThere(setting);
  // What is made here only when a configuration is to be put into force there would be left behind empty.
  if (options.config === undefined && setting !== undefined && there && namesBus(setting)) {
    const host = await openApplied(setting, clock, options.log ?? (await openLog(undefined)), options.store);
    if (host !== undefined) return host;
  }
  const { plan, part, locate, mediators, faults, settings } = await checkConfiguration(options).catch(
    (error: unknown) => {
      throw setting === undefined ? error : nothingApplied(setting, error);
    },
  );
  if (plan === undefined || settings === undefined) throw new FaultsError(faults);
  const log = options.log ?? (await openLog(settings.telemetry.log));
  const store = storeOf(options.store, settings.store, clock, log);
  // Before the transport, which whoever is refused here would leave open.
  const tracing = await openTracing(setting ?? settings.transport, plan, settings.telemetry.traces, clock);
  const rate = historyRate(settings.telemetry.history);
  const transport = await openTransport(setting ?? settings.transport, plan.definition, clock, log);
  const own = part && { part: { definition: part, locate, mediators } };
  const tables = new LiveTables({ settings: tablesOf(settings), clock, log });
  const resources = new ProcessResources({
    keyRings: settings.keyRings,
    source: (name) => sourceOf(name, settings.sources.reveal()[name], plan.definition.limits.depth, clock, log),
  });
  return new Host({
    plan,
    source: 'configuration',
    transport,
    clock,
    log,
    planOf,
    resources,
    tracing,
    ...historyOf(rate, transport, clock, log),
    tables,
    ...store,
    ...own,
  });
}

/** What is applied, beside the files of one part. */
export interface Applied {
  /** Undefined when nothing was applied. */
  readonly manifest: Manifest | undefined;
  /** The folder of `waybill.yaml`, absolute. */
  readonly root: string;
  /** The name of the part that these files are. */
  readonly part: string;
}

/**
 * Reads what is applied where the configuration says, also when the configuration does not fit together: what it lacks may be just
 * what others applied.
 * @throws WB_CONFIG_FAULTS when waybill.yaml itself is faulty, WB_CONFIG_NOT_FOUND, WB_TRANSPORT_URL, WB_TRANSPORT_UNAVAILABLE, WB_STORE_FOLDER
 */
export async function fetchApplied(options: BusOptions): Promise<Applied> {
  const { part, settings, faults, root } = await checkConfiguration(options);
  if (part === undefined || settings === undefined) throw new FaultsError(faults);
  const setting = options.url === undefined ? settings.transport : parseTransportUrl(options.url, process.cwd());
  const log = options.log ?? (await openLog(settings.telemetry.log));
  if (options.url !== undefined && !(await isThere(setting))) throw nothingThere(setting);
  const transport = await openTransport(setting, part, options.clock ?? systemClock, log);
  try {
    return { manifest: await transport.manifest(), root, part: part.part };
  } finally {
    await transport.close();
  }
}

/** The least that each service, the router, operators and watchers need of a RabbitMQ. Opens nothing. */
export async function brokerGrants({ definition }: Plan): Promise<readonly Grant[]> {
  const { grantsOf } = await import('./adapters/rabbitmq/grants.ts');
  return grantsOf({
    bus: definition.bus,
    services: definition.services.map(({ name, user = name, client, publishes, receives }) => {
      return { name, user, plain: client === 'plain', publishes, receives };
    }),
  });
}

/** What a broker holds is only known once it is asked. */
async function isThere(setting: TransportSetting): Promise<boolean> {
  if (setting.kind !== 'embedded') return true;
  const { holdsStore } = await import('./adapters/embedded/folder.ts');
  return holdsStore(folderOf(setting));
}

function folderOf(setting: TransportSetting): string {
  return setting.url.reveal().slice('embedded:'.length);
}

function nothingThere(setting: TransportSetting): WaybillError {
  return new WaybillError('WB_STORE_FOLDER', `there is no bus in the folder ${folderOf(setting)}`, {
    fix: 'Name the folder that `transport:` of its waybill.yaml names, as an absolute path or from where you are; `waybill apply` makes one.',
  });
}

/** An embedded folder knows its bus; the url of a broker has to say which one. */
function namesBus(setting: TransportSetting): boolean {
  return setting.kind === 'embedded' || new URL(setting.url.reveal()).searchParams.has('bus');
}

/** The bus as it was applied; undefined when nothing was. */
async function openApplied(
  setting: TransportSetting,
  clock: Clock,
  log: Log,
  store: string | undefined,
): Promise<Host | undefined> {
  const transport = await openTransport(setting, undefined, clock, log);
  try {
    const manifest = await transport.manifest();
    if (manifest !== undefined) {
      const kept = storeOf(store, undefined, clock, log);
      const plan = await planOf(manifest);
      const tracing = await openTracing(setting, plan, undefined, clock);
      const history = historyOf(historyRate(), transport, clock, log);
      return new Host({ plan, source: 'manifest', transport, clock, log, planOf, tracing, ...history, ...kept });
    }
  } catch (error) {
    await transport.close();
    throw error;
  }
  await transport.close();
  return undefined;
}

async function openLog(level: string | undefined): Promise<Log> {
  const log = await import('./observability/log.ts');
  return log.openLog('waybill', process.env['WAYBILL_LOG'] ?? level);
}

async function openTracing(
  setting: TransportSetting,
  { definition }: Plan,
  configured: TelemetrySettings['traces'] | undefined,
  clock: Clock,
): Promise<Tracing> {
  const { readStyle, openTracing: open } = await import('./observability/tracing.ts');
  const style = readStyle(process.env['WAYBILL_TRACES']) ?? configured ?? 'joined';
  if (setting.kind === 'embedded') return open({ system: 'waybill', bus: definition.bus, style, clock });
  const { hostname, port, protocol } = new URL(setting.url.reveal());
  const number = port === '' ? (protocol === 'amqps:' ? 5671 : 5672) : Number(port);
  return open({ system: 'rabbitmq', bus: definition.bus, address: hostname, port: number, style, clock });
}

const HISTORY_RATE = { default: 200, most: 10_000 };

/** @throws WB_OPTION_INVALID */
function historyRate(configured: number = HISTORY_RATE.default): number {
  const given = process.env['WAYBILL_HISTORY'] ?? '';
  if (given === '') return configured;
  const rate = Number(given);
  if (Number.isInteger(rate) && rate >= 0 && rate <= HISTORY_RATE.most) return rate;
  throw new WaybillError(
    'WB_OPTION_INVALID',
    `WAYBILL_HISTORY must be a whole number from 0 to ${String(HISTORY_RATE.most)}, not ${JSON.stringify(given)}`,
  );
}

function historyOf(rate: number, transport: Transport, clock: Clock, log: Log): { readonly history?: History } {
  return rate === 0 ? {} : { history: new History({ transport, clock, log, rate }) };
}

function nothingApplied(setting: TransportSetting, cause: unknown): unknown {
  if (!(cause instanceof WaybillError) || cause.code !== 'WB_CONFIG_NOT_FOUND') return cause;
  const why = namesBus(setting) ? 'nothing was applied there yet' : 'the url does not say which bus (?bus=<name>)';
  return new WaybillError(
    'WB_DEFINITION_MISSING',
    `${setting.shown}: ${why}, and there is no waybill.yaml here or above`,
    {
      cause,
      fix: 'Run `waybill apply` where waybill.yaml is, and name the bus in the url: amqp://host/vhost?bus=<name>.',
    },
  );
}

/** The only place that picks an adapter; each is loaded only where it is used. */
async function openTransport(
  setting: TransportSetting,
  definition: Definition | undefined,
  clock: Clock,
  log: Log,
): Promise<Transport> {
  const url = setting.url.reveal();
  const shared = {
    clock,
    log,
    ...(definition !== undefined && { bus: definition.bus, limits: { parkingBytes: definition.limits.parking } }),
  };
  if (setting.kind === 'embedded') {
    const { openEmbedded } = await import('./adapters/embedded/transport.ts');
    return openEmbedded({ ...shared, folder: folderOf(setting) });
  }
  const { openRabbit } = await import('./adapters/rabbitmq/transport.ts');
  return openRabbit({ ...shared, url });
}

/** @throws WB_OPTION_INVALID */
function storeOf(
  given: string | undefined,
  configured: StoreSetting | undefined,
  clock: Clock,
  log: Log,
): { readonly store?: LazyStore } {
  const named = given ?? process.env['WAYBILL_STORE'] ?? '';
  const setting = named === '' ? configured : parseStoreUrl(named, process.cwd());
  return setting === undefined ? {} : { store: new LazyStore(setting.kind, () => openStore(setting, clock, log)) };
}

function sourceOf(
  name: string,
  settings: SourceSettings | undefined,
  depth: number,
  clock: Clock,
  log: Log,
): Promise<Source> | undefined {
  if (settings?.http === undefined) return undefined;
  const { http, timeout, retry, cache, breaker, table: _, ...same } = settings;
  return import('./adapters/http/open.ts').then(({ openHttpSource }) => {
    return openHttpSource({
      ...same,
      http,
      name,
      depth,
      clock,
      log,
      timeoutMs: timeout,
      retry: { attempts: retry.attempts, delayMs: retry.delay },
      breaker: { failures: breaker.failures, forMs: breaker.for },
      ...(cache !== undefined && { cache: { forMs: cache.for, max: cache.max } }),
    });
  });
}

function tablesOf({ sources, root }: Settings): ReadonlyMap<string, TableSetting> {
  return new Map(
    Object.entries(sources.reveal()).flatMap(([name, { table }]): readonly [string, TableSetting][] => {
      if (table === undefined) return [];
      const { file, database, query, every, rows, size } = table;
      const open = async (): Promise<TableReader> => {
        if (file !== undefined) return new FileTable({ file, absolute: path.resolve(root, file), size });
        const { TableQuery } = await import('./adapters/postgres/table.ts');
        return new TableQuery({ name, url: database ?? '', query: query ?? '', rows, size });
      };
      return [[name, { open, everyMs: every, rows }]];
    }),
  );
}

async function openStore(setting: StoreSetting, clock: Clock, log: Log): Promise<Store> {
  if (setting.kind === 'embedded') {
    const { openEmbeddedStore } = await import('./adapters/embedded/embedded-store.ts');
    return openEmbeddedStore({ folder: setting.folder, clock, log });
  }
  const { openPostgres } = await import('./adapters/postgres/store.ts');
  return openPostgres({ url: setting.url.reveal(), clock, log });
}

/** @throws WB_CONFIG_FAULTS when a newer Waybill applied what this one cannot compile */
async function planOf(manifest: Manifest, mediators?: readonly Mediator[]): Promise<Plan> {
  const { compilePlan } = await import('./plan/compile.ts');
  // The transport keeps what `apply` handed over, of which `definition` is the plain JSON.
  const { plan, faults } = compilePlan(manifest.definition as Definition, {
    trusted: true,
    applied: manifest.topology,
    ...(mediators !== undefined && { mediators }),
  });
  if (plan === undefined) throw new FaultsError(faults);
  return plan;
}

function unknownService(name: string, plan: Plan): WaybillError {
  const known = plan.definition.services.map((service) => service.name);
  return new WaybillError('WB_SERVICE_UNKNOWN', `${name} is not a service of the bus ${plan.definition.bus}`, {
    fix: didYouMean(name, known) ?? `Declare it in waybill.yaml, under services: ${name}: {}`,
  });
}

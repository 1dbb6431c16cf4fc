import path from 'node:path';
import { type Fault, FaultsError, type Position } from '../errors.ts';
import { makeScript } from '../mediators/script.ts';
import { MEDIATORS } from '../mediators/table.ts';
import { slotsFor } from '../message.ts';
import type { Mediator } from '../ports/mediator.ts';
import { checkRoutes } from '../routes/check.ts';
import type { BusFile } from './bus-file.ts';
import { checkBus } from './check-bus.ts';
import type { Definition, DocumentPath, Limits, PartDefinition, ServiceDefinition } from './definition.ts';
import type { Place } from './document.ts';
import { Documents } from './documents.ts';
import { record } from './explain.ts';
import { requireBusFile } from './find.ts';
import { readBus } from './read-bus.ts';
import { type ContractsReading, readContracts } from './read-contracts.ts';
import { readParts } from './read-parts.ts';
import { type PluginsReading, readPlugins } from './read-plugins.ts';
import { readRoutes } from './read-routes.ts';
import { readScripts, type ScriptsReading } from './read-scripts.ts';
import { readTables, type TableText } from './read-tables.ts';
import type { Environment } from './references.ts';
import { readSettings, type Settings } from './settings.ts';
import { ShapeCheck } from './shape-check.ts';

export interface LoadOptions {
  /** A `waybill.yaml`, or the folder that holds one. @default the nearest above `cwd` */
  readonly path?: string;
  /** @default the process's */
  readonly cwd?: string;
  /** Which `waybill.<env>.yaml` overrides it. @default WAYBILL_ENV of `environment`, else none */
  readonly env?: string;
  /** Where `${NAME}` is looked up. @default process.env */
  readonly environment?: Environment;
}

/** What was read, sound or not. */
export interface Reading {
  /** The folder of `waybill.yaml`, absolute. */
  readonly root: string;
  /** Every fault of every file, by place. */
  readonly faults: readonly Fault[];
  /**
   * Undefined when a contract or a cast cannot be read, or what `waybill.yaml` says of services and sources. Else all that can, so
   * that a plan compiled from it finds the faults that only a plan can find; faulty options and routes of faulty form are left out.
   */
  readonly definition: PartDefinition | undefined;
  /** The other parts of the bus, as `waybill pull` wrote them. */
  readonly pulled: readonly PartDefinition[];
  /** Undefined when `waybill.yaml` is faulty or a reference of it cannot be resolved. */
  readonly settings: Settings | undefined;
  /** The tables of files, as they were read. */
  readonly tables: readonly TableText[];
  /** The mediators that routes may use, the built-in ones first. */
  readonly mediators: readonly Mediator[];
  /** The files that were read, relative to `root`. */
  readonly files: readonly string[];
  /** Where the value at `path` of a file stands, or its nearest ancestor that there is. */
  locate(file: string, path: DocumentPath, place?: Place): Position;
  /** The text of a line, for `showFault`. */
  sourceLine(file: string, line: number): string | undefined;
}

/** A configuration without a fault. */
export interface Configuration extends Reading {
  readonly definition: PartDefinition;
  readonly settings: Settings;
}

/**
 * Reads the whole configuration: `waybill.yaml`, `waybill.<env>.yaml`, `routes/`, `schemas/`, and what was pulled into `parts/`. Faults are in the result.
 * @throws WB_CONFIG_NOT_FOUND
 */
export async function readConfiguration(options: LoadOptions = {}): Promise<Reading> {
  const environment = options.environment ?? process.env;
  const busFile = await requireBusFile(options.path, options.cwd ?? process.cwd());
  const documents = new Documents(path.dirname(busFile));
  const shapes = new ShapeCheck();
  const given = options.env ?? environment['WAYBILL_ENV'];
  const env = given === '' ? undefined : given;
  const file = path.basename(busFile);
  const { bus, rest, complete, written, fileOf } = await readBus(documents, file, { env, environment, shapes });
  const contracts = await readContracts(documents, shapes);
  const routes = await readRoutes(documents, shapes);
  const plugins = await readPlugins(documents, { packages: rest?.plugins ?? [], file });
  const scripts = await readScripts(documents, routes);
  const others = await readParts(documents, { bus: bus?.bus, part: bus?.part });
  const tables = rest === undefined ? [] : await readTables(documents, rest.sources, fileOf);
  const types = new Set([...contracts.types, ...others.types]);
  let settings: Settings | undefined;
  if (rest !== undefined) {
    for (const problem of checkBus(rest, written, types)) documents.report({ ...problem, file: fileOf(problem.path) });
  }
  if (bus !== undefined) {
    const read = readSettings(bus, documents.root, env);
    if (Array.isArray(read)) for (const problem of read) documents.report({ ...problem, file: fileOf(problem.path) });
    else settings = read;
  }
  const services = record(record(written)['services']);
  // Without services to go by, every one that a route names would be unknown.
  const named = complete || 'services' in record(written);
  if (written !== undefined && others.complete && named) {
    const known = { services: new Set([...Object.keys(services), ...others.services]), types };
    for (const problem of checkRoutes(routes, known)) documents.report(problem);
  }
  const basis =
    complete && contracts.complete && others.complete && plugins.complete && scripts.complete ? rest : undefined;
  return {
    root: documents.root,
    faults: documents.faults,
    definition: basis && define(basis, written, { contracts, routes, plugins, scripts }),
    mediators: [
      ...MEDIATORS.map((each) => (each.name === 'script' ? makeScript(scripts.modules) : each)),
      ...plugins.mediators,
    ],
    pulled: others.pulled,
    settings,
    tables,
    files: [...documents.files, ...plugins.files, ...scripts.modules.keys()],
    locate: (of, at, place) => documents.locate(of, at, place),
    sourceLine: (of, line) => documents.sourceLine(of, line),
  };
}

/**
 * Reads a configuration that must be sound.
 * @throws WB_CONFIG_NOT_FOUND; WB_CONFIG_FAULTS (`FaultsError`) with every fault of every file
 */
export async function loadConfiguration(options: LoadOptions = {}): Promise<Configuration> {
  const reading = await readConfiguration(options);
  const { definition, settings, faults } = reading;
  if (faults.length > 0 || definition === undefined || settings === undefined) throw new FaultsError(faults);
  return { ...reading, definition, settings };
}

interface Read {
  readonly contracts: ContractsReading;
  readonly routes: Definition['routes'];
  readonly plugins: PluginsReading;
  readonly scripts: ScriptsReading;
}

function define(
  bus: BusFile,
  written: unknown,
  { contracts: { contracts, casts }, routes, plugins, scripts }: Read,
): PartDefinition {
  const used = new Set(routes.flatMap(({ steps }) => steps.map(({ use }) => use)));
  const needed = [
    ...plugins.mediators.filter(({ name }) => used.has(name)).map(({ name, plugin }) => [name, plugin] as const),
    ...[...scripts.modules].map(([file, { origin }]) => [file, origin] as const),
  ];
  const stated = record(record(written)['limits']);
  const rings = Object.keys(bus.keys).sort();
  const services = Object.entries(bus.services).map(([name, service]) => defineService(name, service));
  return {
    bus: bus.bus,
    part: bus.part,
    states: LIMITS.filter((name) => stated[name] !== undefined),
    slots: bus.slots ?? slotsFor([bus.router.partitions, ...services.map(({ partitions }) => partitions)]),
    limits: bus.limits,
    services,
    // As written: what references resolve to is a matter of this machine, and mostly secret.
    sources: record(record(written)['sources']),
    ...(rings.length > 0 && { facilities: { keyRings: rings } }),
    contracts,
    casts,
    routes,
    ...(needed.length > 0 && { plugins: Object.fromEntries(needed) }),
    routerPartitions: bus.router.partitions,
  };
}

const LIMITS: readonly (keyof Limits)[] = ['size', 'depth', 'parking'];

function defineService(name: string, service: BusFile['services'][string]): ServiceDefinition {
  const { hold, timeout, retry, inbox, describe, ...same } = service;
  const { delay, max, ...counts } = retry;
  return {
    name,
    ...same,
    retry: { ...counts, delayMs: delay, maxMs: max },
    holdMs: hold,
    timeoutMs: timeout,
    inboxKeepMs: inbox.keep,
    ...(describe === undefined ? {} : { describe }),
  };
}

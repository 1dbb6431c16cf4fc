import type { Table } from '../contracts/table.ts';
import { comparePlaces, type ErrorCode, type Fault, formatFault } from '../errors.ts';
import type { Locate } from '../plan/faults.ts';
import type { Plan } from '../plan/plan.ts';
import type { Mediator } from '../ports/mediator.ts';
import type { PartDefinition } from './definition.ts';
import type { Reading } from './load.ts';
import { checkTableTexts } from './read-tables.ts';
import type { Settings } from './settings.ts';
import { warnOfStore } from './store-warnings.ts';

/** Nothing is called missing while there are faults: what is faulty may well be what is missed. */
const OF_ABSENCE: ReadonlySet<ErrorCode> = new Set(['WB_TYPE_UNROUTED', 'WB_TYPE_UNDELIVERED', 'WB_TYPE_UNPUBLISHED']);

/** Which configuration. */
export interface ConfigurationOptions {
  /** A `waybill.yaml`, or its folder. @default the nearest, here or above */
  readonly config?: string;
  /** Which `waybill.<env>.yaml` overrides it. @default WAYBILL_ENV */
  readonly env?: string;
}

/** A configuration, sound or not. */
export interface CheckedConfiguration {
  /** Every fault of every file, by place; empty when it is sound. */
  readonly faults: readonly Fault[];
  /** What works but somebody should know. */
  readonly warnings: readonly Fault[];
  /** Of the whole bus: these files, and the parts that were pulled. Absent when there are faults. */
  readonly plan: Plan | undefined;
  /** What these files say of the bus; absent when they cannot be read. */
  readonly part: PartDefinition | undefined;
  /** The other parts of the bus, as `waybill pull` wrote them. */
  readonly pulled: readonly PartDefinition[];
  readonly settings: Settings | undefined;
  /** The tables of files that keep their contracts, by name. */
  readonly tables: ReadonlyMap<string, Table>;
  /** The mediators that routes may use, the built-in ones first. */
  readonly mediators: readonly Mediator[];
  /** The text of a line of a file, for showing a fault in its place. */
  readonly sourceLine: (file: string, line: number) => string | undefined;
  /** Finds lines and columns in these files. */
  readonly locate: Locate;
  /** The files that were read, relative to `root`. */
  readonly files: readonly string[];
  /** The folder of `waybill.yaml`, absolute. */
  readonly root: string;
}

/**
 * Reads the configuration and compiles its plan, all faults together. Opens no transport.
 * @throws WB_CONFIG_NOT_FOUND
 */
export async function checkConfiguration(options: ConfigurationOptions = {}): Promise<CheckedConfiguration> {
  const { readConfiguration } = await import('./load.ts');
  const { config, env } = options;
  const reading = await readConfiguration({
    ...(config !== undefined && { path: config }),
    ...(env !== undefined && { env }),
  });
  return compileReading(reading);
}

/**
 * Checks the configuration below `root` again whenever one of its files changes, until closed.
 * @param onError reading or watching itself failed, such as when `waybill.yaml` is gone; watching goes on
 */
export async function watchConfiguration(
  root: string,
  options: Pick<ConfigurationOptions, 'env'>,
  onChange: (checked: CheckedConfiguration) => void,
  onError: (error: unknown) => void,
): Promise<AsyncDisposable> {
  const { watchConfiguration: watch } = await import('./watch.ts');
  const changed = (reading: Reading): void => {
    compileReading(reading).then(onChange).catch(onError);
  };
  const watching = watch(root, changed, { ...options, onError });
  try {
    await watching.ready;
  } catch (error) {
    await watching[Symbol.asyncDispose]();
    throw error;
  }
  return watching;
}

async function compileReading(reading: Reading): Promise<CheckedConfiguration> {
  const { compileParts } = await import('../plan/compile-parts.ts');
  const { definition, pulled, settings, mediators, files, root } = reading;
  const locate: Locate = (file, path, place) => reading.locate(file, path, place);
  const compiled =
    definition === undefined
      ? undefined
      : compileParts([...pulled, definition], definition.part, { locate, mediators });
  const faulty = new Set((compiled?.faults ?? []).flatMap(({ at }) => at?.file ?? []));
  const { tables, faults: ofTables } =
    compiled === undefined
      ? { tables: new Map<string, Table>(), faults: [] }
      : checkTableTexts(reading.tables, compiled.contracts, faulty);
  const faults = distinctFaults([...reading.faults, ...(compiled?.faults ?? []), ...ofTables]).toSorted((a, b) =>
    comparePlaces(a.at, b.at),
  );
  const plan = faults.length === 0 ? compiled?.plan : undefined;
  const sourceLine: CheckedConfiguration['sourceLine'] = (file, line) => reading.sourceLine(file, line);
  const ofPlan = (compiled?.warnings ?? []).filter(({ code }) => faults.length === 0 || !OF_ABSENCE.has(code));
  const ofStore = plan === undefined || settings === undefined ? [] : warnOfStore(plan, settings, locate);
  const warnings = [...ofPlan, ...ofStore].toSorted((a, b) => comparePlaces(a.at, b.at));
  return {
    faults,
    warnings,
    plan,
    locate,
    part: definition,
    pulled,
    settings,
    tables,
    mediators,
    sourceLine,
    files,
    root,
  };
}

/** Configuration and plan each check what they need, so the same fault may come from both. */
function distinctFaults(faults: readonly Fault[]): readonly Fault[] {
  return [...new Map(faults.map((fault) => [formatFault(fault), fault])).values()];
}

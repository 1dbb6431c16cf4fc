import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { didYouMean } from '../nearest.ts';
import { BusFile, DEFAULT_TRANSPORT } from './bus-file.ts';
import type { DocumentPath } from './definition.ts';
import type { Documents } from './documents.ts';
import { record } from './explain.ts';
import { checkOverride, override } from './overrides.ts';
import { type Environment, type ReferenceProblem, resolveReferences } from './references.ts';
import { type ShapeCheck, type ShapeProblem, valueAt } from './shape-check.ts';

/** The sections that may refer to the environment. All but `limits` of what an environment overrides. */
const RESOLVED = ['transport', 'store', 'sources', 'keys', 'telemetry'] as const;

/** `waybill.yaml` with the overrides of one environment. */
export interface BusReading {
  /** As written, merged; undefined when it is no YAML. */
  readonly written: unknown;
  /** Checked, with defaults and numbers, references resolved. Undefined when it has faults. */
  readonly bus: BusFile | undefined;
  /** As `bus`, without what is faulty: for looking at the rest of it in the same go. */
  readonly rest: BusFile | undefined;
  /** Whether `rest` still has all that routes go by: every service with what it publishes and receives, and every source. */
  readonly complete: boolean;
  /** The file that says what stands at a path: the environment's where it overrides. */
  readonly fileOf: (path: DocumentPath) => string;
}

/** Reads `waybill.yaml` (`file`), and `waybill.<env>.yaml` on top. Reports every fault to `documents`. */
export async function readBus(
  documents: Documents,
  file: string,
  options: { readonly env: string | undefined; readonly environment: Environment; readonly shapes: ShapeCheck },
): Promise<BusReading> {
  const base = await documents.read(file);
  const changes = await readOverrides(documents, file, options.env);
  const fileOf = (at: DocumentPath): string =>
    changes !== undefined && valueAt(changes.value, at) !== undefined ? changes.file : file;
  if (base === undefined) return { written: undefined, bus: undefined, rest: undefined, complete: false, fileOf };
  const written = changes === undefined ? base.value : override(base.value, changes.value);
  const problems: ReferenceProblem[] = [];
  const resolved = await resolveSections(written, { root: documents.root, environment: options.environment }, problems);
  for (const { path: at, offset, message, fix } of problems) {
    documents.report({ code: 'WB_CONFIG_REFERENCE', file: fileOf(at), path: at, offset, message, fix });
  }
  const shaped = options.shapes.check(BusFile, resolved, written);
  if ('problems' in shaped) {
    const unresolved = new Set(problems.map(({ path: at }) => JSON.stringify(at)));
    for (const problem of shaped.problems) {
      if (!unresolved.has(JSON.stringify(problem.path))) reportShape(documents, fileOf(problem.path), problem);
    }
    const { pruned, complete } = prune(resolved, shaped.problems);
    const rest = options.shapes.check(BusFile, pruned);
    if ('problems' in rest) return { written, bus: undefined, rest: undefined, complete: false, fileOf };
    return { written, bus: undefined, rest: rest.value, complete, fileOf };
  }
  return {
    written,
    bus: problems.length === 0 ? shaped.value : undefined,
    rest: shaped.value,
    complete: true,
    fileOf,
  };
}

/** The sections whose entries routes name. */
const ENTRIES: readonly string[] = ['services', 'sources', 'keys'];

/** What routes are checked against: without it a service would seem not to declare what its file says. */
const DECLARATIONS: readonly string[] = ['publishes', 'receives'];

/** Whether it declares, or was meant to: a misspelt `receives` is none. */
function declares(option: string): boolean {
  return DECLARATIONS.includes(option) || didYouMean(option, DECLARATIONS) !== undefined;
}

/**
 * Without the options of services, the sources and the sections that have problems, so that one wrong option does not hide what is
 * wrong elsewhere. The name of the bus plays no part in what is checked of the rest.
 */
function prune(
  value: unknown,
  problems: readonly ShapeProblem[],
): { readonly pruned: unknown; readonly complete: boolean } {
  const pruned: Record<string, unknown> = { ...record(value), bus: 'unnamed' };
  let complete = true;
  for (const { path: at } of problems) {
    const [section, name, option] = at.map(String);
    if (section === undefined) complete = false;
    if (section === undefined || section === 'bus') continue;
    const entries = ENTRIES.includes(section);
    // `servcies:` may well hold what routes go by.
    if (!entries && didYouMean(section, ENTRIES) !== undefined) complete = false;
    if (!entries || name === undefined) {
      pruned[section] = undefined;
      if (entries) complete = false;
      continue;
    }
    const kept =
      section === 'services' && option !== undefined && !declares(option)
        ? { ...record(record(pruned[section])[name]), [option]: undefined }
        : undefined;
    pruned[section] = { ...record(pruned[section]), [name]: kept };
    if (kept === undefined) complete = false;
  }
  const whole: unknown = JSON.parse(JSON.stringify(pruned));
  return { pruned: whole, complete };
}

export function reportShape(documents: Documents, file: string, { path: at, key, message, fix }: ShapeProblem): void {
  documents.report({ code: 'WB_OPTION_INVALID', file, path: at, key, message, ...(fix === undefined ? {} : { fix }) });
}

async function resolveSections(
  written: unknown,
  context: { readonly root: string; readonly environment: Environment },
  problems: ReferenceProblem[],
): Promise<unknown> {
  if (typeof written !== 'object' || written === null || Array.isArray(written)) return written;
  // The default of the transport is a reference itself.
  const whole: Readonly<Record<string, unknown>> = { transport: DEFAULT_TRANSPORT, ...record(written) };
  const resolved: Record<string, unknown> = { ...whole };
  for (const section of RESOLVED) {
    if (section in whole) resolved[section] = await resolveReferences(whole[section], [section], context, problems);
  }
  return resolved;
}

async function readOverrides(
  documents: Documents,
  busFile: string,
  env: string | undefined,
): Promise<{ readonly file: string; readonly value: unknown } | undefined> {
  if (env === undefined) return undefined;
  const file = `${busFile.replace(/\.ya?ml$/, '')}.${env}.yaml`;
  const report = (message: string, fix: string): void => {
    documents.report({ code: 'WB_CONFIG_FILE', file: busFile, path: [], message, fix });
  };
  if (!/^[a-z0-9][a-z0-9-]*$/.test(env)) {
    report(`${JSON.stringify(env)} is not the name of an environment`, 'Use lower-case letters, digits and hyphens.');
    return undefined;
  }
  const there = await environments(documents.root, busFile);
  if (!there.includes(env)) {
    const fix = didYouMean(env, there) ?? `Create ${file}, or run without --env and WAYBILL_ENV.`;
    report(`there is no ${file} for the environment ${env}`, fix);
    return undefined;
  }
  const changes = await documents.read(file);
  if (changes === undefined) return undefined;
  for (const problem of checkOverride(file, changes.value)) reportShape(documents, file, problem);
  return changes;
}

/** The names of the environments that have a file. */
async function environments(root: string, busFile: string): Promise<string[]> {
  const stem = path.basename(busFile).replace(/\.ya?ml$/, '');
  const names = (await readdir(root)).filter((name) => name.startsWith(`${stem}.`) && name.endsWith('.yaml'));
  return names.map((name) => name.slice(stem.length + 1, -'.yaml'.length)).filter((name) => name !== '');
}

import { metaSchemaErrors } from '../contracts/meta-schema.ts';
import { didYouMean } from '../nearest.ts';
import type { Mediator } from '../ports/mediator.ts';
import { record } from './explain.ts';
import { NAME } from './shape.ts';

const RUNS: readonly unknown[] = ['pure', 'io', 'state', undefined];
const FIELDS: readonly string[] = ['name', 'describe', 'options', 'runs', 'state', 'mixes', 'prepare'];

/** The mediators among the exports of a module, and those that were meant to be one and are not. */
export interface ExportedMediators {
  readonly mediators: readonly Mediator[];
  /** One clause each: `geo has no describe`. */
  readonly wrong: readonly string[];
}

/** Exports that have a `prepare` are meant to be mediators; a module may export other things as well. */
export function exportedMediators(exports: Readonly<Record<string, unknown>>): ExportedMediators {
  // Of a CommonJS module everything may stand under `default`.
  const all = { ...record(exports['default']), ...exports };
  const mediators = new Set<Mediator>();
  const wrong: string[] = [];
  for (const [as, value] of Object.entries(all)) {
    if (!('prepare' in record(value))) continue;
    const faults = faultsOf(record(value));
    if (isMediator(value, faults)) mediators.add(value);
    else wrong.push(...faults.map((fault) => `${as}: ${fault}`));
  }
  return { mediators: [...mediators], wrong: [...new Set(wrong)] };
}

function isMediator(value: unknown, faults: readonly string[]): value is Mediator {
  return typeof value === 'object' && faults.length === 0;
}

function faultsOf(value: Readonly<Record<string, unknown>>): readonly string[] {
  const { name, describe, options, runs, state, mixes, prepare } = value;
  const faults: string[] = [];
  if (typeof name !== 'string' || !new RegExp(NAME).test(name)) {
    faults.push('its name must be lower-case letters, digits and hyphens, and begin with a letter');
  }
  if (typeof describe !== 'string' || describe === '') faults.push('it needs describe, a sentence for people');
  if (typeof prepare !== 'function') faults.push('prepare must be a function');
  if (!RUNS.includes(runs)) faults.push("runs must be 'pure', 'io' or 'state'");
  if (mixes !== undefined && typeof mixes !== 'boolean') faults.push('mixes must be true or false');
  if (state !== undefined && !Number.isInteger(record(state)['version']))
    faults.push('state.version must be a whole number');
  if (typeof options !== 'object' || options === null) faults.push('it needs options, a JSON Schema');
  else faults.push(...schemaFaults(options));
  for (const field of Object.keys(value)) {
    if (FIELDS.includes(field)) continue;
    faults.push(`a mediator has no ${field}${hint(field)}`);
  }
  return faults;
}

function hint(field: string): string {
  const near = didYouMean(field, FIELDS);
  return near === undefined ? '' : `; ${near}`;
}

function schemaFaults(options: object): readonly string[] {
  // As JSON: declarations of typebox carry more than the schema.
  const schema: unknown = JSON.parse(JSON.stringify(options));
  if (typeof schema !== 'object' || schema === null) return ['options must be a JSON Schema'];
  const [first] = metaSchemaErrors(schema);
  return first === undefined ? [] : [`options is no JSON Schema: ${first.instancePath} ${first.message ?? ''}`];
}

import { RouteFile } from '../routes/route-file.ts';
import { BusFile, OverrideFile } from './bus-file.ts';
import { CastFile } from './cast-file.ts';
import { expected, record } from './explain.ts';
import { UNITS, type Unit } from './units.ts';

/** What an editor needs of a mediator to complete and check its options. */
export interface MediatorSchema {
  readonly name: string;
  readonly describe: string;
  readonly options: object;
}

/** Editors know this draft best; the declarations use nothing that is different in it. */
const DRAFT = 'http://json-schema.org/draft-07/schema#';

/**
 * JSON Schemas for editors, by file name, made from the declarations that validate: for the line
 * `# yaml-language-server: $schema=...` on top of a file.
 * @param mediators what `steps` may say, with the options of each
 */
export function editorSchemas(mediators: readonly MediatorSchema[]): Readonly<Record<string, object>> {
  const step = {
    properties: Object.fromEntries(
      mediators.map(({ name, describe, options }) => [name, { ...withoutDraft(options), description: describe }]),
    ),
    additionalProperties: false,
  };
  return {
    'waybill.json': file('waybill.yaml', BusFile),
    'waybill.env.json': file('waybill.<env>.yaml', withoutRequired(OverrideFile)),
    'route.json': file('A route file', withSteps(forEditors(RouteFile), step)),
    'cast.json': file('A cast between two majors of a contract', CastFile),
  };
}

function file(title: string, schema: unknown): object {
  return { $schema: DRAFT, title, ...record(forEditors(schema)) };
}

/** Our own keywords become what an editor knows: a pattern, and words about the range and the default. */
function forEditors(of: unknown): unknown {
  if (Array.isArray(of)) return of.map(forEditors);
  if (typeof of !== 'object' || of === null) return of;
  const { quantity, 'x-expected': _expected, description, required, ...rest } = record(of);
  const entries = Object.entries(rest).map(([key, value]) => [key, key === 'default' ? value : forEditors(value)]);
  const properties = record(rest['properties']);
  const without = Array.isArray(required)
    ? required.filter((name) => record(properties[String(name)])['default'] === undefined)
    : [];
  return {
    ...Object.fromEntries(entries),
    ...(quantity === undefined ? {} : { pattern: UNITS[unitOf(quantity)].pattern }),
    ...(typeof description === 'string' ? { description: describe(of, description) } : {}),
    ...(without.length === 0 ? {} : { required: without }),
  };
}

function unitOf(rule: unknown): Unit {
  return record(rule)['unit'] === 'size' ? 'size' : 'duration';
}

function describe(schema: unknown, description: string): string {
  return 'quantity' in record(schema) ? `${description} Takes ${expected(schema)}.` : description;
}

/** An environment's file says only what is different, so nothing in it is required. */
function withoutRequired(of: unknown): unknown {
  if (Array.isArray(of)) return of.map(withoutRequired);
  if (typeof of !== 'object' || of === null) return of;
  const { required: _required, ...rest } = record(of);
  return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, withoutRequired(value)]));
}

/** Steps are declared open, for mediators are not of the configuration; an editor is told which there are. */
function withSteps(of: unknown, step: object): unknown {
  if (Array.isArray(of)) return of.map((item) => withSteps(item, step));
  if (typeof of !== 'object' || of === null) return of;
  return Object.fromEntries(
    Object.entries(record(of)).map(([key, value]) => {
      const items = key === 'steps' ? record(value)['items'] : undefined;
      return [
        key,
        items === undefined ? withSteps(value, step) : { ...record(value), items: { ...record(items), ...step } },
      ];
    }),
  );
}

function withoutDraft(options: object): object {
  const { $schema: _schema, $id: _id, ...rest } = record(options);
  return rest;
}

import { Route } from '../routes/route-file.ts';
import { BusFile, OverrideFile } from './bus-file.ts';
import { CastFile } from './cast-file.ts';
import { expected, record } from './explain.ts';

/** One option, as the reference page shows it. */
export interface OptionRow {
  /** The kind of file it stands in. */
  readonly file: 'waybill.yaml' | 'routes/*.yaml' | 'schemas/**/*.v1-v2.yaml';
  /** `services.<name>.retry.delay`, `choose[].when`. */
  readonly option: string;
  readonly describe: string;
  /** What it takes, with its range and unit: `a duration from 0s to 10m, such as 30s`. */
  readonly takes: string;
  /** As it would be written; undefined when there is none. */
  readonly default: string | undefined;
  readonly required: boolean;
  /** Whether `waybill.<env>.yaml` may say it too. */
  readonly overridable: boolean;
}

/** Every option of every file, in the order of their declarations. */
export function configurationOptions(): readonly OptionRow[] {
  const overridable = new Set(Object.keys(OverrideFile.properties));
  return [
    ...rows('waybill.yaml', BusFile, '', (option) => overridable.has(option.split('.')[0] ?? '')),
    ...rows('routes/*.yaml', Route, '', () => false),
    ...rows('schemas/**/*.v1-v2.yaml', CastFile, '', () => false),
  ];
}

/** The options of one step, from the declaration of its mediator. */
export function stepOptions(declaration: unknown): readonly OptionRow[] {
  return inner(declaration).flatMap(([, schema]) => rows('routes/*.yaml', schema, '', () => false));
}

function rows(
  file: OptionRow['file'],
  of: unknown,
  prefix: string,
  overridable: (option: string) => boolean,
): OptionRow[] {
  const schema = record(of);
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(record(schema['properties'])).flatMap(([name, property]) => {
    const option = `${prefix}${name}`;
    const { description, default: fallback } = record(property);
    const row: OptionRow = {
      file,
      option,
      describe: typeof description === 'string' ? description : '',
      takes: expected(property),
      // Of a group the options have the defaults.
      default: fallback === undefined || isEmpty(fallback) ? undefined : asWritten(fallback),
      required: required.includes(name) && fallback === undefined,
      overridable: overridable(option),
    };
    return [row, ...inner(property).flatMap(([part, schema]) => rows(file, schema, `${option}${part}`, overridable))];
  });
}

/** The schemas below a property that have options of their own, with what leads to them. */
function inner(property: unknown): [string, unknown][] {
  const schema = record(property);
  if (Array.isArray(schema['anyOf'])) {
    const object: unknown = schema['anyOf'].find((form) => record(form)['type'] === 'object');
    return object === undefined ? [] : inner(object);
  }
  if ('properties' in schema) return [['.', schema]];
  const each = record(schema['additionalProperties']);
  if ('properties' in each) return [['.<name>.', each]];
  const item = record(schema['items']);
  return 'properties' in item ? [['[].', item]] : [];
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

function asWritten(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

import { Value } from 'typebox/value';
import { nearest } from '../nearest.ts';
import type { Mediator, Path } from '../ports/mediator.ts';

/** What is wrong with the options of a step. */
export interface OptionFault {
  readonly path: Path;
  /** The fault is in the key rather than in the value. */
  readonly key: boolean;
  readonly message: string;
  readonly fix?: string;
}

/** Every option of a step that its mediator's schema does not allow. */
export function checkOptions(mediator: Mediator, options: unknown): readonly OptionFault[] {
  // What has a default need not be written.
  const errors = Value.Errors(mediator.options, Value.Default(mediator.options, structuredClone(options)));
  // A union reports the faults of each of its forms; those of another kind than what stands there only confuse.
  const strayed = errors.flatMap(({ keyword, schemaPath }) =>
    keyword === 'type' && /\/anyOf\/[0-9]+$/.test(schemaPath) ? [schemaPath] : [],
  );
  const meant = errors.filter(
    ({ keyword, schemaPath }) =>
      keyword !== 'anyOf' &&
      keyword !== 'boolean' &&
      !strayed.some((form) => schemaPath === form || schemaPath.startsWith(`${form}/`)),
  );
  const found = [
    ...constants(mediator, meant),
    ...meant.filter(({ keyword }) => keyword !== 'const').flatMap((error) => describe(mediator, error, meant)),
  ];
  if (found.length > 0 || errors.length === 0) return found;
  const message = `${mediator.name}: ${wordFor(options)} is not one of its forms`;
  return [{ path: [], key: false, message, fix: mediator.describe }];
}

type SchemaError = ReturnType<typeof Value.Errors>[number];

/** Of several words of which one has to stand there, one fault. */
function constants(mediator: Mediator, errors: readonly SchemaError[]): readonly OptionFault[] {
  const words = new Map<string, unknown[]>();
  for (const error of errors) {
    if (error.keyword !== 'const') continue;
    words.set(error.instancePath, [...(words.get(error.instancePath) ?? []), error.params.allowedValue]);
  }
  return [...words].map(([instancePath, allowed]) => {
    const path = pathOf(instancePath);
    const place = [mediator.name, ...path].join('.');
    return { path, key: false, message: `${place} must be ${allowed.map((word) => String(word)).join(' or ')}` };
  });
}

function pathOf(instancePath: string): readonly string[] {
  return instancePath.split('/').slice(1).map(unescape);
}

function describe(mediator: Mediator, error: SchemaError, all: readonly SchemaError[]): readonly OptionFault[] {
  const path = pathOf(error.instancePath);
  const place = [mediator.name, ...path].join('.');
  switch (error.keyword) {
    case 'additionalProperties':
      return error.params.additionalProperties.flatMap((name) => {
        // A name that may stand there, with something wrong behind it.
        const inside = `${error.instancePath}/${escape(name)}`;
        if (all.some(({ instancePath }) => instancePath === inside || instancePath.startsWith(`${inside}/`))) return [];
        const known = knownOptions(schemaAt(mediator.options, error.schemaPath) ?? mediator.options);
        const near = nearest(name, known);
        const fix = near === undefined ? `it may have ${known.join(', ')}` : `did you mean ${near}?`;
        return { path: [...path, name], key: true, message: `${place} has no option ${name}`, fix };
      });
    case 'required':
      return error.params.requiredProperties.map((name) => ({ path, key: false, message: `${place} needs ${name}` }));
    case 'enum':
      return [{ path, key: false, message: `${place} must be ${error.params.allowedValues.map(String).join(' or ')}` }];
    default:
      return [{ path, key: false, message: `${place} ${error.message}` }];
  }
}

/** The names under `properties`, of the schema or of any of its forms. */
function knownOptions(schema: unknown): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const own =
    'properties' in schema && typeof schema.properties === 'object' ? Object.keys(schema.properties ?? {}) : [];
  const forms = 'anyOf' in schema && Array.isArray(schema.anyOf) ? schema.anyOf : [];
  return [...own, ...forms.flatMap(knownOptions)];
}

/** The part of a schema that an error is about; undefined where it cannot be followed. */
function schemaAt(schema: unknown, schemaPath: string): unknown {
  let at = schema;
  for (const name of schemaPath.split('/').slice(1).map(unescape)) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Object.entries(at).find(([each]) => each === name)?.[1];
  }
  return at;
}

function escape(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function unescape(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~');
}

function wordFor(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : JSON.stringify(value);
}

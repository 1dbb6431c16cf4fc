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
  const strayed = new Set(
    errors.flatMap(({ keyword, schemaPath }) =>
      keyword === 'type' && schemaPath.includes('/anyOf/') ? [formOf(schemaPath)] : [],
    ),
  );
  const isMeant = (schemaPath: string): boolean => !strayed.has(formOf(schemaPath));
  const meant = errors.filter(
    ({ keyword, schemaPath }) => keyword !== 'anyOf' && keyword !== 'boolean' && isMeant(schemaPath),
  );
  const found = meant.flatMap((error) => describe(mediator, error));
  if (found.length > 0 || errors.length === 0) return found;
  const message = `${mediator.name}: ${wordFor(options)} is not one of its forms`;
  return [{ path: [], key: false, message, fix: mediator.describe }];
}

type SchemaError = ReturnType<typeof Value.Errors>[number];

function describe(mediator: Mediator, error: SchemaError): readonly OptionFault[] {
  const path = error.instancePath.split('/').slice(1).map(unescape);
  const place = [mediator.name, ...path].join('.');
  switch (error.keyword) {
    case 'additionalProperties':
      return error.params.additionalProperties.map((name) => {
        const known = knownOptions(mediator.options);
        const near = nearest(name, known);
        const fix = near === undefined ? `it may have ${known.join(', ')}` : `did you mean ${near}?`;
        return { path: [...path, name], key: true, message: `${place} has no option ${name}`, fix };
      });
    case 'required':
      return error.params.requiredProperties.map((name) => ({ path, key: false, message: `${place} needs ${name}` }));
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

/** The form of a union that an error is about: everything up to `/anyOf/<index>`. */
function formOf(schemaPath: string): string {
  return /^.*?\/anyOf\/[0-9]+/.exec(schemaPath)?.[0] ?? '';
}

function unescape(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~');
}

function wordFor(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : JSON.stringify(value);
}

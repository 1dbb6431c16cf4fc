import type { ErrorObject } from 'ajv';
import { didYouMean } from '../nearest.ts';
import type { DocumentPath } from './definition.ts';
import { expectedQuantity, type QuantityRule } from './shape.ts';
import { guessQuantity } from './units.ts';

export interface Explanation {
  readonly message: string;
  readonly fix?: string;
}

/** A validator's error in words: what stands where, what was expected, what came, and what to do. */
export function explain(error: ErrorObject, path: DocumentPath, found: unknown): Explanation {
  const where = pathText(path);
  const name = where === '' ? '' : `${where}: `;
  switch (error.keyword) {
    case 'additionalProperties': {
      const known = Object.keys(record(record(error.parentSchema)['properties']));
      const fix = didYouMean(String(path.at(-1)), known) ?? `Options here: ${known.join(', ')}.`;
      return { message: `${where} is not an option`, fix };
    }
    case 'required': {
      const missing = String(error.params['missingProperty']);
      const schema = record(record(error.parentSchema)['properties'])[missing];
      return { message: `${name}${missing} is missing`, fix: `Add ${missing}: ${expected(schema)}.` };
    }
    case 'uniqueItems': {
      const twice: unknown = Array.isArray(found) ? found[Number(error.params['j'])] : undefined;
      return { message: `${name}${show(twice)} stands twice in the list`, fix: 'Keep one of the two.' };
    }
    default: {
      const message = `${name}expected ${expected(error.parentSchema)}, found ${show(found)}`;
      const fix = advise(error, found);
      return fix === undefined ? { message } : { message, fix };
    }
  }
}

/** What a fix can be guessed for. */
function advise(error: ErrorObject, found: unknown): string | undefined {
  const schema = record(error.parentSchema);
  if (typeof found === 'string' && found.includes('${')) {
    return 'References are resolved in transport, store, sources, keys and telemetry; the value of this one is not shown.';
  }
  if (isQuantity(schema['quantity'])) {
    const guess = guessQuantity(schema['quantity'].unit, found);
    return guess === undefined || guess === found ? undefined : `write ${guess}`;
  }
  if (Array.isArray(schema['enum']) && typeof found === 'string') return didYouMean(found, schema['enum'].map(String));
  if (error.keyword === 'type' && schema['type'] === 'array' && typeof found === 'string') return `write [${found}]`;
  if (
    error.keyword === 'type' &&
    schema['type'] === 'string' &&
    (typeof found === 'number' || typeof found === 'boolean')
  ) {
    return `write "${String(found)}" with quotes`;
  }
  return undefined;
}

/** What a declaration takes, as the end of `expected ...`. */
export function expected(of: unknown): string {
  const schema = record(of);
  const said = schema['x-expected'];
  if (typeof said === 'string') return said;
  if (isQuantity(schema['quantity'])) return expectedQuantity(schema['quantity']);
  if (Array.isArray(schema['enum'])) return anyOf(schema['enum'].map(String));
  switch (schema['type']) {
    case 'integer':
    case 'number':
      return `${schema['type'] === 'integer' ? 'a whole number' : 'a number'}${range(schema)}`;
    case 'string':
      return 'a text';
    case 'boolean':
      return 'true or false';
    case 'array':
      return schema['minItems'] === undefined ? 'a list' : 'a list that is not empty';
    case 'object':
      return 'a mapping';
    default:
      return 'a value';
  }
}

function range(schema: Readonly<Record<string, unknown>>): string {
  const { minimum, maximum } = schema;
  if (typeof minimum !== 'number') return '';
  return typeof maximum === 'number'
    ? ` from ${String(minimum)} to ${String(maximum)}`
    : ` of at least ${String(minimum)}`;
}

/** `services.oms.receives[0]`. */
function pathText(path: DocumentPath): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${String(step)}]` : `${i === 0 ? '' : '.'}${step}`))
    .join('');
}

/** A value as it is shown in a message: short. */
function show(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty mapping' : 'a mapping';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function anyOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
}

function isQuantity(value: unknown): value is QuantityRule {
  return typeof value === 'object' && value !== null && 'unit' in value;
}

export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

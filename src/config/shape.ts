import Type, { type TProperties, type TSchema, type TSchemaOptions, type TUnsafe } from 'typebox';
import { TYPE_REF } from '../message.ts';
import { formatQuantity, parseQuantity, UNITS, type Unit } from './units.ts';

/**
 * The words in which the files of configuration are declared. One declaration validates, gives defaults and types, and is
 * what the editor schemas and the reference are made from. Besides JSON Schema it uses two keywords:
 * `quantity` (a text such as `30s` that becomes a number) and `x-expected` (how a fault says what belongs there).
 */

export interface QuantityRule {
  readonly unit: Unit;
  readonly least: number;
  readonly most: number;
}

interface QuantityOptions {
  readonly description: string;
  /** As people write it: `30s`. */
  readonly default?: string;
  readonly least: string;
  readonly most: string;
}

/** A duration or size: a text in the file, a number of milliseconds or bytes once it is read. */
export function quantity(unit: Unit, { least, most, ...rest }: QuantityOptions): TUnsafe<number> {
  const rule: QuantityRule = { unit, least: amount(unit, least), most: amount(unit, most) };
  return Type.Unsafe<number>({ type: 'string', quantity: rule, ...rest });
}

function amount(unit: Unit, text: string): number {
  const parsed = parseQuantity(unit, text);
  if (parsed === undefined) throw new TypeError(`${text} is not a ${unit}`);
  return parsed;
}

/** `a duration from 0s to 10m, such as 30s`. */
export function expectedQuantity({ unit, least, most }: QuantityRule): string {
  const { example } = UNITS[unit];
  const value = parseQuantity(unit, example);
  const fits = value !== undefined && value >= least && value <= most;
  return `a ${unit} from ${formatQuantity(unit, least)} to ${formatQuantity(unit, most)}${fits ? `, such as ${example}` : ''}`;
}

/** Options by name, no others. */
export function options<P extends TProperties>(properties: P, more: TSchemaOptions = {}) {
  return Type.Object(properties, { additionalProperties: false, ...more });
}

/** A map from names that people choose. */
export function named<S extends TSchema>(each: S, more: TSchemaOptions): TUnsafe<Record<string, Type.Static<S>>> {
  return Type.Unsafe<Record<string, Type.Static<S>>>({ type: 'object', additionalProperties: each, ...more });
}

/** One of some words. */
export function oneOf<const W extends readonly string[]>(words: W, more: TSchemaOptions): TUnsafe<W[number]> {
  return Type.Unsafe<W[number]>({ type: 'string', enum: words, ...more });
}

export const NAME = '^[a-z][a-z0-9-]{0,62}$';
export const EXPECTED_NAME = 'a name of lower-case letters, digits and hyphens that begins with a letter';

export function typeReference(description: string) {
  return Type.String({
    pattern: TYPE_REF.source,
    'x-expected': 'a type with its major version, such as shop.order.placed@1',
    description,
  });
}

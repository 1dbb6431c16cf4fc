import { type LocatedFault, toError } from '../errors.ts';
import { parseTypeRef } from '../message.ts';
import { didYouMean } from '../nearest.ts';
import { parsePointer } from './pointer.ts';
import {
  isSchema,
  KEYWORDS,
  member,
  type PlacedSchema,
  ROOT_ANNOTATIONS,
  resolveRef,
  type Schema,
  schemaList,
  schemaMap,
  walkSchemas,
} from './schema.ts';

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
export const COMPATIBILITIES = ['full', 'backward', 'forward', 'none'] as const;

type Report = (path: LocatedFault['path'], message: string, fix?: string) => void;

/** What the draft leaves open and Waybill settles: which keywords, where references may lead, and its own annotations. */
export function checkAnnotations(schema: Schema, report: Report): void {
  for (const place of walkSchemas(schema)) {
    checkKeywords(place, report);
    checkReference(schema, place, report);
    checkRequired(place, report);
    checkType(place, report);
    checkPatterns(place, report);
    const sensitive = place.schema['x-sensitive'];
    if (sensitive !== undefined && typeof sensitive !== 'boolean')
      report([...place.path, 'x-sensitive'], 'x-sensitive must be true or false');
  }
  if (schema['$schema'] !== undefined && schema['$schema'] !== DIALECT) {
    report(
      ['$schema'],
      `$schema is ${JSON.stringify(schema['$schema'])}, but contracts are of draft 2020-12`,
      `write ${JSON.stringify(DIALECT)}`,
    );
  }
  if (schema['x-owner'] !== undefined && (typeof schema['x-owner'] !== 'string' || schema['x-owner'] === '')) {
    report(['x-owner'], 'x-owner must be a name');
  }
  checkCompatibility(schema['x-compatibility'], report);
  const reply = schema['x-reply'];
  if (reply !== undefined && (typeof reply !== 'string' || parseTypeRef(reply) === undefined)) {
    report(
      ['x-reply'],
      `x-reply is ${JSON.stringify(reply)}; expected a type with its version`,
      'Write it like "pricing.quoted@1".',
    );
  }
  checkKey(schema, report);
}

function checkKeywords({ schema, path }: PlacedSchema, report: Report): void {
  for (const keyword of Object.keys(schema)) {
    if (ROOT_ANNOTATIONS.includes(keyword) && path.length > 0)
      report([...path, keyword], `${keyword} belongs to the root of the contract`);
    if (keyword === '$id' && path.length > 0)
      report([...path, keyword], 'only the root may have an $id', 'Refer to #/$defs/<name> instead.');
    if (Object.hasOwn(KEYWORDS, keyword)) continue;
    report(
      [...path, keyword],
      `unknown keyword ${JSON.stringify(keyword)}`,
      REPLACED[keyword] ?? didYouMean(keyword, Object.keys(KEYWORDS)),
    );
  }
}

const REPLACED: Readonly<Record<string, string>> = {
  definitions: 'use $defs',
  nullable: 'add "null" to type',
  dependencies: 'use dependentRequired or dependentSchemas',
  additionalItems: 'use prefixItems and items',
  discriminator: 'use oneOf with a const property',
  example: 'use examples, a list',
  $anchor: 'refer to #/$defs/<name>',
  $dynamicRef: 'use $ref',
  $dynamicAnchor: 'refer to #/$defs/<name>',
};

function checkReference(root: Schema, { schema, path }: PlacedSchema, report: Report): void {
  const ref = schema['$ref'];
  if (ref === undefined) return;
  if (typeof ref !== 'string' || !/^#(\/|$)/.test(ref)) {
    report(
      [...path, '$ref'],
      `$ref ${JSON.stringify(ref)} leads out of the file; a contract refers only to itself`,
      'Use #/$defs/<name>.',
    );
    return;
  }
  const target = resolveRef(root, ref);
  if (isSchema(target) || typeof target === 'boolean') return;
  const known = Object.keys(schemaMap(root['$defs'])).map((name) => `#/$defs/${name}`);
  report([...path, '$ref'], `$ref ${JSON.stringify(ref)} leads to no schema`, didYouMean(ref, known));
}

const DECLARING = ['$ref', 'allOf', 'anyOf', 'oneOf', 'patternProperties', 'additionalProperties'];

/** A required property that is declared nowhere is a misspelt one; where it may be declared elsewhere, it is let be. */
function checkRequired({ schema, path }: PlacedSchema, report: Report): void {
  if (
    !('properties' in schema) ||
    DECLARING.some(
      (keyword) => isSchema(schema[keyword]) || typeof schema[keyword] === 'string' || Array.isArray(schema[keyword]),
    )
  )
    return;
  const declared = schemaMap(schema['properties']);
  for (const [index, name] of schemaList(schema['required']).entries()) {
    if (typeof name !== 'string' || Object.hasOwn(declared, name)) continue;
    const fix = didYouMean(name, Object.keys(declared)) ?? 'Declare it in properties.';
    report([...path, 'required', index], `required property ${JSON.stringify(name)} is not in properties`, fix);
  }
}

const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];

function checkType({ schema, path }: PlacedSchema, report: Report): void {
  const { type } = schema;
  if (type === undefined) return;
  const listed = Array.isArray(type);
  for (const [index, name] of (listed ? schemaList(type) : [type]).entries()) {
    if (typeof name === 'string' && TYPES.includes(name)) continue;
    report(
      listed ? [...path, 'type', index] : [...path, 'type'],
      `type: expected ${TYPES.slice(0, -1).join(', ')} or null, found ${JSON.stringify(name)}`,
      typeof name === 'string' ? didYouMean(name, TYPES) : undefined,
    );
  }
}

/** Ajv names the expression and not the place. */
function checkPatterns({ schema, path }: PlacedSchema, report: Report): void {
  const named = Object.keys(schemaMap(schema['patternProperties'])).map((text) => ({
    text,
    at: ['patternProperties', text],
  }));
  const { pattern } = schema;
  for (const { text, at } of typeof pattern === 'string' ? [...named, { text: pattern, at: ['pattern'] }] : named) {
    try {
      new RegExp(text, 'u');
    } catch (error) {
      const why = toError(error).message.replace(/^Invalid regular expression: .*: /, '');
      report([...path, ...at], `not a regular expression: ${JSON.stringify(text)}: ${why.toLowerCase()}`);
    }
  }
}

function checkCompatibility(value: unknown, report: Report): void {
  if (value === undefined || COMPATIBILITIES.some((known) => known === value)) return;
  const fix = typeof value === 'string' ? didYouMean(value, COMPATIBILITIES) : undefined;
  report(
    ['x-compatibility'],
    `x-compatibility is ${JSON.stringify(value)}; expected one of ${COMPATIBILITIES.join(', ')}`,
    fix,
  );
}

/** The key must be there in every valid message, as text or a whole number: a message without it would lose its order. */
function checkKey(root: Schema, report: Report): void {
  const pointer = root['x-key'];
  if (pointer === undefined) return;
  const segments = typeof pointer === 'string' ? parsePointer(pointer) : undefined;
  if (typeof pointer !== 'string' || segments === undefined || segments.length === 0) {
    report(
      ['x-key'],
      `x-key is ${JSON.stringify(pointer)}; expected a JSON pointer to a property`,
      'Write it like "/orderId".',
    );
    return;
  }
  let node: unknown = root;
  const walked: string[] = [];
  for (const segment of segments) {
    const shapes = shapesOf(root, node);
    const field = fieldOf(shapes, segment);
    walked.push(segment);
    const place = `/${walked.join('/')}`;
    if (field === undefined) {
      const names = shapes.flatMap((shape) => Object.keys(schemaMap(shape['properties'])));
      const meant = didYouMean(segment, names);
      report(['x-key'], `x-key ${pointer}: ${place} is not a property of the contract`, meant);
      return;
    }
    if (!shapes.some((shape) => schemaList(shape['required']).includes(segment))) {
      report(
        ['x-key'],
        `x-key ${pointer}: ${place} is optional, so some messages would have no key`,
        `Add ${JSON.stringify(segment)} to required.`,
      );
      return;
    }
    node = field;
  }
  if (!isKeyShape(shapesOf(root, node))) {
    report(
      ['x-key'],
      `x-key ${pointer} must be a string or an integer, never null`,
      'Give it the type string or integer.',
    );
  }
}

/** The schemas that surely apply to a value: itself, what it refers to, and `allOf`. */
function shapesOf(root: unknown, schema: unknown, seen = new Set<unknown>()): readonly Schema[] {
  if (!isSchema(schema) || seen.has(schema)) return [];
  seen.add(schema);
  const further = [...('$ref' in schema ? [resolveRef(root, schema['$ref'])] : []), ...schemaList(schema['allOf'])];
  return [schema, ...further.flatMap((one) => shapesOf(root, one, seen))];
}

function fieldOf(shapes: readonly Schema[], name: string): unknown {
  for (const shape of shapes) {
    const field = member(schemaMap(shape['properties']), name);
    if (field !== undefined) return field;
  }
  return undefined;
}

function isKeyShape(shapes: readonly Schema[]): boolean {
  return shapes.some((shape) => {
    const types = [shape['type']].flat();
    if (shape['type'] !== undefined) return types.every((type) => type === 'string' || type === 'integer');
    const values = shape['const'] === undefined ? schemaList(shape['enum']) : [shape['const']];
    return values.length > 0 && values.every((value) => typeof value === 'string' || Number.isInteger(value));
  });
}

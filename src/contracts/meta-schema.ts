import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { isSchema, type Schema } from './schema.ts';

let ajv: Ajv2020 | undefined;
const known = new WeakMap<object, readonly ErrorObject[]>();

/**
 * Faults of a schema by the meta-schema of draft 2020-12. That takes longer to compile than most contracts do, so a process compiles it
 * once, for all registries, and asks it once about each schema.
 */
export function metaSchemaErrors(schema: unknown): readonly ErrorObject[] {
  const found = isSchema(schema) ? known.get(schema) : undefined;
  if (found !== undefined) return found;
  ajv ??= new Ajv2020({ allErrors: true, logger: false, code: { optimize: false } });
  const errors = ajv.validateSchema(schemaArgument(schema)) === true ? [] : (ajv.errors ?? []);
  if (isSchema(schema)) known.set(schema, errors);
  return errors;
}

/**
 * What is no schema at all is compiled as one that Ajv refuses with its own words. The dialect is Waybill's to say, so Ajv
 * does not look for another; and contracts may repeat an `$id`, as nothing is looked up by it.
 */
export function schemaArgument(schema: unknown): Schema | boolean {
  if (typeof schema === 'boolean') return schema;
  if (!isSchema(schema)) return { type: schema };
  const { $schema: _dialect, $id: _id, ...rest } = schema;
  return rest;
}

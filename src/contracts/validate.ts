import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { toError, WaybillError } from '../errors.ts';
import { lowerExact } from './exact.ts';
import { compileMask, type Mask } from './mask.ts';
import { metaSchemaErrors, schemaArgument } from './meta-schema.ts';
import { parsePointer } from './pointer.ts';
import { ROOT_ANNOTATIONS, schemaList, schemaMap, walkSchemas } from './schema.ts';
import { ContractError, describeViolation } from './violation.ts';

/** Undefined when the data keeps the schema; else every fault in one error. */
export type Validator = (data: unknown, exact?: boolean) => WaybillError | undefined;

/** A fault of the schema itself; `path` is where in the schema, as far as is known. */
export interface SchemaFault {
  readonly message: string;
  readonly path: readonly string[];
}

/** Compiles the schemas of one registry. Ajv 8, draft 2020-12, strict; formats are asserted. */
export class SchemaCompiler {
  readonly #ajv = makeAjv(false);
  /** For schemas with a property such as `constructor`, which every object has by inheritance; slower. */
  #ownProperties: Ajv2020 | undefined;
  readonly #compiled = new Map<unknown, ValidateFunction>();

  /** Faults by the meta-schema, all of them, else the first one that the strict compiler finds. */
  check(schema: unknown): readonly SchemaFault[] {
    const faults = metaSchemaErrors(schema);
    if (faults.length > 0) {
      return faults.map((error) => ({
        message: `${error.message ?? error.keyword}${error.keyword === 'enum' ? `: ${String(error.params['allowedValues'])}` : ''}`,
        path: parsePointer(error.instancePath) ?? [],
      }));
    }
    try {
      this.#compile(schema);
      return [];
    } catch (cause) {
      const { message } = toError(cause);
      const place = /"#(\/[^"]*)?"/.exec(message);
      return [{ message, path: parsePointer(place?.[1] ?? '') ?? [] }];
    }
  }

  /** Compiles on the first call of the validator. */
  validator(ref: string, schema: unknown, mask: Mask): Validator {
    let compiled: ValidateFunction | undefined;
    return (data, exact = true) => {
      compiled ??= this.#compile(schema);
      const seen = exact ? lowerExact(data) : data;
      try {
        if (compiled(seen)) return undefined;
      } catch (cause) {
        // Comparing (uniqueItems, const) calls `valueOf`, which objects without a prototype lack and data may define.
        return new WaybillError(
          'WB_CONTRACT_VIOLATED',
          `the data cannot be compared as ${ref} asks: ${toError(cause).message}`,
          {
            cause,
            fix: 'Use plain objects, and no property named valueOf or toString in lists of different items.',
          },
        );
      }
      return new ContractError(ref, violations(compiled.errors ?? [], mask));
    };
  }

  /** What was expected of a value at a pointer of a schema (a URI fragment); undefined when it may stand there. */
  refusal(ref: string, schema: unknown, pointer: string, value: unknown): string | undefined {
    const validate = this.#part(ref, schema, pointer);
    if (validate === undefined || validate(value)) return undefined;
    return violations(validate.errors ?? [], compileMask({}))
      .map(({ expected }) => expected)
      .join(', ');
  }

  #part(ref: string, schema: unknown, pointer: string): ValidateFunction | undefined {
    const root = `waybill:${ref}`;
    if (metaSchemaErrors(schema).length > 0) return undefined;
    const ajv = namesInherited(schema) ? (this.#ownProperties ??= makeAjv(true)) : this.#ajv;
    try {
      if (ajv.getSchema(root) === undefined) ajv.addSchema(schemaArgument(schema), root);
      return ajv.getSchema(`${root}#${pointer}`);
    } catch {
      // Told as a fault of the contract itself, by `check`.
      return undefined;
    }
  }

  #compile(schema: unknown): ValidateFunction {
    const known = this.#compiled.get(schema);
    if (known !== undefined) return known;
    const [fault] = metaSchemaErrors(schema);
    if (fault !== undefined) throw new Error(`schema is invalid: data${fault.instancePath} ${fault.message ?? ''}`);
    const ajv = namesInherited(schema) ? (this.#ownProperties ??= makeAjv(true)) : this.#ajv;
    const validate = ajv.compile(schemaArgument(schema));
    this.#compiled.set(schema, validate);
    return validate;
  }
}

function makeAjv(ownProperties: boolean): Ajv2020 {
  const ajv = new Ajv2020({
    strict: true,
    // Asked in `metaSchemaErrors`, once a process.
    validateSchema: false,
    // Of its own check (annotations.ts), as this one refuses `anyOf: [{ required: ... }]`.
    strictRequired: false,
    allowUnionTypes: true,
    allErrors: true,
    verbose: true,
    ownProperties,
    // 19.99 is a multiple of 0.01, whatever binary division says.
    multipleOfPrecision: 6,
    logger: false,
  });
  formats.default(ajv);
  // Their values are checked in annotations.ts.
  ajv.addVocabulary([...ROOT_ANNOTATIONS, 'x-sensitive']);
  return ajv;
}

function namesInherited(schema: unknown): boolean {
  for (const { schema: node } of walkSchemas(schema)) {
    const names = [...Object.keys(schemaMap(node['properties'])), ...schemaList(node['required'])];
    if (names.some((name) => typeof name === 'string' && name in Object.prototype)) return true;
  }
  return false;
}

/** `if` only says that `then` or `else` failed, whose own faults are listed. */
function violations(errors: readonly ErrorObject[], mask: Mask): ReturnType<typeof describeViolation>[] {
  const told = errors.filter((error) => error.keyword !== 'if');
  return (told.length > 0 ? told : errors).map((error) => describeViolation(error, mask));
}

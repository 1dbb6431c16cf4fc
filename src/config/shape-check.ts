import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Static, TSchema } from 'typebox';
import type { DocumentPath } from './definition.ts';
import { type Explanation, explain } from './explain.ts';
import type { QuantityRule } from './shape.ts';
import { parseQuantity } from './units.ts';

/** What is wrong with a value, where, in words for people. */
export interface ShapeProblem extends Explanation {
  readonly path: DocumentPath;
  /** Whether it is the key that is wrong rather than the value. */
  readonly key: boolean;
}

export type Shaped<T> = { readonly value: T } | { readonly problems: readonly ShapeProblem[] };

/** Checks values against declarations, fills defaults in and turns quantities into numbers. Holds the compiled checks. */
export class ShapeCheck {
  readonly #compiled = new Map<TSchema, ValidateFunction>();
  readonly #ajv = new Ajv2020({
    allErrors: true,
    strict: true,
    strictRequired: false,
    verbose: true,
    useDefaults: true,
    // Declarations are Waybill's own; and each check runs a few times, so optimising its code does not pay.
    validateSchema: false,
    code: { optimize: false },
    keywords: [
      'x-expected',
      { keyword: 'quantity', type: 'string', modifying: true, errors: false, validate: toNumber },
    ],
  });

  /**
   * @param written the value as it stands in the file, which is what problems show: never what a reference resolved to
   */
  check<S extends TSchema>(schema: S, value: unknown, written: unknown = value): Shaped<Static<S>> {
    const validate = this.#validator<Static<S>>(schema);
    const copy: unknown = structuredClone(value);
    if (validate(copy)) return { value: copy };
    const errors = withoutNoise(validate.errors ?? []);
    return { problems: errors.map((error) => toProblem(error, written)) };
  }

  #validator<T>(schema: TSchema): ValidateFunction<T> {
    const known = this.#compiled.get(schema);
    if (known !== undefined) return known as ValidateFunction<T>;
    const compiled = this.#ajv.compile<T>(schema);
    this.#compiled.set(schema, compiled);
    return compiled;
  }
}

function toNumber(
  rule: QuantityRule,
  text: string,
  _schema?: unknown,
  at?: { parentData: Record<string | number, unknown>; parentDataProperty: string | number },
): boolean {
  const amount = parseQuantity(rule.unit, text);
  if (amount === undefined || amount < rule.least || amount > rule.most) return false;
  if (at !== undefined) at.parentData[at.parentDataProperty] = amount;
  return true;
}

/**
 * Of a choice between forms only the faults of the form that was meant: the one that takes this kind of value. Ajv reports
 * all forms' faults, which tells nobody anything.
 */
function withoutNoise(errors: readonly ErrorObject[]): ErrorObject[] {
  let kept = [...errors];
  for (const choice of errors.filter(({ keyword }) => keyword === 'anyOf')) {
    const forms: readonly unknown[] = Array.isArray(choice.schema) ? choice.schema : [];
    const meant = forms.findIndex((form) => takes(form, choice.data));
    const below = `${choice.schemaPath}/`;
    const chosen = `${below}${String(meant)}/`;
    kept = kept.filter((error) => {
      if (error === choice) return meant === -1;
      const inside =
        error.schemaPath.startsWith(below) && `${error.instancePath}/`.startsWith(`${choice.instancePath}/`);
      return !inside || (meant !== -1 && error.schemaPath.startsWith(chosen));
    });
  }
  return kept;
}

function takes(form: unknown, value: unknown): boolean {
  if (typeof form !== 'object' || form === null || !('type' in form)) return false;
  const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  return form.type === kind;
}

function toProblem(error: ErrorObject, written: unknown): ShapeProblem {
  const base = fromPointer(error.instancePath, written);
  const unknown = error.keyword === 'additionalProperties' ? String(error.params['additionalProperty']) : undefined;
  const path = unknown === undefined ? base : [...base, unknown];
  return {
    path,
    key: unknown !== undefined || error.keyword === 'required',
    ...explain(error, path, valueAt(written, base)),
  };
}

/** A JSON pointer as keys and indexes: an index only where a list stands. */
function fromPointer(pointer: string, root: unknown): DocumentPath {
  let node = root;
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      const step = Array.isArray(node) ? Number(key) : key;
      node = valueAt(node, [step]);
      return step;
    });
}

export function valueAt(root: unknown, path: DocumentPath): unknown {
  return path.reduce<unknown>((node, step) => {
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, step)) return undefined;
    return (node as Record<string | number, unknown>)[step];
  }, root);
}

import type { ErrorCode } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import { itemsOf } from './access.ts';
import { listTarget, type Misfit, misfit, objectTarget } from './assign.ts';
import type { ExpressionEnv } from './checking.ts';
import { compileRun } from './compile.ts';
import type { Bound } from './compile-loops.ts';
import type { ExpressionFault, Span } from './fault.ts';
import type { EvaluationInput, Run } from './functions/declare.ts';
import { readForm } from './mapping-form.ts';
import { constantRun, eachRun, leafRun, listRun, objectRun } from './mapping-run.ts';
import { typeFromSchema } from './schema-type.ts';
import {
  DYN,
  describeType,
  type FieldType,
  listOf,
  mayBeNull,
  NEVER,
  type Type,
  typeOfValue,
  unionOf,
} from './types.ts';
import { NONE } from './values.ts';

/** A checked mapping: what stands under `set`, or under `up` and `down` of a cast. */
export interface CompiledMapping {
  /** For people: `a mapping to oms.order.create@2`. */
  readonly source: string;
  readonly type: Type;
  /**
   * New JSON; parts of the input are shared, not copied. Pure and synchronous.
   * @throws WB_EXPRESSION_FAILED, WB_EXPRESSION_ABSENT, WB_NUMBER_EXACT; none retryable
   */
  evaluate(input: EvaluationInput): unknown;
}

export interface MappingFault extends ExpressionFault {
  /** Where in the mapping: the keys and indexes that lead to it. `start` and `end` are offsets in the text there. */
  readonly path: MappingPath;
}

export type MappingPath = readonly (string | number)[];

export interface MappingCompilation {
  /** Undefined after a fault. */
  readonly expression?: CompiledMapping;
  readonly type: Type;
  readonly faults: readonly MappingFault[];
}

/**
 * Compiles a mapping, and checks it against the schema its result must keep.
 *
 * | in YAML                           | gives                                                              |
 * |-----------------------------------|--------------------------------------------------------------------|
 * | text                              | the value of the expression; left out when it is an optional none  |
 * | number, true, false, null         | itself                                                             |
 * | `{ $const: ... }`                 | what stands there                                                  |
 * | `{ $each: list, $as: name, $set }`| a list: `$set` for each item                                       |
 * | an object                         | an object of mappings                                              |
 * | a list                            | a list of mappings                                                 |
 */
export function compileMapping(
  document: unknown,
  env: ExpressionEnv,
  targetSchema?: unknown,
  targetName = 'the target contract',
): MappingCompilation {
  const compiler = new MappingCompiler(env, targetName);
  const target = targetSchema === undefined ? undefined : typeFromSchema(targetSchema);
  const piece = compiler.piece(document, { path: [], target, locals: new Map(), bound: new Map() });
  const { run, type } = piece;
  if (run === undefined || compiler.faults.length > 0) return { type, faults: compiler.faults };
  const source = targetSchema === undefined ? 'a mapping' : `a mapping to ${targetName}`;
  const evaluate = (input: EvaluationInput): unknown => {
    const value = run(input);
    return value === NONE ? undefined : value;
  };
  return { expression: { source, type, evaluate }, type, faults: [] };
}

/** A part of the mapping and where it stands. */
interface Place {
  readonly path: MappingPath;
  /** What the result must be; undefined where nothing is said. */
  readonly target: Type | undefined;
  /** Variables of `$as`: their types, and the cells they stand in. */
  readonly locals: ReadonlyMap<string, Type>;
  readonly bound: Bound;
}

interface Piece {
  /** Optional where it may be left out. */
  readonly type: Type;
  readonly run?: Run;
}

class MappingCompiler {
  readonly faults: MappingFault[] = [];
  readonly #env: ExpressionEnv;
  readonly #targetName: string;

  constructor(env: ExpressionEnv, targetName: string) {
    this.#env = env;
    this.#targetName = targetName;
  }

  piece(document: unknown, place: Place): Piece {
    if (typeof document === 'string') return this.#expression(document, place);
    if (Array.isArray(document)) return this.#list(document, place);
    if (typeof document === 'object' && document !== null) return this.#object(document, place);
    if (document === null || typeof document === 'number' || typeof document === 'boolean') {
      return this.#constant(document, JSON.stringify(document), place);
    }
    this.#fault('WB_MAPPING_FORM', place.path, `${typeof document} has no meaning in a mapping`);
    return { type: DYN };
  }

  #constant(value: unknown, what: string, place: Place): Piece {
    const type = typeOfValue(value);
    this.#checkType(type, place, what);
    return { type, run: constantRun(value) };
  }

  #expression(source: string, place: Place): Piece {
    const { run, node, type, faults } = compileRun(source, this.#env, 'value', place.locals, place.bound);
    for (const fault of faults) this.faults.push({ ...this.#hinted(fault, source, place), path: place.path });
    if (run === undefined || node === undefined) return { type: DYN };
    this.#checkType(type.kind === 'optional' ? type.of : type, place, source, { start: 0, end: source.length });
    return { type, run: leafRun(source, place.path, run, node) };
  }

  /** A code written without its quotes is the commonest slip: YAML takes one pair of them away. */
  #hinted(fault: ExpressionFault, source: string, place: Place): ExpressionFault {
    if (fault.code !== 'WB_EXPRESSION_FIELD' || fault.fix !== undefined || !/^[\w-]+$/.test(source)) return fault;
    if (place.target !== undefined && misfit(typeOfValue(source), place.target, source) !== undefined) return fault;
    return { ...fault, fix: `for the text ${source} write { $const: ${source} }` };
  }

  #list(items: readonly unknown[], place: Place): Piece {
    const target = listTarget(place.target);
    const before = this.faults.length;
    const pieces = items.map((item, i) =>
      this.piece(item, { ...place, path: [...place.path, i], target: target?.first[i] ?? target?.items }),
    );
    const first = pieces.map(({ type }) => type);
    const type: Type = first.some(({ kind }) => kind === 'optional')
      ? listOf(unionOf(first.map(valueOf)))
      : { kind: 'list', first, items: NEVER, minItems: first.length, maxItems: first.length };
    // Its length, and items that move up where one is left out.
    if (this.faults.length === before) this.#checkType(type, place, 'the value');
    return this.#whole(type, pieces, (runs) => listRun(runs));
  }

  #object(document: object, place: Place): Piece {
    const words = Object.keys(document).filter((name) => name.startsWith('$'));
    if (words.length > 0) return this.#special(document, words, place);
    const target = objectTarget(place.target);
    const fields = new Map<string, FieldType>();
    const pieces = Object.entries(document).map(([name, part]) => {
      const path = [...place.path, name];
      if (name === '__proto__') this.#fault('WB_MAPPING_FORM', path, 'a field cannot be named __proto__');
      const piece = this.piece(part, { ...place, path, target: this.#fieldTarget(name, target, path) });
      fields.set(name, { type: valueOf(piece.type), required: piece.type.kind !== 'optional' });
      return piece;
    });
    const type: Type = { kind: 'object', fields, rest: 'closed' };
    if (target === undefined) this.#checkType(type, place, 'the value');
    else
      for (const [name, field] of target.fields)
        if (field.required) this.#checkRequired(name, field.type, fields.get(name), place);
    const names = Object.keys(document);
    return this.#whole(type, pieces, (runs) => objectRun(names, runs));
  }

  /** The type a field must have. Reports one that the contract does not declare, which would be a slip even where it is allowed. */
  #fieldTarget(name: string, target: ReturnType<typeof objectTarget>, path: MappingPath): Type | undefined {
    if (target === undefined) return undefined;
    const field = target.fields.get(name);
    if (field !== undefined) return field.type;
    if (typeof target.rest === 'object') return target.rest;
    const names = [...target.fields.keys()];
    const fix =
      didYouMean(name, names) ?? (names.length === 0 ? undefined : `there are ${names.slice(0, 12).join(', ')}`);
    this.#fault('WB_MAPPING_FIELD', path, `${path.join('.')} is not in ${this.#targetName}`, fix);
    return undefined;
  }

  #checkRequired(name: string, type: Type, given: FieldType | undefined, place: Place): void {
    if (given?.required === true) return;
    const path = [...place.path, name];
    if (given !== undefined) {
      const message = `${path.join('.')} is required in ${this.#targetName}, and its value may be absent`;
      this.#fault('WB_MAPPING_REQUIRED', path, message, 'give a default with orValue(...)');
      return;
    }
    const needs = type.kind === 'dyn' ? '' : `: ${describeType(type)}`;
    this.#fault(
      'WB_MAPPING_REQUIRED',
      place.path,
      `${path.join('.')} is required in ${this.#targetName} and is not set`,
      `add ${name}${needs}`,
    );
  }

  #special(document: object, words: readonly string[], place: Place): Piece {
    const { faults, ...form } = readForm(document, words);
    for (const { path, message, fix } of faults) this.#fault('WB_MAPPING_FORM', [...place.path, ...path], message, fix);
    if (form.kind === 'const') return this.#constant(form.value, 'the constant', place);
    return form.kind === 'each' ? this.#each(form.over, form.name, form.set, place) : { type: DYN };
  }

  #each(over: unknown, variable: string, set: unknown, place: Place): Piece {
    const list = this.#eachList(over, place);
    const cell = { value: undefined };
    const target = listTarget(place.target);
    const piece = this.piece(set, {
      path: [...place.path, '$set'],
      target: target === undefined || target.first.length > 0 ? undefined : target.items,
      locals: new Map([...place.locals, [variable, list.items]]),
      bound: new Map([...place.bound, [variable, cell]]),
    });
    const type = listOf(valueOf(piece.type), list.minItems);
    if (target === undefined || target.first.length > 0) this.#checkType(type, place, 'the value');
    const { run } = piece;
    const whole: Type = list.optional ? { kind: 'optional', of: type } : type;
    return list.run === undefined || run === undefined
      ? { type: whole }
      : { type: whole, run: eachRun(list.run, cell, run, place.path) };
  }

  #eachList(
    over: unknown,
    place: Place,
  ): { readonly items: Type; readonly minItems: number; readonly optional: boolean; readonly run?: Run } {
    const path = [...place.path, '$each'];
    if (typeof over !== 'string') {
      this.#fault(
        'WB_MAPPING_FORM',
        path,
        '$each needs an expression that gives a list',
        'write for example $each: data.lines',
      );
      return { items: DYN, minItems: 0, optional: false };
    }
    const { type, run } = this.#expression(over, { ...place, path, target: undefined });
    const list = valueOf(type);
    const items = list.kind === 'list' || list.kind === 'dyn' ? itemsOf(list) : undefined;
    if (items === undefined) {
      const fix = mayBeNull(list) ? `write $each: "${over} != null ? ${over} : []"` : undefined;
      this.#fault('WB_MAPPING_TYPE', path, `$each needs a list, and ${over} is ${describeType(list)}`, fix, {
        start: 0,
        end: over.length,
      });
    }
    const minItems = list.kind === 'list' ? list.minItems : 0;
    return { items: items ?? DYN, minItems, optional: type.kind === 'optional', ...(run === undefined ? {} : { run }) };
  }

  #whole(type: Type, pieces: readonly Piece[], build: (runs: readonly Run[]) => Run): Piece {
    const runs = pieces.flatMap(({ run }) => (run === undefined ? [] : [run]));
    return runs.length < pieces.length ? { type: DYN } : { type, run: build(runs) };
  }

  #checkType(type: Type, place: Place, what: string, span?: Span): void {
    if (place.target === undefined) return;
    const found = misfit(type, place.target, what);
    if (found !== undefined) this.#misfit(found, place, span);
  }

  #misfit({ code, message, fix }: Misfit, place: Place, span?: Span): void {
    const field = place.path.join('.');
    const named = field === '' ? message : `${message} for ${field} of ${this.#targetName}`;
    this.#fault(code, place.path, named, fix, span);
  }

  #fault(code: ErrorCode, path: MappingPath, message: string, fix?: string, span: Span = { start: 0, end: 0 }): void {
    this.faults.push({ code, message, path, ...span, ...(fix === undefined ? {} : { fix }) });
  }
}

function valueOf(type: Type): Type {
  return type.kind === 'optional' ? type.of : type;
}

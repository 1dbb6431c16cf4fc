import { toError, WaybillError } from '../errors.ts';
import { ExactNumber } from '../json.ts';
import { checkExpression } from './check.ts';
import type { ExpressionEnv } from './checking.ts';
import type { Bound } from './compile-loops.ts';
import { compileNode } from './compile-node.ts';
import type { ExpressionFault } from './fault.ts';
import type { EvaluationInput, Run } from './functions/declare.ts';
import { parseExpression } from './parse.ts';
import { type Node, pathOf } from './syntax.ts';
import { DYN, type Type, typeOfValue } from './types.ts';
import { ABSENT, describeValue, ExpressionFailure, inexact, NONE } from './values.ts';

/** A checked expression. */
export interface CompiledCel {
  readonly source: string;
  /** Of its value; `optional` where it may have none. */
  readonly type: Type;
  /** The tree, for whoever looks for clauses to index. */
  readonly node: Node;
  /**
   * A `predicate` gives true or false, false where a field is absent; a `value` gives JSON, or undefined for an optional value
   * that is none. Pure and synchronous.
   * @throws WB_EXPRESSION_FAILED, WB_EXPRESSION_ABSENT (values only), WB_NUMBER_EXACT; none retryable
   */
  evaluate(input: EvaluationInput): unknown;
}

export interface Compilation {
  /** Undefined after a fault. */
  readonly expression?: CompiledCel;
  /** `dyn` after a fault. */
  readonly type: Type;
  readonly faults: readonly ExpressionFault[];
}

/** Parses, checks and compiles an expression. Reports every fault. */
export function compileExpression(source: string, env: ExpressionEnv, kind: 'predicate' | 'value'): Compilation {
  const { run, node, type, faults } = compileRun(source, env, kind, new Map(), new Map());
  if (run === undefined || node === undefined) return { type, faults };
  const evaluate = kind === 'predicate' ? predicateOf(source, run) : valueOf(source, run, node);
  return { expression: { source, type, node, evaluate }, type, faults };
}

interface RunCompilation {
  readonly run?: Run;
  readonly node?: Node;
  readonly type: Type;
  readonly faults: readonly ExpressionFault[];
}

/** As `compileExpression`, with variables of a mapping around it, and the value as the closures give it. */
export function compileRun(
  source: string,
  env: ExpressionEnv,
  kind: 'predicate' | 'value',
  locals: ReadonlyMap<string, Type>,
  bound: Bound,
): RunCompilation {
  const parsed = parseExpression(source);
  if (parsed.node === undefined) return { type: DYN, faults: parsed.faults };
  const { node } = parsed;
  const { type, faults } = checkExpression(source, node, env, kind, locals);
  if (faults.length > 0) return { type: DYN, faults };
  const { run, constant } = compileNode(node, bound);
  return { run, node, type: constant === undefined ? type : typeOfValue(constant.value), faults };
}

function predicateOf(source: string, run: Run): (input: EvaluationInput) => boolean {
  return (input) => {
    let value: unknown;
    try {
      value = run(input);
    } catch (thrown) {
      throw failed(source, thrown);
    }
    if (value === true) return true;
    if (value === false || value === ABSENT) return false;
    throw failed(source, new ExpressionFailure(`a predicate needs true or false, not ${describeValue(value)}`));
  };
}

function valueOf(source: string, run: Run, node: Node): (input: EvaluationInput) => unknown {
  return (input) => {
    let value: unknown;
    try {
      value = run(input);
    } catch (thrown) {
      throw failed(source, thrown);
    }
    if (value === NONE) return undefined;
    if (value === ABSENT) throw absent(source, absentPath(node, input));
    if (value instanceof ExactNumber) throw failed(source, inexact(value));
    return value;
  };
}

/** The error of an evaluation, by the expression's name: its source. */
export function failed(source: string, thrown: unknown): Error {
  if (!(thrown instanceof ExpressionFailure)) return toError(thrown);
  const message = `${thrown.message}, in ${source}`;
  if (thrown.code !== 'WB_NUMBER_EXACT') return new WaybillError(thrown.code, message);
  const fix =
    'Carry it as a string in the contract, leave the message unchanged on this route, or write text(...) around it.';
  return new WaybillError(thrown.code, message, { fix });
}

export function absent(source: string, path: string | undefined): WaybillError {
  const message = path === undefined ? `a field is absent, in ${source}` : `${path} is absent, in ${source}`;
  return new WaybillError('WB_EXPRESSION_ABSENT', message, {
    fix: 'Use .?field, orValue(...) or has(...) for a field that may be absent.',
  });
}

/** The first field of the expression that is absent in this message. Only for the message of an error. */
export function absentPath(node: Node, input: EvaluationInput): string | undefined {
  for (const part of walk(node)) {
    const path = part.kind === 'field' ? pathOf(part) : undefined;
    if (path === undefined || !/^(data|meta|vars)\b/.test(path)) continue;
    if (compileNode(part).run(input) === ABSENT) return path;
  }
  return undefined;
}

/** Innermost first. */
function* walk(node: Node): Generator<Node> {
  for (const child of childrenOf(node)) yield* walk(child);
  yield node;
}

function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'literal':
    case 'name':
      return [];
    case 'field':
    case 'has':
    case 'unary':
      return [node.of];
    case 'index':
      return [node.of, node.index];
    case 'call':
      return node.args;
    case 'list':
      return node.items;
    case 'map':
      return node.entries.flat();
    case 'binary':
    case 'logic':
      return [node.left, node.right];
    case 'choice':
      return [node.when, node.then, node.else];
    case 'loop':
      return node.where === undefined ? [node.over, node.body] : [node.over, node.where, node.body];
    case 'bind':
      return [node.value, node.body];
  }
}

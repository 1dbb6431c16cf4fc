import { ExactNumber } from '../json.ts';
import { type Bound, compileLoop } from './compile-loops.ts';
import { compileBinary, compileLogic, compileUnary } from './compile-operators.ts';
import type { BuildContext, EvaluationInput, Meta, Operand, Run } from './functions/declare.ts';
import { functionNamed } from './functions/table.ts';
import { type ChoiceNode, type FieldNode, type IndexNode, isOptional, type MapNode, type Node } from './syntax.ts';
import { ABSENT, ExpressionFailure, isList, isObject, NONE, refuse } from './values.ts';

/**
 * Compiles a checked tree to closures, one for each node, over plain JSON values. A variable of a macro lives in a cell that
 * its closures share: evaluation is synchronous and an expression cannot call itself, so a cell has one user at a time.
 */
export function compileNode(node: Node, bound: Bound = new Map()): Operand {
  return new Compiler().compile(node, bound);
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

const META: Readonly<Record<string, (meta: Meta) => unknown>> = {
  id: (meta) => meta.id,
  type: (meta) => meta.type,
  version: (meta) => meta.version,
  source: (meta) => meta.source,
  subject: (meta) => meta.subject ?? ABSENT,
  time: (meta) => meta.time,
  key: (meta) => meta.key ?? ABSENT,
  headers: (meta) => meta.headers ?? NO_HEADERS,
};

const VARIABLES: Readonly<Record<string, Run>> = {
  data: (input) => input.data,
  vars: (input) => input.vars,
};

class Compiler {
  compile(node: Node, bound: Bound): Operand {
    switch (node.kind) {
      case 'literal':
        return constant(node.value);
      case 'name': {
        const cell = bound.get(node.name);
        return { run: cell === undefined ? (VARIABLES[node.name] ?? (() => ABSENT)) : () => cell.value };
      }
      case 'field':
        return this.#field(node, bound);
      case 'index':
        return this.#index(node, bound);
      case 'list': {
        const items = node.items.map((item) => this.compile(item, bound));
        return folded(items, listRun(items.map((item) => item.run)));
      }
      case 'map':
        return this.#map(node, bound);
      case 'unary': {
        const of = this.compile(node.of, bound);
        return folded([of], compileUnary(node.op, of.run));
      }
      case 'binary': {
        const [left, right] = [this.compile(node.left, bound), this.compile(node.right, bound)];
        return folded([left, right], compileBinary(node.op, left, right));
      }
      case 'logic': {
        const [left, right] = [this.compile(node.left, bound), this.compile(node.right, bound)];
        return folded([left, right], compileLogic(node.op, left.run, right.run));
      }
      case 'choice':
        return this.#choice(node, bound);
      case 'call': {
        const args = node.args.map((arg) => this.compile(arg, bound));
        const form = functionNamed(node.name)?.forms.find(({ params }) => params.length === args.length);
        if (form === undefined) throw new ExpressionFailure(`there is no function ${node.name}`);
        const context: BuildContext = { name: node.name };
        return folded(node.name === 'lookup' ? [{ run: () => ABSENT }] : args, form.build(args, context));
      }
      case 'has': {
        const { run } = this.compile(node.of, bound);
        return {
          run: (input) => {
            const value = run(input);
            return value !== ABSENT && value !== NONE;
          },
        };
      }
      case 'loop':
        return { run: compileLoop(node, this, bound) };
      case 'bind': {
        const value = this.compile(node.value, bound).run;
        const cell: { value: unknown } = { value: ABSENT };
        const body = this.compile(node.body, new Map([...bound, [node.name, cell]])).run;
        return {
          run: (input) => {
            const bindTo = value(input);
            if (bindTo === ABSENT) return ABSENT;
            cell.value = bindTo;
            const result = body(input);
            cell.value = ABSENT;
            return result;
          },
        };
      }
    }
  }

  #field(node: FieldNode, bound: Bound): Operand {
    const { of, name } = node;
    if (of.kind === 'name' && of.name === 'meta' && !bound.has('meta')) {
      const read = META[name] ?? (() => ABSENT);
      return { run: node.optional ? (input) => orNone(read(input.envelope)) : (input) => read(input.envelope) };
    }
    const target = this.compile(of, bound);
    const read = readerOf(name);
    const run = fieldRun(target.run, read, isOptional(node));
    // data.x is what most expressions are made of: one closure less.
    if (of.kind === 'name' && of.name === 'data' && !bound.has('data') && !node.optional) {
      return { run: (input: EvaluationInput) => read(input.data) };
    }
    return folded([target], run);
  }

  #index(node: IndexNode, bound: Bound): Operand {
    const of = this.compile(node.of, bound);
    const index = this.compile(node.index, bound);
    const optional = isOptional(node);
    const run: Run = (input) => {
      const target = of.run(input);
      if (target === ABSENT || target === NONE) return target;
      const at = index.run(input);
      if (at === ABSENT) return ABSENT;
      const value = itemOf(target, at);
      return value === ABSENT && optional ? NONE : value;
    };
    return folded([of, index], run);
  }

  #map(node: MapNode, bound: Bound): Operand {
    const keys = node.entries.map(([key]) => this.compile(key, bound));
    const values = node.entries.map(([, value]) => this.compile(value, bound));
    const run: Run = (input) => {
      const fields: Record<string, unknown> = {};
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i]?.run(input);
        if (typeof key !== 'string') return refuse(key, 'the fields of an object are named by text');
        const value = values[i]?.run(input);
        if (value === ABSENT) return ABSENT;
        setField(fields, key, value);
      }
      return fields;
    };
    return folded([...keys, ...values], run);
  }

  #choice(node: ChoiceNode, bound: Bound): Operand {
    const when = this.compile(node.when, bound);
    const then = this.compile(node.then, bound);
    const otherwise = this.compile(node.else, bound);
    if (when.constant?.value === true) return then;
    if (when.constant?.value === false) return otherwise;
    const condition = when.run;
    const [yes, no] = [then.run, otherwise.run];
    return {
      run: (input) => {
        const value = condition(input);
        if (value === true) return yes(input);
        return value === false ? no(input) : refuse(value, 'the condition of ? : needs true or false');
      },
    };
  }
}

function constant(value: unknown): Operand {
  return { run: () => value, constant: { value } };
}

/** A piece whose operands are all constant is constant; one that has no value stays, and fails when it is run. */
function folded(operands: readonly Operand[], run: Run): Operand {
  if (operands.some((operand) => operand.constant === undefined)) return { run };
  try {
    const value = run(NO_INPUT);
    return value === ABSENT || value === NONE ? { run } : constant(value);
  } catch (thrown) {
    if (thrown instanceof ExpressionFailure) return { run };
    throw thrown;
  }
}

/** For what sees only data, such as a cast. */
export function dataOnly(data: unknown): EvaluationInput {
  return { data, vars: NO_VARS, envelope: NO_ENVELOPE };
}

const NO_VARS = Object.freeze({});
const NO_ENVELOPE: Meta = Object.freeze({ id: '', type: '', version: 1, source: '', time: '' });
const NO_INPUT = dataOnly(null);

function orNone(value: unknown): unknown {
  return value === ABSENT ? NONE : value;
}

function fieldRun(of: Run, read: (target: unknown) => unknown, optional: boolean): Run {
  if (!optional) return (input) => read(of(input));
  return (input) => {
    const target = of(input);
    return target === ABSENT || target === NONE ? target : orNone(read(target));
  };
}

/** Names that a plain object, a list or an ExactNumber answers to although they are no fields of data. */
function isInherited(name: string): boolean {
  return (
    name in Object.prototype ||
    name in Array.prototype ||
    name in ExactNumber.prototype ||
    name === 'text' ||
    /^\d+$/.test(name)
  );
}

/** Reads an own field; ABSENT for anything that does not have it. JSON has no undefined, so undefined is absent. */
function readerOf(name: string): (target: unknown) => unknown {
  if (isInherited(name)) {
    return (target) =>
      isObject(target) && Object.hasOwn(target, name)
        ? (target[name] ?? (target[name] === null ? null : ABSENT))
        : ABSENT;
  }
  return (target) => {
    if (!isObjectLike(target)) return ABSENT;
    const value = target[name];
    return value === undefined ? ABSENT : value;
  };
}

function isObjectLike(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function itemOf(target: unknown, at: unknown): unknown {
  if (isList(target)) {
    if (typeof at !== 'number' || !Number.isInteger(at)) return refuse(at, 'the index of a list needs a whole number');
    const item = target[at];
    return item === undefined ? ABSENT : item;
  }
  if (isObject(target)) {
    if (typeof at !== 'string') return refuse(at, 'the fields of an object are named by text');
    return Object.hasOwn(target, at) ? target[at] : ABSENT;
  }
  return ABSENT;
}

/** Sets a field as data, also one that is named `__proto__`. */
function setField(fields: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true });
  else fields[name] = value;
}

function listRun(items: readonly Run[]): Run {
  return (input) => {
    const list: unknown[] = [];
    for (const item of items) {
      const value = item(input);
      if (value === ABSENT) return ABSENT;
      list.push(value);
    }
    return list;
  };
}

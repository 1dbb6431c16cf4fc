import type { EvaluationInput, Operand, Run } from './functions/declare.ts';
import type { LoopNode, Node } from './syntax.ts';
import { ABSENT, ExpressionFailure, isList, isObject, refuse } from './values.ts';

/** Where the value of a macro's variable stands while its body runs. */
export interface Cell {
  value: unknown;
}

export type Bound = ReadonlyMap<string, Cell>;

interface Compiling {
  compile(node: Node, bound: Bound): Operand;
}

export function compileLoop(node: LoopNode, compiler: Compiling, bound: Bound): Run {
  const over = compiler.compile(node.over, bound).run;
  const cell: Cell = { value: ABSENT };
  const inner = new Map([...bound, [node.name, cell]]);
  const body = compiler.compile(node.body, inner).run;
  const where = node.where === undefined ? undefined : compiler.compile(node.where, inner).run;
  const go = loopOver(node, cell, body, where);
  return (input) => {
    const value = over(input);
    const list = isList(value) ? value : isObject(value) ? Object.keys(value) : undefined;
    if (list === undefined) return refuse(value, `${node.loop}() needs a list`);
    const result = go(list, input);
    // Keeps the last item from living as long as the plan.
    cell.value = ABSENT;
    return result;
  };
}

type Go = (list: readonly unknown[], input: EvaluationInput) => unknown;

function loopOver(node: LoopNode, cell: Cell, body: Run, where: Run | undefined): Go {
  const test = (run: Run, input: EvaluationInput): boolean | typeof ABSENT => {
    const value = run(input);
    return typeof value === 'boolean' ? value : refuse(value, `the condition of ${node.loop}() needs true or false`);
  };
  switch (node.loop) {
    case 'all':
      return quantifier(cell, (input) => test(body, input), false);
    case 'exists':
      return quantifier(cell, (input) => test(body, input), true);
    case 'exists_one':
      return (list, input) => {
        let count = 0;
        for (const item of list) {
          cell.value = item;
          const holds = test(body, input);
          if (holds === ABSENT) return ABSENT;
          if (holds) count++;
        }
        return count === 1;
      };
    case 'filter':
      return collect(
        cell,
        (input) => test(body, input),
        () => cell.value,
      );
    case 'map':
      return where === undefined ? mapAll(cell, body) : collect(cell, (input) => test(where, input), body);
  }
}

function mapAll(cell: Cell, body: Run): Go {
  return (list, input) => {
    const results: unknown[] = [];
    for (const item of list) {
      cell.value = item;
      const value = body(input);
      if (value === ABSENT) return ABSENT;
      results.push(value);
    }
    return results;
  };
}

function collect(cell: Cell, holds: (input: EvaluationInput) => boolean | typeof ABSENT, result: Run): Go {
  return (list, input) => {
    const results: unknown[] = [];
    for (const item of list) {
      cell.value = item;
      const taken = holds(input);
      if (taken === ABSENT) return ABSENT;
      if (!taken) continue;
      const value = result(input);
      if (value === ABSENT) return ABSENT;
      results.push(value);
    }
    return results;
  };
}

/** `all` is an && over the items and `exists` an ||, so an item that decides absorbs the absence or failure of others. */
function quantifier(cell: Cell, holds: (input: EvaluationInput) => boolean | typeof ABSENT, decides: boolean): Go {
  return (list, input) => {
    let failure: ExpressionFailure | undefined;
    let absent = false;
    for (const item of list) {
      cell.value = item;
      try {
        const value = holds(input);
        if (value === decides) return decides;
        absent ||= value === ABSENT;
      } catch (thrown) {
        if (!(thrown instanceof ExpressionFailure)) throw thrown;
        failure ??= thrown;
      }
    }
    if (failure !== undefined) throw failure;
    return absent ? ABSENT : !decides;
  };
}

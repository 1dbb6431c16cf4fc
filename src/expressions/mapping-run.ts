import { ExactNumber } from '../json.ts';
import { absent, absentPath, failed } from './compile.ts';
import type { Cell } from './compile-loops.ts';
import type { Run } from './functions/declare.ts';
import type { Node } from './syntax.ts';
import { ABSENT, describeValue, ExpressionFailure, inexact, isList, NONE } from './values.ts';

type Path = readonly (string | number)[];

/** The closures of a mapping. Each gives JSON, or NONE for what is left out; none gives ABSENT. */
export function constantRun(value: unknown): Run {
  return () => value;
}

/** `path` names the leaf in errors: `customer.name: vars.customer.name`. */
export function leafRun(source: string, path: Path, run: Run, node: Node): Run {
  const name = path.length === 0 ? source : `${path.join('.')}: ${source}`;
  return (input) => {
    let value: unknown;
    try {
      value = run(input);
    } catch (thrown) {
      throw failed(name, thrown);
    }
    if (value === ABSENT) throw absent(name, absentPath(node, input));
    if (value instanceof ExactNumber) throw failed(name, inexact(value));
    return value;
  };
}

export function objectRun(names: readonly string[], runs: readonly Run[]): Run {
  const parts = runs.map((run, i) => ({ name: names[i] ?? '', run }));
  return (input) => {
    const fields: Record<string, unknown> = {};
    for (const { name, run } of parts) {
      const value = run(input);
      if (value !== NONE) fields[name] = value;
    }
    return fields;
  };
}

export function listRun(runs: readonly Run[]): Run {
  return (input) => {
    const list: unknown[] = [];
    for (const run of runs) {
      const value = run(input);
      if (value !== NONE) list.push(value);
    }
    return list;
  };
}

export function eachRun(over: Run, cell: Cell, set: Run, path: Path): Run {
  return (input) => {
    const list = over(input);
    if (list === NONE) return NONE;
    if (!isList(list)) {
      throw failed(`${path.join('.')}: $each`, new ExpressionFailure(`$each needs a list, not ${describeValue(list)}`));
    }
    const results: unknown[] = [];
    for (const item of list) {
      cell.value = item;
      const value = set(input);
      if (value !== NONE) results.push(value);
    }
    cell.value = undefined;
    return results;
  };
}

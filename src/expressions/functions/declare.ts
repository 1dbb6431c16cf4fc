import type { Type } from '../types.ts';
import { membersOf } from '../types.ts';
import { ABSENT, refuse } from '../values.ts';

/** What an expression is evaluated on; a `RouteMessage` is one. Getters are welcome: only what an expression names is read. */
export interface EvaluationInput {
  readonly data: unknown;
  /** What `meta` reads. */
  readonly envelope: Meta;
  readonly vars: Readonly<Record<string, unknown>>;
  /** What `lookup` reads. @default none */
  readonly tables?: TableValues | undefined;
}

/** The values of tables; the `Tables` of a process are one. */
export interface TableValues {
  /** Undefined for an unknown key. Throws what is no matter of the expression as it is. */
  find(table: string, key: string): unknown;
}

/** What `meta` offers of an envelope; an `Envelope` is one. */
export interface Meta {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly source: string;
  readonly subject?: string | undefined;
  /** RFC 3339 text. */
  readonly time: string;
  readonly key?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A compiled piece of an expression. Gives a JSON value, ABSENT or NONE; throws ExpressionFailure. */
export type Run = (input: EvaluationInput) => unknown;

/** A compiled piece; with a `constant` its value is known before there is a message. */
export interface Operand {
  readonly run: Run;
  readonly constant?: { readonly value: unknown };
}

/** Tables that `lookup` may name. Their values come with what an expression is evaluated on. */
export interface Lookups {
  readonly tables: readonly string[];
  /** @default anything */
  type?(table: string): Type;
  /** The contract of its rows, for messages. @default the table is named instead */
  contract?(table: string): string | undefined;
}

/** A kind of argument: what the checker accepts for it, and how its values are known at run time. */
export interface Kind<T> {
  /** `a number`: for messages and the reference. */
  readonly describe: string;
  /** Whether a type that is neither a union nor `dyn` fits. */
  fits(type: Type): boolean;
  is(value: unknown): value is T;
}

export interface Param {
  readonly name: string;
  readonly kind: Kind<unknown>;
}

/** One way to call a function: with this number of arguments. */
export interface Form {
  readonly params: readonly Param[];
  readonly returns: (args: readonly Type[]) => Type;
  /** Whether a call may give an absent value, such as the first item of a list that may be empty. */
  readonly absent?: (args: readonly Type[]) => boolean;
  readonly build: Build;
}

export type Build = (args: readonly Operand[], context: BuildContext) => Run;

export interface BuildContext {
  /** The function's name, for messages. */
  readonly name: string;
}

export type FunctionGroup = 'values' | 'optional values' | 'numbers' | 'texts' | 'dates' | 'lists' | 'other';

/** One function: its check, its code and its entry in the reference. */
export interface FunctionDeclaration {
  readonly name: string;
  readonly group: FunctionGroup;
  /** Whether CEL has it too; the others are Waybill's own. */
  readonly cel: boolean;
  /** `function`: `size(x)`; `method`: `x.startsWith(y)`; `both`. */
  readonly style: 'function' | 'method' | 'both';
  readonly describe: string;
  /** An expression without variables and its value; a test runs it. */
  readonly example: readonly [expression: string, value: unknown];
  readonly forms: readonly Form[];
}

/** Whether the values of a type fit a kind: all, all but null, only some of a union's members, or none. */
export function fit(type: Type, kind: Kind<unknown>): 'all' | 'null' | 'some' | 'none' {
  if (type.kind === 'dyn' || type.kind === 'never') return 'all';
  const misfits = membersOf(type).filter((member) => !kind.fits(member));
  if (misfits.length === 0) return 'all';
  if (misfits.length === membersOf(type).length) return 'none';
  return misfits.every((member) => member.kind === 'null') ? 'null' : 'some';
}

function argument(args: readonly Operand[], index: number): Run {
  const operand = args[index];
  return operand === undefined ? () => ABSENT : operand.run;
}

/** Code for one argument, run only on values of its kind. */
export function unary<A>(a: Kind<A>, apply: (a: A) => unknown): Build {
  return (args, { name }) => {
    const first = argument(args, 0);
    return (input) => {
      const x = first(input);
      return a.is(x) ? apply(x) : refuse(x, `${name}() needs ${a.describe}`);
    };
  };
}

/** Code for two arguments, run only on values of their kinds. */
export function binary<A, B>(a: Kind<A>, b: Kind<B>, apply: (a: A, b: B) => unknown): Build {
  return (args, { name }) => {
    const first = argument(args, 0);
    const second = argument(args, 1);
    return (input) => {
      const x = first(input);
      if (!a.is(x)) return refuse(x, `${name}() needs ${a.describe}`);
      const y = second(input);
      return b.is(y) ? apply(x, y) : refuse(y, `${name}() needs ${b.describe}`);
    };
  };
}

/** Code for three arguments, run only on values of their kinds. */
export function ternary<A, B, C>(a: Kind<A>, b: Kind<B>, c: Kind<C>, apply: (a: A, b: B, c: C) => unknown): Build {
  return (args, { name }) => {
    const first = argument(args, 0);
    const second = argument(args, 1);
    const third = argument(args, 2);
    return (input) => {
      const x = first(input);
      if (!a.is(x)) return refuse(x, `${name}() needs ${a.describe}`);
      const y = second(input);
      if (!b.is(y)) return refuse(y, `${name}() needs ${b.describe}`);
      const z = third(input);
      return c.is(z) ? apply(x, y, z) : refuse(z, `${name}() needs ${c.describe}`);
    };
  };
}

/** A parameter by name, and its kind. */
export function param(name: string, kind: Kind<unknown>): Param {
  return { name, kind };
}

import type { Faults, Span } from './fault.ts';
import type { Lookups } from './functions/declare.ts';
import type { Facts } from './narrow.ts';
import type { Node } from './syntax.ts';
import type { Type } from './types.ts';

/** What an expression may use. */
export interface ExpressionEnv {
  /** The type of `data`; of a schema by `typeFromSchema`. */
  readonly data: Type;
  /** Where `data` is declared, for messages: `shop.order.placed@1`. */
  readonly dataName: string;
  /** What earlier steps added. @default none */
  readonly vars?: Readonly<Record<string, Type>>;
  /** Whether there may be others, of which nothing is known: an earlier step is at fault. @default false */
  readonly moreVars?: boolean;
  /** Whether there is `meta`; casts see only data. @default true */
  readonly meta?: boolean;
  /** Tables for `lookup`. @default none */
  readonly lookups?: Lookups;
}

/** The type of an expression, and every reason why it may have no value in spite of keeping its types. */
export interface Checked {
  readonly type: Type;
  readonly absences: readonly AbsentPlace[];
}

export interface AbsentPlace extends Span {
  readonly message: string;
  readonly fix: string;
}

/** Variables of macros, and what the conditions on the way prove. */
export interface Scope {
  readonly locals: ReadonlyMap<string, Type>;
  readonly facts: Facts;
}

/** What the parts of the checker share. */
export interface Checking {
  readonly source: string;
  readonly env: ExpressionEnv;
  readonly faults: Faults;
  /** Checks a node; an optional value is fine. */
  check(node: Node, scope: Scope): Checked;
  /** Checks a node where a value is needed: an optional value is a fault. */
  value(node: Node, scope: Scope): Checked;
}

export function always(type: Type, ...from: readonly Checked[]): Checked {
  return { type, absences: from.length === 0 ? [] : from.flatMap((checked) => checked.absences) };
}

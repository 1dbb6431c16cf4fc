import type { Span } from './fault.ts';

/** The tree of an expression: CEL's, with macros recognised, and a field by constant name told apart from an index. */
export type Node =
  | LiteralNode
  | NameNode
  | FieldNode
  | IndexNode
  | CallNode
  | ListNode
  | MapNode
  | UnaryNode
  | BinaryNode
  | LogicNode
  | ChoiceNode
  | HasNode
  | LoopNode
  | BindNode;

export interface LiteralNode extends Span {
  readonly kind: 'literal';
  readonly value: string | number | boolean | null;
}

/** A variable: `data`, `meta`, `vars`, or one of a macro. */
export interface NameNode extends Span {
  readonly kind: 'name';
  readonly name: string;
}

/** `of.name`, `of['name']`; `of.?name` when `optional`. */
export interface FieldNode extends Span {
  readonly kind: 'field';
  readonly of: Node;
  readonly name: string;
  readonly optional: boolean;
  /** Of the name alone. */
  readonly nameSpan: Span;
}

/** `of[index]`; `of[?index]` when `optional`. */
export interface IndexNode extends Span {
  readonly kind: 'index';
  readonly of: Node;
  readonly index: Node;
  readonly optional: boolean;
}

/** `name(args)`, or `args[0].name(...)` when `method`. `optional.of(x)` has the name `optional.of`. */
export interface CallNode extends Span {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Node[];
  readonly method: boolean;
}

export interface ListNode extends Span {
  readonly kind: 'list';
  readonly items: readonly Node[];
}

export interface MapNode extends Span {
  readonly kind: 'map';
  readonly entries: readonly (readonly [key: Node, value: Node])[];
}

export interface UnaryNode extends Span {
  readonly kind: 'unary';
  readonly op: '!' | '-';
  readonly of: Node;
}

export type BinaryOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | '+' | '-' | '*' | '/' | '%';

export interface BinaryNode extends Span {
  readonly kind: 'binary';
  readonly op: BinaryOperator;
  readonly left: Node;
  readonly right: Node;
}

export interface LogicNode extends Span {
  readonly kind: 'logic';
  readonly op: '&&' | '||';
  readonly left: Node;
  readonly right: Node;
}

/** `when ? then : else` */
export interface ChoiceNode extends Span {
  readonly kind: 'choice';
  readonly when: Node;
  readonly then: Node;
  readonly else: Node;
}

export interface HasNode extends Span {
  readonly kind: 'has';
  readonly of: FieldNode;
}

export type LoopName = 'all' | 'exists' | 'exists_one' | 'filter' | 'map';

/** `over.all(name, body)` and its like; `map` may have a `where`. */
export interface LoopNode extends Span {
  readonly kind: 'loop';
  readonly loop: LoopName;
  readonly over: Node;
  readonly name: string;
  readonly where?: Node;
  readonly body: Node;
}

/** `cel.bind(name, value, body)` */
export interface BindNode extends Span {
  readonly kind: 'bind';
  readonly name: string;
  readonly value: Node;
  readonly body: Node;
}

/** `data.shipTo.country`; undefined for what is not a way from a variable through fields and constant indexes. */
export function pathOf(node: Node): string | undefined {
  if (node.kind === 'name') return node.name;
  if (node.kind === 'field') {
    const of = pathOf(node.of);
    return of === undefined ? undefined : joinField(of, node.name);
  }
  if (node.kind === 'index' && node.index.kind === 'literal') {
    const of = pathOf(node.of);
    return of === undefined ? undefined : `${of}[${String(node.index.value)}]`;
  }
  return undefined;
}

export function joinField(of: string, name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? `${of}.${name}` : `${of}['${name}']`;
}

/** Whether a node gives an optional value, which fields read from it stay: `data.?a.b`. */
export function isOptional(node: Node): boolean {
  switch (node.kind) {
    case 'field':
    case 'index':
      return node.optional || isOptional(node.of);
    case 'call':
      return node.name === 'or' || node.name === 'lookup' || node.name.startsWith('optional.');
    case 'choice':
      return isOptional(node.then) || isOptional(node.else);
    case 'bind':
      return isOptional(node.body);
    default:
      return false;
  }
}

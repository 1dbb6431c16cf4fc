import { didYouMean } from '../nearest.ts';
import { itemsOf } from './access.ts';
import { always, type Checked, type Checking, type Scope } from './checking.ts';
import { fit, type Kind } from './functions/declare.ts';
import { A_BOOLEAN, A_COLLECTION, A_LIST, A_NUMBER, A_TEXT } from './functions/kinds.ts';
import { intersect } from './intersect.ts';
import { both, provenBy } from './narrow.ts';
import type { BinaryNode, LogicNode, Node, UnaryNode } from './syntax.ts';
import {
  BOOLEAN,
  DYN,
  describeType,
  kindOnly,
  listOf,
  mayBeNull,
  membersOf,
  NUMBER,
  TEXT,
  type Type,
  unionOf,
  withoutNull,
} from './types.ts';

const A_TIMESTAMP: Kind<unknown> = {
  describe: 'a date()',
  fits: (type) => type.kind === 'timestamp',
  is: (value): value is unknown => typeof value === 'string',
};

/** Reports a value that is not, or not always, of the kind its place needs. @returns whether it is */
export function needs(checking: Checking, node: Node, type: Type, kind: Kind<unknown>, place: string): boolean {
  const fits = fit(type, kind);
  if (fits === 'all') return true;
  const text = textOf(checking, node);
  const { message, fix } = misfitOf(text, type, kind, fits);
  checking.faults.add('WB_EXPRESSION_TYPE', node, `${place} needs ${kind.describe}, and ${text} ${message}`, fix);
  return false;
}

function misfitOf(
  text: string,
  type: Type,
  kind: Kind<unknown>,
  fits: 'null' | 'some' | 'none',
): { readonly message: string; readonly fix: string | undefined } {
  if (fits === 'null') {
    return { message: 'may be null', fix: `ask first: ${text} != null ? ... : ..., or ${text} != null && ...` };
  }
  if (fits === 'some') {
    const others = unionOf(membersOf(type).filter((member) => !kind.fits(member)));
    return { message: `may be ${describeType(others)}`, fix: `where you know that it is not, write dyn(${text})` };
  }
  // Of the right kind and yet not taken: a faulty pattern, a number out of range.
  if (fit(kindOnly(type), kind) === 'all') return { message: 'is none', fix: undefined };
  const fix = kind === A_TEXT && fit(type, A_NUMBER) === 'all' ? `write text(${text})` : undefined;
  return { message: `is ${describeType(kindOnly(type))}`, fix };
}

export function textOf({ source }: Checking, node: Node): string {
  const text = source.slice(node.start, node.end);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

export function checkUnary(checking: Checking, node: UnaryNode, scope: Scope): Checked {
  const of = checking.value(node.of, scope);
  if (node.op === '!') {
    needs(checking, node.of, of.type, A_BOOLEAN, '!');
    return always(BOOLEAN, of);
  }
  if (!needs(checking, node.of, of.type, A_NUMBER, '-')) return always(DYN, of);
  const { type } = of;
  if (type.kind !== 'number') return always(NUMBER, of);
  const values = type.values?.map((value) => -value);
  return always({ kind: 'number', integer: type.integer, ...(values === undefined ? {} : { values }) }, of);
}

export function checkLogic(checking: Checking, node: LogicNode, scope: Scope): Checked {
  const left = checking.value(node.left, scope);
  const facts = both(scope.facts, provenBy(node.left, node.op === '&&'));
  const right = checking.value(node.right, { ...scope, facts });
  needs(checking, node.left, left.type, A_BOOLEAN, node.op);
  needs(checking, node.right, right.type, A_BOOLEAN, node.op);
  return always(BOOLEAN, left, right);
}

export function checkBinary(checking: Checking, node: BinaryNode, scope: Scope): Checked {
  const left = checking.value(node.left, scope);
  const right = checking.value(node.right, scope);
  switch (node.op) {
    case '==':
    case '!=':
      checkEquality(checking, node, left.type, right.type);
      return always(BOOLEAN, left, right);
    case 'in':
      checkIn(checking, node, left.type, right.type, scope);
      return always(BOOLEAN, left, right);
    case '<':
    case '<=':
    case '>':
    case '>=':
      checkOrder(checking, node, left.type, right.type);
      return always(BOOLEAN, left, right);
    default:
      return always(arithmetic(checking, node, left.type, right.type), left, right);
  }
}

function checkEquality(checking: Checking, node: BinaryNode, left: Type, right: Type): void {
  if (isNull(node.right)) checkNull(checking, node.left, left, node);
  else if (isNull(node.left)) checkNull(checking, node.right, right, node);
  else checkOverlap(checking, node, { node: node.left, type: left }, { node: node.right, type: right });
}

function isNull(node: Node): boolean {
  return node.kind === 'literal' && node.value === null;
}

function checkNull(checking: Checking, node: Node, type: Type, at: BinaryNode): void {
  if (type.kind === 'dyn' || type.kind === 'never' || mayBeNull(type)) return;
  const text = textOf(checking, node);
  const fix = node.kind === 'field' ? `to ask whether it is there write has(${text})` : undefined;
  checking.faults.add('WB_EXPRESSION_TYPE', at, `${text} is never null`, fix);
}

interface Side {
  readonly node: Node;
  readonly type: Type;
}

/** Reports two sides that can never be equal, so that a misspelt code is found before any message comes. */
function checkOverlap(checking: Checking, at: Node, left: Side, right: Side): void {
  if (isAny(left.type) || isAny(right.type)) return;
  if (intersect(left.type, right.type).kind !== 'never') return;
  const a = textOf(checking, left.node);
  const b = textOf(checking, right.node);
  const [constant, other] = left.node.kind === 'literal' ? [left, right] : [right, left];
  if (constant.node.kind === 'literal' && sameKind(left.type, right.type)) {
    const { value } = constant.node;
    const known = membersOf(other.type).flatMap((member) => (member.kind === 'string' ? (member.values ?? []) : []));
    const fix = typeof value === 'string' ? didYouMean(value, known)?.replace(/mean (.*)\?$/, "mean '$1'?") : undefined;
    const text = textOf(checking, other.node);
    const literal = textOf(checking, constant.node);
    const message = `${literal} is not a value of ${text}, which is ${describeType(other.type)}`;
    checking.faults.add('WB_EXPRESSION_TYPE', constant.node, message, fix);
    return;
  }
  const dates = [left.type, right.type].some((type) => type.kind === 'timestamp');
  const [kindA, kindB] = [kindOnly(left.type), kindOnly(right.type)].map(describeType);
  const message =
    kindA === kindB
      ? `${a} (${describeType(left.type)}) and ${b} (${describeType(right.type)}) are never equal`
      : `${a} is ${kindA ?? ''} and ${b} is ${kindB ?? ''}: they are never equal`;
  checking.faults.add('WB_EXPRESSION_TYPE', at, message, dates ? 'put the text in date(...) as well' : undefined);
}

function isAny(type: Type): boolean {
  return type.kind === 'dyn' || type.kind === 'never';
}

function sameKind(a: Type, b: Type): boolean {
  return membersOf(a).some((left) => membersOf(b).some((right) => left.kind === right.kind));
}

function checkIn(checking: Checking, node: BinaryNode, left: Type, right: Type, scope: Scope): void {
  if (node.right.kind === 'list') {
    for (const item of node.right.items) {
      const type = checking.value(item, scope).type;
      if (isNull(item)) checkNull(checking, node.left, left, node);
      else checkOverlap(checking, item, { node: node.left, type: left }, { node: item, type });
    }
    return;
  }
  const items = itemsOf(right);
  if (!needs(checking, node.right, right, A_COLLECTION, 'in') || items === undefined) return;
  if (isAny(items) || isAny(left) || intersect(withoutNull(left), items).kind !== 'never') return;
  const message = `${textOf(checking, node.left)} is ${describeType(left)} and is never in ${textOf(checking, node.right)}, which holds ${describeType(items)}`;
  checking.faults.add('WB_EXPRESSION_TYPE', node, message);
}

const ORDERED: readonly Kind<unknown>[] = [A_NUMBER, A_TEXT, A_TIMESTAMP, A_BOOLEAN];

function checkOrder(checking: Checking, node: BinaryNode, left: Type, right: Type): void {
  if (findCommon(checking, node, left, right, ORDERED) !== undefined) return;
  const dates = [left, right].some((type) => type.kind === 'timestamp');
  reportSides(checking, node, left, right, dates ? 'put the text in date(...) as well' : undefined);
}

/** The first kind that both sides fit. A side that may be null is reported, and then counts as the kind. */
function findCommon(
  checking: Checking,
  node: BinaryNode,
  left: Type,
  right: Type,
  kinds: readonly Kind<unknown>[],
): Kind<unknown> | undefined {
  const found = kinds.find((kind) => fit(left, kind) !== 'none' && fit(right, kind) !== 'none');
  if (found === undefined) return undefined;
  needs(checking, node.left, left, found, node.op);
  needs(checking, node.right, right, found, node.op);
  return found;
}

function reportSides(checking: Checking, node: BinaryNode, left: Type, right: Type, fix?: string): void {
  const a = `${textOf(checking, node.left)} is ${describeType(kindOnly(left))}`;
  const b = `${textOf(checking, node.right)} is ${describeType(kindOnly(right))}`;
  checking.faults.add('WB_EXPRESSION_TYPE', node, `${node.op} cannot take these two: ${a} and ${b}`, fix);
}

function arithmetic(checking: Checking, node: BinaryNode, left: Type, right: Type): Type {
  const kinds = node.op === '+' ? [A_NUMBER, A_TEXT, A_LIST] : [A_NUMBER];
  const kind = findCommon(checking, node, left, right, kinds);
  if (kind === undefined) {
    reportSides(checking, node, left, right, arithmeticFix(node, left, right));
    return DYN;
  }
  if (isAny(left) && isAny(right)) return node.op === '+' ? DYN : NUMBER;
  if (kind === A_TEXT) return TEXT;
  if (kind === A_LIST) return listOf(unionOf([itemsOf(left) ?? DYN, itemsOf(right) ?? DYN]));
  const whole = node.op !== '/' && [left, right].every((type) => type.kind === 'number' && type.integer);
  return whole ? { kind: 'number', integer: true } : NUMBER;
}

function arithmeticFix(node: BinaryNode, left: Type, right: Type): string | undefined {
  if ([left, right].some((type) => type.kind === 'timestamp')) return 'use addDays(...) or addMonths(...)';
  if (node.op !== '+') return undefined;
  const text = [left, right].some((type) => fit(type, A_TEXT) === 'all');
  return text ? 'turn the other into text with text(...)' : undefined;
}

import { nearest } from '../nearest.ts';
import { type Absence, type Access, anyFieldOf, fieldOf, itemAt } from './access.ts';
import { needs, textOf } from './check-operators.ts';
import { checkVariable } from './check-variables.ts';
import { type AbsentPlace, always, type Checked, type Checking, type Scope } from './checking.ts';
import { AN_INDEX } from './functions/kinds.ts';
import { type FieldNode, type IndexNode, joinField, type Node, pathOf } from './syntax.ts';
import { DYN, describeType, membersOf, type Type, withoutNull } from './types.ts';

export function checkField(checking: Checking, node: FieldNode, scope: Scope): Checked {
  const of = node.of.kind === 'name' ? checkVariable(checking, node.of, scope) : checking.check(node.of, scope);
  const [type, chained] = of.type.kind === 'optional' ? [of.type.of, true] : [of.type, false];
  return access(checking, node, fieldAt(checking, node, type, scope), of, type, node.optional || chained, scope);
}

function fieldAt(checking: Checking, { of, name }: FieldNode, type: Type, scope: Scope): Access {
  const found = fieldOf(type, name);
  const isVariable = of.kind === 'name' && of.name === 'vars' && !scope.locals.has('vars');
  // What an earlier step says of itself is the fault to mend.
  return !found.found && isVariable && checking.env.moreVars === true ? { found: true, type: DYN } : found;
}

export function checkIndex(checking: Checking, node: IndexNode, scope: Scope): Checked {
  const of = checking.check(node.of, scope);
  const index = checking.value(node.index, scope);
  const [type, chained] = of.type.kind === 'optional' ? [of.type.of, true] : [of.type, false];
  const optional = node.optional || chained;
  const [object] = membersOf(type).filter((member) => member.kind === 'object');
  if (object !== undefined) {
    if (index.type.kind !== 'dyn' && index.type.kind !== 'string') {
      const message = `the fields of an object are named by text, and ${textOf(checking, node.index)} is ${describeType(index.type)}`;
      checking.faults.add('WB_EXPRESSION_TYPE', node.index, message);
    }
    const found: Access = { found: true, type: anyFieldOf(object), absence: 'optional' };
    const field = access(checking, node, found, of, type, optional, scope);
    return always(field.type, field, index);
  }
  if (type.kind !== 'dyn') needs(checking, node.index, index.type, AN_INDEX, 'the index of a list');
  const position = node.index.kind === 'literal' && typeof node.index.value === 'number' ? node.index.value : undefined;
  const checked = access(checking, node, itemAt(type, position), of, type, optional, scope);
  return always(checked.type, checked, index);
}

function access(
  checking: Checking,
  node: FieldNode | IndexNode,
  found: Access,
  of: Checked,
  ofType: Type,
  optional: boolean,
  scope: Scope,
): Checked {
  if (!found.found) {
    notFound(checking, node, found.why, found.names, ofType);
    return always(DYN, of);
  }
  const path = pathOf(node);
  const notNull = path !== undefined && scope.facts.notNull.has(path);
  const type = notNull ? withoutNull(found.type) : found.type;
  if (optional) return always({ kind: 'optional', of: type }, of);
  const present = path !== undefined && scope.facts.present.has(path);
  if (found.absence === undefined || present) return always(type, of);
  return { type, absences: [...of.absences, absenceAt(checking, node, found.absence)] };
}

function notFound(
  checking: Checking,
  node: FieldNode | IndexNode,
  why: 'not-declared' | 'not-object',
  names: readonly string[],
  ofType: Type,
): void {
  const of = textOf(checking, node.of);
  if (why === 'not-object' || node.kind === 'index') {
    const what = node.kind === 'field' ? `has no field ${node.name}` : 'is not a list';
    const hint = membersOf(ofType).some((member) => member.kind === 'list')
      ? `take one item, ${of}[0], or ask of each: ${of}.exists(item, item...)`
      : undefined;
    checking.faults.add('WB_EXPRESSION_TYPE', node, `${of} is ${describeType(ofType)}, which ${what}`, hint);
    return;
  }
  const path = pathOf(node) ?? joinField(of, node.name);
  const near = nearest(node.name, names);
  const fix = near === undefined ? knownFields(names) : `did you mean ${joinField(of, near)}?`;
  checking.faults.add(
    'WB_EXPRESSION_FIELD',
    { start: node.start, end: node.end },
    notDeclared(checking, path, node),
    fix,
  );
}

function notDeclared(checking: Checking, path: string, node: FieldNode): string {
  if (path.startsWith('meta')) return `${path} is not an attribute of messages`;
  if (node.of.kind === 'name' && node.of.name === 'vars') return `${path} is not set by an earlier step`;
  if (path.startsWith('vars')) return `${path} is not declared by the step that sets it`;
  return `${path} is not in ${declaredBy(checking, node)}`;
}

/** Where what is read is declared: with the data, or with the table that it was looked up in. */
function declaredBy({ env }: Checking, node: Node): string {
  const table = tableOf(node);
  if (table === undefined) return env.dataName;
  return env.lookups?.contract?.(table) ?? `the table ${table}`;
}

function tableOf(node: Node): string | undefined {
  if (node.kind === 'field' || node.kind === 'index') return tableOf(node.of);
  if (node.kind !== 'call') return undefined;
  const [first] = node.args;
  if (first === undefined) return undefined;
  // `lookup('countries', code).orValue(...)`, `first(lookup('countries', code).towns)`
  if (node.name !== 'lookup') return tableOf(first);
  return first.kind === 'literal' && typeof first.value === 'string' ? first.value : undefined;
}

function absenceAt(checking: Checking, node: FieldNode | IndexNode, why: Absence): AbsentPlace {
  const text = textOf(checking, node);
  const of = textOf(checking, node.of);
  const { start, end } = node;
  const optional = node.kind === 'field' ? `${of}.?${node.name}` : `${of}[?${textOf(checking, node.index)}]`;
  const defaulted = `${optional}.orValue(...) for a default`;
  switch (why) {
    case 'optional': {
      const where =
        text.startsWith('meta') || text.startsWith('vars')
          ? 'may be absent'
          : `is optional in ${declaredBy(checking, node)}`;
      return { start, end, message: `${text} ${where}`, fix: `write ${optional} to leave it out, or ${defaulted}` };
    }
    case 'null':
      return {
        start,
        end,
        message: `${of} may be null, and then has no ${text}`,
        fix: `ask first: ${of} != null ? ${text} : ...`,
      };
    case 'kind':
      return { start, end, message: `${of} may be of a kind that has no ${text}`, fix: `write ${defaulted}` };
    case 'index':
      return { start, end, message: `${text} may be beyond the end of the list`, fix: `write ${defaulted}` };
  }
}

function knownFields(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const shown = names.length > 12 ? [...names.slice(0, 12), '...'] : names;
  return `there are ${shown.join(', ')}`;
}

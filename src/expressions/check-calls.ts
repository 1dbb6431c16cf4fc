import { didYouMean } from '../nearest.ts';
import { needs, textOf } from './check-operators.ts';
import { type AbsentPlace, always, type Checked, type Checking, type Scope } from './checking.ts';
import type { Form, FunctionDeclaration } from './functions/declare.ts';
import { ABSORBING } from './functions/optionals.ts';
import { FUNCTIONS, functionNamed, signaturesOf } from './functions/table.ts';
import { MACROS } from './macros.ts';
import type { CallNode } from './syntax.ts';
import { DYN, type Type } from './types.ts';

/** Words of CEL and other languages for what is called otherwise here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  timestamp: 'date(text)',
  now: 'meta.time: the time of the message, the same in a replay',
  duration: 'addDays(date, days)',
  type: 'nothing: the contract says what a field is',
  length: 'size(of)',
  len: 'size(of)',
  count: 'size(of)',
  lowerAscii: 'lower(text)',
  toLowerCase: 'lower(text)',
  upperAscii: 'upper(text)',
  toUpperCase: 'upper(text)',
  concat: '+',
  average: 'avg(list)',
  mean: 'avg(list)',
  includes: 'x in list, or text.contains(part)',
  some: 'list.exists(item, condition)',
  any: 'list.exists(item, condition)',
  every: 'list.all(item, condition)',
  find: 'first(list.filter(item, condition))',
  reduce: 'sum, min, max or join',
};

export function checkCall(checking: Checking, node: CallNode, scope: Scope): Checked {
  const declared = functionNamed(node.name);
  if (declared === undefined) return unknownFunction(checking, node, scope);
  const styled = declared.style === 'both' || (declared.style === 'method') === node.method;
  const form = styled ? declared.forms.find(({ params }) => params.length === node.args.length) : undefined;
  if (form === undefined) {
    checkArguments(checking, node, scope);
    const how = signaturesOf(declared).join(' or ');
    const message = styled
      ? `${node.name}() does not take ${argumentCount(node)}`
      : `${node.name} is not called as a ${node.method ? 'method of a value' : 'function'}`;
    checking.faults.add('WB_EXPRESSION_FUNCTION', node, message, `write ${how}`);
    return always(DYN);
  }
  return checkForm(checking, node, declared, form, scope);
}

function argumentCount(node: CallNode): string {
  const count = node.method ? node.args.length - 1 : node.args.length;
  return count === 1 ? '1 argument' : `${String(count)} arguments`;
}

function checkArguments(checking: Checking, node: CallNode, scope: Scope): void {
  for (const arg of node.args) checking.check(arg, scope);
}

function unknownFunction(checking: Checking, node: CallNode, scope: Scope): Checked {
  checkArguments(checking, node, scope);
  const elsewhere = Object.hasOwn(ELSEWHERE, node.name) ? ELSEWHERE[node.name] : undefined;
  const names = [...FUNCTIONS, ...MACROS].map(({ name }) => name);
  const fix = elsewhere === undefined ? didYouMean(node.name, names) : `use ${elsewhere}`;
  checking.faults.add('WB_EXPRESSION_FUNCTION', node, `there is no function ${node.name}`, fix);
  return always(DYN);
}

function checkForm(
  checking: Checking,
  node: CallNode,
  declared: FunctionDeclaration,
  form: Form,
  scope: Scope,
): Checked {
  const types: Type[] = [];
  const absences: AbsentPlace[] = [];
  let sound = true;
  for (const [index, arg] of node.args.entries()) {
    const kind = form.params[index]?.kind;
    const takesOptional = kind?.fits({ kind: 'optional', of: DYN }) === true;
    const checked = takesOptional ? checking.check(arg, scope) : checking.value(arg, scope);
    types.push(checked.type);
    const absorbed = takesOptional && ABSORBING.includes(declared.name);
    if (!absorbed) absences.push(...checked.absences);
    if (kind !== undefined && !takesOptional)
      sound = needs(checking, arg, checked.type, kind, `${node.name}()`) && sound;
  }
  if (!sound) return { type: DYN, absences };
  if (form.absent?.(types) === true) absences.push(maybeAbsent(checking, node));
  const type = declared.name === 'lookup' ? lookupType(checking, node) : form.returns(types);
  return { type, absences };
}

function maybeAbsent(checking: Checking, node: CallNode): AbsentPlace {
  const text = textOf(checking, node);
  return {
    start: node.start,
    end: node.end,
    message: `${text} may be absent`,
    fix: `give a default: ${text}.orValue(...)`,
  };
}

const NO_TABLES =
  'declare one in waybill.yaml: sources: <name>: { table: { file: ..., key: ... }, response: <type of a row> }';

/** A row of the table, or none. */
function lookupType(checking: Checking, node: CallNode): Type {
  const { lookups } = checking.env;
  const [table] = node.args;
  if (lookups === undefined) {
    checking.faults.add('WB_EXPRESSION_FUNCTION', node, 'there are no tables to look up in', NO_TABLES);
    return DYN;
  }
  if (table?.kind !== 'literal' || typeof table.value !== 'string') return { kind: 'optional', of: DYN };
  const name = table.value;
  if (lookups.tables.includes(name)) return { kind: 'optional', of: lookups.type?.(name) ?? DYN };
  checking.faults.add(
    'WB_EXPRESSION_FUNCTION',
    table,
    `there is no table ${name}`,
    didYouMean(name, lookups.tables) ?? `there is ${lookups.tables.join(', ')}`,
  );
  return DYN;
}

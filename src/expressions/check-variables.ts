import { didYouMean } from '../nearest.ts';
import { always, type Checked, type Checking, type ExpressionEnv, type Scope } from './checking.ts';
import type { NameNode } from './syntax.ts';
import { DYN, type FieldType, membersOf, TEXT, type Type, withoutNull } from './types.ts';

const META: Type = {
  kind: 'object',
  rest: 'closed',
  fields: new Map<string, FieldType>([
    ['id', { type: TEXT, required: true }],
    ['type', { type: TEXT, required: true }],
    ['version', { type: { kind: 'number', integer: true, minimum: 1 }, required: true }],
    ['source', { type: TEXT, required: true }],
    ['subject', { type: TEXT, required: false }],
    ['time', { type: { kind: 'string', format: 'date-time' }, required: true }],
    ['key', { type: TEXT, required: false }],
    ['headers', { type: { kind: 'object', fields: new Map(), rest: TEXT }, required: true }],
  ]),
};

/** A variable as a value of its own. */
export function checkName(checking: Checking, node: NameNode, scope: Scope): Checked {
  if (node.name === 'meta' && checking.env.meta !== false && !scope.locals.has('meta')) {
    const fix = 'name one of its attributes, such as meta.time';
    checking.faults.add('WB_EXPRESSION_TYPE', node, 'meta is no value of its own', fix);
  }
  return checkVariable(checking, node, scope);
}

/** A variable whose fields are read. */
export function checkVariable(checking: Checking, node: NameNode, scope: Scope): Checked {
  const { env, faults } = checking;
  const type = scope.locals.get(node.name) ?? typeOfVariable(env, node.name);
  if (type !== undefined) return always(scope.facts.notNull.has(node.name) ? withoutNull(type) : type);
  const names = [...variableNames(env), ...scope.locals.keys()];
  const fields = membersOf(env.data).flatMap((member) => (member.kind === 'object' ? [...member.fields.keys()] : []));
  const fix = fields.includes(node.name) ? `write data.${node.name}` : didYouMean(node.name, names);
  const message = `there is no variable ${node.name}; there are ${names.join(', ')}`;
  faults.add('WB_EXPRESSION_FIELD', node, message, fix);
  return always(DYN);
}

export function variableNames(env: ExpressionEnv): readonly string[] {
  return env.meta === false ? ['data'] : ['data', 'meta', 'vars'];
}

function typeOfVariable(env: ExpressionEnv, name: string): Type | undefined {
  if (name === 'data') return env.data;
  if (env.meta === false) return undefined;
  if (name === 'meta') return META;
  if (name !== 'vars') return undefined;
  const fields = new Map<string, FieldType>();
  for (const [key, type] of Object.entries(env.vars ?? {})) {
    const optional = type.kind === 'optional';
    fields.set(key, { type: optional ? type.of : type, required: !optional });
  }
  return { kind: 'object', fields, rest: 'closed' };
}

import { itemsOf } from './access.ts';
import { checkField, checkIndex } from './check-access.ts';
import { checkCall } from './check-calls.ts';
import { checkBinary, checkLogic, checkUnary, needs, textOf } from './check-operators.ts';
import { checkName, variableNames } from './check-variables.ts';
import { always, type Checked, type Checking, type ExpressionEnv, type Scope } from './checking.ts';
import { type ExpressionFault, Faults } from './fault.ts';
import { A_BOOLEAN, A_COLLECTION } from './functions/kinds.ts';
import { both, NO_FACTS, provenBy } from './narrow.ts';
import type { BindNode, ChoiceNode, LoopNode, MapNode, Node } from './syntax.ts';
import { BOOLEAN, DYN, describeType, type FieldType, listOf, NEVER, type Type, typeOfValue, unionOf } from './types.ts';

export interface CheckResult {
  readonly type: Type;
  readonly faults: readonly ExpressionFault[];
}

/**
 * Checks an expression against the types of its variables; all faults are found, not the first only.
 *
 * | an optional field, not absorbed | `predicate`        | `value`                     |
 * |---------------------------------|--------------------|-----------------------------|
 * | by `has`, `.?`, `orValue`       | no match, no fault | fault WB_EXPRESSION_ABSENT  |
 */
export function checkExpression(
  source: string,
  node: Node,
  env: ExpressionEnv,
  kind: 'predicate' | 'value',
  locals: ReadonlyMap<string, Type> = new Map(),
): CheckResult {
  const checker = new Checker(source, env);
  const scope: Scope = { locals, facts: NO_FACTS };
  const checked = kind === 'predicate' ? checker.value(node, scope) : checker.check(node, scope);
  if (kind === 'predicate') needs(checker, node, checked.type, A_BOOLEAN, 'a predicate');
  else
    for (const place of checked.absences) checker.faults.add('WB_EXPRESSION_ABSENT', place, place.message, place.fix);
  const faults = checker.faults.list.toSorted((a, b) => a.start - b.start);
  return { type: checked.type, faults };
}

class Checker implements Checking {
  readonly source: string;
  readonly env: ExpressionEnv;
  readonly faults = new Faults();

  constructor(source: string, env: ExpressionEnv) {
    this.source = source;
    this.env = env;
  }

  value(node: Node, scope: Scope): Checked {
    const checked = this.check(node, scope);
    if (checked.type.kind !== 'optional') return checked;
    const text = textOf(this, node);
    const message = `${text} is an optional value where a value is needed`;
    this.faults.add('WB_EXPRESSION_TYPE', node, message, `give a default: ${text}.orValue(...)`);
    return always(checked.type.of, checked);
  }

  check(node: Node, scope: Scope): Checked {
    switch (node.kind) {
      case 'literal':
        return always(typeOfValue(node.value));
      case 'name':
        return checkName(this, node, scope);
      case 'field':
        return checkField(this, node, scope);
      case 'index':
        return checkIndex(this, node, scope);
      case 'list': {
        const items = node.items.map((item) => this.value(item, scope));
        const first = items.map((item) => item.type);
        return always({ kind: 'list', first, items: NEVER, minItems: first.length, maxItems: first.length }, ...items);
      }
      case 'map':
        return this.#map(node, scope);
      case 'unary':
        return checkUnary(this, node, scope);
      case 'binary':
        return checkBinary(this, node, scope);
      case 'logic':
        return checkLogic(this, node, scope);
      case 'choice':
        return this.#choice(node, scope);
      case 'call':
        return checkCall(this, node, scope);
      case 'has':
        this.check(node.of, scope);
        return always(BOOLEAN);
      case 'loop':
        return this.#loop(node, scope);
      case 'bind':
        return this.#bind(node, scope);
    }
  }

  #map(node: MapNode, scope: Scope): Checked {
    const fields = new Map<string, FieldType>();
    const others: Type[] = [];
    const parts: Checked[] = [];
    for (const [key, value] of node.entries) {
      const name = this.value(key, scope);
      const checked = this.value(value, scope);
      parts.push(name, checked);
      if (key.kind === 'literal' && typeof key.value === 'string')
        fields.set(key.value, { type: checked.type, required: true });
      else others.push(checked.type);
      if (name.type.kind !== 'string' && name.type.kind !== 'dyn') {
        const message = `the fields of an object are named by text, and ${textOf(this, key)} is ${describeType(name.type)}`;
        this.faults.add('WB_EXPRESSION_TYPE', key, message, 'put the name in quotes');
      }
    }
    return always({ kind: 'object', fields, rest: others.length === 0 ? 'closed' : unionOf(others) }, ...parts);
  }

  #choice(node: ChoiceNode, scope: Scope): Checked {
    const when = this.value(node.when, scope);
    needs(this, node.when, when.type, A_BOOLEAN, 'the condition of ? :');
    const then = this.check(node.then, { ...scope, facts: both(scope.facts, provenBy(node.when, true)) });
    const otherwise = this.check(node.else, { ...scope, facts: both(scope.facts, provenBy(node.when, false)) });
    const types = [then.type, otherwise.type];
    const type = unionOf(types.map((one) => (one.kind === 'optional' ? one.of : one)));
    const optional = types.some((one) => one.kind === 'optional');
    return always(optional ? { kind: 'optional', of: type } : type, when, then, otherwise);
  }

  #loop(node: LoopNode, scope: Scope): Checked {
    const over = this.value(node.over, scope);
    const items = itemsOf(over.type);
    needs(this, node.over, over.type, A_COLLECTION, `${node.loop}()`);
    const inner = this.#with(scope, node, items ?? DYN);
    const where = node.where === undefined ? undefined : this.value(node.where, inner);
    if (node.where !== undefined && where !== undefined)
      needs(this, node.where, where.type, A_BOOLEAN, 'the condition of map()');
    const facts = node.where === undefined ? inner.facts : both(inner.facts, provenBy(node.where, true));
    const body = this.value(node.body, { ...inner, facts });
    const absences = [...over.absences, ...(where?.absences ?? []), ...body.absences];
    if (node.loop === 'map') {
      const least = where === undefined && over.type.kind === 'list' ? over.type.minItems : 0;
      return { type: listOf(body.type, least), absences };
    }
    needs(this, node.body, body.type, A_BOOLEAN, `the condition of ${node.loop}()`);
    return { type: node.loop === 'filter' ? listOf(items ?? DYN) : BOOLEAN, absences };
  }

  #bind(node: BindNode, scope: Scope): Checked {
    const value = this.value(node.value, scope);
    const body = this.check(node.body, this.#with(scope, node, value.type));
    return always(body.type, value, body);
  }

  /** A scope with one variable more. What was proven of an outer variable of the same name is not of this one. */
  #with(scope: Scope, node: LoopNode | BindNode, type: Type): Scope {
    const { name } = node;
    if (variableNames(this.env).includes(name)) {
      this.faults.add(
        'WB_EXPRESSION_FIELD',
        node,
        `${name} is a variable of its own and cannot be the name of an item`,
        'choose another name',
      );
    }
    const own = (path: string): boolean =>
      path !== name && !path.startsWith(`${name}.`) && !path.startsWith(`${name}[`);
    const facts = {
      present: new Set([...scope.facts.present].filter(own)),
      notNull: new Set([...scope.facts.notNull].filter(own)),
    };
    return { locals: new Map([...scope.locals, [name, type]]), facts };
  }
}

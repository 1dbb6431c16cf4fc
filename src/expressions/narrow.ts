import { type FieldNode, type Node, pathOf } from './syntax.ts';

/** What a condition proves about paths: `data.note` is there, or is not null. */
export interface Facts {
  readonly present: ReadonlySet<string>;
  readonly notNull: ReadonlySet<string>;
}

export const NO_FACTS: Facts = { present: new Set(), notNull: new Set() };

export function both(a: Facts, b: Facts): Facts {
  if (a === NO_FACTS) return b;
  if (b === NO_FACTS) return a;
  return { present: new Set([...a.present, ...b.present]), notNull: new Set([...a.notNull, ...b.notNull]) };
}

/** What holds where a condition came out as `outcome`. */
export function provenBy(condition: Node, outcome: boolean): Facts {
  switch (condition.kind) {
    case 'has':
      return outcome ? provenByHas(condition.of) : NO_FACTS;
    case 'unary':
      return condition.op === '!' ? provenBy(condition.of, !outcome) : NO_FACTS;
    case 'logic':
      // `a && b` true proves both, `a || b` false disproves both; the other outcomes prove nothing for sure.
      if ((condition.op === '&&') !== outcome) return NO_FACTS;
      return both(provenBy(condition.left, outcome), provenBy(condition.right, outcome));
    case 'binary':
      if (condition.op === '!=' && outcome) return provenByCompare(condition.left, condition.right);
      if (condition.op === '==' && !outcome) return provenByCompare(condition.left, condition.right);
      return NO_FACTS;
    case 'call': {
      const [target] = condition.args;
      if (condition.name !== 'hasValue' || !outcome || target?.kind !== 'field') return NO_FACTS;
      return provenByHas(target);
    }
    default:
      return NO_FACTS;
  }
}

/** `has(data.a.b)` proves that `data.a` and `data.a.b` are there and that `data.a` is an object. */
function provenByHas(field: FieldNode): Facts {
  const present = new Set<string>();
  const notNull = new Set<string>();
  let node: Node = field;
  while (node.kind === 'field' || node.kind === 'index') {
    const path = pathOf(node);
    if (path !== undefined) present.add(path);
    if (path !== undefined && node !== field) notNull.add(path);
    node = node.of;
  }
  if (node.kind === 'name') notNull.add(node.name);
  return { present, notNull };
}

/** A comparison with null has an outcome only where the field is there. */
function provenByCompare(left: Node, right: Node): Facts {
  const other = isNull(right) ? left : isNull(left) ? right : undefined;
  const path = other === undefined ? undefined : pathOf(other);
  if (path === undefined) return NO_FACTS;
  return { present: new Set([path]), notNull: new Set([path]) };
}

function isNull(node: Node): boolean {
  return node.kind === 'literal' && node.value === null;
}

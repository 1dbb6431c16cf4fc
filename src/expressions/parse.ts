import { type ASTNode, Environment, ParseError } from '@marcbachmann/cel-js';
import { toError } from '../errors.ts';
import { type ExpressionFault, Faults } from './fault.ts';
import type { LoopName, Node } from './syntax.ts';

export interface Parsed {
  /** Undefined after a fault. */
  readonly node?: Node;
  readonly faults: readonly ExpressionFault[];
}

/** The library's limits, except that a list of codes may be long. */
const LIMITS = { maxListElements: 100_000, maxMapEntries: 10_000 };

/** What the library calls a limit, in words. */
const BEYOND: Readonly<Record<string, string>> = {
  maxDepth: 'nested deeper than # levels',
  maxListElements: 'a list of more than # elements',
  maxMapEntries: 'a map of more than # entries',
};

/** Deepest tree: `a || b || c ...` is one level for each `||`. Checking and running go down the stack. */
const DEEPEST = 500;

const LOOPS: readonly LoopName[] = ['all', 'exists', 'exists_one', 'filter', 'map'];

/** Parses CEL with optional fields (`.?name`, `[?i]`). Literals are JSON values: one kind of number, no bytes. */
export function parseExpression(source: string): Parsed {
  const faults = new Faults();
  let tree: ASTNode;
  try {
    // A new environment for each: the library's parser keeps the state of the last parse.
    tree = new Environment({
      unlistedVariablesAreDyn: true,
      enableOptionalTypes: true,
      homogeneousAggregateLiterals: false,
      limits: LIMITS,
    }).parse(source).ast;
  } catch (thrown) {
    reportSyntax(source, thrown, faults);
    return { faults: faults.list };
  }
  const node = new Translation(faults).node(tree);
  return faults.list.length > 0 ? { faults: faults.list } : { node, faults: [] };
}

function reportSyntax(source: string, thrown: unknown, faults: Faults): void {
  if (!(thrown instanceof ParseError)) throw toError(thrown);
  const start = Math.min(thrown.range?.start ?? 0, source.length);
  const end = Math.min(Math.max(thrown.range?.end ?? start, start), source.length);
  const text = source.slice(start, end);
  const found = text === '' ? 'the end of the expression' : `\`${text}\``;
  const message =
    source.trim() === ''
      ? 'the expression is empty'
      : thrown.code === 'unexpected_token' || thrown.code === 'unexpected_character'
        ? `${found} is not expected here`
        : thrown.code === 'expected_token'
          ? `${thrown.summary.replace(/^Expected (\w+), got .*$/, (_, token: string) => `${tokenText(token)} is expected`)} before ${found}`
          : thrown.code === 'limit_exceeded'
            ? beyondLimit(thrown.summary)
            : `${thrown.summary.charAt(0).toLowerCase()}${thrown.summary.slice(1)}`;
  faults.add('WB_EXPRESSION_SYNTAX', { start, end }, message, syntaxFix(source, start));
}

function beyondLimit(summary: string): string {
  const [, name = '', limit = ''] = /^Exceeded (\w+) \((\d+)\)$/.exec(summary) ?? [];
  const words = BEYOND[name];
  return `the expression is too large: ${words === undefined ? summary : words.replace('#', limit)}`;
}

/** What people write who mean a text: words, and nothing of an expression. */
const WORDS = /^\s*\p{L}[\p{L}\p{N}]*(?:,? [\p{L}\p{N}]+)+[.!?:]?\s*$/u;

function syntaxFix(source: string, at: number): string | undefined {
  if (/^=(?!=)/.test(source.slice(at))) return 'compare with ==';
  if (/^&(?!&)/.test(source.slice(at))) return 'write && for "and"';
  if (/^\|(?!\|)/.test(source.slice(at))) return 'write || for "or"';
  if (/^and\b/i.test(source.slice(at))) return 'write && for "and"';
  if (/^or\b/i.test(source.slice(at))) return 'write || for "or"';
  if (WORDS.test(source)) return `for a text write quotes within the quotes of YAML: "'${source.trim()}'"`;
  return undefined;
}

function tokenText(token: string): string {
  const texts: Readonly<Record<string, string>> = {
    RPAREN: '`)`',
    RBRACKET: '`]`',
    RBRACE: '`}`',
    COLON: '`:`',
    IDENTIFIER: 'a field name',
  };
  return texts[token] ?? token.toLowerCase();
}

/** What the library reads a literal as; whole numbers as BigInt. */
type Literal = Extract<ASTNode, { op: 'value' }>['args'];

class Translation {
  readonly #faults: Faults;
  #depth = 0;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  node(tree: ASTNode): Node {
    if (this.#depth >= DEEPEST) return this.#tooDeep(tree);
    this.#depth++;
    const node = this.#translate(tree);
    this.#depth--;
    return node;
  }

  #tooDeep(tree: ASTNode): Node {
    const message = `the expression is nested deeper than ${String(DEEPEST)} levels`;
    const fix = 'split it over steps; for a choice of many values write field in [...]';
    if (this.#faults.list.every((fault) => fault.message !== message)) {
      this.#faults.add('WB_EXPRESSION_SYNTAX', tree, message, fix);
    }
    return { kind: 'literal', value: null, start: tree.start, end: tree.end };
  }

  #translate(tree: ASTNode): Node {
    const { start, end } = tree;
    switch (tree.op) {
      case 'value':
        return { kind: 'literal', value: this.#literal(tree.args, tree), start, end };
      case 'id':
        return { kind: 'name', name: tree.args, start, end };
      case '.':
      case '.?':
        return {
          kind: 'field',
          of: this.node(tree.args[0]),
          name: tree.args[1],
          optional: tree.op === '.?',
          nameSpan: { start: tree.pos, end },
          start,
          end,
        };
      case '[]':
      case '[?]':
        return this.#index(tree.args[0], tree.args[1], tree.op === '[?]', { start, end });
      case 'call':
        return this.#call(tree.args[0], tree.args[1], { start, end });
      case 'rcall':
        return this.#method(tree.args[0], tree.args[1], tree.args[2], { start, end });
      case 'list':
        return { kind: 'list', items: tree.args.map((item) => this.node(item)), start, end };
      case 'map':
        return {
          kind: 'map',
          entries: tree.args.map(([key, value]) => [this.node(key), this.node(value)] as const),
          start,
          end,
        };
      case '?:': {
        const [when, then, otherwise] = tree.args;
        return { kind: 'choice', when: this.node(when), then: this.node(then), else: this.node(otherwise), start, end };
      }
      case '&&':
      case '||':
        return {
          kind: 'logic',
          op: tree.op,
          left: this.node(tree.args[0]),
          right: this.node(tree.args[1]),
          start,
          end,
        };
      case '!_':
        return { kind: 'unary', op: '!', of: this.node(tree.args), start, end };
      case '-_':
        return { kind: 'unary', op: '-', of: this.node(tree.args), start, end };
      default:
        return {
          kind: 'binary',
          op: tree.op,
          left: this.node(tree.args[0]),
          right: this.node(tree.args[1]),
          start,
          end,
        };
    }
  }

  #literal(value: Literal, tree: ASTNode): string | number | boolean | null {
    if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
      return value;
    if (value instanceof Uint8Array) {
      this.#faults.add(
        'WB_EXPRESSION_SYNTAX',
        tree,
        'bytes are not a kind of value here: JSON has none',
        'leave out the b',
      );
      return '';
    }
    // A BigInt, or the library's unsigned integer around one.
    const digits = String(value);
    const number = Number(digits);
    if (!Number.isSafeInteger(number)) {
      this.#faults.add(
        'WB_EXPRESSION_TYPE',
        tree,
        `${digits} cannot be held as a JSON number without changing its value`,
        'compare it as text, with text(...)',
      );
    }
    return number;
  }

  #index(of: ASTNode, index: ASTNode, optional: boolean, span: { start: number; end: number }): Node {
    if (index.op === 'value' && typeof index.args === 'string') {
      const nameSpan = { start: index.start, end: index.end };
      return { kind: 'field', of: this.node(of), name: index.args, optional, nameSpan, ...span };
    }
    return { kind: 'index', of: this.node(of), index: this.node(index), optional, ...span };
  }

  #call(name: string, args: readonly ASTNode[], span: { start: number; end: number }): Node {
    if (name === 'has') return this.#has(args, span);
    return { kind: 'call', name, args: args.map((arg) => this.node(arg)), method: false, ...span };
  }

  #has(args: readonly ASTNode[], span: { start: number; end: number }): Node {
    const [only] = args;
    const of = only === undefined ? undefined : this.node(only);
    if (args.length === 1 && of?.kind === 'field') return { kind: 'has', of, ...span };
    this.#faults.add('WB_EXPRESSION_SYNTAX', span, 'has() takes one field', 'write has(data.field)');
    return { kind: 'literal', value: false, ...span };
  }

  #method(name: string, target: ASTNode, args: readonly ASTNode[], span: { start: number; end: number }): Node {
    if (target.op === 'id' && target.args === 'cel' && name === 'bind') return this.#bind(args, span);
    if (target.op === 'id' && target.args === 'optional') {
      return {
        kind: 'call',
        name: `optional.${name}`,
        args: args.map((arg) => this.node(arg)),
        method: false,
        ...span,
      };
    }
    const loop = LOOPS.find((known) => known === name);
    if (loop !== undefined) return this.#loop(loop, target, args, span);
    return { kind: 'call', name, args: [target, ...args].map((arg) => this.node(arg)), method: true, ...span };
  }

  #loop(loop: LoopName, target: ASTNode, args: readonly ASTNode[], span: { start: number; end: number }): Node {
    const [variable, ...rest] = args;
    const over = this.node(target);
    const [first, second] = rest.map((arg) => this.node(arg));
    const fits = rest.length === 1 || (loop === 'map' && rest.length === 2);
    if (variable?.op === 'id' && first !== undefined && fits) {
      const name = variable.args;
      return second === undefined
        ? { kind: 'loop', loop, over, name, body: first, ...span }
        : { kind: 'loop', loop, over, name, where: first, body: second, ...span };
    }
    const form =
      loop === 'map' ? 'list.map(item, result) or list.map(item, condition, result)' : `list.${loop}(item, condition)`;
    this.#faults.add('WB_EXPRESSION_SYNTAX', span, `${loop}() takes a name and an expression`, `write ${form}`);
    return { kind: 'literal', value: null, ...span };
  }

  #bind(args: readonly ASTNode[], span: { start: number; end: number }): Node {
    const [variable, value, body] = args;
    if (args.length === 3 && variable?.op === 'id' && value !== undefined && body !== undefined) {
      return { kind: 'bind', name: variable.args, value: this.node(value), body: this.node(body), ...span };
    }
    this.#faults.add(
      'WB_EXPRESSION_SYNTAX',
      span,
      'cel.bind() takes three arguments',
      'write cel.bind(name, value, expression)',
    );
    return { kind: 'literal', value: null, ...span };
  }
}

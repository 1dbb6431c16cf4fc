import { isMap, isScalar, isSeq, type Node, type Pair } from 'yaml';
import type { Fault, Position } from '../errors.ts';
import type { DocumentPath } from './definition.ts';

/** One file of configuration, parsed, that knows where everything in it stands. */
export interface SourceDocument {
  /** As it is shown: relative to the folder of `waybill.yaml`, with forward slashes. */
  readonly file: string;
  readonly text: string;
  /** Plain JSON; undefined when the file has faults. */
  readonly value: unknown;
  readonly faults: readonly Fault[];
  /** Where the value at `path` stands, or its nearest ancestor that there is. */
  locate(path: DocumentPath, at?: Place): Position;
}

/** A more exact place than the beginning of a value. */
export interface Place {
  /** The key of it rather than the value. */
  readonly key?: boolean;
  /** Within a text, as its value reads (an expression's fault). @unit UTF-16 code units */
  readonly offset?: number;
}

/** Offsets in a text as lines and columns, from 1. */
export class Lines {
  readonly #starts: number[] = [0];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  position(file: string, offset: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { file, line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }

  /** The text of a line, without its end; empty when there is none. */
  line(line: number): string {
    return this.#text.slice(this.#starts[line - 1] ?? this.#text.length, this.#starts[line]).replace(/\r?\n$/, '');
  }
}

/** The offset of what stands at `path` below `root`, or of its nearest ancestor that there is. */
export function offsetOf(text: string, root: Node | null, path: DocumentPath, at: Place): number {
  let node: unknown = root;
  let offset = start(root) ?? 0;
  let last: Pair | undefined;
  for (const step of path) {
    last = undefined;
    if (isMap(node)) {
      last = node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(step));
      if (last === undefined) return offset;
      node = last.value;
      offset = start(node) ?? start(last.key) ?? offset;
    } else if (isSeq(node) && typeof step === 'number' && node.items[step] !== undefined) {
      node = node.items[step];
      offset = start(node) ?? offset;
    } else return offset;
  }
  if (at.key === true && last !== undefined) return start(last.key) ?? offset;
  return at.offset === undefined ? offset : offset + inside(text, node, at.offset);
}

function start(node: unknown): number | undefined {
  if (isScalar(node) || isMap(node) || isSeq(node)) return node.range?.[0];
  return undefined;
}

/** How far behind the beginning of a scalar's source the character `offset` of its value stands; 0 where that is not plain to see. */
function inside(text: string, node: unknown, offset: number): number {
  if (!isScalar(node) || typeof node.value !== 'string' || !node.range) return 0;
  const source = text.slice(node.range[0], node.range[1]);
  if (source === node.value) return offset;
  if (source.slice(1, -1) === node.value) return offset + 1;
  return node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED' ? insideBlock(source, node.value, offset) : 0;
}

/** In a block scalar each line of the value stands in a line of its own, indented; folded lines are joined by a space. */
function insideBlock(source: string, value: string, offset: number): number {
  let from = source.indexOf('\n') + 1;
  let consumed = 0;
  while (from > 0 && from < source.length) {
    const end = source.indexOf('\n', from);
    const line = source.slice(from, end === -1 ? undefined : end);
    const text = line.trimStart();
    const at = value.startsWith(text, consumed) ? consumed : -1;
    if (at === -1) return 0;
    if (offset <= at + text.length) return from + (line.length - text.length) + (offset - at);
    consumed = at + text.length + 1;
    from = end + 1;
  }
  return 0;
}

import { ExactNumber } from '../json.ts';
import { parsePointer } from './pointer.ts';

/** Reads the key out of data. */
export type KeyReader = (data: unknown) => string | undefined;

/**
 * The reader of the key at a JSON pointer. Numbers become their text. An absent field and an empty text are no key:
 * `partitionkey` must not be empty (CloudEvents partitioning extension).
 */
export function compileKey(pointer: string | undefined): KeyReader {
  const segments = pointer === undefined ? undefined : parsePointer(pointer);
  const [first, ...rest] = segments ?? [];
  if (first === undefined) return () => undefined;
  if (rest.length === 0) return (data) => keyText(field(data, first));
  return (data) => {
    let node = field(data, first);
    for (const segment of rest) node = field(node, segment);
    return keyText(node);
  };
}

function field(node: unknown, name: string): unknown {
  if (typeof node !== 'object' || node === null || !Object.hasOwn(node, name)) return undefined;
  return (node as Record<string, unknown>)[name];
}

function keyText(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (typeof value === 'number') return String(value);
  return value instanceof ExactNumber ? value.text : undefined;
}

import { WaybillError } from '../../errors.ts';

/** Where a value stands in the bytes: from the first to behind the last. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = new Set([0x7b, 0x5b]);
const CLOSE = new Set([0x7d, 0x5d]);
const COMMA = 0x2c;
const COLON = 0x3a;

/**
 * The members of the JSON object that `bytes` hold from `start`, without reading the values, so that they can be passed on
 * byte for byte. The bytes must have been found to be valid JSON.
 */
export function sliceObject(bytes: Buffer, start = 0): Map<string, Slice> {
  const members = new Map<string, Slice>();
  let at = skipBlank(bytes, start);
  if (bytes[at] !== 0x7b) throw new WaybillError('WB_MESSAGE_INVALID', 'expected a JSON object');
  at = skipBlank(bytes, at + 1);
  while (bytes[at] === QUOTE) {
    const nameEnd = skipString(bytes, at);
    const name: unknown = JSON.parse(bytes.toString('utf8', at, nameEnd));
    at = skipBlank(bytes, nameEnd);
    if (bytes[at] !== COLON) break;
    at = skipBlank(bytes, at + 1);
    const end = skipValue(bytes, at);
    if (typeof name === 'string') members.set(name, { start: at, end });
    at = skipBlank(bytes, end);
    if (bytes[at] !== COMMA) break;
    at = skipBlank(bytes, at + 1);
  }
  return members;
}

/** The elements of the JSON array that `bytes` hold. */
export function sliceArray(bytes: Buffer): Slice[] {
  const elements: Slice[] = [];
  let at = skipBlank(bytes, 0);
  if (bytes[at] !== 0x5b) throw new WaybillError('WB_MESSAGE_INVALID', 'expected a JSON array');
  at = skipBlank(bytes, at + 1);
  while (at < bytes.length && !CLOSE.has(bytes[at] ?? 0)) {
    const end = skipValue(bytes, at);
    elements.push({ start: at, end });
    at = skipBlank(bytes, end);
    if (bytes[at] !== COMMA) break;
    at = skipBlank(bytes, at + 1);
  }
  return elements;
}

function skipBlank(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++;
  return at;
}

function skipString(bytes: Buffer, from: number): number {
  let at = from + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

function skipValue(bytes: Buffer, from: number): number {
  const first = bytes[from] ?? 0;
  if (first === QUOTE) return skipString(bytes, from);
  if (!OPEN.has(first)) return skipScalar(bytes, from);
  let depth = 0;
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) {
      at = skipString(bytes, at);
      continue;
    }
    if (OPEN.has(byte)) depth++;
    else if (CLOSE.has(byte) && --depth === 0) return at + 1;
    at++;
  }
  return at;
}

function skipScalar(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0;
    if (byte === COMMA || CLOSE.has(byte) || byte <= 0x20) break;
    at++;
  }
  return at;
}

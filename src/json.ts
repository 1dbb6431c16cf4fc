import { isUtf8 } from 'node:buffer';
import { compareNumber, parse as parseLossless, stringify as stringifyLossless } from 'lossless-json';
import { bufferOf } from './bytes.ts';
import { WaybillError } from './errors.ts';

/**
 * A JSON number whose decimal value a JavaScript number cannot hold, such as a 64-bit id from an ERP.
 * `String(n)` gives its text. Arithmetic and JSON.stringify with it throw WB_NUMBER_EXACT, so it is never silently altered.
 */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
    Object.freeze(this);
  }

  toString(): string {
    return this.text;
  }

  toJSON(): never {
    throw this.#refuse();
  }

  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'string') return this.text;
    throw this.#refuse();
  }

  #refuse(): WaybillError {
    return new WaybillError(
      'WB_NUMBER_EXACT',
      `${this.text} cannot be held as a JSON number without changing its value`,
      {
        fix: 'Carry it as a string in the contract, or leave the message unchanged on this route.',
      },
    );
  }
}

export interface JsonLimits {
  /** Deepest nesting of objects and arrays. @default 64 */
  readonly maxDepth: number;
}

export const DEFAULT_JSON_LIMITS: JsonLimits = { maxDepth: 64 };

/**
 * A number that may not survive JSON.parse: many digits, or an exponent. Not in the middle of a string, where every second
 * UUID has something like `1e5`; other false alarms only cost time.
 */
const SUSPECT_NUMBER = /(?:^|[:,[\s])-?[0-9](?:[0-9.]{15}|[0-9.]*[eE])/;

/**
 * Parses the UTF-8 JSON of `data`. Numbers that would change are `ExactNumber`s.
 * @throws WB_JSON_UTF8, WB_JSON_INVALID, WB_JSON_DEPTH
 */
export function parseJson(bytes: Uint8Array | string, limits: JsonLimits = DEFAULT_JSON_LIMITS): unknown {
  const text = decodeUtf8(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw notJson(cause, text);
  }
  if (opensMoreThan(text, limits.maxDepth)) checkDepth(value, limits.maxDepth);
  return SUSPECT_NUMBER.test(text) ? parseExact(text) : value;
}

/**
 * As `parseJson`, for the edges where bytes come in from outside: `__proto__` and duplicate keys are refused as well.
 * @throws WB_JSON_PROTO, WB_JSON_DUPLICATE_KEY, and as `parseJson`
 */
export function parseJsonStrictly(bytes: Uint8Array | string, limits: JsonLimits = DEFAULT_JSON_LIMITS): unknown {
  const text = decodeUtf8(bytes);
  const value = parseJson(text, limits);
  checkKeys(text);
  return value;
}

/**
 * The bytes of a value. One that has no JSON form is refused rather than dropped.
 * @throws WB_NUMBER_EXACT, WB_JSON_INVALID, WB_JSON_DEPTH
 */
export function encodeJson(value: unknown, limits: JsonLimits = DEFAULT_JSON_LIMITS): Buffer {
  let text: string | undefined;
  try {
    text = stringify(value);
  } catch (cause) {
    if (cause instanceof WaybillError) throw cause;
    if (cause instanceof RangeError) throw tooDeep(limits.maxDepth);
    throw invalid(cause);
  }
  if (text === undefined) throw new WaybillError('WB_JSON_INVALID', `${typeof value} has no JSON form`);
  if (opensMoreThan(text, limits.maxDepth)) checkDepth(value, limits.maxDepth);
  return Buffer.from(text, 'utf8');
}

/**
 * JSON for people and machines to look at, in which an `ExactNumber` is the number it was written as. Not for what travels on:
 * there a step that made a new message out of one would be hidden.
 * @throws WB_JSON_INVALID when the value has no JSON form
 */
export function showJson(value: unknown, indent?: number): string {
  const text = stringifyLossless(value, undefined, indent, [
    { test: (each) => each instanceof ExactNumber, stringify: String },
  ]);
  if (text === undefined) throw new WaybillError('WB_JSON_INVALID', `${typeof value} has no JSON form`);
  return text;
}

/** JSON.stringify as it is, which the library's types leave out: undefined, functions and symbols have no JSON form. */
function stringify(value: unknown): string | undefined {
  return JSON.stringify(value);
}

/** Where the text stops being JSON, for a fault's place; undefined when it is JSON. @unit UTF-16 code units */
export function jsonSyntaxOffset(text: string): number | undefined {
  try {
    parseLossless(text, undefined, { onDuplicateKey: ({ newValue }) => newValue });
  } catch (thrown) {
    const at = thrown instanceof Error ? / at position (\d+)$/.exec(thrown.message)?.[1] : undefined;
    return at === undefined ? 0 : Number(at);
  }
  return undefined;
}

function decodeUtf8(bytes: Uint8Array | string): string {
  if (typeof bytes === 'string') return bytes;
  if (!isUtf8(bytes)) throw new WaybillError('WB_JSON_UTF8', 'the bytes are not valid UTF-8');
  return bufferOf(bytes).toString('utf8');
}

function parseExact(text: string): unknown {
  return parseLossless(text, undefined, {
    parseNumber: (digits) => (keepsItsValue(digits) ? Number(digits) : new ExactNumber(digits)),
    onDuplicateKey: ({ newValue }) => newValue,
  });
}

/** Whether JSON.parse and JSON.stringify give the same decimal value back. */
function keepsItsValue(digits: string): boolean {
  const value = Number(digits);
  return Number.isFinite(value) && compareNumber(digits, String(value)) === 0;
}

/** Every string that is a key, and where objects begin and end; nothing else of valid JSON matters here. */
const KEYS = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}]/g;

/** Looks at the text, because a parser has forgotten the first of two equal keys. @param text valid JSON */
function checkKeys(text: string): void {
  const open: Set<string>[] = [];
  for (const [token, string, colon] of text.matchAll(KEYS)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    if (string === undefined || colon === undefined) continue;
    const key = string.includes('\\') ? String(JSON.parse(string)) : string.slice(1, -1);
    const keys = open.at(-1);
    if (key === '__proto__') {
      throw new WaybillError('WB_JSON_PROTO', 'an object has the key "__proto__"', { fix: 'Rename the key.' });
    }
    if (keys?.has(key) === true) {
      throw new WaybillError('WB_JSON_DUPLICATE_KEY', `the key ${JSON.stringify(key)} stands twice in one object`, {
        fix: 'Send each key once.',
      });
    }
    keys?.add(key);
  }
}

/** Whether a text has so many brackets that its value may be nested deeper than `max`: most have not, and need no walk. */
function opensMoreThan(text: string, max: number): boolean {
  return timesIn(text, '{', max + 1) + timesIn(text, '[', max + 1) > max;
}

/** How often a bracket stands in a text, counted up to `most`. */
function timesIn(text: string, bracket: string, most: number): number {
  let times = 0;
  for (let at = text.indexOf(bracket); at !== -1 && times < most; at = text.indexOf(bracket, at + 1)) times++;
  return times;
}

function checkDepth(root: unknown, max: number): void {
  if (typeof root === 'object' && root !== null && deeper(root, max)) throw tooDeep(max);
}

function tooDeep(max: number): WaybillError {
  return new WaybillError('WB_JSON_DEPTH', `the JSON is nested deeper than ${String(max)} levels`, {
    fix: 'Flatten the data, or raise limits.depth.',
  });
}

function deeper(node: object, left: number): boolean {
  if (left === 0) return true;
  for (const child of Object.values(node)) {
    if (typeof child === 'object' && child !== null && deeper(child as object, left - 1)) return true;
  }
  return false;
}

/** Without the piece of the text that the engine quotes, and so without a cause: it may be sensitive. */
function notJson(cause: unknown, text: string): WaybillError {
  const told = (cause instanceof Error ? cause.message : String(cause)).replace(
    /(, (\.\.\.)?".*| (in JSON )?at position .*)$/s,
    '',
  );
  return new WaybillError(
    'WB_JSON_INVALID',
    `not valid JSON: ${told} at position ${String(jsonSyntaxOffset(text) ?? text.length)}`,
  );
}

function invalid(cause: unknown): WaybillError {
  return new WaybillError(
    'WB_JSON_INVALID',
    `not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  );
}

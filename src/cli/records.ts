import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { toError, WaybillError } from '../index.ts';

/** One message to publish, as it stands in a file. */
export interface InputRecord {
  /** Where it begins, from 1. */
  readonly line: number;
  /** The JSON of its data, digits as they were written. */
  readonly json: string | Uint8Array;
}

export const FORMATS = ['json', 'jsonl', 'csv'] as const;
export type RecordFormat = (typeof FORMATS)[number];

const EXTENSIONS: Readonly<Record<string, RecordFormat>> = {
  '.json': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.csv': 'csv',
};

/** The format that the name of a file says; undefined for another name. */
export function formatOf(file: string): RecordFormat | undefined {
  return EXTENSIONS[path.extname(file).toLowerCase()];
}

/** Opens a file, or standard input for `-`. @throws WB_INPUT_INVALID when it cannot be read */
export async function openInput(file: string): Promise<Readable> {
  if (file === '-') return process.stdin;
  const stream = createReadStream(file);
  await new Promise<void>((resolve, reject) => {
    stream.once('ready', resolve);
    stream.once('error', (cause) => {
      reject(unreadable(file, cause));
    });
  });
  return stream;
}

export function unreadable(file: string, cause: unknown): WaybillError {
  return new WaybillError('WB_INPUT_INVALID', `${file} cannot be read: ${toError(cause).message}`, { cause });
}

/** JSON lines: a record a line; empty lines say nothing. The bytes stay as they are. */
export async function* readLines(input: Readable): AsyncGenerator<InputRecord> {
  let line = 0;
  let rest: Buffer[] = [];
  for await (const chunk of bytesOf(input)) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      line++;
      yield* record(line, Buffer.concat([...rest, chunk.subarray(from, end)]));
      rest = [];
      from = end + 1;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
  }
  yield* record(line + 1, Buffer.concat(rest));
}

const BYTE_ORDER_MARK = Buffer.from('\uFEFF', 'utf8');

function* record(line: number, bytes: Buffer): Generator<InputRecord> {
  const marked = line === 1 && bytes.subarray(0, 3).equals(BYTE_ORDER_MARK);
  const json = marked ? bytes.subarray(3) : bytes;
  if (json.some((byte) => byte !== 0x20 && byte !== 0x0d && byte !== 0x09)) yield { line, json };
}

/** One JSON value, or a list of them: a record each. @throws WB_JSON_UTF8, WB_INPUT_INVALID when there is none */
export async function* readJson(input: Readable): AsyncGenerator<InputRecord> {
  const chunks: Buffer[] = [];
  for await (const chunk of bytesOf(input)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (!isUtf8(bytes)) throw notUtf8(lineOfFault(bytes));
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  if (text.trim() === '') {
    throw new WaybillError('WB_INPUT_INVALID', 'the input is empty: expected a JSON value, or a list of them', {
      fix: 'Write [] for no messages.',
    });
  }
  yield* splitJson(text);
}

/** The first line whose bytes are no text. A line break is a byte of its own in UTF-8, never part of another character. */
function lineOfFault(bytes: Buffer): number {
  let line = 1;
  let from = 0;
  for (let end = bytes.indexOf(0x0a); end >= 0 && isUtf8(bytes.subarray(from, end)); end = bytes.indexOf(0x0a, from)) {
    line++;
    from = end + 1;
  }
  return line;
}

export function notUtf8(line?: number, cause?: unknown): WaybillError {
  const where = line === undefined ? '' : `line ${String(line)}: `;
  return new WaybillError('WB_JSON_UTF8', `${where}the input is not valid UTF-8`, {
    cause,
    fix: 'Save it as UTF-8, or convert it: iconv -f latin1 -t utf-8.',
  });
}

/** Strings, which may hold brackets and commas, and what gives JSON its shape. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},\n]/g;

/** The members of a top-level list as they are written, each with its line; another value is one record. */
export function* splitJson(text: string): Generator<InputRecord> {
  const pieces = new Pieces(text);
  if (!text.trimStart().startsWith('[')) {
    if (text.trim() !== '') yield pieces.take(0, text.length);
    return;
  }
  let depth = 0;
  let from = text.indexOf('[') + 1;
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token === '[' || token === '{') depth++;
    if (token === ']' || token === '}') depth--;
    const ends = depth === 0 && (token === ']' || token === '}');
    if (!ends && !(token === ',' && depth === 1)) continue;
    const empty = text.slice(from, index).trim() === '';
    // Nothing stands between `[` and `]`; anywhere else it is a fault, which the parser names.
    if (!(ends && empty && text.slice(0, from).trim() === '[')) yield pieces.take(from, index);
    from = index + 1;
    if (ends) break;
  }
  // A list that does not end, and anything behind one that does: refused, in the words of the parser.
  if (depth > 0) yield pieces.take(from, text.length, '[');
  else if (text.slice(from).trim() !== '') yield pieces.take(from, text.length, ']');
}

/** Cuts pieces, one behind the other, and counts their lines. */
class Pieces {
  readonly #text: string;
  #line = 1;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  take(from: number, to: number, before = ''): InputRecord {
    const raw = this.#text.slice(from, to);
    const begins = from + (raw.length - raw.trimStart().length);
    for (; this.#at < begins; this.#at++) if (this.#text.charCodeAt(this.#at) === 0x0a) this.#line++;
    return { line: this.#line, json: before + raw.trim() };
  }
}

export async function* bytesOf(input: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of input as AsyncIterable<Buffer | string>)
    yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

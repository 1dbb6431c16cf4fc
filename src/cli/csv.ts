import { pipeline, Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { didYouMean, toError, WaybillError } from '../index.ts';
import { bytesOf, type InputRecord, notUtf8 } from './records.ts';

type Kind = 'text' | 'number' | 'boolean' | 'any';

/** A column of the table: where its value goes, and what it becomes. */
interface Column {
  readonly path: readonly string[];
  readonly kind: Kind;
}

/**
 * A table as records: the first row names properties, with dots for nested ones (`shipTo.city`). What a cell becomes (text, number,
 * true or false) is up to the contract; numbers keep their digits. An empty cell leaves the property out.
 * @throws WB_INPUT_INVALID, with the line
 */
export async function* readCsv(input: Readable, schema: unknown, ref: string): AsyncGenerator<InputRecord> {
  const parser = parse({ bom: true, info: true, skip_empty_lines: true });
  // What is wrong with the source is told where the rows are read.
  pipeline(Readable.from(utf8(input)), parser, (error) => {
    if (error) parser.destroy(error);
  });
  let columns: readonly Column[] | undefined;
  let line = 0;
  try {
    for await (const row of parser as AsyncIterable<Row>) {
      const begins = line + 1;
      line = row.info.lines;
      if (columns === undefined) columns = columnsOf(row.record, schema, ref);
      else yield { line: begins, json: jsonOf(columns, row.record, begins) };
    }
  } catch (error) {
    // What is wrong with the file itself is told by who named it.
    if (!(error instanceof CsvError)) throw error;
    throw new WaybillError('WB_INPUT_INVALID', toError(error).message, {
      cause: error,
      fix: 'A row has as many cells as the first one; a cell with commas, quotes or line breaks stands in double quotes, quotes in it doubled.',
    });
  }
}

interface Row {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

async function* utf8(input: Readable): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (chunk?: Buffer): void => {
    try {
      decoder.decode(chunk, { stream: chunk !== undefined });
    } catch (cause) {
      throw notUtf8(undefined, cause);
    }
  };
  for await (const chunk of bytesOf(input)) {
    decode(chunk);
    yield chunk;
  }
  // A character may be cut off by the end.
  decode();
}

function columnsOf(names: readonly string[], schema: unknown, ref: string): readonly Column[] {
  const seen = new Set<string>();
  return names.map((written) => {
    const name = written.trim();
    const path = name.split('.');
    if (path.some((part) => part === '' || part === '__proto__'))
      throw invalid(1, `the column ${JSON.stringify(name)} is no name of a property`);
    if (seen.has(name)) throw invalid(1, `the column ${name} stands twice`);
    seen.add(name);
    const property = propertyAt(schema, schema, path);
    if (property === undefined)
      throw invalid(1, `the column ${name} is not a property of ${ref}`, adviceFor(schema, name));
    const kind = kindOf(property);
    if (kind === undefined) {
      throw invalid(
        1,
        `the property ${name} of ${ref} is a list or an object, which a cell cannot hold`,
        `Name the members of an object with dots (${name}.<member>); lists need --format json or jsonl.`,
      );
    }
    return { path, kind };
  });
}

/** What the contract declares at a path; undefined where that is nothing. */
function propertyAt(root: unknown, schema: unknown, path: readonly string[]): unknown {
  const shape = resolved(root, schema);
  const [name, ...rest] = path;
  if (name === undefined) return shape;
  const property = entry(entry(shape, 'properties'), name);
  return property === undefined ? undefined : propertyAt(root, property, rest);
}

/** What a cell becomes; undefined for a list or an object. */
function kindOf(shape: unknown): Kind | undefined {
  const types = [entry(shape, 'type')].flat().filter((type) => type !== 'null' && type !== undefined);
  if (types.length === 0) return kindOfValues(shape);
  if (types.every((type) => type === 'number' || type === 'integer')) return 'number';
  if (types.every((type) => type === 'boolean')) return 'boolean';
  return types.includes('string') ? 'text' : undefined;
}

/** Of `enum` and `const` without a type. */
function kindOfValues(shape: unknown): Kind {
  const values = [entry(shape, 'enum') ?? entry(shape, 'const')].flat().filter((value) => value !== null);
  return values.length > 0 && values.every((value) => typeof value === 'string') ? 'text' : 'any';
}

/** Follows references within the contract; the registry has seen to it that they lead somewhere. */
function resolved(root: unknown, schema: unknown): unknown {
  let shape = schema;
  for (let steps = 0; steps < 16; steps++) {
    const ref = entry(shape, '$ref');
    if (typeof ref !== 'string') return shape;
    shape = ref.split('/').slice(1).reduce(entry, root);
  }
  return shape;
}

function entry(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

/** What may have been meant by a column that the contract does not have. */
function adviceFor(schema: unknown, name: string): string {
  const properties = entry(schema, 'properties');
  const known = Object.keys(typeof properties === 'object' && properties !== null ? properties : {});
  if (/[;\t|]/.test(name)) return 'Separate the columns by commas.';
  const [first = ''] = name.split('.');
  if (first !== name && known.includes(first))
    return `Lists cannot stand in a table, only members of objects: --format json or jsonl takes all of ${first}.`;
  return didYouMean(name, known) ?? `Its properties are ${known.join(', ')}.`;
}

type Tree = Map<string, string | Tree>;

/** JSON written by hand, so that no digit is lost on the way through a number. */
function jsonOf(columns: readonly Column[], cells: readonly string[], line: number): string {
  const root: Tree = new Map();
  for (const [index, { path, kind }] of columns.entries()) {
    const cell = cells[index] ?? '';
    if (cell === '') continue;
    let node = root;
    for (const name of path.slice(0, -1)) {
      const next = node.get(name) ?? new Map<string, string | Tree>();
      if (typeof next === 'string')
        throw invalid(line, `the column ${path.join('.')} is within ${name}, which has a value of its own`);
      node.set(name, next);
      node = next;
    }
    node.set(path.at(-1) ?? '', cellJson(cell, kind));
  }
  return treeJson(root);
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** What does not look like its kind stays text, and the contract says what is wrong with it. */
function cellJson(cell: string, kind: Kind): string {
  const trimmed = cell.trim();
  if ((kind === 'number' || kind === 'any') && NUMBER.test(trimmed)) return trimmed;
  if ((kind === 'boolean' || kind === 'any') && /^(true|false)$/i.test(trimmed)) return trimmed.toLowerCase();
  return JSON.stringify(cell);
}

function treeJson(tree: Tree): string {
  const members = [...tree].map(
    ([name, value]) => `${JSON.stringify(name)}:${typeof value === 'string' ? value : treeJson(value)}`,
  );
  return `{${members.join(',')}}`;
}

function invalid(line: number, message: string, fix?: string): WaybillError {
  return new WaybillError('WB_INPUT_INVALID', `line ${String(line)}: ${message}`, fix === undefined ? {} : { fix });
}

import { CsvError, parse } from 'csv-parse/sync';
import { WaybillError } from '../errors.ts';
import { typeFromSchema } from '../expressions/schema-type.ts';
import { membersOf, type Type } from '../expressions/types.ts';
import { parseJson, parseJsonStrictly } from '../json.ts';
import { didYouMean } from '../nearest.ts';
import type { TableContent } from '../ports/lookup.ts';
import type { Contract } from './contracts.ts';

/** Rows by their key. */
export type Table = ReadonlyMap<string, unknown>;

/** What a table has to be. */
export interface TableRules {
  /** Of one row. */
  readonly contract: Contract;
  /** The column that tells rows apart: text or a number, in every row, each value once. */
  readonly key: string;
  /** The most rows. */
  readonly rows: number;
}

export interface TableFault {
  /** Of a text with lines. Counts from 1. */
  readonly line?: number;
  readonly message: string;
  readonly fix?: string;
}

/** So many faults of one table are told; more of them say nothing new. */
const MOST_FAULTS = 20;

/**
 * Makes a table, each row checked against its contract. What a cell of CSV or a database becomes (text, number, true or false, JSON) is
 * up to the contract; an empty one leaves its property out, or is null where the contract wants that.
 */
export function makeTable(content: TableContent, rules: TableRules): { readonly table: Table } | TableFaults {
  const { contract, key, rows: most } = rules;
  const faults: TableFault[] = [];
  const read = readRows(content, contract);
  if ('faults' in read) return read;
  const sensitive = contract.sensitiveFields().some(([field]) => field === key);
  const table = new Map<string, unknown>();
  const lines = new Map<string, string>();
  for (const { value, line, place } of read.rows) {
    if (faults.length >= MOST_FAULTS) break;
    const fault = (message: string, fix?: string): void => {
      faults.push({
        message: `${place}: ${message}`,
        ...(line !== undefined && { line }),
        ...(fix !== undefined && { fix }),
      });
    };
    const violated = contract.validate(value);
    if (violated !== undefined) {
      fault(violated.message);
      continue;
    }
    const id = keyOf(value, key);
    if (id === undefined) fault(`${key} is no text and no number, and the table goes by it`);
    else if (table.has(id)) {
      const shown = sensitive ? 'the same' : JSON.stringify(id);
      fault(`${key} is ${shown}, as in ${lines.get(id) ?? 'another row'}`, 'Keep one of them.');
    } else {
      table.set(id, value);
      lines.set(id, place);
    }
    if (table.size > most) {
      fault(`more than ${String(most)} rows`, 'Raise `rows` of the table, or ask a source for what is needed.');
      break;
    }
  }
  return faults.length > 0 ? { faults } : { table };
}

export interface TableFaults {
  readonly faults: readonly TableFault[];
}

interface Row {
  readonly value: unknown;
  readonly line?: number;
  /** `line 3`, `row 2`. */
  readonly place: string;
}

type Rows = { readonly rows: Iterable<Row> } | TableFaults;

function readRows(content: TableContent, contract: Contract): Rows {
  if ('columns' in content) {
    const columns = columnsOf(content.columns, contract);
    if ('faults' in columns) return columns;
    const rows = content.rows.map((cells, index): Row => {
      return { value: valueOf(columns.columns, cells), place: `row ${String(index + 1)}` };
    });
    return { rows };
  }
  return content.format === 'csv' ? readCsv(content.text, contract) : readJson(content.text);
}

function readJson(text: string): Rows {
  try {
    const value = parseJsonStrictly(text);
    if (!Array.isArray(value))
      return { faults: [{ message: 'expected a list of rows', fix: 'Write [{ ... }, { ... }].' }] };
    return { rows: value.map((row: unknown, index): Row => ({ value: row, place: `row ${String(index + 1)}` })) };
  } catch (thrown) {
    if (!(thrown instanceof WaybillError)) throw thrown;
    return { faults: [{ message: thrown.message, ...(thrown.fix !== undefined && { fix: thrown.fix }) }] };
  }
}

/** Mixed in one file too: without them the first one would be that of all. */
const LINE_ENDS = ['\r\n', '\n', '\r'];

function readCsv(text: string, contract: Contract): Rows {
  let records: readonly { readonly record: readonly string[]; readonly info: { readonly lines: number } }[];
  try {
    records = parse(text, {
      bom: true,
      info: true,
      record_delimiter: LINE_ENDS,
      skip_empty_lines: true,
    }) as unknown as typeof records;
  } catch (thrown) {
    if (!(thrown instanceof CsvError)) throw thrown;
    const fix =
      'A row has as many cells as the first one; a cell with commas, quotes or line breaks stands in double quotes, quotes in it doubled.';
    const line = typeof thrown['lines'] === 'number' ? { line: thrown['lines'] } : {};
    return { faults: [{ message: thrown.message, fix, ...line }] };
  }
  const [head, ...rest] = records;
  if (head === undefined)
    return { faults: [{ line: 1, message: 'the file is empty', fix: 'Begin it with the names of the columns.' }] };
  const columns = columnsOf(head.record, contract);
  if ('faults' in columns) return { faults: columns.faults.map((fault) => ({ line: 1, ...fault })) };
  const rows = rest.map(({ record, info }): Row => {
    return { value: valueOf(columns.columns, record), line: info.lines, place: `line ${String(info.lines)}` };
  });
  return { rows };
}

type Kind = 'text' | 'number' | 'boolean' | 'json' | 'any';

interface Column {
  /** More than one name where it belongs to an object within the row: `shipTo.city`. */
  readonly path: readonly string[];
  readonly kind: Kind;
  readonly nullable: boolean;
}

function columnsOf(
  names: readonly string[],
  contract: Contract,
): { readonly columns: readonly Column[] } | TableFaults {
  const row = typeFromSchema(contract.schema);
  const faults: TableFault[] = [];
  const seen = new Set<string>();
  const columns = names.flatMap((written): readonly Column[] => {
    const name = written.trim();
    const path = name.split('.');
    const type = seen.has(name) ? undefined : typeAt(row, path);
    if (type !== undefined) {
      seen.add(name);
      return [{ path, ...kindOf(type) }];
    }
    const message = seen.has(name)
      ? `the column ${name} stands twice`
      : `the column ${JSON.stringify(name)} is not in ${contract.ref}`;
    const known = contract.fieldNames([]);
    const fix = /[;\t|]/.test(name)
      ? 'Separate the columns by commas.'
      : (didYouMean(name, known) ?? `It has ${known.join(', ')}.`);
    faults.push({ message, ...(!seen.has(name) && { fix }) });
    return [];
  });
  return faults.length > 0 ? { faults } : { columns };
}

/** The type of a field that is declared; undefined where there is none. */
function typeAt(type: Type, [name, ...rest]: readonly string[]): Type | undefined {
  if (name === undefined) return type;
  for (const member of membersOf(type)) {
    const field = member.kind === 'object' ? member.fields.get(name) : undefined;
    if (field !== undefined) return typeAt(field.type, rest);
  }
  return undefined;
}

function kindOf(type: Type): Omit<Column, 'path'> {
  const members = membersOf(type).map(({ kind }) => kind);
  const kinds = members.filter((kind) => kind !== 'null');
  const nullable = members.includes('null');
  const all = (...of: readonly Type['kind'][]): boolean => kinds.length > 0 && kinds.every((kind) => of.includes(kind));
  if (all('string', 'timestamp')) return { kind: 'text', nullable };
  if (all('number')) return { kind: 'number', nullable };
  if (all('boolean')) return { kind: 'boolean', nullable };
  return { kind: all('object', 'list') ? 'json' : 'any', nullable };
}

function valueOf(columns: readonly Column[], cells: readonly (string | null)[]): unknown {
  const row: Record<string, unknown> = {};
  for (const [index, { path, kind, nullable }] of columns.entries()) {
    const cell = cells[index] ?? '';
    if (cell === '' && !nullable) continue;
    let node = row;
    for (const name of path.slice(0, -1)) {
      const inner = node[name];
      const next: Record<string, unknown> = isRecord(inner) ? inner : {};
      node[name] = next;
      node = next;
    }
    node[path.at(-1) ?? ''] = cell === '' ? null : cellValue(cell, kind);
  }
  return row;
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** What does not look like its kind stays text, and the contract says what is wrong with it. */
function cellValue(cell: string, kind: Kind): unknown {
  const text = cell.trim();
  if ((kind === 'number' || kind === 'any') && NUMBER.test(text)) return parseJson(text);
  if ((kind === 'boolean' || kind === 'any') && /^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  if (kind !== 'json') return cell;
  try {
    return parseJson(text);
  } catch (thrown) {
    if (thrown instanceof WaybillError) return cell;
    throw thrown;
  }
}

function keyOf(row: unknown, key: string): string | undefined {
  const value = isRecord(row) ? row[key] : undefined;
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import path from 'node:path';
import type { Contracts } from '../contracts/contracts.ts';
import { makeTable, type Table } from '../contracts/table.ts';
import { type Fault, type Position, WaybillError } from '../errors.ts';
import type { TableContent } from '../ports/lookup.ts';
import type { BusFile } from './bus-file.ts';
import type { DocumentPath } from './definition.ts';
import type { Documents } from './documents.ts';
import { FileTable } from './table-file.ts';

/** A table of a file as it was read, before its contract is known. */
export interface TableText {
  readonly name: string;
  /** As it is shown. */
  readonly file: string;
  readonly content: TableContent;
  readonly response: string;
  readonly key: string;
  readonly rows: number;
}

/** Reads the files of tables. What cannot be read is reported where the file is named. */
export async function readTables(
  documents: Documents,
  sources: BusFile['sources'],
  fileOf: (path: DocumentPath) => string,
): Promise<readonly TableText[]> {
  const texts: TableText[] = [];
  for (const [name, { table, response }] of Object.entries(sources)) {
    if (table?.file === undefined) continue;
    const { file, key, rows, size } = table;
    const at = ['sources', name, 'table', 'file'];
    try {
      const reading = await new FileTable({ file, absolute: path.resolve(documents.root, file), size }).read();
      if (reading !== undefined) texts.push({ name, file, content: reading.content, response, key, rows });
    } catch (thrown) {
      if (!(thrown instanceof WaybillError)) throw thrown;
      const { code, message, fix } = thrown;
      documents.report({ code, file: fileOf(at), path: at, message, ...(fix !== undefined && { fix }) });
    }
  }
  return texts;
}

/** The tables that keep their contracts, and what is wrong with the others. Of a contract that is faulty itself nothing can be said. */
export function checkTableTexts(
  texts: readonly TableText[],
  contracts: Contracts,
  faulty: ReadonlySet<string>,
): { readonly tables: ReadonlyMap<string, Table>; readonly faults: readonly Fault[] } {
  const tables = new Map<string, Table>();
  const faults: Fault[] = [];
  for (const { name, file, content, response, key, rows } of texts) {
    const contract = contracts.get(response);
    // Without its key no row would have one.
    if (contract === undefined || faulty.has(contract.file) || contract.field([key])?.required !== true) continue;
    const made = makeTable(content, { contract, key, rows });
    if ('table' in made) tables.set(name, made.table);
    else {
      for (const { line, message, fix } of made.faults) {
        const at: Position = line === undefined ? { file } : { file, line };
        faults.push({
          code: 'WB_TABLE_INVALID',
          message: `the table ${name}: ${message}`,
          at,
          ...(fix !== undefined && { fix }),
        });
      }
    }
  }
  return { tables, faults };
}

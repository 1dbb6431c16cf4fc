import type { Definition } from '../config/definition.ts';
import type { Contracts } from '../contracts/contracts.ts';
import type { Lookups } from '../expressions/functions/declare.ts';
import { typeFromSchema } from '../expressions/schema-type.ts';
import { DYN } from '../expressions/types.ts';
import { sourceOf, tableNames } from './source.ts';

/** The tables that expressions may name, and the types of their rows; undefined where the bus has none. */
export function lookupsOf(sources: Definition['sources'], contracts: Contracts): Lookups | undefined {
  const tables = tableNames(sources);
  if (tables.length === 0) return undefined;
  const rowOf = (table: string) => contracts.get(sourceOf(table, sources[table])?.response ?? '');
  return {
    tables,
    type: (table) => {
      const row = rowOf(table);
      return row === undefined ? DYN : typeFromSchema(row.schema);
    },
    contract: (table) => rowOf(table)?.ref,
  };
}

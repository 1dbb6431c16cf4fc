import type { Table } from '../contracts/table.ts';
import { WaybillError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import type { Plan } from '../plan/plan.ts';
import { sourceOf, tableNames } from '../plan/source.ts';
import type { Tables } from '../ports/lookup.ts';

/** The tables that a test hands over, by name. @throws WB_TABLE_INVALID, WB_SOURCE_UNKNOWN */
export function givenTables(
  plan: Plan,
  given: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): ReadonlyMap<string, Table> {
  const { sources } = plan.definition;
  const made = Object.entries(given).map(([name, rows]): readonly [string, Table] => {
    const source = sourceOf(name, sources[name]);
    if (source?.table === undefined) {
      throw new WaybillError('WB_SOURCE_UNKNOWN', `tables: there is no table ${name}`, {
        fix: didYouMean(name, tableNames(sources)) ?? 'Declare it under sources: in waybill.yaml.',
      });
    }
    const contract = plan.contracts.require(source.response);
    for (const [key, row] of Object.entries(rows)) {
      const violated = contract.validate(row);
      if (violated !== undefined) {
        throw new WaybillError(
          'WB_TABLE_INVALID',
          `tables: ${name}: ${key} is no ${contract.ref}: ${violated.message}`,
        );
      }
    }
    return [name, new Map(Object.entries(rows))];
  });
  return new Map(made);
}

/** Tables that do not change. */
export class FixedTables implements Tables {
  readonly #tables: ReadonlyMap<string, Table>;

  constructor(tables: ReadonlyMap<string, Table>) {
    this.#tables = tables;
  }

  find(name: string, key: string): unknown {
    const table = this.#tables.get(name);
    if (table !== undefined) return table.get(key);
    throw new WaybillError('WB_RESOURCE_MISSING', `the test has no table ${name}`, {
      fix: `Hand it over: { tables: { ${name}: { <key>: <row> } } }.`,
    });
  }
}

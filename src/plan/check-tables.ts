import type { Definition } from '../config/definition.ts';
import type { Contracts } from '../contracts/contracts.ts';
import { didYouMean } from '../nearest.ts';
import type { FaultSink } from './faults.ts';
import { sourceOf } from './source.ts';

/** Whether the rows of every table have the key that it goes by. */
export function checkTables({ sources }: Definition, contracts: Contracts, faults: FaultSink): void {
  for (const [name, written] of Object.entries(sources)) {
    const source = sourceOf(name, written);
    const row = source?.table && contracts.get(source.response);
    const key = source?.table?.key;
    if (row === undefined || key === undefined) continue;
    const field = row.field([key]);
    if (field?.required === true) continue;
    const known = row.fieldNames([]);
    faults.add({
      code: 'WB_TABLE_INVALID',
      message:
        field === undefined
          ? `${name}: the key ${key} is not in ${row.ref}`
          : `${name}: the key ${key} is optional in ${row.ref}, and every row needs one`,
      fix:
        field === undefined
          ? (didYouMean(key, known) ?? `It has ${known.join(', ')}.`)
          : `Add ${key} to \`required\` of ${row.ref}.`,
      file: 'waybill.yaml',
      path: ['sources', name, 'table', 'key'],
    });
  }
}

import type { OptionRow } from '../../src/config/options-table.ts';
import { code, table } from './markdown.ts';

/** The options of one kind of file, or of one step. */
export function optionsTable(rows: readonly OptionRow[]): string {
  return table(
    ['option', 'takes', 'default', 'meaning'],
    rows.map((row) => [
      code(row.option),
      row.takes,
      row.default === undefined ? (row.required ? 'required' : '') : code(row.default),
      row.describe,
    ]),
  );
}

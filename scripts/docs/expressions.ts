import { DEVIATIONS, NO_VALUE } from '../../src/expressions/deviations.ts';
import type { FunctionDeclaration } from '../../src/expressions/functions/declare.ts';
import { FUNCTIONS, signaturesOf } from '../../src/expressions/functions/table.ts';
import { MACROS } from '../../src/expressions/macros.ts';
import { code, generated, page, table } from './markdown.ts';

export function expressionsPage(): string {
  const groups = new Map<string, FunctionDeclaration[]>();
  for (const entry of FUNCTIONS) groups.set(entry.group, [...(groups.get(entry.group) ?? []), entry]);
  return page(
    generated('src/expressions/functions'),
    '# Expressions',
    'Predicates and the leaves of mappings are [CEL](https://cel.dev) over `data`, `meta` (`id`, `type`, `version`, `source`, `subject`, ' +
      '`time`, `key`, `headers`) and `vars` (what earlier steps added). Expressions are pure: no clock, no chance, no I/O.',
    '## Macros',
    table(
      ['form', 'what it gives', 'example'],
      MACROS.map(({ form, describe, example: [expression, value] }) => [
        form
          .split(/, (?=list)/)
          .map(code)
          .join(', '),
        describe,
        `${code(expression)} is ${code(JSON.stringify(value))}`,
      ]),
    ),
    ...[...groups].flatMap(([group, entries]) => [
      `## Functions: ${group}`,
      table(
        ['function', 'in CEL', 'what it gives', 'example'],
        entries.map((entry) => [
          signaturesOf(entry).map(code).join(', '),
          entry.cel ? 'yes' : '',
          entry.describe,
          `${code(entry.example[0])} is ${code(JSON.stringify(entry.example[1]))}`,
        ]),
      ),
    ]),
    '## Where it is not CEL',
    "Examples are over `data` = `{ n: 3, s: 'abc', z: null, list: [1, 2] }`.",
    table(
      ['CEL', 'Waybill', 'example'],
      DEVIATIONS.map(({ cel, waybill, example: [expression, value] }) => [
        cel,
        waybill,
        `${code(expression)} is ${value === NO_VALUE ? value : code(JSON.stringify(value))}`,
      ]),
    ),
  );
}

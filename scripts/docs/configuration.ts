import { configurationOptions } from '../../src/config/options-table.ts';
import { UNITS } from '../../src/config/units.ts';
import { code, generated, page } from './markdown.ts';
import { optionsTable } from './options.ts';

export function configurationPage(): string {
  const options = configurationOptions();
  const overridable = options.filter((row) => row.overridable && !/[.[]/.test(row.option));
  const units = Object.values(UNITS).map((unit) => `${code(unit.example)} (${unit.units})`);
  return page(
    generated('the declarations in src/config'),
    '# Configuration',
    'A bus is a folder: `waybill.yaml`, `routes/` and `schemas/`. `waybill check` reports all faults of all files at once. What stands in ' +
      'a route is on a [page of its own](routes.md).',
    `Durations and sizes are written with their unit: ${units.join(', ')}. \`\${NAME}\`, \`\${NAME:-default}\` and \`\${file:path}\` are ` +
      'resolved when the bus starts; an unset one is a fault.',
    '## waybill.yaml',
    optionsTable(options.filter(({ file }) => file === 'waybill.yaml')),
    '## waybill.&lt;env&gt;.yaml',
    `Chosen by \`--env\` or \`WAYBILL_ENV\`. It may override ${overridable.map(({ option }) => code(option)).join(', ')}; never contracts, ` +
      'services or routes.',
    '## schemas/&lt;domain&gt;/&lt;name&gt;.v1-v2.yaml',
    optionsTable(options.filter(({ file }) => file === 'schemas/**/*.v1-v2.yaml')),
  );
}

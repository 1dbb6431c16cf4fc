import { configurationOptions, stepOptions } from '../../src/config/options-table.ts';
import { MEDIATORS } from '../../src/mediators/table.ts';
import { generated, page } from './markdown.ts';
import { optionsTable } from './options.ts';

export function routesPage(): string {
  return page(
    generated('src/routes/route-file.ts and src/mediators'),
    '# Routes',
    'A file in `routes/` holds one route, or a list of them.',
    optionsTable(configurationOptions().filter(({ file }) => file === 'routes/*.yaml')),
    '## Steps',
    'A step is the name of a mediator and its options.',
    ...MEDIATORS.flatMap(({ name, describe, options }) => [
      `### ${name}`,
      describe,
      optionsTable(stepOptions(options)),
    ]),
  );
}

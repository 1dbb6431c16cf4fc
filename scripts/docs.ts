import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { commandsPage } from './docs/commands.ts';
import { configurationPage } from './docs/configuration.ts';
import { errorsPage } from './docs/errors.ts';
import { expressionsPage } from './docs/expressions.ts';
import { metricsPage } from './docs/metrics.ts';
import { routesPage } from './docs/routes.ts';
import { schemaFiles } from './docs/schemas.ts';
import { demoTypes } from './docs/types.ts';
import { wirePage } from './docs/wire.ts';

/**
 * Writes the pages that are made from the code's own declarations, so that nothing is said twice. With `--check` it writes
 * nothing and exits with 1 when a page is stale.
 */
const root = new URL('../', import.meta.url);

const files: Readonly<Record<string, () => string | Promise<string>>> = {
  'docs/reference/cli.md': commandsPage,
  'docs/reference/configuration.md': configurationPage,
  'docs/reference/errors.md': errorsPage,
  'docs/reference/expressions.md': expressionsPage,
  'docs/reference/metrics.md': metricsPage,
  'docs/reference/routes.md': routesPage,
  'docs/reference/wire.md': wirePage,
  ...schemaFiles(),
  'demo/messages.ts': demoTypes,
};

async function stale(file: string, wanted: string): Promise<boolean> {
  try {
    return (await readFile(new URL(file, root), 'utf8')) !== wanted;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true;
    throw error;
  }
}

const check = process.argv.includes('--check');
for (const [file, make] of Object.entries(files)) {
  const text = await make();
  if (!(await stale(file, text))) continue;
  if (check) {
    console.error(`${file} is stale: run npm run docs`);
    process.exitCode = 1;
    continue;
  }
  await mkdir(new URL('./', new URL(file, root)), { recursive: true });
  await writeFile(new URL(file, root), text);
  console.log(`wrote ${file}`);
}

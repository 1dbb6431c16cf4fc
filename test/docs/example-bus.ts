import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Page, ROOT } from './markdown.ts';

/** A folder with the files that a page shows. A page without a `waybill.yaml` of its own is about the sample bus. */
export interface ExampleBus extends AsyncDisposable {
  readonly folder: string;
}

/** Inside the repository, so that packages are found from it. Ignored by git. */
export async function writeExampleBus(page: Page): Promise<ExampleBus> {
  const folder = await mkdtemp(`${ROOT}.waybill-docs-`);
  const files = page.blocks.filter(({ title }) => /^[\w./-]+\.\w+$/.test(title));
  if (!files.some(({ title }) => title === 'waybill.yaml')) {
    for (const part of ['waybill.yaml', 'routes', 'schemas']) {
      await cp(join(ROOT, part), join(folder, part), { recursive: true });
    }
  }
  for (const { title, text } of files) {
    const file = join(folder, title);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

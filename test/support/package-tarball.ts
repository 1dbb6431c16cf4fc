import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/**
 * The package as it is published, made in `folder` of a copy, so that the `dist` of this checkout stays as it is. The compiler
 * leaves out types, which it needs most of its time for and `npm run package` looks at.
 */
export async function packageTarball(folder: string): Promise<string> {
  const copy = path.join(folder, 'package');
  await mkdir(copy, { recursive: true });
  const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const options = ['-p', 'tsconfig.build.json', '--noCheck', '--declaration', 'false', '--outDir'];
  await run(process.execPath, [tsc, ...options, path.join(copy, 'dist')], { cwd: ROOT });
  const { files } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  for (const file of ['package.json', ...files.filter((each) => each !== 'dist')])
    await cp(path.join(ROOT, file), path.join(copy, file), { recursive: true });
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: copy });
  const [tarball] = (await readdir(folder)).filter((file) => file.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no file');
  return path.join(folder, tarball);
}

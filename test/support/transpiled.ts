import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The product and what tests run beside it, as JavaScript in a folder of their own. */
export interface Transpiled {
  /** Where a source file went. */
  file(source: string): string;
  readonly dispose: () => void;
}

/**
 * Each file stays a file, since some find others by their own place, and packages stay where they are. Only of typebox it
 * makes a few: it is hundreds of small ones, and to load them takes a process longer than everything else.
 */
const apart: Plugin = {
  name: 'apart',
  setup(building) {
    building.onResolve({ filter: /./ }, ({ path, kind, importer }) => {
      if (kind === 'entry-point' || importer.includes('node_modules') || /^typebox($|\/)/.test(path)) return undefined;
      return { path: path.startsWith('.') ? path.replace(/\.ts$/, '.js') : path, external: true };
    });
  },
};

/**
 * Transpiles folders of the project once, for what starts many processes and measures them: packages stay as they are
 * installed. Types are not looked at; the type check of the project does that.
 */
export async function transpile(folders: readonly string[]): Promise<Transpiled> {
  const target = mkdtempSync(join(tmpdir(), 'waybill-transpiled-'));
  const files = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  const dispose = (): void => {
    rmSync(target, { recursive: true, force: true });
  };
  try {
    await build({
      absWorkingDir: ROOT,
      entryPoints: files.filter((name) => name.endsWith('.ts')),
      outdir: target,
      outbase: ROOT,
      bundle: true,
      splitting: true,
      plugins: [apart],
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'warning',
    });
    cpSync(join(ROOT, 'package.json'), join(target, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(target, 'node_modules'), 'junction');
  } catch (error) {
    dispose();
    throw error;
  }
  return { file: (source) => join(target, source.replace(/\.ts$/, '.js')), dispose };
}

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

/** What to start: a file, and what Node needs besides. */
export interface Program {
  readonly file: string;
  readonly execArgv: readonly string[];
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
 * Transpiles folders of the project once, for tests that start hundreds of processes: each of them would else spend most
 * of its life on it. Types are not looked at; the type check of the project does that.
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

/** One for the whole test run, made by the first test that needs it. */
let shared: Promise<Transpiled> | undefined;

/** `src` and `test/support`, until this process ends. */
export function transpiled(): Promise<Transpiled> {
  shared ??= transpile(['src', 'test/support']).then((made) => {
    process.once('exit', made.dispose);
    return made;
  });
  return shared;
}

/** A program of `src` or `test/support`. While coverage is measured it is started from its source, which alone counts. */
export async function program(source: string): Promise<Program> {
  if (process.env['NODE_V8_COVERAGE'] === undefined) return { file: (await transpiled()).file(source), execArgv: [] };
  return { file: join(ROOT, source), execArgv: ['--import', import.meta.resolve('tsx')] };
}

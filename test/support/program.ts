import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What to start: a file, and what Node needs besides. */
export interface Program {
  readonly file: string;
  readonly execArgv: readonly string[];
}

/**
 * Stands before everything else. Most processes of the tests live for a second, and V8 would spend a quarter of what they
 * compute on optimizing what is then over: it waits longer for a function to be worth it. A V8 that does not know the flag
 * leaves it. CommonJS packages need `require`.
 */
const BANNER = `
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
setFlagsFromString('--interrupt-budget=2000000');
const require = createRequire(import.meta.url);
`;

/** One folder for all of a test run, until this process ends; made for the first program. */
let folder: string | undefined;
const bundles = new Map<string, Promise<string>>();

function home(): string {
  if (folder !== undefined) return folder;
  const made = mkdtempSync(join(tmpdir(), 'waybill-programs-'));
  process.once('exit', () => {
    rmSync(made, { recursive: true, force: true });
  });
  cpSync(join(ROOT, 'package.json'), join(made, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(made, 'node_modules'), 'junction');
  folder = made;
  return made;
}

/**
 * Makes a few files of a program and the packages it uses, since tests start hundreds of processes: to find, read and
 * transpile a thousand files takes most of them longer than what they do. Types are not looked at; the type check of the
 * project does that.
 */
async function bundle(source: string): Promise<string> {
  const outdir = home();
  await build({
    absWorkingDir: ROOT,
    entryPoints: [source],
    outdir,
    outbase: ROOT,
    // As deep as a file of `src`: some find package.json by their own place.
    chunkNames: 'src/chunks/[hash]',
    bundle: true,
    splitting: true,
    // A package that finds its own files by its place, one that must be there once for all who use it, and a loader.
    external: ['lmdb', '@opentelemetry/*', 'tsx'],
    banner: { js: BANNER },
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minifyWhitespace: true,
    logLevel: 'warning',
  });
  return join(outdir, source.replace(/\.ts$/, '.js'));
}

/** A program of `src` or `test/support` as JavaScript. */
export function bundled(source: string): Promise<string> {
  const known = bundles.get(source);
  if (known !== undefined) return known;
  const made = bundle(source);
  bundles.set(source, made);
  return made;
}

/** A program of `src` or `test/support`. While coverage is measured it is started from its source, which alone counts. */
export async function program(source: string): Promise<Program> {
  if (process.env['NODE_V8_COVERAGE'] === undefined) return { file: await bundled(source), execArgv: [] };
  return { file: join(ROOT, source), execArgv: ['--import', import.meta.resolve('tsx')] };
}

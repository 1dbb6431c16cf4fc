import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { kindOf } from './files.ts';

/** Where the code of an installed package begins. */
export interface PackageEntry {
  /** Absolute. */
  readonly file: string;
  readonly version: string;
}

/** The conditions of `exports` that a program in ES modules has. */
const CONDITIONS: ReadonlySet<string> = new Set(['node', 'import', 'module-sync', 'default']);

/**
 * Finds a package as an `import` in a file of `folder` would: in the nearest `node_modules` that has it. Node resolves only from where the
 * code itself stands, and Waybill may stand elsewhere.
 * @returns undefined when it is not installed; `file` undefined when it has no entry
 */
export async function packageEntry(
  name: string,
  folder: string,
): Promise<PackageEntry | { readonly file: undefined } | undefined> {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    const root = path.join(at, 'node_modules', ...name.split('/'));
    const manifest = path.join(root, 'package.json');
    if ((await kindOf(manifest)) === 'file') {
      const { exports, main, version } = readManifest(await readFile(manifest, 'utf8'));
      const entry = exports === undefined ? main : entryOf(exports);
      return entry === undefined ? { file: undefined } : { file: path.join(root, entry), version };
    }
    if (at === path.dirname(at)) return undefined;
  }
}

/** What matters of a `package.json`. One that is broken has no entry. */
function readManifest(text: string): { readonly exports: unknown; readonly main: string; readonly version: string } {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return { exports: {}, main: '', version: '' };
  }
  const { exports, main, version }: Readonly<Record<string, unknown>> = typeof found === 'object' ? { ...found } : {};
  return {
    exports,
    main: typeof main === 'string' ? main : 'index.js',
    version: typeof version === 'string' ? version : '',
  };
}

/** What `exports` says of the package itself, `.`. */
function entryOf(exports: unknown): string | undefined {
  if (typeof exports === 'string') return exports;
  if (Array.isArray(exports)) return exports.map(entryOf).find((entry) => entry !== undefined);
  if (typeof exports !== 'object' || exports === null) return undefined;
  if ('.' in exports) return entryOf(exports['.']);
  for (const [condition, of] of Object.entries(exports)) {
    if (!CONDITIONS.has(condition)) continue;
    const entry = entryOf(of);
    if (entry !== undefined) return entry;
  }
  return undefined;
}

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { toError, WaybillError } from '../errors.ts';
import { errorCode } from './files.ts';

/** A module of the user's, as it was loaded. */
export interface LoadedModule {
  readonly exports: Readonly<Record<string, unknown>>;
  /** A hash of the file. What it imports is not in it. */
  readonly edition: string;
}

/** Why a module could not be loaded, and where in its file, as far as that is known. */
export interface ModuleFault {
  readonly message: string;
  readonly fix?: string;
  readonly line?: number;
  readonly column?: number;
}

/**
 * Loads a module by its absolute path. TypeScript as well: by Node itself where it can (22.18 and later), else by tsx, if the
 * project has it. An edited file is loaded anew; what it imports stays as it was first loaded, unless tsx loads it.
 */
export async function importModule(absolute: string): Promise<LoadedModule | { readonly fault: ModuleFault }> {
  try {
    const edition = createHash('sha256')
      .update(await readFile(absolute))
      .digest('base64url')
      .slice(0, 22);
    return { exports: await load(`${pathToFileURL(absolute).href}?edition=${edition}`), edition };
  } catch (thrown) {
    return { fault: faultOf(thrown, absolute) };
  }
}

async function load(url: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(url)) as Readonly<Record<string, unknown>>;
  } catch (thrown) {
    if (errorCode(thrown) !== 'ERR_UNKNOWN_FILE_EXTENSION' || !toError(thrown).message.includes('.ts')) throw thrown;
  }
  const { tsImport } = await import('tsx/esm/api').catch((thrown: unknown) => {
    throw new WaybillError('WB_PLUGIN_INVALID', 'this Node reads no TypeScript, and tsx is not installed', {
      cause: thrown,
      fix: 'Run npm install tsx, use Node 22.18 or later, or compile it to JavaScript.',
    });
  });
  return (await tsImport(url, import.meta.url)) as Readonly<Record<string, unknown>>;
}

function faultOf(thrown: unknown, absolute: string): ModuleFault {
  const error = toError(thrown);
  const fix = error instanceof WaybillError ? error.fix : undefined;
  const { line, column } = placeIn(path.basename(absolute), `${error.message}\n${error.stack ?? ''}`);
  // A compiler says first that it failed, and then where and of what.
  const [first = '', second = ''] = error.message.split('\n');
  const message = /^Transform failed/.test(first) ? second.replace(/^.*?ERROR: /, '') : first;
  return {
    message: `${error.name === 'Error' || error instanceof WaybillError ? '' : `${error.name}: `}${message}`,
    ...(fix !== undefined && { fix }),
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
  };
}

/** The first place of a file that a text names: `geo.mjs?edition=x:3:7`. */
function placeIn(file: string, text: string): { readonly line?: number; readonly column?: number } {
  const at = text.indexOf(file);
  const [, line, column] = /^[^\s:]*:(\d+)(?::(\d+))?/.exec(at === -1 ? '' : text.slice(at + file.length)) ?? [];
  if (line === undefined) return {};
  return column === undefined ? { line: Number(line) } : { line: Number(line), column: Number(column) };
}

import path from 'node:path';
import type { ScriptModule } from '../mediators/script.ts';
import type { DocumentPath, RouteDefinition } from './definition.ts';
import type { Documents } from './documents.ts';
import { record } from './explain.ts';
import { kindOf } from './files.ts';
import { importModule } from './import-module.ts';

export interface ScriptsReading {
  /** By file. */
  readonly modules: ReadonlyMap<string, ScriptModule>;
  /** Whether all could be loaded. */
  readonly complete: boolean;
}

export const SCRIPTS_FOLDER = 'scripts';
/** Below the folder of `waybill.yaml`, in forward slashes, and never out of it. */
const SCRIPT_FILE = /^(?!\/)(?!.*(?:^|\/)\.{1,2}\/)[^\\:]+\.(?:js|mjs|ts)$/;

/** Loads the files that `script` steps name. What is wrong with them is reported. */
export async function readScripts(documents: Documents, routes: readonly RouteDefinition[]): Promise<ScriptsReading> {
  const modules = new Map<string, ScriptModule>();
  const seen = new Set<string>();
  let complete = true;
  for (const { file: routeFile, steps } of routes) {
    for (const { use, options, path: at } of steps) {
      const { file } = record(options);
      if (use !== 'script' || typeof file !== 'string' || seen.has(file)) continue;
      const refuse = (message: string, fix: string): void => {
        complete = false;
        const place: DocumentPath = [...at, 'file'];
        documents.report({ code: 'WB_PLUGIN_INVALID', file: routeFile, path: place, message, fix });
      };
      seen.add(file);
      if (!SCRIPT_FILE.test(file)) {
        refuse(
          `file: expected a .js, .mjs or .ts file below the folder of waybill.yaml, found ${file}`,
          'Write it like scripts/price.js.',
        );
        continue;
      }
      const absolute = path.join(documents.root, ...file.split('/'));
      if ((await kindOf(absolute)) !== 'file') {
        refuse(`there is no file ${file}`, 'Create it: export default ({ data }) => ({ ...data });');
        continue;
      }
      const loaded = await importModule(absolute);
      if ('fault' in loaded) {
        complete = false;
        const { message, fix, line = 1, column = 1 } = loaded.fault;
        const told = `the script ${file} cannot be loaded: ${message}`;
        const fault = { code: 'WB_PLUGIN_INVALID', message: told, at: { file, line, column } } as const;
        documents.reportAt(fix === undefined ? fault : { ...fault, fix });
        continue;
      }
      modules.set(file, { origin: { from: file, edition: loaded.edition }, exports: loaded.exports });
    }
  }
  return { modules, complete };
}

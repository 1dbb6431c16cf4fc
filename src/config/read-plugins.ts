import path from 'node:path';
import { guard, type PluggedMediator } from '../mediators/guard.ts';
import { MEDIATORS } from '../mediators/table.ts';
import type { PluginOrigin } from '../ports/mediator.ts';
import type { DocumentPath } from './definition.ts';
import type { Documents } from './documents.ts';
import { importModule, type LoadedModule, type ModuleFault } from './import-module.ts';
import { packageEntry } from './package-entry.ts';
import { exportedMediators } from './plugin-shape.ts';

export interface PluginsReading {
  readonly mediators: readonly PluggedMediator[];
  /** The files below `plugins/` that were loaded. */
  readonly files: readonly string[];
  /** Whether all could be loaded: if not, a step may well be of one that is missing. */
  readonly complete: boolean;
}

export const PLUGINS_FOLDER = 'plugins';
/** Not those of folders below, which may be what plugins share, and neither tests nor types. */
const PLUGIN_FILE = /^plugins\/[^/]+(?<!\.(?:test|spec|d))\.(?:ts|js|mjs)$/;

/** Where a plugin stands, for people. */
interface PluginPlace {
  readonly file: string;
  readonly path: DocumentPath;
}

/** Loads `plugins/` and the packages that `waybill.yaml` names. What is wrong with them is reported. */
export async function readPlugins(
  documents: Documents,
  { packages, file: busFile }: { readonly packages: readonly string[]; readonly file: string },
): Promise<PluginsReading> {
  const files = (await documents.list(PLUGINS_FOLDER)).filter((file) => PLUGIN_FILE.test(file));
  const shelf = new Shelf(documents);
  for (const file of files) {
    const loaded = await importModule(path.join(documents.root, ...file.split('/')));
    shelf.add(loaded, { file, path: [] }, { from: file, edition: 'fault' in loaded ? '' : loaded.edition });
  }
  for (const [index, name] of packages.entries()) {
    const place = { file: busFile, path: ['plugins', index] };
    const entry = await packageEntry(name, documents.root);
    if (entry?.file === undefined) {
      shelf.refuse(
        place,
        entry === undefined ? `the package ${name} is not installed` : `the package ${name} exports nothing`,
        entry === undefined ? `Run npm install ${name} in the folder of ${busFile}.` : 'Name the package of a plugin.',
      );
      continue;
    }
    shelf.add(await importModule(entry.file), place, { from: name, edition: entry.version });
  }
  return { mediators: shelf.mediators, files, complete: shelf.complete };
}

/** The plugins that were loaded, each name once. */
class Shelf {
  readonly mediators: PluggedMediator[] = [];
  complete = true;
  readonly #documents: Documents;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  add(loaded: LoadedModule | { readonly fault: ModuleFault }, place: PluginPlace, origin: PluginOrigin): void {
    if ('fault' in loaded) {
      const { message, fix, line = 1, column = 1 } = loaded.fault;
      this.complete = false;
      const told = `the plugin ${origin.from} cannot be loaded: ${message}`;
      this.#documents.reportAt({
        code: 'WB_PLUGIN_INVALID',
        message: told,
        at: place.path.length > 0 ? this.#documents.locate(place.file, place.path) : { file: place.file, line, column },
        ...(fix !== undefined && { fix }),
      });
      return;
    }
    const { mediators, wrong } = exportedMediators(loaded.exports);
    for (const each of wrong) {
      this.refuse(place, `the plugin ${origin.from}: ${each}`, 'Write it with defineMediator() of waybill/plugin.');
    }
    if (mediators.length === 0 && wrong.length === 0) {
      const names = Object.keys(loaded.exports);
      const what = names.length === 0 ? 'nothing' : names.join(', ');
      const fix = 'Export a mediator by name: export const geo = defineMediator({ ... }).';
      this.refuse(place, `the plugin ${origin.from} exports no mediator, but ${what}`, fix);
    }
    for (const mediator of mediators) {
      const taken = this.#takenBy(mediator.name);
      if (taken === undefined) this.mediators.push(guard(mediator, origin));
      else
        this.refuse(place, `the plugin ${origin.from}: ${mediator.name} is ${taken}`, 'Give it a name that is free.');
    }
  }

  refuse(place: PluginPlace, message: string, fix: string): void {
    this.complete = false;
    this.#documents.report({ code: 'WB_PLUGIN_INVALID', ...place, message, fix });
  }

  #takenBy(name: string): string | undefined {
    if (MEDIATORS.some((built) => built.name === name)) return 'a built-in mediator';
    const other = this.mediators.find((plugged) => plugged.name === name);
    return other === undefined ? undefined : `the plugin of ${other.plugin.from} already`;
  }
}

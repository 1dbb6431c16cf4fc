import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { generateTypes, type Plan } from '../index.ts';
import type { ExitName } from './exit-codes.ts';
import { type GlobalOptions, soundConfiguration, withBus } from './session.ts';
import { count, type Terminal } from './terminal.ts';

export interface TypesOptions extends GlobalOptions {
  /** Where to write, from the current folder; `-` prints. @default waybill-types.ts beside waybill.yaml */
  readonly out?: string;
  /** Writes nothing; fails when the file is not up to date. */
  readonly check?: boolean;
}

/** Writes TypeScript types of all contracts. */
export async function types(terminal: Terminal, options: TypesOptions): Promise<ExitName> {
  const { plan, root } = await source(terminal, options);
  const { all } = plan.contracts;
  const text = generateTypes(all);
  if (options.out === '-') {
    terminal.raw(text);
    return 'ok';
  }
  const file = options.out === undefined ? path.join(root, 'waybill-types.ts') : path.resolve(options.out);
  const changed = (await contentOf(file)) !== text;
  const shown = path.relative(process.cwd(), file);
  if (changed && options.check !== true) await writeFile(file, text);
  terminal.data({ file, changed, contracts: all.length });
  if (options.check === true) {
    if (!changed) return 'ok';
    terminal.note(`${shown} is not up to date; \`waybill types\` writes it`);
    return 'configuration';
  }
  terminal.print(`${changed ? 'wrote' : 'unchanged:'} ${shown}, types of ${count(all.length, 'contract')}`);
  return 'ok';
}

/** From files, or with a url alone from what was applied there. */
async function source(
  terminal: Terminal,
  options: TypesOptions,
): Promise<{ readonly plan: Plan; readonly root: string }> {
  if (options.url === undefined || options.config !== undefined) return soundConfiguration(terminal, options);
  return withBus(terminal, options, (host) => Promise.resolve({ plan: host.plan, root: process.cwd() }));
}

async function contentOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

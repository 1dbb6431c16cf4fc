import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkConfiguration, WaybillError } from '../index.ts';
import { exists } from './exists.ts';
import type { ExitName } from './exit-codes.ts';
import { scaffoldPlugin } from './scaffold-plugin.ts';
import type { GlobalOptions } from './session.ts';
import type { Terminal } from './terminal.ts';

export interface InitPluginOptions extends GlobalOptions {
  /** Writes TypeScript. */
  readonly ts?: boolean;
}

/** Writes a mediator and its test beside `waybill.yaml`. Nothing that is there is overwritten. */
export async function initPlugin(terminal: Terminal, name: string, options: InitPluginOptions): Promise<ExitName> {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw new WaybillError('WB_OPTION_INVALID', `${name} cannot be the name of a mediator`, {
      fix: 'Use lower-case letters, digits and hyphens, and begin with a letter.',
    });
  }
  const { config } = options;
  const { root, mediators } = await checkConfiguration(config === undefined ? {} : { config });
  if (mediators.some((mediator) => mediator.name === name)) {
    throw new WaybillError('WB_OPTION_INVALID', `there is a mediator ${name} already`, {
      fix: 'Choose another name.',
    });
  }
  const extension = options.ts === true ? 'ts' : 'mjs';
  const files = scaffoldPlugin(name, extension);
  for (const file of Object.keys(files)) {
    if (await exists(path.join(root, file))) {
      throw new WaybillError('WB_OPTION_INVALID', `${file} is there already`, { fix: 'Choose another name.' });
    }
  }
  await mkdir(path.join(root, 'plugins'), { recursive: true });
  // `wx`: what somebody else wrote meanwhile stays as well.
  for (const [file, text] of Object.entries(files)) await writeFile(path.join(root, file), text, { flag: 'wx' });
  const run = `node ${extension === 'ts' ? '--import tsx ' : ''}--test plugins/${name}.test.${extension}`;
  terminal.data({ root, written: Object.keys(files), next: [run] });
  for (const file of Object.keys(files)) terminal.print(`  ${file}`);
  terminal.print(`\nA mediator that routes may use: - ${name}: { value: data.<field> }. Next:`);
  terminal.print(`  ${terminal.style('bold', run)}    runs its test`);
  if (extension === 'ts') terminal.print('On Node before 22.18 it needs tsx: npm install tsx');
  return 'ok';
}

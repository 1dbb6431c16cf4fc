import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  type CheckedConfiguration,
  checkConfiguration,
  didYouMean,
  editorSchemas,
  stepOptions,
  WaybillError,
} from '../index.ts';
import type { ExitName } from './exit-codes.ts';
import { type GlobalOptions, showFaults } from './session.ts';
import type { Terminal } from './terminal.ts';

export interface StepsOptions extends GlobalOptions {
  /** Where to write the JSON Schema of route files, plugins included, for editors. */
  readonly schema?: string;
}

/** Says what steps routes may have, built in and of plugins, or all options of one of them. */
export async function steps(terminal: Terminal, name: string | undefined, options: StepsOptions): Promise<ExitName> {
  const { env, config } = options;
  const checked = await checkConfiguration({
    ...(env === undefined ? {} : { env }),
    ...(config === undefined ? {} : { config }),
  });
  // What else is wrong is for `check` to say; but a plugin that did not load would be missed here.
  showFaults(
    terminal,
    checked,
    checked.faults.filter(({ code }) => code === 'WB_PLUGIN_INVALID'),
    'yellow',
  );
  const { mediators } = checked;
  if (options.schema !== undefined) return writeSchema(terminal, options.schema, mediators);
  if (name !== undefined) return showStep(terminal, name, mediators);
  terminal.data(mediators.map((each) => ({ name: each.name, from: originOf(each), describe: each.describe })));
  const width = Math.max(...mediators.map((each) => each.name.length));
  for (const each of mediators) {
    const from = originOf(each);
    const whose = from === undefined ? '' : terminal.style('dim', ` (${from})`);
    terminal.print(`${each.name.padEnd(width)}  ${each.describe}${whose}`);
  }
  return 'ok';
}

type Step = CheckedConfiguration['mediators'][number] & { readonly plugin?: { readonly from: string } };

/** Undefined of what is built in. */
function originOf({ plugin }: Step): string | undefined {
  return plugin?.from;
}

function showStep(terminal: Terminal, name: string, mediators: readonly Step[]): ExitName {
  const found = mediators.find((each) => each.name === name);
  if (found === undefined) {
    const names = mediators.map((each) => each.name);
    throw new WaybillError('WB_MEDIATOR_UNKNOWN', `there is no mediator ${name}`, {
      fix: didYouMean(name, names) ?? `There is ${names.join(', ')}.`,
    });
  }
  const { describe, options, runs = 'pure' } = found;
  const rows = stepOptions(options);
  terminal.data({ name, from: originOf(found), describe, runs, options });
  terminal.print(`${terminal.style('bold', name)}: ${describe}`);
  for (const { option, takes, default: fallback, required, describe: meaning } of rows) {
    const said = required ? 'required' : fallback === undefined ? '' : `default ${fallback}`;
    terminal.print(`  ${terminal.style('bold', option)}  ${[takes, said].filter((text) => text !== '').join('; ')}`);
    if (meaning !== '') terminal.print(`      ${meaning}`);
  }
  return 'ok';
}

async function writeSchema(terminal: Terminal, to: string, mediators: readonly Step[]): Promise<ExitName> {
  const file = path.resolve(to);
  await writeFile(file, `${JSON.stringify(editorSchemas(mediators)['route.json'], null, 2)}\n`);
  terminal.data({ file, steps: mediators.length });
  terminal.print(`wrote ${to}; begin route files with: # yaml-language-server: $schema=<path to it>`);
  return 'ok';
}

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { WaybillError } from '../index.ts';
import { exists } from './exists.ts';
import type { ExitName } from './exit-codes.ts';
import { scaffold } from './scaffold.ts';
import type { Terminal } from './terminal.ts';

/** Writes a small bus that works. Nothing that is there is overwritten. */
export async function init(terminal: Terminal, folder: string): Promise<ExitName> {
  const root = path.resolve(folder);
  const files = scaffold(path.basename(root));
  const present: string[] = [];
  for (const file of Object.keys(files)) if (await exists(path.join(root, file))) present.push(file);
  // A package of one's own is where a bus is often begun.
  const kept: readonly string[] = present.filter((file) => file === 'package.json' || file === '.gitignore');
  const others = present.filter((file) => !kept.includes(file));
  if (others.length > 0) {
    throw new WaybillError(
      'WB_OPTION_INVALID',
      `${others.join(', ')} ${others.length === 1 ? 'is' : 'are'} there already`,
      {
        fix: 'Choose another folder: waybill init <folder>',
      },
    );
  }
  const written = Object.keys(files).filter((file) => !kept.includes(file));
  for (const file of written) {
    const target = path.join(root, file);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, files[file] ?? '');
  }
  const next = [...(folder === '.' ? [] : [`cd ${folder}`]), 'npm install'].join(' && ');
  const commands = kept.includes('package.json')
    ? [`${next} waybill && node services/mail.mjs`, 'npx waybill publish shop.order.placed@1 order.json']
    : [`${next} && npm start`, 'npm run order'];
  terminal.data({ root, written, kept, next: commands });
  for (const file of written) terminal.print(`  ${file}`);
  for (const file of kept) terminal.print(terminal.style('dim', `  ${file} was there and stays as it is`));
  terminal.print('\nA bus on which orders of a shop become mails. Next:');
  terminal.print(`  ${terminal.style('bold', commands[0] ?? '')}    runs the mail service, and with it the bus`);
  terminal.print(`  ${terminal.style('bold', commands[1] ?? '')}    in a second terminal: publishes an order`);
  return 'ok';
}

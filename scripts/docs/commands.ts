import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { generated, page } from './markdown.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const run = promisify(execFile);

interface Help {
  readonly command: readonly string[];
  readonly text: string;
}

/** The help of every command, as the command line prints it. */
export async function commandsPage(): Promise<string> {
  const [root, ...commands] = await helpOf([]);
  return page(
    generated("the command line's own help"),
    '# Command line',
    '`npx waybill` from the folder of a bus, or anywhere with `--config` or `--url`.',
    fenced(root?.text ?? ''),
    ...commands.flatMap(({ command, text }) => [`## waybill ${command.join(' ')}`, fenced(text)]),
  );
}

async function helpOf(command: readonly string[]): Promise<Help[]> {
  const { stdout } = await run(process.execPath, ['--import', 'tsx', MAIN, ...command, '--help']);
  const [, listed = ''] = /\nCommands:\n((?: .*\n|\n(?= ))*)/.exec(stdout) ?? [];
  const names = [...listed.matchAll(/^ {2}([a-z-]+)/gm)]
    .map(([, name]) => name ?? '')
    .filter((name) => name !== 'help');
  const nested = await Promise.all(names.map((name) => helpOf([...command, name])));
  return [{ command, text: stdout.trimEnd() }, ...nested.flat()];
}

function fenced(text: string): string {
  return `\`\`\`text\n${text}\n\`\`\``;
}

import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from './markdown.ts';

/** A command and what a page says it prints; a line `...` stands for any lines. */
interface Command {
  readonly line: string;
  readonly says: readonly string[];
}

/**
 * Runs the `$ ` lines of a text in `folder` and expects the lines below each in its output, in order. `waybill` and `tsx` stand for
 * this repository's.
 */
export async function runConsole(text: string, folder: string): Promise<void> {
  for (const { line, says } of toCommands(text)) {
    const { code, output } = await run(line, folder);
    expect(code, `${line} ended with ${String(code)}:\n${output}`).to.equal(0);
    const lines = output.split('\n').map((text) => text.trimEnd());
    let from = 0;
    for (const said of says.filter((text) => text !== '...')) {
      const found = lines.indexOf(said, from);
      expect(found, `${line}\n  should print: ${said}\n  and printed:\n${output}`).to.be.at.least(0);
      from = found + 1;
    }
  }
}

function toCommands(text: string): Command[] {
  const commands: { line: string; says: string[] }[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('$ ')) commands.push({ line: line.slice(2), says: [] });
    else if (line.trim() !== '') commands.at(-1)?.says.push(line.trimEnd());
  }
  return commands;
}

function run(line: string, folder: string): Promise<{ code: number | null; output: string }> {
  const [runner, name = '', ...args] = line.split(' ');
  if (runner !== 'npx' || !['tsx', 'waybill'].includes(name)) throw new Error(`cannot run: ${line}`);
  const script = name === 'waybill' ? [join(ROOT, 'src/cli/main.ts')] : [];
  const { WAYBILL_URL: _url, WAYBILL_ENV: _env, ...env } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', ...script, ...args], {
      cwd: folder,
      env: {
        ...env,
        NO_COLOR: '1',
        TSX_TSCONFIG_PATH: join(ROOT, 'test/docs/tsconfig.json'),
        PATH: `${join(ROOT, 'node_modules/.bin')}${delimiter}${env['PATH'] ?? ''}`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, output });
    });
  });
}

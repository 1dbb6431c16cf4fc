import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { installationsEnd, installPackages, mayInstall } from './broker-install.ts';

const run = promisify(execFile);

/** Clients that know nothing of Waybill: Debian's python3-pika and amqp-tools. */
export interface PlainClients {
  /** Runs a script of Python with pika; resolves to what it printed. */
  python(script: string, ...args: readonly string[]): Promise<string>;
  /** Runs one of amqp-tools. */
  tool(name: 'amqp-publish' | 'amqp-consume' | 'amqp-get', ...args: readonly string[]): Promise<string>;
}

const HOW = 'apt install python3-pika amqp-tools';

/** Debian's own: another python on the PATH does not see its packages. */
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

/** Skips the suite where they cannot be had, or fails it with `WAYBILL_TEST_BROKER=required`. */
export async function plainClients(context: Mocha.Context): Promise<PlainClients> {
  context.timeout(600_000);
  await installationsEnd();
  if (!(await present()) && (await mayInstall())) {
    await installPackages(['python3-pika', 'amqp-tools'], (line) => process.stderr.write(`${line}\n`));
  }
  if (!(await present())) {
    if (process.env['WAYBILL_TEST_BROKER'] === 'required')
      throw new Error(`python3-pika and amqp-tools are not here, and WAYBILL_TEST_BROKER=required: ${HOW}`);
    process.stderr.write(`\ntests of clients without the SDK NOT RUN: ${HOW}\n`);
    return context.skip();
  }
  const call = async (file: string, args: readonly string[]): Promise<string> =>
    (await run(file, args, { timeout: 30_000 })).stdout;
  return {
    python: (script, ...args) => call(PYTHON, ['-c', script, ...args]),
    tool: (name, ...args) => call(name, args),
  };
}

async function present(): Promise<boolean> {
  try {
    await run(PYTHON, ['-c', 'import pika']);
    await run('amqp-publish', ['--help']);
    return true;
  } catch {
    return false;
  }
}

/**
 * `npm run test:mutations [-- name...] [--trusted]`: breaks the product on purpose, one guarantee at a time, as
 * `test/mutations.md` says, and fails when the named test does not notice, or when a patch no longer applies. `--trusted`
 * leaves out the run of each test on the whole product: for CI, which has just seen all of them pass.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Broker, obtainBroker } from '../test/support/broker.ts';
import { memoryFolder } from '../test/support/memory-folder.ts';

interface Mutation {
  readonly name: string;
  /** Whether its test needs a broker. */
  readonly broker: boolean;
  readonly spec: string;
  readonly grep: string;
  readonly patch: string;
}

interface Outcome {
  readonly ran: number;
  /** Tests that this machine cannot run. */
  readonly skipped: number;
  readonly failed: readonly string[];
  readonly output: string;
}

/** At a time: most tests wait for more than they compute. */
const LANES = 5;
const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What a run of tests needs of the project. */
const COPIED = ['src', 'test', 'schemas', 'routes', 'waybill.yaml', 'package.json', 'tsconfig.json', '.mocharc.json'];
const SECTION = /^## (?<name>.+)$/m;
const TEST = /^Test: `(?<spec>[^`]+)`, `(?<grep>[^`]+)`$/m;
const PATCH = /^```diff\n(?<patch>[\s\S]*?)^```$/m;

/** @throws when a section lacks its test or its patch */
function parseMutations(markdown: string): Mutation[] {
  return markdown
    .split(/^(?=## )/m)
    .filter((section) => SECTION.test(section))
    .map((section) => {
      const name = SECTION.exec(section)?.groups?.['name'] ?? '';
      const { spec, grep } = TEST.exec(section)?.groups ?? {};
      const { patch } = PATCH.exec(section)?.groups ?? {};
      if (spec === undefined || grep === undefined || patch === undefined) {
        throw new Error(
          `test/mutations.md: "${name}" needs a line "Test: \`spec\`, \`part of the test's name\`" and a diff`,
        );
      }
      return { name, spec, grep, patch, broker: /RabbitMQ/.test(grep) || spec.startsWith('test/broker/') };
    });
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, output });
    });
  });
}

/** Runs the named test in a copy of the project. */
async function test(folder: string, { spec, grep }: Mutation, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const report = join(folder, 'report.json');
  await rm(report, { force: true });
  const args = [
    'node_modules/mocha/bin/mocha.js',
    '--spec',
    spec,
    '--fgrep',
    grep,
    '--reporter',
    'json',
    '--reporter-option',
    `output=${report}`,
  ];
  const { output } = await run(process.execPath, args, folder, { WAYBILL_TEST_ONLY: '', ...env });
  let found: unknown;
  try {
    found = JSON.parse(await readFile(report, 'utf8'));
  } catch {
    return { ran: 0, skipped: 0, failed: [], output };
  }
  return {
    ran: titles(found, 'passes').length + titles(found, 'failures').length,
    skipped: titles(found, 'pending').length,
    failed: titles(found, 'failures'),
    output,
  };
}

/** The titles of the tests in one list of mocha's report. */
function titles(report: unknown, list: 'passes' | 'failures' | 'pending'): string[] {
  if (typeof report !== 'object' || report === null) return [];
  const entries: unknown = Object.entries(report).find(([name]) => name === list)?.[1];
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown) =>
    typeof entry === 'object' && entry !== null && 'fullTitle' in entry ? [String(entry.fullTitle)] : [],
  );
}

async function copyProject(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-mutations-'));
  for (const name of COPIED) {
    await cp(join(ROOT, name), join(folder, name), { recursive: true }).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    });
  }
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

interface How {
  readonly trusted: boolean;
}

type Verdict = 'noticed' | 'not run' | { readonly wrong: string };

async function judge(mutation: Mutation, env: NodeJS.ProcessEnv, { trusted }: How): Promise<Verdict> {
  const folder = await copyProject();
  try {
    if (!trusted) {
      const whole = await test(folder, mutation, env);
      if (whole.ran === 0 && whole.skipped > 0) return 'not run';
      if (whole.ran === 0) return { wrong: `no test of ${mutation.spec} is named "${mutation.grep}"\n${whole.output}` };
      if (whole.failed.length > 0)
        return { wrong: `the test fails without the patch already: ${whole.failed.join(', ')}` };
    }
    const patch = join(folder, 'mutation.patch');
    await writeFile(patch, mutation.patch);
    const applied = await run('git', ['apply', '--recount', '-p1', patch], folder);
    if (applied.code !== 0) return { wrong: `the patch no longer applies\n${applied.output}` };
    const broken = await test(folder, mutation, { ...env, WAYBILL_TEST_PATIENCE: '0.2' });
    if (broken.ran === 0 && broken.skipped > 0) return 'not run';
    if (broken.ran === 0) return { wrong: `the patch breaks the code so that no test runs\n${broken.output}` };
    return broken.failed.length > 0 ? 'noticed' : { wrong: 'the test stays green' };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The verdict in words, and whether it is that of a broken guarantee that nobody noticed. */
async function verdictOn(
  mutation: Mutation,
  broker: Broker | undefined,
  how: How,
): Promise<{ line: string; survived: boolean }> {
  if (mutation.broker && broker === undefined) {
    const survived = process.env['WAYBILL_TEST_BROKER'] === 'required';
    return { line: `NOT RUN   ${mutation.name}: no broker`, survived };
  }
  let verdict = await judge(mutation, broker === undefined ? {} : { WAYBILL_TEST_URL: broker.url }, how);
  // One that stops its broker, or asks it by its tools, starts its own.
  if (verdict === 'not run' && broker !== undefined) verdict = await judge(mutation, {}, how);
  const word = verdict === 'noticed' ? 'noticed ' : verdict === 'not run' ? 'NOT RUN ' : 'SURVIVED';
  const survived = typeof verdict === 'object';
  return { line: `${word}  ${mutation.name}${typeof verdict === 'object' ? `: ${verdict.wrong}` : ''}`, survived };
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { trusted: { type: 'boolean', default: false } },
  });
  const all = parseMutations(await readFile(join(ROOT, 'test', 'mutations.md'), 'utf8'));
  const chosen = all.filter(({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)));
  const broker = chosen.some((each) => each.broker) ? await obtainBroker(await memoryFolder()) : undefined;
  let survivors = 0;
  const left = [...chosen];
  const lane = async (): Promise<void> => {
    for (let mutation = left.shift(); mutation !== undefined; mutation = left.shift()) {
      const { line, survived } = await verdictOn(mutation, broker, values);
      if (survived) survivors++;
      process.stdout.write(`${line}\n`);
    }
  };
  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    await broker?.dispose();
  }
  process.stdout.write(`${String(chosen.length)} mutations, ${String(survivors)} not noticed\n`);
  if (survivors > 0) process.exitCode = 1;
}

await main();

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { program } from './program.ts';
import { until, within } from './until.ts';

/** A folder of its own, gone at the end. */
export interface WorkFolder extends AsyncDisposable {
  readonly path: string;
  write(file: string, content: string | Uint8Array): Promise<void>;
  remove(file: string): Promise<void>;
}

export async function workFolder(files: Readonly<Record<string, string>> = {}): Promise<WorkFolder> {
  const root = await mkdtemp(path.join(tmpdir(), 'waybill-cli-'));
  const write = async (file: string, content: string | Uint8Array): Promise<void> => {
    const target = path.join(root, file);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, content);
  };
  for (const [file, content] of Object.entries(files)) await write(file, content);
  const remove = (file: string): Promise<void> => rm(path.join(root, file));
  return { path: root, write, remove, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What to start. */
export type Program = readonly [file: string, ...args: string[]];

export interface CallOptions {
  readonly cwd: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** @default the command line of this checkout */
  readonly program?: Program;
}

async function commandLine(): Promise<Program> {
  const { file, execArgv } = await program('src/cli/main.ts');
  return [process.execPath, ...execArgv, file];
}

/** A command that runs in a process of its own. */
export class Called implements AsyncDisposable {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  static async start(args: readonly string[], options: CallOptions): Promise<Called> {
    const { WAYBILL_URL: _url, WAYBILL_ENV: _env, ...environment } = process.env;
    const [file, ...own] = options.program ?? (await commandLine());
    const env = { ...environment, ...options.env };
    const child = spawn(file, [...own, ...args], { cwd: options.cwd, env, stdio: 'pipe' });
    return new Called(child, options.input);
  }

  private constructor(child: ChildProcess, input: string | Uint8Array = '') {
    this.#child = child;
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString('utf8');
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString('utf8');
    });
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', resolve);
    });
    // A command that ends early does not read all of its input.
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stdin?.end(input);
  }

  /** Waits until `text` stands on standard output or standard error. */
  async says(text: string): Promise<void> {
    const said = (): boolean => this.stdout.includes(text) || this.stderr.includes(text);
    const describe = (): string => `${this.stdout}\n${this.stderr}`;
    await until(`"${text}"`, () => said() || this.#child.exitCode !== null, { deadlineMs: 90_000, describe });
    if (!said()) throw new Error(`the command ended and did not say "${text}"; found ${describe()}`);
  }

  async end(): Promise<Ran> {
    const code = await within(`the command, which said ${this.stdout}${this.stderr},`, this.#ended, 180_000);
    return { code, stdout: this.stdout, stderr: this.stderr };
  }

  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Ran> {
    this.#child.kill(signal);
    return this.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

/** Runs `waybill ...` to its end. */
export async function waybill(options: CallOptions, ...args: string[]): Promise<Ran> {
  await using called = await Called.start(args, options);
  return await called.end();
}

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { pause, systemClock } from '../../src/ports/clock.ts';
import { freePorts } from './broker-node.ts';
import { onPath, Watchdog } from './watchdog.ts';

const run = promisify(execFile);

/** A PostgreSQL that this process started, and may stop and kill. */
export interface PostgresNode {
  /** `postgres://waybill:<password>@127.0.0.1:<port>/postgres` */
  readonly url: string;
  readonly port: number;
  readonly from: string;
  /** Ends it as an operator does, cutting its clients off. */
  stop(): Promise<void>;
  /** Ends it as a crash does: what was not committed is lost. */
  kill(): Promise<void>;
  start(): Promise<void>;
  dispose(): Promise<void>;
}

/** The folder of `initdb` and `postgres`, of the newest version that is installed. */
export function findPostgres(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = versions.map((version) => join(root, version, 'bin'));
  const installed = onPath('initdb');
  if (installed !== undefined) folders.push(dirname(installed));
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

/** The server refuses to run as root: then it runs as another user that there is. */
async function unprivileged(): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const found = ['postgres', 'nobody']
    .map((name) => users.find(([user]) => user === name))
    .find((user) => user !== undefined);
  if (found === undefined) throw new Error('there is no user as which PostgreSQL could run');
  return { uid: Number(found[2]), gid: Number(found[3]) };
}

export interface PostgresSettings {
  /** Whether commits are synced to the disk, as in production; tests that kill processes do not need it. @default false */
  readonly sync?: boolean;
}

/** Starts a private server on a free loopback port, in a folder of its own. The system's is not touched. */
export async function startPostgres(bin: string, { sync = false }: PostgresSettings = {}): Promise<PostgresNode> {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-postgres-'));
  const user = await unprivileged();
  const as = { ...user, cwd: folder, env: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' } };
  const password = randomBytes(12).toString('hex');
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  await chmod(folder, 0o700);
  if (user !== undefined) for (const path of [folder, passwordFile]) await chown(path, user.uid, user.gid);
  const [port] = await freePorts();
  const data = join(folder, 'data');
  const watchdog = new Watchdog(folder);
  let server: ChildProcess | undefined;
  let output = '';

  const start = async (): Promise<void> => {
    if (server !== undefined) return;
    output = '';
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: folder,
      fsync: sync ? 'on' : 'off',
      full_page_writes: sync ? 'on' : 'off',
      max_connections: '200',
      shared_buffers: '64MB',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const starting = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), ...options], {
      ...as,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    server = starting;
    watchdog.add(starting);
    starting.stderr.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4_000);
    });
    starting.on('error', (error) => {
      output += error.message;
    });
    await answers(url, 60_000, () => (starting.exitCode === null && starting.signalCode === null ? undefined : output));
  };
  const halt = (signal: NodeJS.Signals) => async (): Promise<void> => {
    const ending = server;
    server = undefined;
    await watchdog.end(ending, signal);
  };
  const dispose = async (): Promise<void> => {
    await halt('SIGQUIT')();
    await watchdog.dispose();
  };
  const url = `postgres://waybill:${password}@127.0.0.1:${String(port)}/postgres`;
  try {
    const auth = ['-U', 'waybill', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
    await run(join(bin, 'initdb'), ['-D', data, ...auth, '--no-sync', '-E', 'UTF8', '--locale=C.UTF-8'], as);
    await start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return { url, port, from: `a private server of ${bin}`, start, stop: halt('SIGINT'), kill: halt('SIGQUIT'), dispose };
}

/** Resolves once a server takes a login. `failed` gives a reason to stop waiting. */
export async function answers(url: string, withinMs: number, failed: () => string | undefined): Promise<void> {
  const deadline = systemClock.elapsed() + withinMs;
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('SELECT 1');
      return;
    } catch (error) {
      const reason = failed();
      if (reason !== undefined) throw new Error(`PostgreSQL did not start:\n${reason}`, { cause: error });
      if (systemClock.elapsed() > deadline) throw new Error('PostgreSQL did not answer', { cause: error });
    } finally {
      await client.end().catch(() => undefined);
    }
    await pause(systemClock, 50);
  }
}

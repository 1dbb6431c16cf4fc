import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { freePorts } from './broker-node.ts';
import { answers, type PostgresNode } from './postgres-node.ts';

const run = promisify(execFile);
const IMAGE = 'postgres:16';

/** Starts a container on a free loopback port; it is removed at the end, also when this process dies. */
export async function startPostgresContainer(): Promise<PostgresNode> {
  const [port] = await freePorts();
  const password = randomBytes(12).toString('hex');
  const publish = `127.0.0.1:${String(port)}:5432`;
  const settings = ['-e', 'POSTGRES_USER=waybill', '-e', 'POSTGRES_DB=postgres', '-e', `POSTGRES_PASSWORD=${password}`];
  const { stdout } = await run('docker', ['run', '-d', '-p', publish, ...settings, IMAGE], { timeout: 300_000 });
  const id = stdout.trim();
  const watchdog = spawn('sh', ['-c', 'read -r _; docker rm -f -v "$1"', 'watchdog', id], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watchdog.unref();
  const url = `postgres://waybill:${password}@127.0.0.1:${String(port)}/postgres`;
  const docker = async (...args: string[]): Promise<void> => {
    await run('docker', args);
  };
  const dispose = async (): Promise<void> => {
    const gone = new Promise<void>((resolve) =>
      watchdog.once('exit', () => {
        resolve();
      }),
    );
    watchdog.stdin.end();
    await gone;
  };
  try {
    await answers(url, 60_000, () => undefined);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    url,
    port,
    from: `a container of ${IMAGE}`,
    stop: () => docker('stop', id),
    kill: () => docker('kill', id),
    async start() {
      await docker('start', id);
      await answers(url, 60_000, () => undefined);
    },
    dispose,
  };
}

import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { answers, type BrokerNode, fed, freePorts } from './broker-node.ts';

const run = promisify(execFile);
const IMAGE = 'rabbitmq:4.1';

export async function dockerAnswers(): Promise<boolean> {
  try {
    await run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 5_000 });
    return true;
  } catch {
    // No docker, or no engine behind it: another way is tried.
    return false;
  }
}

/** Starts a container on a free loopback port; it is removed at the end, also when this process dies. */
export async function startContainer(): Promise<BrokerNode> {
  const [port] = await freePorts();
  const publish = `127.0.0.1:${String(port)}:5672`;
  const { stdout } = await run('docker', ['run', '-d', '--hostname', 'waybill', '-p', publish, IMAGE], {
    timeout: 300_000,
  });
  const id = stdout.trim();
  const watchdog = spawn('sh', ['-c', 'read -r _; docker rm -f -v "$1"', 'watchdog', id], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watchdog.unref();
  const docker = async (...args: string[]): Promise<string> => (await run('docker', args)).stdout;
  const ready = (): Promise<void> =>
    answers(port, 60_000, async () => {
      const running = await docker('inspect', '-f', '{{.State.Running}}', id);
      return running.trim() === 'true' ? undefined : await docker('logs', '--tail', '40', id);
    });
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
    await ready();
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    // guest may only log in from the container's own loopback elsewhere; the image lifts that.
    url: `amqp://guest:guest@127.0.0.1:${String(port)}`,
    port,
    from: `a container of ${IMAGE}`,
    async stop() {
      await docker('stop', id);
    },
    async kill() {
      await docker('kill', id);
    },
    async start() {
      await docker('start', id);
      await ready();
    },
    ctl: (...args) => docker('exec', id, 'rabbitmqctl', '-q', ...args),
    tool: (name, ...args) => docker('exec', id, name, '-q', ...args),
    async define(definitions) {
      await fed('docker', ['exec', '-i', id, 'rabbitmqctl', '-q', 'import_definitions'], JSON.stringify(definitions));
    },
    dispose,
  };
}

import { type ChildProcess, type ExecFileOptions, execFile, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pause, systemClock } from '../../src/ports/clock.ts';
import { until } from './until.ts';
import { onPath, Watchdog } from './watchdog.ts';

const run = promisify(execFile);

/** A broker that this process started, and may stop, kill and ask. */
export interface BrokerNode {
  /** `amqp://guest:guest@127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  readonly from: string;
  /** Ends it as an operator does; messages on disk stay. */
  stop(): Promise<void>;
  /** Ends it as a power cut does. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with what it held. */
  start(): Promise<void>;
  /** `rabbitmqctl` against it; resolves to what it printed. */
  ctl(...args: string[]): Promise<string>;
  /** Another of RabbitMQ's tools against it. */
  tool(name: 'rabbitmq-queues' | 'rabbitmq-upgrade', ...args: string[]): Promise<string>;
  /** `rabbitmqctl import_definitions`: users and permissions by the dozen, in the time that one call takes. */
  define(definitions: object): Promise<void>;
  /** Ends it for good and removes its folder. */
  dispose(): Promise<void>;
}

/** Where packages put the real script. The one in sbin changes user and folder, so it comes last. */
const FOLDERS = [
  '/usr/lib/rabbitmq/bin',
  '/usr/local/lib/rabbitmq/bin',
  '/opt/homebrew/opt/rabbitmq/sbin',
  '/usr/local/opt/rabbitmq/sbin',
];

/** Folder of another system whose server is taken through chroot (`WAYBILL_TEST_ROOT`); needs root. */
export function otherRoot(): string {
  return process.env['WAYBILL_TEST_ROOT'] ?? '';
}

export function findServer(): string | undefined {
  const root = otherRoot();
  const scripts = FOLDERS.map((folder) => join(root, folder, 'rabbitmq-server'));
  return scripts.find((script) => existsSync(script)) ?? (root === '' ? onPath('rabbitmq-server') : undefined);
}

/** What a node of a cluster shares with the others. */
export interface ClusterPlace {
  readonly port: number;
  readonly epmdPort: number;
  readonly cookie: string;
  /** Ports of all nodes, its own included. */
  readonly peers: readonly number[];
}

const nodeName = (port: number): string => `waybill-${String(port)}@localhost`;

/** A command of another system, by its path from here. */
function entering(root: string, command: string, args: readonly string[]): [string, string[]] {
  return root === '' ? [command, [...args]] : ['chroot', [root, command.slice(root.length), ...args]];
}

/** Starts a private node, without plugins unless some are named, on free loopback ports, in a folder of its own. The system's node is not touched. */
export async function startNode(
  server: string,
  place?: ClusterPlace,
  settings: readonly string[] = [],
  plugins: readonly string[] = [],
  parent = tmpdir(),
): Promise<BrokerNode> {
  const root = otherRoot();
  const outer = await mkdtemp(join(root === '' ? parent : join(root, 'tmp'), 'waybill-broker-'));
  // As the server sees it.
  const folder = outer.slice(root.length);
  const [freePort, distPort, freeEpmdPort] = await freePorts();
  const { port, epmdPort, cookie, peers } = place ?? {
    port: freePort,
    epmdPort: freeEpmdPort,
    cookie: randomBytes(16).toString('hex'),
    peers: [],
  };
  const lines = [
    'disk_free_limit.absolute = 50MB',
    'raft.wal_max_size_bytes = 67108864',
    // Behind chroot there is no /proc: without these it has no memory alarm.
    ...(root === ''
      ? []
      : ['total_memory_available_override_value = 2GB', 'vm_memory_calculation_strategy = allocated']),
    ...settings,
    ...(peers.length === 0 ? [] : ['cluster_formation.peer_discovery_backend = classic_config']),
    ...peers.map((peer, at) => `cluster_formation.classic_config.nodes.${String(at + 1)} = ${nodeName(peer)}`),
  ];
  await writeFile(join(outer, 'rabbitmq.conf'), `${lines.join('\n')}\n`);
  await writeFile(join(outer, 'enabled_plugins'), `[${plugins.join(',')}].\n`);
  await writeFile(join(outer, 'env.conf'), '');
  await writeFile(join(outer, '.erlang.cookie'), cookie, { mode: 0o400 });
  const env = {
    PATH: process.env['PATH'] ?? '',
    LANG: 'C.UTF-8',
    HOME: folder,
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: nodeName(port),
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distPort),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'env.conf'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'generated'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      '+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}',
    // Makes the script become the node, so that a signal reaches it.
    RUNNING_UNDER_SYSTEMD: 'true',
  };
  const watchdog = new Watchdog(outer);

  let node: ChildProcess | undefined;
  let output = '';
  let epmd: ChildProcess | undefined;

  const launch = (command: string, args: string[]): ChildProcess => {
    const [file, list] = entering(root, command, args);
    const child = spawn(file, list, { env, cwd: outer, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    watchdog.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-4_000);
      });
    }
    child.on('error', (error) => {
      output += error.message;
    });
    return child;
  };
  const start = async (): Promise<void> => {
    if (node !== undefined) return;
    output = '';
    epmd ??= launch(root === '' ? (onPath('epmd') ?? 'epmd') : join(root, '/usr/bin/epmd'), []);
    // The server would start one of its own, which outlives it.
    await until('epmd', () => listens(epmdPort), { deadlineMs: 180_000 });
    const starting = launch(server, []);
    node = starting;
    const log = join(outer, 'log', `${nodeName(port)}.log`);
    await answers(port, 60_000, async () => {
      if (starting.exitCode === null && starting.signalCode === null) return undefined;
      const tail = await readFile(log, 'utf8').catch(() => '');
      return `${output}\n${tail.slice(-2_000)}`;
    });
  };
  const halt = (signal: NodeJS.Signals) => async (): Promise<void> => {
    const ending = node;
    node = undefined;
    await watchdog.end(ending, signal);
  };
  const dispose = async (): Promise<void> => {
    await halt('SIGKILL')();
    await watchdog.end(epmd, 'SIGKILL');
    await watchdog.dispose();
  };
  const tool = (name: string, args: readonly string[]): Promise<string> => {
    const script = join(server, '..', name);
    const [file, list] = entering(root, existsSync(script) ? script : name, ['-q', ...args]);
    return fed(file, list, '', { env, cwd: outer });
  };
  try {
    await start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    url: `amqp://guest:guest@127.0.0.1:${String(port)}`,
    port,
    from: `a private node of ${server}`,
    start,
    stop: halt('SIGTERM'),
    kill: halt('SIGKILL'),
    dispose,
    ctl: (...args) => tool('rabbitmqctl', args),
    tool: (name, ...args) => tool(name, args),
    async define(definitions) {
      // Not by standard input, whose end the tools of 4.0 do not notice.
      await writeFile(join(outer, 'definitions.json'), JSON.stringify(definitions), { mode: 0o644 });
      await tool('rabbitmqctl', ['import_definitions', join(folder, 'definitions.json')]);
    },
  };
}

/** Runs a program with this on its standard input; resolves to what it printed. */
export async function fed(
  file: string,
  args: readonly string[],
  input: string,
  options: ExecFileOptions = {},
): Promise<string> {
  const running = run(file, args, { ...options, encoding: 'utf8' });
  // One that ends early does not read all of it.
  running.child.stdin?.on('error', () => undefined);
  running.child.stdin?.end(input);
  return (await running).stdout;
}

/** Resolves once an AMQP broker speaks on the port. `failed` gives a reason to stop waiting. */
export async function answers(
  port: number,
  withinMs: number,
  failed: () => Promise<string | undefined>,
): Promise<void> {
  const deadline = systemClock.elapsed() + withinMs;
  while (!(await greets(port))) {
    const reason = await failed();
    if (reason !== undefined) throw new Error(`the broker did not start:\n${reason}`);
    if (systemClock.elapsed() > deadline)
      throw new Error(`the broker did not answer on port ${String(port)} within ${String(withinMs)} ms`);
    await pause(systemClock, 50);
  }
}

/** Whether something takes connections there. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const answer = (found: boolean) => (): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
  });
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2_000, () => {
      finish(false);
    });
    socket.on('connect', () => socket.write('AMQP\u0000\u0000\u0009\u0001'));
    socket.on('data', () => {
      finish(true);
    });
    socket.on('error', () => {
      finish(false);
    });
    socket.on('close', () => {
      finish(false);
    });
  });
}

/**
 * Below the range from which systems take the ports of outgoing connections (32768 and above on Linux, 49152 and above elsewhere):
 * a port from within it could be taken by any connection while its broker is down for a moment.
 */
const PORTS = { from: 15_000, to: 32_000 };

/** Three ports that were free a moment ago. */
export async function freePorts(): Promise<[number, number, number]> {
  return [await freePort(), await freePort(), await freePort()];
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.to);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

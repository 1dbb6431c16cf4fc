import { randomUUID } from 'node:crypto';
import { dockerAnswers, startContainer } from './broker-docker.ts';
import { installationsEnd, installServer, mayInstall } from './broker-install.ts';
import { type BrokerNode, findServer, startNode } from './broker-node.ts';
import { memoryFolder } from './memory-folder.ts';

/** A broker for tests, the demo or the bench, from wherever one can be had. */
export interface Broker {
  /** Without a vhost: the default one. */
  readonly url: string;
  /** How it was had, for people. */
  readonly from: string;
  /** Set when this process started it; a broker named by `WAYBILL_TEST_URL` is not ours to stop. */
  readonly node?: BrokerNode;
  dispose(): Promise<void>;
}

export const HOW_TO_GET_ONE =
  'install RabbitMQ (apt install rabbitmq-server, brew install rabbitmq), start Docker, or set WAYBILL_TEST_URL=amqp://user:password@host';

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/**
 * `WAYBILL_TEST_URL`, else an installed server started privately, else Docker, else (root on Debian or Ubuntu without a
 * terminal) an installation. Undefined where none can be had.
 * @param parent of the folder of a private server
 */
export async function obtainBroker(parent?: string): Promise<Broker | undefined> {
  const url = process.env['WAYBILL_TEST_URL'];
  if (url !== undefined && url !== '') return { url, from: 'WAYBILL_TEST_URL', dispose: () => Promise.resolve() };
  await installationsEnd();
  const server = process.env['WAYBILL_TEST_DOCKER'] === 'required' ? undefined : findServer();
  if (server !== undefined) return ours(await startNode(server, undefined, [], [], parent));
  if (await dockerAnswers()) return ours(await startContainer());
  if (await mayInstall()) {
    await installServer(say);
    const installed = findServer();
    if (installed !== undefined) return ours(await startNode(installed, undefined, [], [], parent));
  }
  return undefined;
}

function ours(node: BrokerNode): Broker {
  return { url: node.url, from: node.from, node, dispose: () => node.dispose() };
}

/** One for the whole test run, started by the first test that needs it. */
let shared: Promise<Broker | undefined> | undefined;

/** The run's broker. Skips the suite where none can be had, or fails it with `WAYBILL_TEST_BROKER=required`. */
export async function broker(context: Mocha.Context): Promise<Broker> {
  // Starting a node takes some seconds, installing one up to minutes.
  context.timeout(Math.max(context.timeout(), 300_000));
  shared ??= memoryFolder().then(obtainBroker);
  const found = await shared;
  if (found !== undefined) return found;
  if (process.env['WAYBILL_TEST_BROKER'] === 'required') {
    throw new Error(`no RabbitMQ for the broker tests, and WAYBILL_TEST_BROKER=required: ${HOW_TO_GET_ONE}`);
  }
  return context.skip();
}

export async function brokerUrl(context: Mocha.Context): Promise<string> {
  return (await broker(context)).url;
}

/** The run's broker as one that may be stopped and asked; skips where the broker is somebody else's. */
export async function brokerNode(context: Mocha.Context): Promise<BrokerNode> {
  const { node } = await broker(context);
  return node ?? context.skip();
}

/** A bus name that no other test has, so that tests share a node without meeting. */
export function busName(prefix = 'bus'): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`;
}

/** `url` with `?bus=`: what `openTransport` takes. */
export function busUrl(url: string, bus: string): string {
  const whole = new URL(url);
  whole.searchParams.set('bus', bus);
  return whole.href;
}

/** Ends what `broker` started; called once, after the last test. */
export async function releaseBroker(): Promise<void> {
  if (shared === undefined) return;
  const held = shared;
  shared = undefined;
  const found = await held;
  if (found === undefined) say(`\nbroker tests NOT RUN: ${HOW_TO_GET_ONE}`);
  await found?.dispose();
}

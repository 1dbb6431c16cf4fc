import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '../../src/ports/topology.ts';
import type { Transport } from '../../src/ports/transport.ts';
import { brokerUrl } from '../support/broker.ts';
import { type Peer, PeerProcess } from '../support/peer.ts';
import type { Target } from '../support/peer-protocol.ts';
import { removeBus } from '../support/rabbit-bus.ts';
import { openTarget } from '../support/targets.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import type { Bus, Harness } from './harness.ts';

/** What this process and others opened on a bus, to be closed after the test. */
class Connections {
  readonly #transports: Transport[] = [];
  readonly #processes: PeerProcess[] = [];

  async connect(target: Target): Promise<Transport> {
    const transport = await openTarget(target);
    this.#transports.push(transport);
    return transport;
  }

  async peer(target: Target): Promise<Peer> {
    const process = await PeerProcess.start();
    this.#processes.push(process);
    return process.open(target);
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
    // The first one of the embedded transport owns the folder: it goes last, so that none has to take over.
    for (const transport of this.#transports.reverse()) await transport.close();
  }
}

async function newFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'waybill-'));
}

async function applyOnce(target: Target, manifest: Manifest): Promise<void> {
  const transport = await openTarget(target);
  await transport.apply(manifest);
  await transport.close();
}

/** The process that runs the tests owns the folder. */
function embeddedOwned(): Harness {
  return {
    name: 'embedded, owned',
    kind: 'embedded',
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    async create(manifest, parkingBytes) {
      const folder = await newFolder();
      const target: Target = { kind: 'embedded', folder, bus: manifest.bus, parkingBytes };
      const connections = new Connections();
      await applyOnce(target, manifest);
      return {
        manifest,
        connect: () => connections.connect(target),
        peer: () => connections.peer(target),
        async destroy() {
          await connections.close();
          await rm(folder, { recursive: true, force: true });
        },
      };
    },
  };
}

/** Another process owns the folder, a fresh one for each bus, and the tests attach to it. */
function embeddedAttached(): Harness {
  let spare: Promise<PeerProcess> | undefined;
  return {
    name: 'embedded, attached',
    kind: 'embedded',
    start: () => Promise.resolve(),
    async stop() {
      await (await spare)?.kill();
    },
    async create(manifest, parkingBytes): Promise<Bus> {
      const folder = await newFolder();
      const target: Target = { kind: 'embedded', folder, bus: manifest.bus, parkingBytes };
      const connections = new Connections();
      // Processes take long to start, so the next one starts while this test runs.
      const owner = await (spare ?? PeerProcess.start());
      spare = PeerProcess.start();
      try {
        await (await owner.open(target)).apply(manifest);
      } catch (error) {
        await owner.kill();
        throw error;
      }
      return {
        manifest,
        connect: () => connections.connect(target),
        peer: () => connections.peer(target),
        cut: () => owner.kill(),
        freeze: () => {
          owner.freeze();
        },
        thaw: () => {
          owner.thaw();
        },
        async destroy() {
          owner.thaw();
          await connections.close();
          await owner.kill();
          await rm(folder, { recursive: true, force: true });
        },
      };
    },
  };
}

/** A broker of the test run's own, through a proxy that can break connections. */
function rabbitmq(): Harness {
  let url = '';
  let proxy: TcpProxy | undefined;
  return {
    name: 'RabbitMQ',
    kind: 'rabbitmq',
    async start(context) {
      url = await brokerUrl(context);
    },
    async stop() {
      await proxy?.close();
    },
    async create(manifest, parkingBytes): Promise<Bus> {
      const { bus } = manifest;
      const through = (proxy ??= await tcpProxy(Number(new URL(url).port || '5672')));
      const direct = { kind: 'rabbitmq', url, bus, parkingBytes } as const satisfies Target;
      const target: Target = { ...direct, url: through.through(url) };
      const connections = new Connections();
      await applyOnce(direct, manifest);
      return {
        manifest,
        connect: () => connections.connect(target),
        peer: () => connections.peer(direct),
        cut() {
          through.cut();
          return Promise.resolve();
        },
        freeze: () => {
          through.stall();
        },
        thaw: () => {
          through.mend();
        },
        async destroy() {
          through.mend();
          await connections.close();
          await removeBus(url, manifest.topology);
        },
      };
    },
  };
}

export const HARNESSES: readonly (() => Harness)[] = [embeddedOwned, embeddedAttached, rabbitmq];

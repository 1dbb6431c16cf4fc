import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBus } from '../../src/index.ts';
import { brokerNode } from '../support/broker.ts';
import type { BrokerNode } from '../support/broker-node.ts';
import { outgoing } from '../support/messages.ts';
import { testLog } from '../support/targets.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import { writeFlow } from '../support/traffic/flow.ts';
import { Traffic } from '../support/traffic/traffic.ts';
import { survives } from './survival.ts';

/** What faults are made with: processes at work, their broker, and what is between them. */
interface Scene {
  readonly traffic: Traffic;
  readonly node: BrokerNode;
  readonly proxy: TcpProxy;
}

/** Makes a fault, and resolves when it is over. */
type Fault = (scene: Scene) => Promise<void> | void;

const NETWORK: Readonly<Record<string, Fault>> = {
  'every connection is cut': ({ proxy }) => {
    proxy.cut();
  },
  // Nobody is told: heartbeats find it out.
  'every line goes dead without a good-bye': ({ proxy }) => {
    proxy.halfOpen();
  },
  'the network is frozen for as long as heartbeats bear': async ({ proxy, traffic }) => {
    proxy.stall();
    await traffic.stands();
    proxy.mend();
  },
  'the network is slow': async ({ proxy, traffic }) => {
    proxy.slow(250);
    await traffic.flows(traffic.standing(), 180_000);
    proxy.slow(0);
  },
};

const PROCESSES: Readonly<Record<string, Fault>> = {
  'a router is killed': async ({ traffic }) => {
    await traffic.restart(traffic.one('router'));
  },
  'a consumer is killed inside a batch': async ({ traffic }) => {
    // Alone it has every partition, so its moment comes.
    const others = traffic.of('oms').slice(1);
    await Promise.all(others.map((other) => other.kill()));
    await traffic.restart(traffic.one('oms'), { point: 'inside a batch', nth: 3, turns: 1 });
    await Promise.all(others.map((other) => other.start()));
  },
  'the publisher is killed with unconfirmed messages': async ({ traffic }) => {
    await traffic.restart(traffic.one('publisher'), { point: 'before confirm', nth: 20, turns: 2 });
  },
};

const BROKER: Readonly<Record<string, Fault>> = {
  'the broker has no memory left for a while': async ({ node, traffic }) => {
    await node.ctl('set_vm_memory_high_watermark', '0.00001');
    await blocked(traffic.folder);
    await node.ctl('set_vm_memory_high_watermark', '0.6');
  },
  'the broker is killed': async ({ node }) => {
    await node.kill();
    await node.start();
  },
};

/** Resolves when the broker has said that it takes no messages. */
async function blocked(config: string): Promise<void> {
  const host = await openBus({ config, log: testLog });
  const heard = new Promise<void>((resolve) =>
    host.transport.onStatus((status) => {
      if (status.blocked !== undefined) resolve();
    }),
  );
  // Only who publishes is told. It is not durable before the host is closed, and not meant to be.
  const sending = host.transport.send([outgoing({ type: 'tests.alarm' })]).catch(() => undefined);
  await heard;
  await host.close();
  await sending;
}

describe('faults under load', () => {
  let scene: Scene | undefined;
  let proxy: TcpProxy | undefined;
  before(async function () {
    const node = await brokerNode(this);
    const through = await tcpProxy(node.port);
    proxy = through;
    const traffic = await Traffic.start({ url: node.url, via: () => through.through(node.url) });
    scene = { node, proxy, traffic };
  });
  const given = (): Scene => {
    if (scene === undefined) throw new Error('the scene is not set');
    return scene;
  };
  after(async function () {
    this.timeout(240_000);
    await scene?.traffic.dispose();
    await proxy?.close();
  });

  for (const [what, fault] of Object.entries({ ...NETWORK, ...PROCESSES, ...BROKER })) {
    it(`lose nothing and break no order when ${what}; traffic resumes by itself`, async function () {
      this.timeout(600_000);
      await survives(given().traffic, () => fault(given()));
    });
  }

  it('lose nothing and break no order when routers of two editions work side by side', async function () {
    this.timeout(600_000);
    const { traffic, node } = given();
    const next = await mkdtemp(join(tmpdir(), 'waybill-edition-'));
    try {
      await survives(traffic, async () => {
        await writeFlow(next, traffic.bus, node.url, 2);
        await traffic.apply(next);
        // The old ones know another edition than the one that is applied, the new one none but it.
        await traffic.add('router', next);
        await traffic.flows(traffic.standing(), 180_000);
        await traffic.one('router').kill();
      });
    } finally {
      await rm(next, { recursive: true, force: true });
    }
  });
});

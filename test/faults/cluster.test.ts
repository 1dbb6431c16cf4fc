import { expect } from 'chai';
import { type BrokerCluster, brokerCluster } from '../support/broker-cluster.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import { Traffic } from '../support/traffic/traffic.ts';
import { survives } from './survival.ts';

describe('faults of a cluster of three under load', () => {
  let cluster: BrokerCluster;
  let traffic: Traffic;
  const opened: (() => Promise<void>)[] = [];
  before(async function () {
    cluster = await brokerCluster(this);
    opened.push(() => cluster.dispose());
    const balancer: TcpProxy = await tcpProxy(() => cluster.port);
    opened.push(() => balancer.close());
    const url = balancer.through(cluster.node.url);
    traffic = await Traffic.start({ url, keys: 20, processes: { router: 1 } });
    opened.push(() => traffic.dispose());
  });
  after(async function () {
    this.timeout(240_000);
    for (const close of opened.reverse()) await close();
  });
  const queue = (): string => `${traffic.bus}.ep.oms.1.0`;

  it('lose nothing and break no order when every leader moves to where it belongs; traffic goes on by itself', async function () {
    this.timeout(600_000);
    await survives(traffic, async () => {
      await cluster.node.tool('rabbitmq-queues', 'rebalance', 'quorum');
    });
  });

  it('lose nothing and break no order when the node that leads the queue of an endpoint is killed and started again', async function () {
    this.timeout(600_000);
    await survives(traffic, async () => {
      const leader = await cluster.leader(queue());
      await cluster.kill(leader);
      try {
        await traffic.flows(traffic.standing(), 120_000);
        expect(await cluster.leader(queue())).to.not.equal(leader);
      } finally {
        await cluster.restart(leader);
      }
    });
  });

  it('lose nothing and break no order when two nodes of three are killed and started again', async function () {
    this.timeout(600_000);
    await survives(traffic, async () => {
      const lost = cluster.nodes.slice(0, 2);
      await cluster.kill(...lost);
      try {
        await traffic.stands();
      } finally {
        await cluster.restart(...lost);
      }
    });
  });
});

import { randomBytes } from 'node:crypto';
import { type BrokerNode, type ClusterPlace, findServer, freePorts, startNode } from './broker-node.ts';

/** Some private nodes on this machine that are one RabbitMQ, of which some may be down. */
export class BrokerCluster {
  readonly nodes: readonly BrokerNode[];
  readonly #down = new Set<BrokerNode>();
  #turn = 0;

  /** Resolves when all have joined. */
  static async start(server: string, count = 3): Promise<BrokerCluster> {
    const [epmdPort] = await freePorts();
    const peers: number[] = [];
    while (peers.length < count) {
      const [port] = await freePorts();
      if (!peers.includes(port) && port !== epmdPort) peers.push(port);
    }
    const shared: Omit<ClusterPlace, 'port'> = { epmdPort, cookie: randomBytes(16).toString('hex'), peers };
    // The first would wait in vain for others to join.
    const settings = ['cluster_formation.discovery_retry_limit = 1'];
    const nodes: BrokerNode[] = [];
    const begin = async (port: number): Promise<void> => {
      nodes.push(await startNode(server, { ...shared, port }, settings));
    };
    try {
      const [first = 0, ...others] = peers;
      await begin(first);
      const begun = await Promise.allSettled(others.map(begin));
      for (const result of begun) if (result.status === 'rejected') throw result.reason;
      await nodes[0]?.ctl('await_online_nodes', String(count), '-t', '60');
    } catch (error) {
      for (const node of nodes) await node.dispose();
      throw error;
    }
    return new BrokerCluster(nodes);
  }

  private constructor(nodes: readonly BrokerNode[]) {
    this.nodes = nodes;
  }

  /** Of a node that is up, another one each time: what a load balancer does. */
  get port(): number {
    const up = this.nodes.filter((node) => !this.#down.has(node));
    return up[this.#turn++ % up.length]?.port ?? 0;
  }

  /** One that is up. */
  get node(): BrokerNode {
    const up = this.nodes.find((node) => !this.#down.has(node));
    if (up === undefined) throw new Error('no node is up');
    return up;
  }

  /** Ends nodes as a power cut does. */
  async kill(...nodes: BrokerNode[]): Promise<void> {
    for (const node of nodes) this.#down.add(node);
    await Promise.all(nodes.map((node) => node.kill()));
  }

  /** Starts them again, each with what it held. */
  async restart(...nodes: BrokerNode[]): Promise<void> {
    await Promise.all(nodes.map((node) => node.start()));
    for (const node of nodes) this.#down.delete(node);
  }

  /** The node that leads a queue. */
  async leader(queue: string): Promise<BrokerNode> {
    const listed = await this.node.ctl('list_queues', '--no-table-headers', 'name', 'leader');
    const leader = listed
      .split('\n')
      .map((line) => line.split('\t'))
      .find(([name]) => name === queue)?.[1];
    const found = this.nodes.find(({ port }) => leader === `waybill-${String(port)}@localhost`);
    if (found === undefined) throw new Error(`${queue} has no leader that is known: ${listed}`);
    return found;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.dispose()));
  }
}

/** One of a test's own. Skips where no server is installed here, or the broker is somebody else's. */
export async function brokerCluster(context: Mocha.Context): Promise<BrokerCluster> {
  const url = process.env['WAYBILL_TEST_URL'] ?? '';
  const server = url !== '' || process.env['WAYBILL_TEST_DOCKER'] === 'required' ? undefined : findServer();
  if (server === undefined) return context.skip();
  context.timeout(Math.max(context.timeout(), 300_000));
  return await BrokerCluster.start(server);
}

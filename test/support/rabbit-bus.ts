import { connect } from 'amqplib';
import { layoutOf } from '../../src/adapters/rabbitmq/layout.ts';
import { readManifest } from '../../src/adapters/rabbitmq/manifest-record.ts';
import { namesOf } from '../../src/adapters/rabbitmq/names.ts';
import { channelsOf } from '../../src/adapters/rabbitmq/stream.ts';
import { brokerTopology } from '../../src/adapters/rabbitmq/topology.ts';
import { openRabbit, type RabbitOptions } from '../../src/adapters/rabbitmq/transport.ts';
import { systemClock } from '../../src/ports/clock.ts';
import type { Manifest, Topology } from '../../src/ports/topology.ts';
import type { Transport } from '../../src/ports/transport.ts';
import { manifestOf, type Sketch } from '../conformance/harness.ts';
import { busName, busUrl } from './broker.ts';

/** Removes everything of a bus from the broker: hundreds of left-over queues make a node slow. */
export async function removeBus(url: string, topology: Topology): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  // With the queues of every generation, and of endpoints that the plan has no more.
  const found = await readManifest(channelsOf(connection), namesOf(topology.bus).manifest, systemClock);
  const layout = found === undefined ? undefined : layoutOf(found.record);
  const { queues, exchanges } = brokerTopology(topology, 1, layout);
  // In this order it costs the broker half: bindings go with their exchange, all at once.
  for (const { name } of exchanges) await channel.deleteExchange(name);
  for (const { name } of [...queues, { name: namesOf(topology.bus).manifest }]) await channel.deleteQueue(name);
  await connection.close();
}

/** A bus of a test's own on the run's broker. */
export class RabbitBus {
  readonly manifest: Manifest;
  /** Straight to the broker. */
  readonly url: string;
  readonly #transports: Transport[] = [];

  private constructor(url: string, manifest: Manifest) {
    this.url = url;
    this.manifest = manifest;
  }

  /** Not applied yet. */
  static bare(url: string, sketch: Sketch): RabbitBus {
    return new RabbitBus(url, manifestOf(sketch, busName('t')));
  }

  static async create(url: string, sketch: Sketch): Promise<RabbitBus> {
    const bus = RabbitBus.bare(url, sketch);
    const transport = await bus.open();
    await transport.apply(bus.manifest);
    await transport.close();
    return bus;
  }

  /** @param through another url of the same broker, such as a proxy's */
  async open(options: Partial<RabbitOptions> = {}, through = this.url): Promise<Transport> {
    const transport = await openRabbit({ url: busUrl(through, this.manifest.bus), ...options });
    this.#transports.push(transport);
    return transport;
  }

  async destroy(): Promise<void> {
    for (const transport of this.#transports) await transport.close();
    await removeBus(this.url, this.manifest.topology);
  }
}

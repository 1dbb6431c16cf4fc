import { toError } from '../../src/errors.ts';
import type { Consumer, Delivery, Outgoing, Settlement, Transport } from '../../src/ports/transport.ts';
import { until } from './until.ts';

export interface CollectorOptions {
  /** @default 100 */
  readonly window?: number;
  /** What to do with each delivery at once; nothing by default. */
  readonly each?: (delivery: Delivery) => Settlement;
}

/** A consumer that notes what it is given and, when asked to, settles it at once. */
export class Collector {
  readonly deliveries: Delivery[] = [];
  /** How many deliveries came in each call of `receive`. */
  readonly calls: number[] = [];
  readonly #options: CollectorOptions;
  readonly #settling = new Set<Promise<void>>();
  #consumer: Consumer | undefined;
  #unsettled: Delivery[] = [];
  #error: Error | undefined;

  private constructor(options: CollectorOptions) {
    this.#options = options;
  }

  static async start(transport: Transport, endpoint: string, options: CollectorOptions = {}): Promise<Collector> {
    const collector = new Collector(options);
    collector.#consumer = await transport.consume(endpoint, {
      window: options.window ?? 100,
      receive: (deliveries) => {
        collector.#receive(deliveries);
      },
    });
    collector.#settleEach();
    return collector;
  }

  /** Settles each delivery as done at once. */
  static drain(transport: Transport, endpoint: string, window = 100): Promise<Collector> {
    return Collector.start(transport, endpoint, { window, each: (delivery) => done(delivery) });
  }

  get consumer(): Consumer {
    if (this.#consumer === undefined) throw new Error('the consumer has not started');
    return this.#consumer;
  }

  get ids(): string[] {
    return this.deliveries.map(({ message }) => message.envelope.id);
  }

  /** The first `count` deliveries, when there are as many. */
  async atLeast(count: number, deadlineMs?: number): Promise<readonly Delivery[]> {
    await until(
      `${String(count)} deliveries`,
      () => {
        if (this.#error !== undefined) throw this.#error;
        return this.deliveries.length >= count;
      },
      { describe: () => String(this.deliveries.length), ...(deadlineMs === undefined ? {} : { deadlineMs }) },
    );
    return this.deliveries.slice(0, count);
  }

  /** When every settlement that `each` asked for is durable. */
  async settled(): Promise<void> {
    while (this.#settling.size > 0) await Promise.all(this.#settling);
    if (this.#error !== undefined) throw this.#error;
  }

  settle(deliveries: readonly Delivery[], sends: readonly Outgoing[] = []): Promise<void> {
    return this.consumer.settle(deliveries.map((delivery, at) => done(delivery, at === 0 ? sends : [])));
  }

  close(): Promise<void> {
    return this.consumer.close();
  }

  #receive(deliveries: readonly Delivery[]): void {
    this.calls.push(deliveries.length);
    this.deliveries.push(...deliveries);
    this.#unsettled.push(...deliveries);
    this.#settleEach();
  }

  #settleEach(): void {
    const { each } = this.#options;
    if (each === undefined || this.#consumer === undefined || this.#unsettled.length === 0) return;
    const settlements = this.#unsettled.map(each);
    this.#unsettled = [];
    const settling = this.#consumer
      .settle(settlements)
      .catch((error: unknown) => {
        this.#error = toError(error);
      })
      .finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
  }
}

export function done(delivery: Delivery, sends: readonly Outgoing[] = []): Settlement {
  return { delivery, outcome: 'done', sends };
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

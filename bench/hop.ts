import { rmSync } from 'node:fs';
import { connect, type Host, openBus, type TransportStats } from '../src/index.ts';
import { type UntypedService, untyped } from '../test/support/untyped.ts';
import { type Order, orders, TYPES, typeName, writeConfiguration } from './corpus.ts';
import { anonymousMemory, scratch } from './machine.ts';
import type { Result } from './result.ts';
import { quantile } from './statistics.ts';

/** Publishes that may wait for durability at a time: fewer than a consumer's windows, so that what is sent is handled as it comes. */
const IN_FLIGHT = 3_000;
/** Of the orders that the route takes, by its predicate: 4 of 5. */
const TAKEN = { direct: 1, inline: 0.8 } as const;

export interface HopOptions {
  readonly road: 'direct' | 'inline';
  readonly count: number;
  /** `embedded` for a fresh folder, or a broker's url. */
  readonly transport: string;
}

interface Bench {
  readonly service: UntypedService;
  readonly refs: readonly string[];
  readonly orders: readonly Order[];
  /** Messages handled so far. */
  readonly handled: () => number;
  close(): Promise<void>;
}

/** A bus with one service that publishes and receives, in this process. */
async function openBench(road: 'direct' | 'inline', transport: string): Promise<Bench> {
  const folder = scratch();
  const url = transport === 'embedded' ? `embedded:${folder}/store` : transport;
  await writeConfiguration(folder, { road, transport: url });
  // On the embedded transport the service is the owner, and runs the router itself.
  const router = transport === 'embedded' ? undefined : await openRouter(folder);
  const service = untyped(await connect({ service: 'orders', config: folder }));
  let handled = 0;
  const handler = (): void => {
    handled++;
  };
  if (road === 'inline') service.handle('bench.shipment.asked@1', handler);
  else for (let n = 0; n < TYPES; n++) service.handle(`${typeName(n)}@1`, handler);
  await service.start();
  return {
    service,
    refs: Array.from({ length: TYPES }, (_, n) => `${typeName(n)}@1`),
    orders: orders(),
    handled: () => handled,
    async close() {
      await service.close();
      await router?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function openRouter(config: string): Promise<Host> {
  const host = await openBus({ config });
  await host.apply('bench');
  await host.startRouter();
  return host;
}

/** Publishes orders `from` to `upTo`, at most `IN_FLIGHT` unconfirmed. */
function publishOrders({ service, refs, orders: pool }: Bench, from: number, upTo: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let next = from;
    let open = 0;
    const more = (): void => {
      // In bursts, as requests come in: one wake-up for half a window, not one for each message.
      if (open > IN_FLIGHT / 2) return;
      while (next < upTo && open < IN_FLIGHT) {
        const n = next++;
        open++;
        service.publish(refs[n % refs.length] ?? '', pool[n % pool.length]).then(() => {
          open--;
          if (next < upTo) more();
          else if (open === 0) resolve();
        }, reject);
      }
      if (open === 0) resolve();
    };
    more();
  });
}

/** Resolves when nothing waits any more, so that every settlement is durable. */
async function drained(service: UntypedService): Promise<TransportStats> {
  for (;;) {
    const stats = await service.transport.stats();
    if (stats.endpoints.every(({ waiting, inHand, delayed }) => waiting + inHand + delayed === 0)) return stats;
    await new Promise((resolve) => setTimeout(resolve, service.transport.kind === 'embedded' ? 5 : 50));
  }
}

/** Messages a second from the first publish until the last settlement is synced, in one process. */
export async function hop({ road, count, transport }: HopOptions): Promise<Result> {
  const bench = await openBench(road, transport);
  const warm = Math.min(20_000, count);
  await publishOrders(bench, 0, warm);
  await drained(bench.service);
  const before = bench.handled();
  const began = performance.now();
  await publishOrders(bench, warm, warm + count);
  const published = performance.now();
  await drained(bench.service);
  const ended = performance.now();
  const handled = bench.handled() - before;
  await bench.close();
  if (handled !== Math.round(count * TAKEN[road]))
    throw new Error(`${String(handled)} of ${String(count)} messages were handled`);
  return { rate: (count * 1_000) / (ended - began), publishRate: (count * 1_000) / (published - began) };
}

/** One durable publish at a time, with nothing else going on. @unit milliseconds */
export async function lone(count: number, transport: string): Promise<Result> {
  const bench = await openBench('direct', transport);
  await publishOrders(bench, 0, 2_000);
  await drained(bench.service);
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const began = performance.now();
    await bench.service.publish(bench.refs[n % TYPES] ?? '', bench.orders[n % bench.orders.length]);
    times.push(performance.now() - began);
    await drained(bench.service);
  }
  await bench.close();
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

/** Memory of the process over many messages: its peak, and its slope over the second half. */
export async function memory(count: number, transport: string): Promise<Result> {
  const bench = await openBench('direct', transport);
  const samples: { at: number; mib: number }[] = [];
  const step = Math.max(1, Math.round(count / 100));
  for (let from = 0; from < count; from += step) {
    await publishOrders(bench, from, Math.min(count, from + step));
    const mib = anonymousMemory();
    if (mib !== undefined) samples.push({ at: from + step, mib });
  }
  await drained(bench.service);
  await bench.close();
  if (samples.length === 0) return {};
  const half = samples.filter(({ at }) => at > count / 2).map(({ mib }) => mib);
  const quarter = Math.floor(half.length / 2);
  const first = quantile(half.slice(0, quarter), 0.5);
  const last = quantile(half.slice(quarter), 0.5);
  return {
    peakMiB: Math.max(...samples.map(({ mib }) => mib)),
    endMiB: samples.at(-1)?.mib ?? 0,
    growthMiB: last - first,
  };
}

/** One process of a column: its publisher, its router or its consumer. It stays for all rounds, so that it is warm. */
import { anonymousMemory } from '../machine.ts';
import { quantile } from '../statistics.ts';
import type { Arrived, Consumer, Publisher, Site } from './actor.ts';
import { busConsumer, busPublisher, busRouter } from './bus.ts';
import { type Column, IN_FLIGHT } from './columns.ts';
import { type Load, loads, moment, type Spread } from './load.ts';
import { rawConsumer, rawPublisher, rawRouter } from './raw.ts';

export type Role = 'publisher' | 'router' | 'consumer';

export type Order =
  | { readonly do: 'open'; readonly role: Role; readonly site: Site; readonly column: Column }
  /** To a publisher: as fast as its window lets it, or `rate` messages a second. */
  | {
      readonly do: 'publish';
      readonly ms: number;
      readonly spread: Spread;
      readonly batch: number;
      readonly rate?: number;
    }
  /** To all, before a run. */
  | { readonly do: 'begin' }
  /** To a consumer: answers when that many came since `begin`. */
  | { readonly do: 'await'; readonly count: number }
  /** To all, after a run. */
  | { readonly do: 'usage' }
  | { readonly do: 'close' };

export interface Answer {
  readonly published?: {
    readonly count: number;
    readonly taken: number;
    readonly began: number;
    readonly p99: number;
    readonly parcels: number;
  };
  readonly arrived?: { readonly last: number; readonly p99: number };
  /** @unit microseconds */
  readonly cpu?: number;
  /** @unit MiB */
  readonly memory?: number;
  readonly error?: string;
}

/** One at a time, or the memory of a level would count the loads of those before it. */
let pool: { readonly spread: Spread; readonly loads: readonly Load[] } | undefined;
let publisher: Publisher | undefined;
let consumer: Consumer | undefined;
let batchSize = 1;
let cursor = 0;
let usage = process.cpuUsage();
let times: number[] = [];
let last = 0;
let wanted: { count: number; resolve: () => void } | undefined;

const arrived: Arrived = (sentAt) => {
  last = moment();
  times.push(last - sentAt);
  if (times.length === wanted?.count) wanted.resolve();
};

async function open({ role, site, column }: Extract<Order, { do: 'open' }>): Promise<void> {
  const raw = column.kind === 'raw';
  if (role === 'publisher')
    publisher = raw ? await rawPublisher(site, column, () => batchSize) : await busPublisher(site, column);
  else if (role === 'router') consumer = raw ? await rawRouter(site, column) : await busRouter(site, column);
  else consumer = raw ? await rawConsumer(site, column, arrived) : await busConsumer(site, column, arrived);
}

function poolOf(spread: Spread): readonly Load[] {
  if (pool?.spread !== spread) pool = { spread, loads: loads(spread) };
  return pool.loads;
}

async function publish({ ms, spread, batch, rate }: Extract<Order, { do: 'publish' }>): Promise<Answer> {
  const to = publisher;
  if (to === undefined) throw new Error('no publisher');
  const orders = poolOf(spread);
  batchSize = Math.max(1, batch);
  const before = await to.sent();
  const confirms: number[] = [];
  const began = moment();
  let count = 0;
  let taken = 0;
  let open = 0;
  await new Promise<void>((resolve) => {
    let over = false;
    const one = (): void => {
      const load = orders[cursor++ % orders.length];
      if (load === undefined) return;
      const at = moment();
      load.data.at = at;
      open += 1;
      count += 1;
      if (load.taken) taken += 1;
      to.publish(load, () => {
        const now = moment();
        confirms.push(now - at);
        open -= 1;
        if (now - began >= ms) stop();
        else if (rate === undefined) one();
      });
    };
    const stop = (): void => {
      if (!over) to.flush();
      over = true;
      if (open === 0) {
        clearInterval(pace);
        resolve();
      }
    };
    const pace =
      rate === undefined
        ? undefined
        : setInterval(() => {
            const due = Math.floor(((moment() - began) * rate) / 1_000);
            while (!over && count < due) one();
          }, 1);
    if (rate === undefined) for (let n = 0; n < IN_FLIGHT; n++) one();
  });
  const after = await to.sent();
  const parcels = after.parcels - before.parcels;
  return { published: { count, taken, began, p99: quantile(confirms, 0.99), parcels } };
}

async function carryOut(order: Order): Promise<Answer> {
  switch (order.do) {
    case 'open':
      await open(order);
      return {};
    case 'publish':
      return await publish(order);
    case 'begin':
      times = [];
      usage = process.cpuUsage();
      return {};
    case 'await':
      if (times.length < order.count) {
        await new Promise<void>((resolve) => {
          wanted = { count: order.count, resolve };
        });
        wanted = undefined;
      }
      if (times.length > order.count) throw new Error(`${String(times.length)} came, ${String(order.count)} were sent`);
      return { arrived: { last, p99: quantile(times, 0.99) } };
    case 'usage': {
      const { user, system } = process.cpuUsage(usage);
      const memory = anonymousMemory();
      return { cpu: user + system, ...(memory === undefined ? {} : { memory }) };
    }
    case 'close':
      await publisher?.close();
      await consumer?.close();
      return {};
  }
}

process.on('message', (order: Order) => {
  carryOut(order)
    .catch((error: unknown): Answer => ({ error: error instanceof Error ? (error.stack ?? '') : String(error) }))
    .then((answer) => {
      process.send?.(answer);
      if (order.do === 'close') process.disconnect();
    })
    .catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exitCode = 1;
    });
});

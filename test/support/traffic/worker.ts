/**
 * One process of a bus under load: a publisher, a router or some handlers. What it was told and what it did it writes to
 * journals. Ends when its parent says so, by its own trap, or when its parent is gone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Host, type Message, openBus, type Service, WaybillError } from '../../../src/index.ts';
import { testLog } from '../targets.ts';
import { type UntypedContext, type UntypedService, untyped } from '../untyped.ts';
import { idOf, keyOf } from './flow.ts';
import { Journal, JournalReader } from './journal.ts';
import { Quota } from './quota.ts';
import { Trap, type TrapPlan } from './trap.ts';

export type Role = 'publisher' | 'router' | 'oms' | 'sinks';

export interface WorkerOrder {
  readonly role: Role;
  /** Folder of the journals. */
  readonly folder: string;
  /** Folder of the configuration. @default `folder` */
  readonly config?: string;
  /** Another way to the broker than the configuration's, such as a proxy. */
  readonly url?: string;
  readonly publishing: Publishing;
  readonly trap?: TrapPlan;
}

export interface Publishing {
  /** The keys of this publisher, as numbers: from the first up to the one before `end`. */
  readonly keys: { readonly first: number; readonly end: number };
  /** Between two chunks of a key. @unit milliseconds */
  readonly breathMs: number;
  /** Messages of each key that may be published by now. */
  readonly quota: number;
}

/** What its parent says to a worker. */
export type Word = { readonly quota: number } | 'finish';
/** What a worker says to its parent: it works; as a publisher, it has used its quota, and all of it is acknowledged. */
export type Answer = 'ready' | 'quiet';

/** Messages that a key's publisher hands over at once. */
const LARGEST_CHUNK = 6;

const finish = new AbortController();
const tell = (answer: Answer): void => {
  process.send?.(answer);
};

async function publish(service: UntypedService, { folder, publishing }: WorkerOrder, quota: Quota): Promise<void> {
  const next = new Map<string, number>();
  const before = new JournalReader(folder, 'acknowledged');
  for (const [key = '', n = ''] of before.read()) next.set(key, Math.max(Number(n) + 1, next.get(key) ?? 0));
  before.close();
  const acknowledged = new Journal(folder, 'acknowledged');
  const { keys, breathMs } = publishing;
  await Promise.all(
    Array.from({ length: keys.end - keys.first }, async (_, at) => {
      const key = keyOf(keys.first + at);
      for (let n = next.get(key) ?? 0; !finish.signal.aborted; ) {
        const size = Math.min(1 + ((n + at) % LARGEST_CHUNK), await quota.over(n));
        if (size <= 0) continue;
        const numbers = Array.from({ length: size }, (_, offset) => n + offset);
        // What failed may be durable or not, so it is said again under the same ids, until it is known.
        while (!(await sent(service, key, numbers)));
        acknowledged.write(...numbers.map((each) => [key, each]));
        n += size;
        if (breathMs > 0) await sleep(breathMs);
      }
    }),
  );
}

async function sent(service: UntypedService, key: string, numbers: readonly number[]): Promise<boolean> {
  try {
    await service.publishMany(
      numbers.map((n) => ({ type: 'shop.order.placed@1', data: { key, n }, id: idOf(key, n), deadlineMs: 5_000 })),
    );
    return true;
  } catch (error) {
    if (!(error instanceof WaybillError)) throw error;
    await sleep(20);
    return false;
  }
}

function handler(folder: string, endpoint: string, then?: (message: Message, context: UntypedContext) => void) {
  const journal = new Journal(folder, endpoint);
  return (message: Message, context: UntypedContext): void => {
    const { key, n } = message.data as { key: string; n: number };
    journal.write([key, n, message.id]);
    then?.(message, context);
  };
}

async function attend(order: WorkerOrder, trap: Trap, quota: Quota): Promise<readonly (Service | Host)[]> {
  const { role, folder, config = folder, url } = order;
  const options = { config, log: testLog, ...(url === undefined ? {} : { url }) };
  const open = async (name: string): Promise<{ service: Service; any: UntypedService }> => {
    const service = await connect({ service: name, ...options });
    trap.watch(service.transport);
    return { service, any: untyped(service) };
  };
  if (role === 'router') {
    const host = await openBus(options);
    trap.watch(host.transport);
    await host.startRouter();
    return [host];
  }
  if (role === 'publisher') {
    const { service, any } = await open('shop');
    publish(any, order, quota).then(() => close([service]), fail);
    return [service];
  }
  if (role === 'oms') {
    const { service, any } = await open('oms');
    const act = handler(folder, 'oms', ({ data }, context) => {
      const { key, n } = data as { key: string; n: number };
      context.publish('billing.invoice.request@1', { key, n });
    });
    await any.handle('oms.order.create@1', act).start();
    return [service];
  }
  const mail = await open('mail');
  await mail.any.handle('shop.order.placed@1', handler(folder, 'mail')).start();
  const billing = await open('billing');
  await billing.any.handle('billing.invoice.request@1', handler(folder, 'billing')).start();
  return [mail.service, billing.service];
}

async function close(opened: readonly (Service | Host)[]): Promise<void> {
  for (const each of opened) await each.close();
  process.exit(0);
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? '') : String(error)}\n`);
  process.exit(1);
}

process.once('message', (order: WorkerOrder) => {
  const trap = new Trap(order.trap);
  const { keys, quota: allowed } = order.publishing;
  const quota = new Quota(allowed, keys.end - keys.first, () => {
    tell('quiet');
  });
  attend(order, trap, quota).then((opened) => {
    tell('ready');
    trap.armClose(() => Promise.all(opened.map((each) => each.close())));
    process.on('message', (word: Word) => {
      if (word !== 'finish') {
        quota.set(word.quota);
        return;
      }
      finish.abort();
      quota.end();
      if (order.role !== 'publisher') void close(opened);
    });
  }, fail);
});
process.on('disconnect', () => {
  process.exit(1);
});

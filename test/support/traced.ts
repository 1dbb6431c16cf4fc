import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { program } from './program.ts';
import { schema } from './schema-text.ts';

const TEXT = { type: 'string' };
const NUMBER = { type: 'number' };
const LINES = {
  type: 'array',
  items: { type: 'object', properties: { sku: TEXT }, required: ['sku'] },
};

/**
 * The way of an order, as traces show it: an inline route maps it for oms, which accepts it, and mail hears of that; another one splits
 * it into picks for the warehouse; a third gathers what was picked for finance. Pricing answers requests, and a client without the
 * SDK sends orders to the gateway. The crm takes carts that are kept, and is away; nobody takes those that are left.
 */
export async function writeTraced(folder: string, options: { bus: string; transport: string }): Promise<void> {
  const files: Readonly<Record<string, string>> = {
    'waybill.yaml': `bus: ${options.bus}
transport: ${options.transport}
${options.transport.startsWith('amqp') ? 'store: embedded:.store\n' : ''}services:
  shop:
    publishes: [shop.order.placed@1, shop.order.moved@1, pricing.quote@1, warehouse.item.picked@1, shop.cart.kept@1, shop.cart.left@1]
  oms: { receives: [oms.order.create@1], publishes: [oms.order.accepted@1] }
  mail: { receives: [oms.order.accepted@1], retry: { attempts: 3, delay: 20ms, factor: 1, max: 20ms } }
  warehouse: { receives: [warehouse.item.pick@1] }
  finance: { receives: [finance.pick.summary@1] }
  pricing: { receives: [pricing.quote@1] }
  crm: { receives: [shop.cart.kept@1] }
  legacy: { publishes: [shop.order.placed@1], client: plain }
sources:
  # Nobody listens there.
  geo: { http: 'http://127.0.0.1:1/{key}', response: pricing.quoted@1, retry: { attempts: 1, delay: 1s } }
`,
    'schemas/shop/order.placed.v1.json': schema(
      { id: TEXT, card: { ...TEXT, 'x-sensitive': true }, lines: LINES },
      ['id', 'lines'],
      {
        'x-key': '/id',
      },
    ),
    'schemas/shop/order.moved.v1.json': schema({ id: TEXT }, ['id'], { 'x-key': '/id' }),
    'schemas/oms/order.create.v1.json': schema({ orderId: TEXT }, ['orderId'], { 'x-key': '/orderId' }),
    'schemas/oms/order.accepted.v1.json': schema({ orderId: TEXT }, ['orderId'], { 'x-key': '/orderId' }),
    'schemas/warehouse/item.pick.v1.json': schema({ sku: TEXT }, ['sku'], { 'x-key': '/sku' }),
    'schemas/warehouse/item.picked.v1.json': schema({ orderId: TEXT, sku: TEXT }, ['orderId', 'sku'], {
      'x-key': '/orderId',
    }),
    'schemas/finance/pick.summary.v1.json': schema({ orderId: TEXT, picks: NUMBER }, ['orderId', 'picks'], {
      'x-key': '/orderId',
    }),
    'schemas/pricing/quote.v1.json': schema({ sku: TEXT }, ['sku'], { 'x-key': '/sku', 'x-reply': 'pricing.quoted@1' }),
    'schemas/pricing/quoted.v1.json': schema({ price: NUMBER }, ['price']),
    'schemas/shop/cart.kept.v1.json': schema({ id: TEXT }, ['id'], { 'x-key': '/id' }),
    'schemas/shop/cart.left.v1.json': schema({ id: TEXT }, ['id'], { 'x-key': '/id' }),
    'routes/orders.yaml': `from: shop.order.placed@1
when: size(data.lines) > 0
steps:
  - map: { to: oms.order.create@1, set: { orderId: data.id } }
to: oms
`,
    'routes/accepted.yaml': 'from: oms.order.accepted@1\nto: mail\n',
    'routes/picks.yaml': `from: shop.order.placed@1
when: size(data.lines) > 0
steps:
  - split: { each: data.lines, as: line }
  - map: { to: warehouse.item.pick@1, set: { sku: vars.line.sku } }
to: warehouse
`,
    'routes/summaries.yaml': `from: warehouse.item.picked@1
steps:
  - aggregate: { by: data.orderId, size: 3, timeout: 1h, onTimeout: complete, as: picked }
  - map: { to: finance.pick.summary@1, set: { orderId: data.orderId, picks: size(vars.picked) } }
to: finance
`,
    'routes/moves.yaml': `from: shop.order.moved@1
when: data.id != "nowhere"
steps:
  - enrich: { source: geo, key: data.id, as: place }
  - map: { to: oms.order.create@1, set: { orderId: data.id } }
to: oms
`,
    'routes/carts.yaml': 'from: shop.cart.kept@1\nto: crm\n',
    'routes/quotes.yaml': 'from: pricing.quote@1\nto: pricing\n',
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

/** What the shop is asked to do. */
export type ShopOrder =
  | { readonly do: 'publish'; readonly type: string; readonly data: object; readonly traceparent?: string }
  | { readonly do: 'publishMany'; readonly type: string; readonly data: readonly object[] }
  | { readonly do: 'request'; readonly type: string; readonly data: object }
  /** Answers with the figures of the process, as Prometheus takes them. */
  | { readonly do: 'scrape' }
  | { readonly do: 'close' };

/** A process of a service of the bus, with telemetry. */
export class TracedProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(service: string, config: string, env: Readonly<Record<string, string>>): Promise<TracedProcess> {
    const { file, execArgv } = await program('test/support/traced-process.ts');
    const child = fork(file, [service, config], { execArgv: [...execArgv], env: { ...process.env, ...env } });
    const process_ = new TracedProcess(child);
    await process_.#answer();
    return process_;
  }

  async ask(order: ShopOrder): Promise<void> {
    this.#child.send(order);
    await this.#answer();
  }

  async scrape(): Promise<string> {
    this.#child.send({ do: 'scrape' } satisfies ShopOrder);
    return this.#answer('figures ');
  }

  /** @param before what comes in front of it */
  async #answer(before = ''): Promise<string> {
    const ended = new AbortController();
    const exit = once(this.#child, 'exit', { signal: ended.signal }).then(() => {
      throw new Error('a traced process ended');
    });
    try {
      const [answer] = (await Promise.race([once(this.#child, 'message'), exit])) as unknown[];
      const text = String(answer);
      if (text !== 'done' && (before === '' || !text.startsWith(before))) throw new Error(text);
      return text.slice(before.length);
    } finally {
      ended.abort();
      exit.catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.send({ do: 'close' } satisfies ShopOrder);
    await exit;
  }
}

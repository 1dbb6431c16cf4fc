import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { connect } from '../../src/index.ts';
import { testLog } from './targets.ts';
import { type UntypedHandler, type UntypedService, untyped } from './untyped.ts';

const TEXT = { type: 'string' };

const schema = (properties: object, more: object = {}): string =>
  JSON.stringify({ type: 'object', properties, required: Object.keys(properties), 'x-key': '/order', ...more });

/** How many orders are billed together. */
export const BATCH = 5;

const EVENTS = ['payment.captured', 'stock.reserved', 'stock.missing', 'shipping.shipped'];
const COMMANDS = ['payment.capture', 'payment.refund', 'stock.reserve', 'shipping.ship', 'shop.order.cancelled'];

/**
 * A bus with a process, from an order to its parcel or back, an aggregate of what was shipped, readings of meters that pass all
 * other steps that remember, and entries of them, of which some fail.
 */
export async function writeFulfilment(
  folder: string,
  { bus, transport, store }: { readonly bus: string; readonly transport: string; readonly store?: string },
): Promise<void> {
  const files: Readonly<Record<string, string>> = {
    'waybill.yaml': `bus: ${bus}
transport: ${transport}
${store === undefined ? '' : `store: ${store}`}
services:
  shop: { publishes: [shop.order.placed@1], receives: [shop.order.cancelled@1] }
  payment: { publishes: [payment.captured@1], receives: [payment.capture@1, payment.refund@1] }
  stock: { publishes: [stock.reserved@1, stock.missing@1], receives: [stock.reserve@1] }
  shipping: { publishes: [shipping.shipped@1], receives: [shipping.ship@1] }
  billing: { receives: [billing.batch@1] }
  meters: { publishes: [meters.reading.taken@1] }
  archive: { receives: [archive.reading.kept@1] }
  ledger: { receives: [ledger.reading.entered@1] }
`,
    'schemas/shop/order.placed.v1.json': schema({ order: TEXT }),
    'schemas/meters/reading.taken.v1.json': schema({ order: TEXT, seq: { type: 'integer' } }),
    'schemas/archive/reading.kept.v1.json': schema({ order: TEXT, seq: { type: 'integer' } }),
    'schemas/ledger/reading.entered.v1.json': schema({ order: TEXT, seq: { type: 'integer' } }),
    'schemas/fulfilment/order.v1.json': schema({ order: TEXT }),
    'schemas/billing/batch.v1.json': schema({ order: TEXT, orders: { type: 'array', items: TEXT } }),
    ...Object.fromEntries(
      [...EVENTS, ...COMMANDS].map((type) => [`schemas/${type.replace('.', '/')}.v1.json`, schema({ order: TEXT })]),
    ),
    'routes/fulfilment.yaml': `from: [shop.order.placed@1, payment.captured@1, stock.reserved@1, stock.missing@1]
steps:
  - process:
      by: data.order
      keep: fulfilment.order@1
      start:
        shop.order.placed@1:
          set: { order: data.order }
          send: { service: payment, type: payment.capture@1, set: { order: data.order } }
          to: paying
      states:
        paying:
          on:
            payment.captured@1:
              undo: { service: payment, type: payment.refund@1, set: { order: data.order } }
              send: { service: stock, type: stock.reserve@1, set: { order: data.order } }
              to: reserving
          timeout: { after: 1h, to: over }
        reserving:
          on:
            stock.reserved@1:
              send: { service: shipping, type: shipping.ship@1, set: { order: data.order } }
              to: over
            stock.missing@1:
              compensate: true
              send: { service: shop, type: shop.order.cancelled@1, set: { order: data.order } }
              to: over
        over: { end: true }
      otherwise: dead
`,
    'routes/readings.yaml': `from: meters.reading.taken@1
steps:
  - dedupe: { by: "data.order + '/' + text(data.seq)", for: 1d }
  - resequence: { by: data.order, sequence: data.seq, first: 1, timeout: 1h, onGap: dead }
  - throttle: { rate: 200/s, by: data.order }
  - delay: { for: 1s }
  - map: { to: archive.reading.kept@1, set: { order: data.order, seq: data.seq } }
to: archive
`,
    'routes/entries.yaml': `from: meters.reading.taken@1
steps:
  - dedupe: { by: "data.order + '/' + text(data.seq)", for: 1d }
  - resequence: { by: data.order, sequence: data.seq, first: 1, timeout: 1h, onGap: dead }
  - map:
      to: ledger.reading.entered@1
      set: { order: data.order, seq: "${BAD_READING} ? round(number(data.order)) : data.seq" }
to: ledger
`,
    'routes/billing.yaml': `from: shipping.shipped@1
steps:
  - aggregate: { by: "'all'", size: ${String(BATCH)}, timeout: 1h, as: shipped }
  - map: { to: billing.batch@1, set: { order: data.order, orders: "vars.shipped.map(s, s.order)" } }
to: billing
`,
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

/** What came to a service. */
export interface Effect {
  readonly type: string;
  readonly id: string;
  readonly source: string;
  readonly data: { readonly order: string; readonly orders?: readonly string[]; readonly seq?: number };
}

const journalOf = (folder: string): string => join(folder, 'journal.txt');

export function effectsIn(folder: string): readonly Effect[] {
  if (!existsSync(journalOf(folder))) return [];
  const lines = readFileSync(journalOf(folder), 'utf8').split('\n');
  // What a killed process was about to write is no line yet.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Effect);
}

/** Cannot be entered: of those that are let go together sometimes the first, sometimes the last, sometimes all. */
const BAD_READING = 'data.seq % 4 == 0 || data.seq % 6 == 3';

export function isBad(seq: number): boolean {
  return seq % 4 === 0 || seq % 6 === 3;
}

/** Whether there is nothing left of an order. */
export function isMissing(order: string): boolean {
  return Number(order) % 3 === 0;
}

/** All services of the bus. Each writes down what came, and publishes what it leads to. */
export async function attendFulfilment(folder: string): Promise<readonly UntypedService[]> {
  const leads: Readonly<Record<string, Readonly<Record<string, (order: string) => string | undefined>>>> = {
    shop: { 'shop.order.cancelled@1': () => undefined },
    payment: { 'payment.capture@1': () => 'payment.captured@1', 'payment.refund@1': () => undefined },
    stock: { 'stock.reserve@1': (order) => (isMissing(order) ? 'stock.missing@1' : 'stock.reserved@1') },
    shipping: { 'shipping.ship@1': () => 'shipping.shipped@1' },
    billing: { 'billing.batch@1': () => undefined },
    archive: { 'archive.reading.kept@1': () => undefined },
    ledger: { 'ledger.reading.entered@1': () => undefined },
  };
  const handler =
    (next: (order: string) => string | undefined): UntypedHandler =>
    ({ type, id, source, data }, context) => {
      const effect: Effect = { type, id, source, data: data as Effect['data'] };
      appendFileSync(journalOf(folder), `${JSON.stringify(effect)}\n`);
      const { order } = effect.data;
      const made = next(order);
      if (made !== undefined) context.publish(made, { order });
    };
  const services: UntypedService[] = [];
  for (const [service, handlers] of Object.entries(leads)) {
    const connected = untyped(await connect({ service, config: folder, log: testLog }));
    for (const [type, next] of Object.entries(handlers)) connected.handle(type, handler(next));
    await connected.start();
    services.push(connected);
  }
  return services;
}

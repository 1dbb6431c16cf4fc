import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the bench sends: 10 types of orders of 10,000 customers, 400 bytes of data each. */
export const TYPES = 10;
const KEYS = 10_000;
const DATA_BYTES = 400;

export interface Order {
  readonly id: string;
  readonly customerId: string;
  readonly total: number;
  readonly currency: string;
  readonly express: boolean;
  readonly shipTo: { readonly name: string; readonly street: string; readonly city: string; readonly country: string };
  readonly lines: readonly { readonly sku: string; readonly quantity: number; readonly price: number }[];
  readonly note: string;
}

export function typeName(n: number): string {
  return `bench.order.placed-${String(n % TYPES)}`;
}

/** Orders to send over and over, made beforehand: making them is not what is measured. */
export function orders(count = KEYS): readonly Order[] {
  return Array.from({ length: count }, (_, n) => order(n));
}

/** The n-th order: the same each time, spread over keys and countries, exactly `bytes` long as JSON. */
export function order(n: number, bytes = DATA_BYTES, key = (n * 7_919) % KEYS): Order {
  const short: Order = {
    id: `O-${String(n).padStart(9, '0')}`,
    customerId: `C-${String(key).padStart(6, '0')}`,
    total: 10 + (n % 977) + 0.5,
    currency: 'EUR',
    express: n % 3 === 0,
    shipTo: { name: 'Ada Lovelace', street: '12 Analytical Row', city: 'Berlin', country: n % 5 === 0 ? 'US' : 'DE' },
    lines: [
      { sku: 'TEC-PH-10002033', quantity: 1 + (n % 4), price: 907.15 },
      { sku: 'OFF-PA-10002365', quantity: 2, price: 15.55 },
    ],
    note: '',
  };
  return { ...short, note: 'x'.repeat(bytes - Buffer.byteLength(JSON.stringify(short))) };
}

const string = { type: 'string' } as const;
const number = { type: 'number' } as const;

/** A contract that says no more than where the key stands. */
function openSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    'x-key': '/customerId',
    required: ['customerId'],
    properties: { customerId: string },
  };
}

/** The contract of an order. */
export function orderSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    'x-key': '/customerId',
    required: ['id', 'customerId', 'total', 'currency', 'express', 'shipTo', 'lines'],
    properties: {
      id: { ...string, minLength: 1, maxLength: 40 },
      customerId: { ...string, pattern: '^C-[0-9]{6}$' },
      total: { ...number, minimum: 0 },
      currency: { enum: ['EUR', 'USD'] },
      express: { type: 'boolean' },
      shipTo: {
        type: 'object',
        required: ['name', 'street', 'city', 'country'],
        properties: { name: string, street: string, city: string, country: { ...string, minLength: 2, maxLength: 2 } },
      },
      lines: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          required: ['sku', 'quantity', 'price'],
          properties: { sku: string, quantity: { type: 'integer', minimum: 1 }, price: number },
        },
      },
      note: string,
      at: number,
    },
  };
}

/** What the inline route makes of an order. */
function shipmentSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    'x-key': '/customer',
    required: ['orderId', 'customer', 'country', 'items', 'total'],
    properties: {
      orderId: string,
      customer: string,
      country: string,
      total: number,
      at: number,
      items: {
        type: 'array',
        items: {
          type: 'object',
          required: ['sku', 'pieces'],
          properties: { sku: string, pieces: { type: 'integer', minimum: 1 } },
        },
      },
    },
  };
}

const ROUTE = `from: bench.order.*@1
when: data.shipTo.country in ['DE', 'FR', 'NL'] && data.total > 0
steps:
  - map:
      to: bench.shipment.asked@1
      set:
        orderId: data.id
        customer: data.customerId
        country: data.shipTo.country
        items: { $each: data.lines, $as: l, $set: { sku: l.sku, pieces: l.quantity } }
        total: data.total
        at: data.?at
to: orders
`;

export interface ConfigurationSketch {
  /** Through a direct route, or through an inline one with predicate and map. */
  readonly road: 'direct' | 'inline';
  readonly transport: string;
  /** Whether contracts say what orders look like. The expressions of an inline route need them. @default true */
  readonly contracts?: boolean;
}

/** Writes a whole configuration into `folder`. */
export async function writeConfiguration(folder: string, sketch: ConfigurationSketch): Promise<void> {
  const { road, transport, contracts = true } = sketch;
  const refs = Array.from({ length: TYPES }, (_, n) => `${typeName(n)}@1`);
  const receives = road === 'direct' ? refs : ['bench.shipment.asked@1'];
  await mkdir(join(folder, 'schemas', 'bench'), { recursive: true });
  await mkdir(join(folder, 'routes'), { recursive: true });
  await writeFile(
    join(folder, 'waybill.yaml'),
    [
      `bus: bench-${randomUUID().slice(0, 8)}`,
      `transport: ${transport}`,
      'services:',
      '  orders:',
      `    publishes: [${refs.join(', ')}]`,
      `    receives: [${receives.join(', ')}]`,
      '    partitions: 4',
      '',
    ].join('\n'),
  );
  const schema = contracts ? orderSchema() : openSchema();
  for (let n = 0; n < TYPES; n++) {
    const name = typeName(n).slice('bench.'.length);
    await writeFile(join(folder, 'schemas', 'bench', `${name}.v1.json`), JSON.stringify(schema, undefined, 2));
  }
  await writeFile(
    join(folder, 'schemas', 'bench', 'shipment.asked.v1.json'),
    JSON.stringify(shipmentSchema(), undefined, 2),
  );
  await writeFile(
    join(folder, 'routes', 'orders.yaml'),
    road === 'direct' ? `from: [${refs.join(', ')}]\nto: orders\n` : ROUTE,
  );
}

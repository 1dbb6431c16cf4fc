import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkConfiguration } from '../../src/config/check.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { orderSchema } from '../corpus.ts';

/** 32 bytes, of no use anywhere else. */
const KEY = Buffer.alloc(32, 7).toString('base64');

const SHIPMENT = `map:
      to: bench.shipment.asked@1
      set: { orderId: data.id, customer: data.customerId, total: "round(data.total * 1.19, 2)" }`;

/** Each route has the order go out as it came in, but for what its steps do. */
export const ROUTES: Readonly<Record<string, { readonly steps: readonly string[]; readonly type?: string }>> = {
  none: { steps: [] },
  map: { steps: [SHIPMENT], type: 'bench.shipment.asked@1' },
  filter: { steps: ["filter: data.total > 0 && data.shipTo.country != 'FR'"] },
  set: { steps: ['set: { vars: { gross: "data.total * 1.19" } }'] },
  validate: { steps: ['validate: { rules: [{ when: data.total >= 0, message: a total below zero }] }'] },
  split: { steps: ['split: { each: data.lines, as: line }'] },
  wiretap: { steps: ['wiretap: { to: audit }'] },
  redact: { steps: ['redact: { drop: [note] }'] },
  encrypt: { steps: ['encrypt: { keys: bench, fields: [note] }'] },
  'five steps': {
    steps: [
      "filter: data.total > 0 && data.shipTo.country != 'FR'",
      'set: { vars: { gross: "data.total * 1.19" } }',
      'validate: { rules: [{ when: data.total >= 0, message: a total below zero }] }',
      'set: { vars: { pieces: "sum(data.lines.map(l, l.quantity))" } }',
      `map:
      to: bench.shipment.asked@1
      set: { orderId: data.id, customer: data.customerId, total: "round(vars.gross, 2)" }`,
    ],
    type: 'bench.shipment.asked@1',
  },
  dedupe: { steps: ['dedupe: { by: meta.id, for: 1h }'] },
  aggregate: { steps: ['aggregate: { by: data.customerId, size: 4, timeout: 1h, onTimeout: complete, as: orders }'] },
};

/** Writes a bus of these routes, one type for each, so that none sees the others' messages. */
export async function writeRoutes(
  folder: string,
  names: readonly string[],
  transport: string,
  store?: string,
): Promise<void> {
  const files: Record<string, string> = {};
  const types = names.map((_, n) => `bench.order.placed-${String(n)}@1`);
  files['waybill.yaml'] = [
    'bus: bench',
    `transport: ${transport}`,
    ...(store === undefined ? [] : [`store: ${store}`]),
    'services:',
    `  shop: { publishes: [${types.join(', ')}] }`,
    `  oms: { receives: [${[...types, 'bench.shipment.asked@1'].join(', ')}], partitions: 4 }`,
    `  audit: { receives: [${types.join(', ')}] }`,
    'keys:',
    '  bench: { current: a, keys: { a: "${BENCH_KEY}" } }',
    '',
  ].join('\n');
  const shipment = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    'x-key': '/customer',
    required: ['orderId', 'customer', 'total'],
    properties: { orderId: { type: 'string' }, customer: { type: 'string' }, total: { type: 'number' } },
  };
  files['schemas/bench/shipment.asked.v1.json'] = JSON.stringify(shipment);
  for (const [n, name] of names.entries()) {
    files[`schemas/bench/order.placed-${String(n)}.v1.json`] = JSON.stringify(orderSchema());
    const steps = ROUTES[name]?.steps ?? [];
    const list = steps.length === 0 ? '' : `steps:\n${steps.map((step) => `  - ${step}\n`).join('')}`;
    files[`routes/r${String(n)}.yaml`] = `from: bench.order.placed-${String(n)}@1\n${list}to: oms\n`;
  }
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  process.env['BENCH_KEY'] = KEY;
}

/** @throws when the configuration is faulty */
export async function planOf(folder: string): Promise<Plan> {
  const { plan, faults } = await checkConfiguration({ config: folder });
  if (plan === undefined) throw new Error(faults.map(({ message }) => message).join('\n'));
  return plan;
}

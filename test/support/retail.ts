import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const object = (properties: object, required: readonly string[], more: object = {}): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties,
  required,
  ...more,
});

const ORDER = { id: { type: 'string' }, n: { type: 'integer' }, total: { type: 'number' } };

/**
 * A small bus for tests through the SDK: the shop's orders go straight to oms; what oms accepts goes straight to mail
 * (no order); orders that were cancelled and cost something become claims for billing, by an inline route.
 * Retries are fast, so that a failing delivery is seen to the end.
 */
export async function writeRetail(folder: string, options: { bus: string; transport: string }): Promise<void> {
  await mkdir(join(folder, 'schemas', 'shop'), { recursive: true });
  await mkdir(join(folder, 'schemas', 'oms'), { recursive: true });
  await mkdir(join(folder, 'schemas', 'billing'), { recursive: true });
  await mkdir(join(folder, 'routes'), { recursive: true });
  const files: Readonly<Record<string, string>> = {
    'waybill.yaml': `bus: ${options.bus}
transport: ${options.transport}
services:
  shop: { publishes: [shop.order.placed@1, shop.order.cancelled@1, shop.cart.abandoned@1] }
  oms:
    receives: [shop.order.placed@1]
    publishes: [oms.order.accepted@1]
    retry: { attempts: 100, delay: 20ms, factor: 1, max: 20ms }
    hold: 1s
    timeout: 1s
    partitions: 2
  mail:
    receives: [oms.order.accepted@1]
    ordering: none
    retry: { attempts: 3, delay: 1s, factor: 1, max: 1s }
  billing: { receives: [billing.claim.made@1] }
`,
    'schemas/shop/order.placed.v1.json': JSON.stringify(
      object({ ...ORDER, card: { type: 'string', 'x-sensitive': true } }, ['id'], { 'x-key': '/id' }),
    ),
    'schemas/shop/order.cancelled.v1.json': JSON.stringify(object(ORDER, ['id', 'total'], { 'x-key': '/id' })),
    'schemas/shop/cart.abandoned.v1.json': JSON.stringify(object(ORDER, ['id'], { 'x-key': '/id' })),
    'schemas/oms/order.accepted.v1.json': JSON.stringify(object(ORDER, ['id'], { 'x-key': '/id' })),
    'schemas/billing/claim.made.v1.json': JSON.stringify(
      object({ orderId: { type: 'string' }, amount: { type: 'number', exclusiveMinimum: 0 } }, ['orderId', 'amount'], {
        'x-key': '/orderId',
      }),
    ),
    'routes/placed.yaml': 'from: shop.order.placed@1\nto: oms\n',
    'routes/accepted.yaml': 'from: oms.order.accepted@1\nto: mail\n',
    'routes/claims.yaml': `from: shop.order.cancelled@1
when: data.total != 0
steps:
  - map: { to: billing.claim.made@1, set: { orderId: data.id, amount: data.total } }
to: billing
`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}

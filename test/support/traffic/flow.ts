import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Every fourth message is filtered out on its way to oms. */
export function reachesOms(n: number): boolean {
  return n % 4 !== 3;
}

export const keyOf = (key: number): string => `k${String(key)}`;
export const idOf = (key: string, n: number): string => `${key}-${String(n)}`;

/** Those who handle, in the order in which a message passes them. Each has a journal of its name. */
export const ENDPOINTS = ['oms', 'billing', 'mail'] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** Where the message of an endpoint may have been given up on its way there. */
export const WAYS: Readonly<Record<Endpoint, readonly string[]>> = {
  oms: ['router', 'oms'],
  billing: ['router', 'oms', 'billing'],
  mail: ['mail'],
};

export const isOrdered = (endpoint: Endpoint): boolean => endpoint !== 'mail';

const schema = (): string =>
  JSON.stringify({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    'x-key': '/key',
    required: ['key', 'n'],
    properties: { key: { type: 'string' }, n: { type: 'integer' }, edition: { type: 'integer' } },
  });

/**
 * A bus with every road. The shop's orders go through an inline route to oms and straight to mail; what oms makes of them
 * goes straight to billing.
 * @param edition another one is another plan of the same bus
 */
export async function writeFlow(folder: string, bus: string, transport: string, edition = 1): Promise<void> {
  for (const name of ['shop', 'oms', 'billing', '../routes'])
    await mkdir(join(folder, 'schemas', name), { recursive: true });
  const files: Readonly<Record<string, string>> = {
    'waybill.yaml': `bus: ${bus}
transport: ${transport}
services:
  shop: { publishes: [shop.order.placed@1] }
  oms: { receives: [oms.order.create@1], publishes: [billing.invoice.request@1], partitions: 4 }
  mail: { receives: [shop.order.placed@1], ordering: none }
  billing: { receives: [billing.invoice.request@1], partitions: 2 }
`,
    'schemas/shop/order.placed.v1.json': schema(),
    'schemas/oms/order.create.v1.json': schema(),
    'schemas/billing/invoice.request.v1.json': schema(),
    'routes/oms.yaml': `from: shop.order.placed@1
when: data.n % 4 != 3
steps:
  - map: { to: oms.order.create@1, set: { key: data.key, n: data.n, edition: ${String(edition)} } }
to: oms
`,
    'routes/mail.yaml': 'from: shop.order.placed@1\nto: mail\n',
    'routes/billing.yaml': 'from: billing.invoice.request@1\nto: billing\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}

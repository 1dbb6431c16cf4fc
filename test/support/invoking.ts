import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const TEXT = { type: 'string' };
const NUMBER = { type: 'number' };

const schema = (properties: object, more: object = {}): string =>
  JSON.stringify({ type: 'object', properties, required: Object.keys(properties), ...more });

/** A small bus whose router asks: orders are priced by pricing on their way to oms. */
export async function writeInvoking(folder: string, options: { bus: string; transport: string }): Promise<void> {
  const store = options.transport.startsWith('embedded:') ? '' : `store: embedded:${folder}/inbox\n`;
  const files: Readonly<Record<string, string>> = {
    'waybill.yaml': `${store}bus: ${options.bus}
transport: ${options.transport}
services:
  shop: { publishes: [shop.order.placed@1] }
  pricing: { receives: [pricing.quote@1], retry: { attempts: 2, delay: 20ms, factor: 1, max: 20ms } }
  oms: { receives: [oms.order.create@1] }
`,
    'schemas/shop/order.placed.v1.json': schema({ id: TEXT, sku: TEXT }, { 'x-key': '/id' }),
    'schemas/oms/order.create.v1.json': schema({ id: TEXT, price: NUMBER }, { 'x-key': '/id' }),
    'schemas/pricing/quote.v1.json': schema({ sku: TEXT }, { 'x-key': '/sku', 'x-reply': 'pricing.quoted@1' }),
    'schemas/pricing/quoted.v1.json': schema({ price: NUMBER }),
    'routes/orders.yaml': `from: shop.order.placed@1
steps:
  - invoke: { service: pricing, type: pricing.quote@1, set: { sku: data.sku }, as: quote, timeout: 3s }
  - map: { to: oms.order.create@1, set: { id: data.id, price: vars.quote.price } }
to: oms
`,
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

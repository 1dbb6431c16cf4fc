import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { schema } from './schema-text.ts';

const TEXT = { type: 'string' };
const NUMBER = { type: 'number' };

/**
 * A small bus of requests: the shop asks pricing for quotes, straight; it asks for estimates, which a route turns into what the
 * ERP understands; nobody takes its guesses.
 */
export async function writePricing(folder: string, options: { bus: string; transport: string }): Promise<void> {
  const files: Readonly<Record<string, string>> = {
    'waybill.yaml': `bus: ${options.bus}
transport: ${options.transport}
services:
  shop: { publishes: [pricing.quote@1, pricing.estimate@1, pricing.guess@1] }
  web: { publishes: [pricing.quote@1, pricing.quoted@1] }
  pricing:
    receives: [pricing.quote@1]
    publishes: [pricing.estimate@1]
    retry: { attempts: 4, delay: 20ms, factor: 1, max: 20ms }
    concurrency: 64
    partitions: 2
  erp: { receives: [erp.price.ask@1], retry: { attempts: 2, delay: 20ms, factor: 1, max: 20ms } }
`,
    'schemas/pricing/quote.v1.json': schema({ sku: TEXT }, ['sku'], { 'x-key': '/sku', 'x-reply': 'pricing.quoted@1' }),
    'schemas/pricing/quoted.v1.json': schema({ sku: TEXT, price: NUMBER }, ['sku', 'price']),
    'schemas/pricing/guess.v1.json': schema({ sku: TEXT }, ['sku'], { 'x-reply': 'pricing.quoted@1' }),
    'schemas/pricing/estimate.v1.json': schema({ sku: TEXT, quantity: NUMBER }, ['sku', 'quantity'], {
      'x-reply': 'erp.price.told@1',
    }),
    'schemas/erp/price.ask.v1.json': schema(
      { item: TEXT, amount: { type: 'number', maximum: 100 } },
      ['item', 'amount'],
      {
        'x-reply': 'erp.price.told@1',
      },
    ),
    'schemas/erp/price.told.v1.json': schema({ total: NUMBER }, ['total']),
    'routes/quotes.yaml': 'from: pricing.quote@1\nto: pricing\n',
    'routes/estimates.yaml': `from: pricing.estimate@1
when: data.quantity > 0
steps:
  - map: { to: erp.price.ask@1, set: { item: data.sku, amount: data.quantity } }
to: erp
`,
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

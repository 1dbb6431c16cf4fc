/**
 * A process of a service of `traced.ts`. Its arguments: the service, and the configuration's folder. It handles what the service
 * receives and, as the shop, does what it is asked to.
 */
import { trace } from '@opentelemetry/api';
import { connect } from '../../src/index.ts';
import { serveOperations, startTelemetry } from '../../src/telemetry.ts';
import { testLog } from './targets.ts';
import type { ShopOrder } from './traced.ts';
import { untyped } from './untyped.ts';

const [, , name = '', config = '.'] = process.argv;
const telemetry = await startTelemetry({ service: name, log: testLog, prometheus: true });
const service = await connect({ service: name, config, log: testLog });
const mine = untyped(service);

const idOf = (data: unknown): string =>
  typeof data === 'object' && data !== null && 'orderId' in data ? String(data.orderId) : '';

if (name === 'oms') {
  mine.handle('oms.order.create@1', async ({ data }, context) => {
    // Work of its own, as an instrumented database does it.
    await trace.getTracer('own').startActiveSpan('INSERT orders', (span) => {
      context.publish('oms.order.accepted@1', { orderId: idOf(data) });
      span.end();
      return Promise.resolve();
    });
  });
}
let mailFails = true;
if (name === 'mail') {
  mine.handle('oms.order.accepted@1', ({ data }, { attempt }) => {
    const id = idOf(data);
    if (id === 'retried' && attempt === 1) throw new Error('the mail server is busy');
    if (id === 'deadly' && mailFails) {
      // Redriving it finds the fault mended.
      mailFails = attempt < 3;
      throw new Error('no such address');
    }
  });
}
if (name === 'warehouse') mine.handle('warehouse.item.pick@1', () => undefined);
if (name === 'finance') mine.handle('finance.pick.summary@1', () => undefined);
if (name === 'pricing') mine.respond('pricing.quote@1', () => ({ price: 12 }));
await mine.start();

async function scraped(): Promise<string> {
  const scrape = telemetry.scrape ?? 'no figures';
  const of = { transport: service.transport, outdated: undefined };
  await using operations = await serveOperations({ of, scrape, port: 0 });
  const response = await fetch(`http://127.0.0.1:${String(operations.port)}/metrics`);
  return await response.text();
}

async function carryOut(order: ShopOrder): Promise<void> {
  switch (order.do) {
    case 'publish': {
      const { type, data, traceparent } = order;
      await mine.publish(type, data, traceparent === undefined ? {} : { traceparent });
      return;
    }
    case 'publishMany':
      await mine.publishMany(order.data.map((data) => ({ type: order.type, data })));
      return;
    case 'request':
      await mine.request(order.type, order.data);
      return;
    case 'scrape':
      process.send?.(`figures ${await scraped()}`);
      return;
    case 'close':
      await service.close();
      await telemetry.shutdown();
  }
}

process.on('message', (order: ShopOrder) => {
  carryOut(order).then(
    () => {
      if (order.do === 'close') process.disconnect();
      else if (order.do !== 'scrape') process.send?.('done');
    },
    (error: unknown) => {
      process.send?.(String(error));
    },
  );
});
process.send?.('done');

import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { openRoute, type RouteTest, type TestOutcome } from 'waybill/testing';

const config = fileURLToPath(new URL('./', import.meta.url));
const orderId = 'O-1';
const lines = [
  { sku: 'tea', quantity: 2 },
  { sku: 'mug', quantity: 1 },
];
const order = { orderId, total: 12.5, card: 'c', country: 'DE', lines };
const placed = { type: 'shop.order.placed@1', data: order };
const captured = { type: 'payment.captured@1', data: { orderId, paymentId: 'P-1' } };
const reserved = { type: 'stock.reserved@1', data: { orderId } };
const shipped = { type: 'shipping.shipped@1', data: { orderId, parcel: 'Z-1' } };

const refund = ['payment', 'payment.refund@1', { orderId, paymentId: 'P-1' }];
const release = ['stock', 'stock.release@1', { orderId, lines }];
const cancelled = (why: string): unknown[] => ['shop', 'shop.order.cancelled@1', { orderId, why }];

function sent({ sent }: TestOutcome): unknown[] {
  return sent.map(({ to, type, data }) => [to, type, data]);
}

/** What was sent because of the last message. */
async function after(route: RouteTest, ...messages: readonly { type: string; data: unknown }[]): Promise<unknown[]> {
  let last: unknown[] = [];
  for (const message of messages) last = sent(await route.take(message));
  return last;
}

describe('order-saga: routes/fulfilment', () => {
  let route: RouteTest;

  beforeEach(async () => {
    route = await openRoute('fulfilment', { config });
  });

  it('leads an order from the shop to its parcel', async () => {
    expect(await after(route, placed)).to.deep.equal([
      ['payment', 'payment.capture@1', { orderId, card: 'c', amount: 12.5 }],
    ]);
    expect(await after(route, captured)).to.deep.equal([['stock', 'stock.reserve@1', { orderId, lines }]]);
    expect(await after(route, reserved)).to.deep.equal([
      ['shipping', 'shipping.ship@1', { orderId, country: 'DE', pieces: 3 }],
    ]);
    expect(await after(route, shipped)).to.deep.equal([['shop', 'shop.order.completed@1', { orderId, parcel: 'Z-1' }]]);
  });

  it('cancels what is not paid, and has nothing to undo', async () => {
    const refused = { type: 'payment.refused@1', data: { orderId, why: 'empty' } };
    expect(await after(route, placed, refused)).to.deep.equal([cancelled('empty')]);
  });

  it('gives the money back when the goods are missing', async () => {
    const missing = { type: 'stock.missing@1', data: { orderId, sku: 'mug' } };
    expect(await after(route, placed, captured, missing)).to.deep.equal([refund, cancelled('out of stock: mug')]);
  });

  it('undoes everything, the last first, when the parcel cannot be sent', async () => {
    const impossible = { type: 'shipping.impossible@1', data: { orderId, why: 'too far' } };
    expect(await after(route, placed, captured, reserved, impossible)).to.deep.equal([
      release,
      refund,
      cancelled('too far'),
    ]);
  });

  for (const { silent, messages, within, just, undone } of [
    { silent: 'payment', messages: [placed], within: '29m', just: '1m', undone: [cancelled('not paid in time')] },
    {
      silent: 'stock',
      messages: [placed, captured],
      within: '23h',
      just: '1h',
      undone: [refund, cancelled('the stock did not answer')],
    },
    {
      silent: 'shipping',
      messages: [placed, captured, reserved],
      within: '71h',
      just: '1h',
      undone: [release, refund, cancelled('not sent in time')],
    },
  ]) {
    it(`does not wait for ever for ${silent}`, async () => {
      await after(route, ...messages);
      expect((await route.advance(within)).flatMap(sent)).to.deep.equal([]);
      expect((await route.advance(just)).flatMap(sent)).to.deep.equal(undone);
    });
  }

  it('does nothing twice when an event comes twice', async () => {
    await after(route, placed);
    await route.take({ ...captured, id: 'e-1' });
    expect(await route.take({ ...captured, id: 'e-1' })).to.deep.equal({ outcome: 'duplicate', sent: [] });
  });

  it('tells by name of a payment that came after the order was given up', async () => {
    await after(route, placed);
    await route.advance('30m');
    const { outcome, error } = await route.take(captured);
    expect([outcome, error?.code]).to.deep.equal(['dead', 'WB_PROCESS_ENDED']);
  });
});

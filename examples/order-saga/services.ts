import type { Service } from 'waybill';

/** How orders ended, by their number, as the shop was told: each time that it was told. */
export type Endings = Map<string, string[]>;

export function attendShop(shop: Service, endings: Endings): Service {
  const end = (orderId: string, how: string): void => {
    endings.set(orderId, [...(endings.get(orderId) ?? []), how]);
  };
  return shop
    .handle(
      'shop.order.completed@1',
      ({ data }) => {
        end(data.orderId, 'completed');
      },
      { inbox: true },
    )
    .handle(
      'shop.order.cancelled@1',
      ({ data }) => {
        end(data.orderId, data.why);
      },
      { inbox: true },
    );
}

/** Money that payment has, in cents by payment. What was given back is 0. */
export type Till = Map<string, number>;

export function attendPayment(payment: Service, till: Till, undone: string[]): Service {
  return payment
    .handle(
      'payment.capture@1',
      ({ data: { orderId, card, amount } }, context) => {
        if (card === 'empty') {
          context.publish('payment.refused@1', { orderId, why: 'the card is empty' });
          return;
        }
        const paymentId = `P-${orderId}`;
        till.set(paymentId, Math.round(amount * 100));
        context.publish('payment.captured@1', { orderId, paymentId });
      },
      { inbox: true },
    )
    .handle(
      'payment.refund@1',
      ({ data: { orderId, paymentId } }) => {
        till.set(paymentId, 0);
        undone.push(`${orderId} refund`);
      },
      { inbox: true },
    );
}

/** Pieces on the shelves, by what they are. */
export type Shelves = Map<string, number>;

export function attendStock(stock: Service, shelves: Shelves, undone: string[]): Service {
  const move = (lines: readonly { readonly sku: string; readonly quantity: number }[], sign: 1 | -1): void => {
    for (const { sku, quantity } of lines) shelves.set(sku, (shelves.get(sku) ?? 0) + sign * quantity);
  };
  return stock
    .handle(
      'stock.reserve@1',
      ({ data: { orderId, lines } }, context) => {
        const missing = lines.find(({ sku, quantity }) => (shelves.get(sku) ?? 0) < quantity);
        if (missing !== undefined) {
          context.publish('stock.missing@1', { orderId, sku: missing.sku });
          return;
        }
        move(lines, -1);
        context.publish('stock.reserved@1', { orderId });
      },
      { inbox: true },
    )
    .handle(
      'stock.release@1',
      ({ data: { orderId, lines } }) => {
        move(lines, 1);
        undone.push(`${orderId} release`);
      },
      { inbox: true },
    );
}

/** What was sent: pieces by order. */
export type Parcels = Map<string, number>;

export function attendShipping(shipping: Service, parcels: Parcels): Service {
  return shipping.handle(
    'shipping.ship@1',
    ({ data: { orderId, country, pieces } }, context) => {
      if (country === 'AQ') {
        context.publish('shipping.impossible@1', { orderId, why: 'nobody brings parcels to AQ' });
        return;
      }
      parcels.set(orderId, pieces);
      context.publish('shipping.shipped@1', { orderId, parcel: `Z-${orderId}` });
    },
    { inbox: true },
  );
}

import { type Service, WaybillError } from '../src/index.ts';
import { MISCHIEF, NEW_FRONT_END } from './scenario.ts';
import type { Customer, Order, Product } from './superstore.ts';
import type { Tally } from './tally.ts';

const CHUNK = 100;

/** The CRM tells of every customer. */
export async function publishCustomers(crm: Service, customers: readonly Customer[], tally: Tally): Promise<void> {
  for (const chunk of chunks(customers)) {
    await crm.publishMany(chunk.map((data) => ({ type: 'crm.customer.created@1', data })));
    tally.add('crm published', chunk.length);
  }
}

/** The ERP tells of every product. */
export async function publishProducts(erp: Service, products: readonly Product[], tally: Tally): Promise<void> {
  for (const chunk of chunks(products)) {
    await erp.publishMany(chunk.map((data) => ({ type: 'erp.product.updated@1', data })));
    tally.add('erp published', chunk.length);
  }
}

/** The shop sends its orders as they were placed, with the mischief of `scenario.ts`. */
export async function publishOrders(
  shop: Service,
  orders: readonly Order[],
  tally: Tally,
  onProgress: (sent: number) => void,
): Promise<void> {
  let sent = 0;
  for (const chunk of chunks(orders)) {
    const numbered = chunk.map((order, index) => ({ order, number: sent + index + 1 }));
    for (const { order, number } of numbered) {
      if (every(MISCHIEF.typoEvery, number)) await publishTypo(shop, order, tally);
      if (every(MISCHIEF.cartEvery, number)) {
        await shop.publish('shop.cart.abandoned@1', { cartId: `cart-${String(number)}`, items: 3 });
        tally.add('shop published');
      }
    }
    const publications = numbered.flatMap(({ order, number }) => {
      const publication = toPublication(order, number);
      return every(MISCHIEF.repeatEvery, number) ? [publication, publication] : [publication];
    });
    await shop.publishMany(publications);
    for (const { type } of publications) {
      tally.add('shop published');
      tally.add(type === 'shop.order.placed@1' ? 'shop published orders@1' : 'shop published orders@2');
    }
    sent += chunk.length;
    onProgress(sent);
  }
}

/** An order as the shop first typed it: a line of no pieces. The bus must refuse it, by name. */
async function publishTypo(shop: Service, order: Order, tally: Tally): Promise<void> {
  const lines = order.lines.map((line) => ({ ...line, quantity: 0 }));
  await refusal('WB_CONTRACT_VIOLATED', () => shop.publish('shop.order.placed@2', toVersion2({ ...order, lines })));
  tally.add('shop refused');
}

/** Resolves when `act` is refused with `code`; anything else is a fault of the demo. */
export async function refusal(code: WaybillError['code'], act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (error instanceof WaybillError && error.code === code) return;
    throw error;
  }
  throw new Error(`the bus took what it should refuse with ${code}`);
}

function toPublication(order: Order, number: number) {
  const posted = every(MISCHIEF.foreignEvery, number) ? { ...order, postalCode: 'K1A 0B1' } : order;
  const id = `shop-${order.orderId}`;
  return order.placedOn < NEW_FRONT_END
    ? { id, type: 'shop.order.placed@1' as const, data: toVersion1(posted) }
    : { id, type: 'shop.order.placed@2' as const, data: toVersion2(posted) };
}

function toVersion1(order: Order) {
  const { orderId, customer, shipMode, city, state, postalCode, region } = order;
  return {
    orderId,
    orderDate: order.placedOn,
    customerId: customer.customerId,
    customerName: customer.name,
    segment: customer.segment,
    shipMode,
    city,
    state,
    postalCode,
    region,
    items: order.lines.map(({ sku, name, quantity, amount, discount }) => ({
      product: sku,
      title: name,
      quantity,
      sales: amount,
      discount,
    })),
  };
}

function toVersion2(order: Order) {
  const { orderId, placedOn, customer, shipMode, city, state, postalCode, region, lines } = order;
  return {
    orderId,
    placedOn,
    customer: { id: customer.customerId, name: customer.name, segment: customer.segment },
    shipMode,
    shipTo: { city, state, postalCode, region },
    lines: [...lines],
  };
}

function every(n: number, number: number): boolean {
  return number % n === 0;
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += CHUNK) yield items.slice(from, from + CHUNK);
}

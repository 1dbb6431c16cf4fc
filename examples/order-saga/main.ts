import { openStage, prove, until } from '../stage.ts';
import type { ShopOrderPlacedV1 } from './messages.ts';
import {
  attendPayment,
  attendShipping,
  attendShop,
  attendStock,
  type Endings,
  type Parcels,
  type Shelves,
  type Till,
} from './services.ts';

/** Orders of which some cannot be paid, some are out of stock and some cannot be sent. Exits with 1 when money or goods are lost. */
const orders: ShopOrderPlacedV1[] = [];
for (let n = 1; n <= 100; n++) {
  orders.push({
    orderId: `O-${String(n).padStart(3, '0')}`,
    total: Math.round(n * 317) / 100,
    card: n % 10 === 1 ? 'empty' : `card-${String(n)}`,
    country: n % 10 === 2 ? 'AQ' : 'DE',
    lines: [
      { sku: 'tea', quantity: (n % 3) + 1 },
      { sku: n % 10 === 3 ? 'unicorn' : 'mug', quantity: 1 },
    ],
  });
}
const ofKind = (rest: number): ShopOrderPlacedV1[] => orders.filter((_, i) => (i + 1) % 10 === rest);
const [unpaid, unsendable, missing] = [ofKind(1), ofKind(2), ofKind(3)];
const good = orders.filter((order) => ![unpaid, unsendable, missing].some((kind) => kind.includes(order)));

await using stage = await openStage(import.meta.url);
const endings: Endings = new Map();
const till: Till = new Map();
const shelves: Shelves = new Map([
  ['tea', 1_000],
  ['mug', 1_000],
]);
const parcels: Parcels = new Map();
const undone: string[] = [];
const shop = attendShop(await stage.connect('shop'), endings);
await Promise.all([
  shop.start(),
  attendPayment(await stage.connect('payment'), till, undone).start(),
  attendStock(await stage.connect('stock'), shelves, undone).start(),
  attendShipping(await stage.connect('shipping'), parcels).start(),
]);

await shop.publishMany(orders.map((data) => ({ type: 'shop.order.placed@1', data })));
await until('every order has come to its end, and all that had to be is undone', async () => {
  const { endpoints } = await stage.host.transport.stats();
  const busy = endpoints.reduce((sum, { waiting, inHand }) => sum + waiting + inHand, 0);
  return endings.size >= orders.length && busy === 0;
});

const { dead } = await stage.host.transport.stats();
const ended = (how: string): number => [...endings.values()].filter(([first]) => first === how).length;
const pieces = (of: readonly ShopOrderPlacedV1[]): number =>
  sum(of.flatMap(({ lines }) => lines.map((l) => l.quantity)));
prove({
  'orders that ended': [orders.length, endings.size],
  'ends of orders, each told once': [orders.length, [...endings.values()].flat().length],
  completed: [good.length, ended('completed')],
  'cancelled, not paid': [unpaid.length, ended('the card is empty')],
  'cancelled, out of stock': [missing.length, ended('out of stock: unicorn')],
  'cancelled, cannot be sent': [unsendable.length, ended('nobody brings parcels to AQ')],
  'cents that payment has': [sum(good.map(({ total }) => Math.round(total * 100))), sum([...till.values()])],
  'pieces that left the shelves': [pieces(good), 2_000 - sum([...shelves.values()])],
  'pieces in parcels': [pieces(good), sum([...parcels.values()])],
  'undone for orders out of stock': [
    missing.map(({ orderId }) => `${orderId} refund`).join(', '),
    undoneFor(missing).join(', '),
  ],
  'undone for orders that cannot be sent': [
    unsendable.flatMap(({ orderId }) => [`${orderId} refund`, `${orderId} release`]).join(', '),
    undoneFor(unsendable).join(', '),
  ],
  'dead letters': [0, dead],
});

function undoneFor(of: readonly ShopOrderPlacedV1[]): string[] {
  return undone.filter((line) => of.some(({ orderId }) => line.startsWith(`${orderId} `))).toSorted();
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

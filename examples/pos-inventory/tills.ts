import type { PosSaleRecordedV1 } from './messages.ts';

/** What the tills send in the scenario, and what it must come to. No chance in it, so that every run is the same. */
const STORES = ['S01', 'S02', 'S03'];
const TILLS_OF_A_STORE = 2;
const SALES_OF_A_TILL = 60;
/** The line of every second till is down while it makes these sales; it sends them afterwards, the last one first. */
const OFFLINE = { first: 21, last: 40 };
/** Every so manieth sale is sent again, because the till did not hear that it had arrived. */
const REPEAT_EVERY = 10;
const SHELF = [
  { sku: 'gum', price: 0.99 },
  { sku: 'milk', price: 1.19 },
  { sku: 'bread', price: 2.75 },
  { sku: 'coffee', price: 6.49 },
];

/** One sale as the till has it. */
export type Sale = PosSaleRecordedV1;

/** All that was sold, each sale once, by till and in the order of the numbers. */
export const SALES: ReadonlyMap<string, readonly Sale[]> = new Map(
  STORES.flatMap((storeId) =>
    range(TILLS_OF_A_STORE).map((till) => {
      const tillId = `${storeId}-T${String(till)}`;
      return [tillId, range(SALES_OF_A_TILL).map((number) => sale(storeId, tillId, till, number))] as const;
    }),
  ),
);

/** What a till hands to the bus, in this order. */
export function sent(sales: readonly Sale[]): Sale[] {
  const offline = (sales[0]?.tillId ?? '').endsWith('2');
  const { first, last } = OFFLINE;
  const inOrder = offline
    ? [...sales.slice(0, first - 1), ...sales.slice(first - 1, last).reverse(), ...sales.slice(last)]
    : sales;
  return inOrder.flatMap((one) => (one.number % REPEAT_EVERY === 0 ? [one, one] : [one]));
}

function sale(storeId: string, tillId: string, till: number, number: number): Sale {
  const lines = range(1 + ((number + till) % 3)).map((line) => {
    const { sku, price } = SHELF[(number * till + line) % SHELF.length] ?? { sku: 'gum', price: 0.99 };
    return { sku, quantity: 1 + ((number + line) % 4), price };
  });
  return { storeId, tillId, number, lines };
}

/** 1 to `last`. */
function range(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

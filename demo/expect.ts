import { parse } from 'csv-parse/sync';

/**
 * What the demo must come to, worked out from the CSV alone. Shares no code with the bus, its routes or the rest of the
 * demo (an import rule holds that), so the two can only agree by both being right.
 */

/** What goes wrong on purpose, so that it can be expected. Counting begins at 1: every 250th order, and so on. */
export interface Mischief {
  /** Orders that the shop sends twice, with the same id. */
  readonly repeatEvery: number;
  /** Orders that the shop first sends with a line of zero pieces, which the bus refuses. */
  readonly typoEvery: number;
  /** Orders with a postal code that is not of this country, so that no pick request can be made. */
  readonly foreignEvery: number;
  /** Orders after which a cart is abandoned, a type that no route takes. */
  readonly cartEvery: number;
  /** Orders whose pick request fails once at the warehouse. */
  readonly scannerEvery: number;
  /** Reviews of at least so many cents are refused by finance at first. */
  readonly reviewLimitCents: number;
}

/** Numbers by name: `billing net cents`, `route orders-to-oms in`. */
export type Totals = ReadonlyMap<string, number>;

interface Line {
  readonly 'Order ID': string;
  readonly 'Order Date': string;
  readonly 'Ship Mode': string;
  readonly 'Customer ID': string;
  readonly Segment: string;
  readonly Region: string;
  readonly 'Product ID': string;
  readonly Sales: string;
  readonly Quantity: string;
}

const LARGE_CENTS = 250_000;
const DAY = 86_400_000;

export function expectedTotals(csv: string, mischief: Mischief): Totals {
  const lines = parse<Line>(csv, { columns: true });
  const totals = new Map<string, number>();
  const add = (name: string, amount = 1): void => void totals.set(name, (totals.get(name) ?? 0) + amount);

  const customers = new Map(lines.map((line) => [line['Customer ID'], line.Segment]));
  const welcomed = [...customers.values()].filter((segment) => segment !== 'Corporate').length;
  const products = new Set(lines.map((line) => line['Product ID'])).size;
  // What a publisher counted itself, and what the bus counted of it.
  const published = (service: string, amount: number): void => {
    add(`${service} published`, amount);
    add(`service ${service} published`, amount);
  };
  published('crm', customers.size);
  add('route customer-welcome in', customers.size);
  add('route customer-welcome filtered', customers.size - welcomed);
  add('route customer-welcome out', welcomed);
  add('mail welcomes', welcomed);
  add('mail handled', welcomed);
  // One delivery to the router and, of those who are welcomed, one to mail.
  add('ledger made', customers.size + welcomed);
  add('ledger filtered', customers.size - welcomed);
  published('erp', products);
  add('ledger made', products);
  add('catalogue handled', products);

  const orders = new Map<string, Line[]>();
  for (const line of lines) {
    const order = orders.get(line['Order ID']);
    if (order === undefined) orders.set(line['Order ID'], [line]);
    else order.push(line);
  }
  let number = 0;
  for (const [, order] of orders) {
    number += 1;
    const [head] = order;
    if (head === undefined) continue;
    const every = (n: number): boolean => number % n === 0;
    const times = every(mischief.repeatEvery) ? 2 : 1;
    const pieces = order.reduce((sum, line) => sum + Number.parseInt(line.Quantity, 10), 0);
    const net = order.reduce((sum, line) => sum + cents(line.Sales), 0);
    const foreign = every(mischief.foreignEvery);

    add(head['Order Date'] < '2016' ? 'shop published orders@1' : 'shop published orders@2', times);
    published('shop', times);
    if (every(mischief.typoEvery)) add('shop refused');
    if (every(mischief.cartEvery)) {
      published('shop', 1);
      add('parked');
      add('ledger made');
    }

    // The order at the router; what that makes for the oms and, of the invoice, for billing and the lane of finance.
    add('ledger made', times * 4);

    const oms = head.Region === 'East' ? 'oms-east' : head.Region === 'West' ? 'oms-west' : 'oms-central';
    add('route orders-to-oms in', times);
    add('route orders-to-oms out', times);
    add(`${oms} handled`);
    add(`${oms} repeats`, times - 1);
    add(`${oms} pieces`, pieces);
    add(`${oms} total cents`, net);
    add(`${oms} published`, times);
    add('ledger made', times * 2);
    add('route order-confirmations in', times);
    add('route order-confirmations out', times);
    add('mail confirmations');
    add('mail handled');
    add('mail repeats', times - 1);

    const express = head['Ship Mode'] === 'Same Day' || head['Ship Mode'] === 'First Class';
    const warehouse = express ? 'warehouse-express' : 'warehouse-standard';
    add('route orders-to-warehouse in', times);
    if (foreign) {
      add('route orders-to-warehouse faulted', times);
      add('dead', times);
    } else {
      add('route orders-to-warehouse out', times);
      add('ledger made', times);
      add(`${warehouse} handled`);
      add(`${warehouse} repeats`, times - 1);
      add(`${warehouse} pieces`, pieces);
      if (every(mischief.scannerEvery)) add(`${warehouse} failed once`, times);
    }

    add('route orders-to-invoices in', times);
    add('route orders-to-invoices out', times);
    add('billing handled');
    add('billing repeats', times - 1);
    add('billing lines', order.length);
    add('billing net cents', net);
    // Payable in 30 days; the sum of the due days shows a day that is wrong anywhere.
    add('billing due days', Date.parse(head['Order Date']) / DAY + 30);

    add('route finance-review in', times);
    if (net < LARGE_CENTS) {
      add('route finance-review filtered', times);
      add('ledger filtered', times);
    } else {
      add('ledger made', times);
      add('route finance-review out', times);
      add('finance handled');
      add('finance repeats', times - 1);
      add('finance net cents', net);
      if (net >= mischief.reviewLimitCents) add('finance refused at first', times);
    }
  }
  return totals;
}

/** `957.5775` -> 95758: half a cent and more goes up. From the digits as they stand, so nothing is lost on the way. */
function cents(amount: string): number {
  const [whole = '0', fraction = ''] = amount.split('.');
  const tenThousandths = BigInt(whole) * 10_000n + BigInt(fraction.padEnd(4, '0'));
  return Number((tenThousandths + 50n) / 100n);
}

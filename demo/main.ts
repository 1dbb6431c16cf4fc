import { setTimeout as sleep } from 'node:timers/promises';
import type { Host, Log, TransportStats } from '../src/index.ts';
import './messages.ts';
import { expectedTotals } from './expect.ts';
import { publishCustomers, publishOrders, publishProducts, refusal } from './publishers.ts';
import { actualTotals, differences, format, imbalance, report } from './report.ts';
import { openRetailer, type Retailer } from './retailer.ts';
import { BILLING_RECOVERS_AFTER, DEADLINE_MS, MISCHIEF } from './scenario.ts';
import {
  attendBilling,
  attendCatalogue,
  attendFinance,
  attendMail,
  attendOms,
  attendWarehouse,
  type Limit,
  type Outage,
} from './services.ts';
import { readSuperstore, type Superstore } from './superstore.ts';
import { Tally } from './tally.ts';

/**
 * A day in the life of the retailer's bus: years of orders replayed in seconds, with an outage, with mistakes, and every number
 * checked against the file it came from. Exits with 1 when one differs.
 */
const started = Date.now();
const deadline = started + DEADLINE_MS;

/** What the bus warns of is told only when something is wrong in the end: the outage makes plenty of it. */
const warnings: string[] = [];
const note = (fields: object, message: string): void => {
  warnings.push(`${message} ${JSON.stringify(fields)}`);
};
const quiet: Log = { debug: () => undefined, info: () => undefined, warn: note, error: note };

async function main(): Promise<number> {
  const store = readSuperstore();
  const { customers, products, orders } = store;
  say(
    `Superstore: ${format(customers.length)} customers, ${format(products.length)} products, ${format(orders.length)} orders`,
  );
  await using retailer = await openRetailer(quiet);
  const { plan, transport } = retailer.host;
  say(`bus ${plan.definition.bus} on ${transport.kind}, ${String(plan.routes.length)} routes`);
  const code = await replay(retailer, store);
  if (transport.kind === 'rabbitmq')
    say(`what is called ${plan.definition.bus}.* stays on the broker, to be looked at or deleted`);
  return code;
}

async function replay(retailer: Retailer, store: Superstore): Promise<number> {
  const tally = new Tally();
  const database = { down: true };
  const limit = { cents: MISCHIEF.reviewLimitCents };
  await attend(retailer, store, database, limit, tally);

  const { host } = retailer;
  const [crm, erp, shop] = await Promise.all([
    retailer.connect('crm'),
    retailer.connect('erp'),
    retailer.connect('shop'),
  ]);
  const begun = Date.now();
  await Promise.all([publishCustomers(crm, store.customers, tally), publishProducts(erp, store.products, tally)]);
  say('crm and erp have published their master data');
  await refusal('WB_NOT_DECLARED', () =>
    erp.publish('crm.customer.created@1', {
      customerId: 'XX-00001',
      name: 'X',
      email: 'x@example.com',
      segment: 'Consumer',
    }),
  );
  say('erp tried to publish a customer, which it does not declare: refused');

  say('the database of billing is down');
  let recovery: Promise<void> | undefined;
  await publishOrders(shop, store.orders, tally, (sent) => {
    if (sent % 1_000 < 100) say(`shop has published ${format(sent)} orders`);
    if (sent >= BILLING_RECOVERS_AFTER) recovery ??= recover(host, database);
  });
  const publishSeconds = (Date.now() - begun) / 1_000;
  await recovery;
  await settled(host, tally);

  await fixFinance(host, limit, tally);
  const seconds = (Date.now() - begun) / 1_000;

  for await (const letter of host.transport.dead.list()) {
    tally.add(`${letter.endpoint} dead`);
    if (letter.endpoint === 'billing') throw new Error(`the outage made a dead letter: ${letter.error}`);
  }
  const stats = await host.transport.stats();
  console.log(`\n${report(host, stats, tally)}\n`);
  console.log(
    `${format(Math.round(stats.ledger.made / seconds))} deliveries/s over ${seconds.toFixed(1)} s (publishing took ${publishSeconds.toFixed(1)} s); ` +
      `publish to handled p50 ${format(tally.latency(0.5))} ms, p99 ${format(tally.latency(0.99))} ms`,
  );
  return verdict(store, stats, tally);
}

async function attend(
  retailer: Retailer,
  store: Superstore,
  database: Outage,
  limit: Limit,
  tally: Tally,
): Promise<void> {
  const missed = new Set(
    store.orders.filter((_, i) => (i + 1) % MISCHIEF.scannerEvery === 0).map(({ orderId }) => orderId),
  );
  const [mail, billing, finance, catalogue] = await Promise.all([
    retailer.connect('mail'),
    retailer.connect('billing'),
    retailer.connect('finance'),
    retailer.connect('catalogue'),
  ]);
  const oms = await Promise.all(['oms-east', 'oms-west', 'oms-central'].map((name) => retailer.connect(name)));
  const warehouses = await Promise.all(
    ['warehouse-express', 'warehouse-standard'].map((name) => retailer.connect(name)),
  );
  for (const service of oms) attendOms(service, tally);
  for (const service of warehouses) attendWarehouse(service, missed, tally);
  attendCatalogue(catalogue, tally);
  attendMail(mail, tally);
  attendBilling(billing, database, tally);
  attendFinance(finance, limit, tally);
  await Promise.all([...oms, ...warehouses, mail, billing, finance, catalogue].map((service) => service.start()));
}

/** Brings billing back once the bus has noticed that it is down. */
async function recover(host: Host, database: Outage): Promise<void> {
  const reason = await until('the endpoint of billing pauses', async () => {
    const { endpoints } = await host.transport.stats();
    return endpoints.find(({ name }) => name === 'billing')?.states.find(({ paused }) => paused !== undefined)?.paused;
  });
  say(`billing is paused by the bus: ${reason}`);
  database.down = false;
  say('the database of billing is up again; the next probe will find out');
}

/** Resolves when nothing waits or is in hand, twice in a row with nothing handled between. */
async function settled(host: Host, tally: Tally): Promise<void> {
  let before: number | undefined;
  await until('the bus has nothing left to do', async () => {
    const { ledger, endpoints } = await host.transport.stats();
    const busy =
      ledger.waiting + endpoints.reduce((sum, { waiting, inHand, delayed }) => sum + waiting + inHand + delayed, 0);
    const handled = tally.all(' handled');
    const still = busy === 0 && handled === before;
    before = handled;
    progress(`${format(handled)} handled, ${format(busy)} on their way`);
    return still ? true : undefined;
  });
}

/** Finance may approve more now, so the reviews that it refused come again. */
async function fixFinance(host: Host, limit: Limit, tally: Tally): Promise<void> {
  limit.cents = Number.POSITIVE_INFINITY;
  const redriven = await host.transport.dead.redrive({ endpoint: 'finance' }, { by: 'demo' });
  tally.add('finance redriven', redriven);
  say(`finance raised its limit: ${String(redriven)} dead letters redriven`);
  await settled(host, tally);
}

function verdict(store: Superstore, stats: TransportStats, tally: Tally): number {
  const expected = expectedTotals(store.csv, MISCHIEF);
  const wrong = differences(expected, actualTotals(stats, tally));
  const unbalanced = imbalance(stats);
  if (unbalanced !== undefined) wrong.push(unbalanced);
  if (wrong.length === 0) {
    console.log(`all ${String(expected.size)} totals agree with the file, and the ledger balances`);
    return 0;
  }
  console.error(`${String(wrong.length)} numbers are wrong:\n${wrong.map((line) => `  ${line}`).join('\n')}`);
  for (const line of warnings.slice(-20)) console.error(line);
  return 1;
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  while (Date.now() < deadline) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(200);
  }
  throw new Error(`gave up after ${String(DEADLINE_MS / 1_000)} s: not yet true that ${what}`);
}

function say(text: string): void {
  console.log(`${((Date.now() - started) / 1_000).toFixed(1).padStart(5)} s  ${text}`);
}

/** A line that the next one replaces, where there is a person to see it. */
function progress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K         ${text}\r`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);

import { type HandlerContext, type Message, type Service, WaybillError } from '../src/index.ts';
import type { Tally } from './tally.ts';

/** Billing's database, which is down for a while. */
export interface Outage {
  down: boolean;
}

/** What finance may approve. */
export interface Limit {
  cents: number;
}

/** Order management: takes an order in and says so. */
export function attendOms(oms: Service, tally: Tally): void {
  oms.handle('oms.order.create@1', (message, context) => {
    const { orderId, customer, region, pieces, total } = message.data;
    // For a repeat too: what it said the first time may never have been sent. The id derives from the message's, so it is the same.
    context.publish('oms.order.accepted@1', { orderId, customerId: customer.id, region, pieces });
    tally.add(`${oms.name} published`);
    if (!arrive(oms.name, message, context, tally)) return;
    tally.add(`${oms.name} pieces`, pieces);
    tally.add(`${oms.name} total cents`, Math.round(total * 100));
  });
}

/** A line of the warehouse: picks. Its scanner misses some orders at first. */
export function attendWarehouse(warehouse: Service, missed: ReadonlySet<string>, tally: Tally): void {
  warehouse.handle('warehouse.pick.request@1', (message, context) => {
    if (context.attempt === 1 && missed.has(message.data.orderId)) {
      tally.add(`${warehouse.name} retried`);
      tally.add(`${warehouse.name} failed once`);
      throw new Error('the scanner did not answer');
    }
    if (!arrive(warehouse.name, message, context, tally)) return;
    tally.add(`${warehouse.name} pieces`, message.data.pieces);
  });
}

/** The catalogue: shows what there is. */
export function attendCatalogue(catalogue: Service, tally: Tally): void {
  catalogue.handle('erp.product.updated@1', (message, context) => {
    tally.add('catalogue by products-to-catalogue');
    arrive('catalogue', message, context, tally);
  });
}

/** Billing: writes invoices while its database is up. */
export function attendBilling(billing: Service, database: Outage, tally: Tally): void {
  billing.handle('billing.invoice.request@1', (message, context) => {
    if (database.down) {
      tally.add('billing retried');
      throw new Error('the database of billing is down');
    }
    tally.add('billing by invoices-to-billing');
    if (!arrive('billing', message, context, tally)) return;
    const { lines, net, dueOn } = message.data;
    tally.add('billing lines', lines);
    tally.add('billing net cents', Math.round(net * 100));
    tally.add('billing due days', Date.parse(dueOn) / 86_400_000);
  });
}

/** Mail: sends what it is told. */
export function attendMail(mail: Service, tally: Tally): void {
  mail.handle('mail.message.send@1', (message, context) => {
    if (!arrive('mail', message, context, tally)) return;
    tally.add(message.data.template === 'welcome' ? 'mail welcomes' : 'mail confirmations');
  });
}

/** Finance: reviews large orders, up to a limit that somebody has to raise first. */
export function attendFinance(finance: Service, limit: Limit, tally: Tally): void {
  finance.handle('finance.review.request@1', (message, context) => {
    const cents = Math.round(message.data.net * 100);
    if (cents >= limit.cents) {
      tally.add('finance refused at first');
      throw new WaybillError('WB_HANDLER_FAILED', `nobody may approve ${String(cents / 100)} USD`, {
        retryable: false,
      });
    }
    if (arrive('finance', message, context, tally)) tally.add('finance net cents', cents);
  });
}

/** Counts a message that is handled; false for a repeat, which a service has to recognise by its id. */
function arrive(service: string, message: Message, context: HandlerContext, tally: Tally): boolean {
  if (!tally.first(service, message.id)) {
    tally.add(`${service} repeats`);
    return false;
  }
  tally.add(`${service} handled`);
  // Billing is waited for on purpose.
  if (context.attempt === 1 && service !== 'billing') tally.took(message.time);
  return true;
}

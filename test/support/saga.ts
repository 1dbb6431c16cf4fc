import type { EncodedMessage } from '../../src/message.ts';
import { compilePlan } from '../../src/plan/compile.ts';
import { type DefinitionSketch, definition, NUMBER, object, planOf, TEXT } from './definitions.ts';
import { message } from './messages.ts';
import { RouteRun, type RouteRunOptions } from './route-run.ts';

const order = (fields: object = {}): object => object({ order: TEXT, ...fields }, { 'x-key': '/order' });

const FROM = ['shop.order.placed@1', 'payment.captured@1', 'payment.refused@1', 'stock.reserved@1', 'stock.missing@1'];

const KEPT = 'fulfilment.order@1';
const CONTRACTS = {
  'shop.order.placed@1': object({ id: TEXT, total: NUMBER }, { 'x-key': '/id' }),
  'payment.captured@1': order({ payment: TEXT }),
  'payment.refused@1': order({ why: TEXT }),
  'stock.reserved@1': order(),
  'stock.missing@1': order(),
  'payment.capture@1': order({ amount: NUMBER }),
  'payment.refund@1': order({ payment: TEXT }),
  'stock.reserve@1': order(),
  'stock.release@1': order(),
  'shop.order.cancelled@1': order({ why: TEXT }),
  'shipping.ship@1': order({ amount: NUMBER }),
  [KEPT]: object({ order: TEXT, total: NUMBER, 'payment?': TEXT }),
};

/** An order that is paid for, then reserved, then shipped; what was done is undone when it cannot be. */
export const SAGA = `
by: { shop.order.placed@1: data.id, payment.captured@1: data.order, payment.refused@1: data.order, stock.reserved@1: data.order, stock.missing@1: data.order }
keep: fulfilment.order@1
as: kept
start:
  shop.order.placed@1:
    set: { order: data.id, total: data.total }
    send: { service: payment, type: payment.capture@1, set: { order: data.id, amount: vars.kept.total } }
    to: paying
states:
  paying:
    on:
      payment.captured@1:
        set: { payment: data.payment }
        send: { service: stock, type: stock.reserve@1, set: { order: vars.kept.order } }
        undo: { service: payment, type: payment.refund@1, set: { order: data.order, payment: data.payment } }
        to: reserving
      payment.refused@1:
        send: { publish: shop.order.cancelled@1, set: { order: data.order, why: data.why } }
        to: cancelled
    timeout:
      after: 30m
      send: { publish: shop.order.cancelled@1, set: { order: data.order, why: { $const: nobody paid } } }
      to: cancelled
  reserving:
    on:
      stock.reserved@1:
        undo: { service: stock, type: stock.release@1, set: { order: data.order } }
        send: { service: shipping, type: shipping.ship@1, set: { order: data.order, amount: vars.kept.total } }
        to: shipped
      stock.missing@1:
        compensate: true
        send: { publish: shop.order.cancelled@1, set: { order: data.order, why: { $const: out of stock } } }
        to: cancelled
    timeout: { after: 1h, compensate: true, to: cancelled }
  shipped: { end: true }
  cancelled: { end: true }
otherwise: dead
`;

export interface SagaOptions extends RouteRunOptions {
  readonly contracts?: DefinitionSketch['contracts'];
  readonly casts?: DefinitionSketch['casts'];
  readonly from?: readonly string[];
  /** Of the route, after the step. */
  readonly more?: string;
}

function sketch(saga: string, { contracts, casts = {}, from = FROM, more = '' }: SagaOptions): DefinitionSketch {
  return {
    contracts: { ...CONTRACTS, ...contracts },
    casts,
    services: {
      shop: { publishes: FROM },
      payment: { receives: ['payment.capture@1', 'payment.refund@1'] },
      stock: { receives: ['stock.reserve@1', 'stock.release@1'] },
      shipping: { receives: ['shipping.ship@1'] },
    },
    routes: {
      r: `from: [${from.join(', ')}]\nsteps:\n  - process:\n${saga.trim().replaceAll(/^/gm, '      ')}\n${more}`,
    },
  };
}

export function sagaOf(saga = SAGA, options: SagaOptions = {}): RouteRun {
  return new RouteRun(planOf(sketch(saga, options)), 'r', options);
}

/** The faults of a route with this process, each as `code path: message`. */
export function sagaFaults(saga: string, options: SagaOptions = {}): string[] {
  const places: string[] = [];
  const { faults } = compilePlan(definition(sketch(saga, options)), {
    locate: (file, path) => {
      places.push(path.slice(3).join('/'));
      return { file, line: places.length };
    },
  });
  return faults.map(({ code, message: text, at }) => `${code} ${places[(at?.line ?? 0) - 1] ?? ''}: ${text}`);
}

let count = 0;

/** A message of the saga, of the order `o` unless told otherwise. */
export function said(type: string, data: object = {}, id = `m${String(count++)}`): EncodedMessage {
  const about = type === 'shop.order.placed' ? { id: 'o', total: 12 } : { order: 'o' };
  return message({ id, source: '/shop', type, key: 'o', data: { ...about, ...data } });
}

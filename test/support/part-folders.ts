/** Files of two repositories that share a bus: `shop` owns the orders, `stock` picks them. */

export const ORDER = {
  'x-key': '/id',
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string' }, qty: { type: 'number' } },
};

export type Files = Readonly<Record<string, string>>;

/** @param order the contract of what the shop publishes */
export function shopFiles(bus: string, transport: string, order: object = ORDER): Files {
  return {
    'waybill.yaml': `bus: ${bus}\npart: shop\ntransport: ${transport}\nservices:\n  shop: { publishes: [shop.order.placed@1] }\n`,
    'schemas/shop/order.placed.v1.json': JSON.stringify(order),
  };
}

/** Uses the contract of the shop without having it. */
export function stockFiles(bus: string, transport: string): Files {
  return {
    'waybill.yaml': `bus: ${bus}\npart: stock\ntransport: ${transport}\nservices:\n  wms: { receives: [shop.order.placed@1] }\n`,
    'routes/picking.yaml': 'from: shop.order.placed@1\nto: wms\n',
  };
}

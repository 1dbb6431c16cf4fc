// Made by `waybill types` from the contracts. Do not edit: change the contract and run it again.

import type {} from '../src/index.ts';

/**
 * An invoice is to be written.
 * `billing.invoice.request@1`
 */
export interface BillingInvoiceRequestV1 {
  /** Order number, unique over all sales channels */
  orderId: string;
  /** Customer number of the CRM */
  customerId: string;
  /** Lines of the invoice */
  lines: number;
  /** To pay, USD */
  net: number;
  /**
   * Day by which it is to be paid
   * @format date
   */
  dueOn: string;
}

/**
 * A customer was created in the CRM.
 * `crm.customer.created@1`
 */
export interface CrmCustomerCreatedV1 {
  /** Customer number of the CRM */
  customerId: string;
  /** Full name of the customer */
  name: string;
  /**
   * Where mail for the customer goes
   * @format email
   */
  email: string;
  /** Market segment of the customer */
  segment: 'Consumer' | 'Corporate' | 'Home Office';
}

/**
 * Master data of a product was created or changed in the ERP.
 * `erp.product.updated@1`
 */
export interface ErpProductUpdatedV1 {
  /** Stock keeping unit */
  sku: string;
  /** Name on the shelf */
  name: string;
  /** Product group */
  category: 'Furniture' | 'Office Supplies' | 'Technology';
  /** Product sub-group */
  subCategory: string;
  /** Price of one piece before discount, USD */
  listPrice: number;
}

/**
 * A person in finance is to look at a large order.
 * `finance.review.request@1`
 */
export interface FinanceReviewRequestV1 {
  /** Order number, unique over all sales channels */
  orderId: string;
  /** Customer number of the CRM */
  customerId: string;
  /** Sum of the lines, USD */
  net: number;
  /** Why it came here */
  reason: string;
}

/**
 * A mail is to be sent to a customer.
 * `mail.message.send@1`
 */
export interface MailMessageSendV1 {
  /** Customer number of the CRM */
  customerId: string;
  /** Which text */
  template: 'welcome' | 'confirmation';
  /** What it is about: a name or an order */
  about: string;
}

/**
 * Order management took an order in.
 * `oms.order.accepted@1`
 */
export interface OmsOrderAcceptedV1 {
  /** Order number, unique over all sales channels */
  orderId: string;
  /** Customer number of the CRM */
  customerId: string;
  /** Sales region of the ship-to address */
  region: 'East' | 'West' | 'Central' | 'South';
  /** Pieces of all lines */
  pieces: number;
}

/**
 * Order management is to take an order in.
 * `oms.order.create@1`
 */
export interface OmsOrderCreateV1 {
  /** Order number, unique over all sales channels */
  orderId: string;
  /**
   * Day of the order
   * @format date
   */
  placedOn: string;
  /** Sales region of the ship-to address */
  region: 'East' | 'West' | 'Central' | 'South';
  /** Who ordered */
  customer: {
    /** Customer number of the CRM */
    id: string;
    /** Full name of the customer */
    name: string;
  };
  /** What was ordered */
  lines: {
    /** Stock keeping unit */
    sku: string;
    /** Pieces */
    quantity: number;
  }[];
  /** Pieces of all lines */
  pieces: number;
  /** Sum of the lines, USD */
  total: number;
  /** ISO 4217 */
  currency: 'USD';
  /** What the customer wants us to know */
  note?: string;
}

/**
 * A cart was left without an order. Nothing takes it yet: it is parked.
 * `shop.cart.abandoned@1`
 */
export interface ShopCartAbandonedV1 {
  /** Number of the cart */
  cartId: string;
  /** Different products in it */
  items: number;
}

/**
 * An order was placed in the web shop. Version 1 is flat, as the shop sent it until the end of 2015.
 * `shop.order.placed@1`
 */
export interface ShopOrderPlacedV1 {
  /** Order number, unique over all sales channels */
  orderId: string;
  /**
   * Day of the order
   * @format date
   */
  orderDate: string;
  /** Customer number of the CRM */
  customerId: string;
  /** Full name of the customer */
  customerName: string;
  /** Market segment of the customer */
  segment: 'Consumer' | 'Corporate' | 'Home Office';
  /** What the customer chose at checkout */
  shipMode: 'Same Day' | 'First Class' | 'Second Class' | 'Standard Class';
  /** Ship-to city */
  city: string;
  /** Ship-to state */
  state: string;
  /** Ship-to postal code, as typed */
  postalCode: string;
  /** Sales region of the ship-to address */
  region: 'East' | 'West' | 'Central' | 'South';
  /** Order lines */
  items: {
    /** Stock keeping unit */
    product: string;
    /** Name on the shelf */
    title: string;
    /** Pieces */
    quantity: number;
    /** Price of the line after discount, USD */
    sales: number;
    /** Share of the list price that was taken off */
    discount: number;
  }[];
}

/**
 * An order was placed in the web shop.
 * `shop.order.placed@2`
 */
export interface ShopOrderPlacedV2 {
  /** Order number, unique over all sales channels */
  orderId: string;
  /**
   * Day of the order
   * @format date
   */
  placedOn: string;
  /** Who ordered */
  customer: {
    /** Customer number of the CRM */
    id: string;
    /** Full name of the customer */
    name: string;
    /** Market segment of the customer */
    segment: 'Consumer' | 'Corporate' | 'Home Office';
  };
  /** What the customer chose at checkout */
  shipMode: 'Same Day' | 'First Class' | 'Second Class' | 'Standard Class';
  /** Where the goods go */
  shipTo: {
    /** City */
    city: string;
    /** State */
    state: string;
    /** Postal code, as typed */
    postalCode: string;
    /** Sales region of the ship-to address */
    region: 'East' | 'West' | 'Central' | 'South';
  };
  /** Order lines */
  lines: {
    /** Stock keeping unit */
    sku: string;
    /** Name on the shelf */
    name: string;
    /** Pieces */
    quantity: number;
    /** Price of the line after discount, USD */
    amount: number;
    /** Share of the list price that was taken off */
    discount: number;
  }[];
  /** What the customer wants us to know */
  note?: string;
}

/**
 * The warehouse is to pick and ship an order.
 * `warehouse.pick.request@1`
 */
export interface WarehousePickRequestV1 {
  /** Order number, unique over all sales channels */
  orderId: string;
  /** Which line of the warehouse picks it */
  service: 'express' | 'standard';
  /** Five digits, as on the label */
  postalCode: string;
  /** What to pick */
  picks: {
    /** Stock keeping unit */
    sku: string;
    /** Pieces */
    quantity: number;
  }[];
  /** Pieces of all lines */
  pieces: number;
}

declare module '../src/index.ts' {
  interface MessageTypes {
    'billing.invoice.request@1': BillingInvoiceRequestV1;
    'crm.customer.created@1': CrmCustomerCreatedV1;
    'erp.product.updated@1': ErpProductUpdatedV1;
    'finance.review.request@1': FinanceReviewRequestV1;
    'mail.message.send@1': MailMessageSendV1;
    'oms.order.accepted@1': OmsOrderAcceptedV1;
    'oms.order.create@1': OmsOrderCreateV1;
    'shop.cart.abandoned@1': ShopCartAbandonedV1;
    'shop.order.placed@1': ShopOrderPlacedV1;
    'shop.order.placed@2': ShopOrderPlacedV2;
    'warehouse.pick.request@1': WarehousePickRequestV1;
  }
}

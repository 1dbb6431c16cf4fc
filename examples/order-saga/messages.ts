// Made by `waybill types` from the contracts. Do not edit: change the contract and run it again.

import type {} from 'waybill';

/**
 * What is known of an order while it is under way.
 * `fulfilment.order@1`
 */
export interface FulfilmentOrderV1 {
  orderId: string;
  /** EUR */
  total: number;
  country: string;
  lines: {
    sku: string;
    quantity: number;
  }[];
  paymentId?: string;
}

/**
 * Money is to be taken.
 * `payment.capture@1`
 */
export interface PaymentCaptureV1 {
  orderId: string;
  card: string;
  /** EUR */
  amount: number;
}

/**
 * Money was taken.
 * `payment.captured@1`
 */
export interface PaymentCapturedV1 {
  orderId: string;
  paymentId: string;
}

/**
 * A payment is to be given back.
 * `payment.refund@1`
 */
export interface PaymentRefundV1 {
  orderId: string;
  paymentId: string;
}

/**
 * Money was not to be had.
 * `payment.refused@1`
 */
export interface PaymentRefusedV1 {
  orderId: string;
  why: string;
}

/**
 * A parcel cannot be sent there.
 * `shipping.impossible@1`
 */
export interface ShippingImpossibleV1 {
  orderId: string;
  why: string;
}

/**
 * A parcel is to be sent.
 * `shipping.ship@1`
 */
export interface ShippingShipV1 {
  orderId: string;
  country: string;
  pieces: number;
}

/**
 * A parcel is on its way.
 * `shipping.shipped@1`
 */
export interface ShippingShippedV1 {
  orderId: string;
  parcel: string;
}

/**
 * An order came to nothing, and all that was done for it is undone.
 * `shop.order.cancelled@1`
 */
export interface ShopOrderCancelledV1 {
  orderId: string;
  why: string;
}

/**
 * An order is on its way to the customer.
 * `shop.order.completed@1`
 */
export interface ShopOrderCompletedV1 {
  orderId: string;
  /** Number by which the parcel is traced */
  parcel: string;
}

/**
 * Somebody bought something.
 * `shop.order.placed@1`
 */
export interface ShopOrderPlacedV1 {
  orderId: string;
  /** EUR */
  total: number;
  /** Token of the card to charge */
  card: string;
  country: string;
  lines: {
    sku: string;
    quantity: number;
  }[];
}

/**
 * Not all goods of an order are there; none was set aside.
 * `stock.missing@1`
 */
export interface StockMissingV1 {
  orderId: string;
  sku: string;
}

/**
 * Goods that were set aside are to be put back.
 * `stock.release@1`
 */
export interface StockReleaseV1 {
  orderId: string;
  lines: {
    sku: string;
    quantity: number;
  }[];
}

/**
 * Goods are to be set aside.
 * `stock.reserve@1`
 */
export interface StockReserveV1 {
  orderId: string;
  lines: {
    sku: string;
    quantity: number;
  }[];
}

/**
 * All goods of an order are set aside.
 * `stock.reserved@1`
 */
export interface StockReservedV1 {
  orderId: string;
}

declare module 'waybill' {
  interface MessageTypes {
    'fulfilment.order@1': FulfilmentOrderV1;
    'payment.capture@1': PaymentCaptureV1;
    'payment.captured@1': PaymentCapturedV1;
    'payment.refund@1': PaymentRefundV1;
    'payment.refused@1': PaymentRefusedV1;
    'shipping.impossible@1': ShippingImpossibleV1;
    'shipping.ship@1': ShippingShipV1;
    'shipping.shipped@1': ShippingShippedV1;
    'shop.order.cancelled@1': ShopOrderCancelledV1;
    'shop.order.completed@1': ShopOrderCompletedV1;
    'shop.order.placed@1': ShopOrderPlacedV1;
    'stock.missing@1': StockMissingV1;
    'stock.release@1': StockReleaseV1;
    'stock.reserve@1': StockReserveV1;
    'stock.reserved@1': StockReservedV1;
  }
}

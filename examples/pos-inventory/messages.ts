// Made by `waybill types` from the contracts. Do not edit: change the contract and run it again.

import type {} from 'waybill';

/**
 * Pieces come to a shelf, or leave it.
 * `inventory.stock.move@1`
 */
export interface InventoryStockMoveV1 {
  /** Store and stock keeping unit */
  shelf: string;
  /** Store */
  storeId: string;
  /** Stock keeping unit */
  sku: string;
  /** Pieces that come; below zero when they leave */
  pieces: number;
  /** The sale that it is for */
  saleId: string;
}

/**
 * What a store sold in some seconds.
 * `inventory.store.sold@1`
 */
export interface InventoryStoreSoldV1 {
  /** Store */
  storeId: string;
  /** Sales */
  sales: number;
  /** Tills that they were made at */
  tills: number;
  /** Pieces of all sales */
  pieces: number;
  /** Paid, EUR */
  revenue: number;
}

/**
 * A sale, in its place among the others of its till, and once.
 * `pos.sale.confirmed@1`
 */
export interface PosSaleConfirmedV1 {
  /** Till and number */
  saleId: string;
  /** Store */
  storeId: string;
  /** Till of the store */
  tillId: string;
  /** Number that the till gave the sale: 1, 2, 3 and so on */
  number: number;
  /** What was sold */
  lines: {
    /** Stock keeping unit */
    sku: string;
    /** Pieces */
    quantity: number;
    /** Price of a piece, EUR */
    price: number;
  }[];
  /** Pieces of all lines */
  pieces: number;
  /** Paid, EUR */
  total: number;
}

/**
 * A till recorded a sale.
 * `pos.sale.recorded@1`
 */
export interface PosSaleRecordedV1 {
  /** Store */
  storeId: string;
  /** Till of the store */
  tillId: string;
  /** Number that the till gave the sale: 1, 2, 3 and so on */
  number: number;
  /** What was sold */
  lines: {
    /** Stock keeping unit */
    sku: string;
    /** Pieces */
    quantity: number;
    /** Price of a piece, EUR */
    price: number;
  }[];
}

declare module 'waybill' {
  interface MessageTypes {
    'inventory.stock.move@1': InventoryStockMoveV1;
    'inventory.store.sold@1': InventoryStoreSoldV1;
    'pos.sale.confirmed@1': PosSaleConfirmedV1;
    'pos.sale.recorded@1': PosSaleRecordedV1;
  }
}

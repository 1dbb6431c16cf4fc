import type { Service } from 'waybill';

/** The fiscal journal: the numbers of the sales of each till, as they came. */
export type Journal = Map<string, number[]>;

export function attendJournal(service: Service, journal: Journal): Service {
  return service.handle(
    'pos.sale.confirmed@1',
    ({ data: { tillId, number } }) => {
      journal.set(tillId, [...(journal.get(tillId) ?? []), number]);
    },
    { inbox: true },
  );
}

/** What lies on the shelves, pieces by shelf, and how many moves it took. */
export interface Stock {
  readonly pieces: Map<string, number>;
  moves: number;
}

export function attendInventory(service: Service, stock: Stock): Service {
  return service.handle(
    'inventory.stock.move@1',
    ({ data: { shelf, pieces } }) => {
      stock.pieces.set(shelf, (stock.pieces.get(shelf) ?? 0) + pieces);
      stock.moves += 1;
    },
    { inbox: true },
  );
}

/** What replenishment knows of a store. */
export interface Sold {
  sales: number;
  pieces: number;
  cents: number;
  messages: number;
}

export function attendReplenishment(service: Service, stores: Map<string, Sold>): Service {
  return service.handle(
    'inventory.store.sold@1',
    ({ data }) => {
      const { sales, pieces, cents, messages } = stores.get(data.storeId) ?? {
        sales: 0,
        pieces: 0,
        cents: 0,
        messages: 0,
      };
      stores.set(data.storeId, {
        sales: sales + data.sales,
        pieces: pieces + data.pieces,
        cents: cents + Math.round(data.revenue * 100),
        messages: messages + 1,
      });
    },
    { inbox: true },
  );
}

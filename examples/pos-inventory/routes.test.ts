import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { openRoute, type TestMessage } from 'waybill/testing';

const config = fileURLToPath(new URL('./', import.meta.url));

/** Sale `number` of a till: two gums, unless said otherwise. */
const sale = (number: number, more: object = {}): TestMessage => ({
  data: { storeId: 'S01', tillId: 'S01-T1', number, lines: [{ sku: 'gum', quantity: 2, price: 0.99 }], ...more },
});

/** A field of all data that came out. */
const all = (outcomes: readonly { readonly sent: readonly { readonly data: unknown }[] }[], field: string): unknown[] =>
  outcomes.flatMap(({ sent }) => sent.map(({ data }) => (data as Record<string, unknown>)[field]));

describe('the example pos-inventory', () => {
  it('brings the sales of each till into order, and leaves repeats out', async () => {
    const route = await openRoute('tills-in-order', { config });
    expect((await route.take(sale(2))).outcome).to.equal('merged');
    const other = await route.take(sale(1, { tillId: 'S01-T2' }));
    expect(all([other], 'saleId')).to.deep.equal(['S01-T2-1']);
    expect(all([await route.take(sale(1))], 'saleId')).to.deep.equal(['S01-T1-1', 'S01-T1-2']);
    expect((await route.take(sale(2))).outcome).to.equal('duplicate');
    expect(all([await route.take(sale(3))], 'total')).to.deep.equal([1.98]);
  });

  it('waits 30 s for a sale that is missing, and counts it late when it is found', async () => {
    const route = await openRoute('tills-in-order', { config });
    await route.take(sale(2));
    expect(all(await route.advance('29s'), 'number')).to.deep.equal([]);
    expect(all(await route.advance('1s'), 'number')).to.deep.equal([2]);
    expect(all([await route.take(sale(1))], 'number')).to.deep.equal([1]);
    expect((await route.take(sale(1))).outcome).to.equal('duplicate');
  });

  it('takes each line from its shelf', async () => {
    const route = await openRoute('sales-to-inventory', { config });
    const lines = [
      { sku: 'gum', quantity: 2, price: 0.99 },
      { sku: 'milk', quantity: 1, price: 1.19 },
    ];
    const { sent } = await route.take(confirmed(1, { lines, pieces: 3, total: 3.17 }));
    expect(sent.map(({ to, envelope: { key }, data }) => [to, key, data])).to.deep.equal([
      ['inventory', 'S01/gum', { shelf: 'S01/gum', storeId: 'S01', sku: 'gum', pieces: -2, saleId: 'S01-T1-1' }],
      ['inventory', 'S01/milk', { shelf: 'S01/milk', storeId: 'S01', sku: 'milk', pieces: -1, saleId: 'S01-T1-1' }],
    ]);
  });

  it('tells replenishment of 25 sales of a store at once, or of fewer after 2 s', async () => {
    const route = await openRoute('stores-to-replenishment', { config });
    for (let number = 1; number < 25; number += 1) {
      expect((await route.take(confirmed(number))).outcome).to.equal('merged');
    }
    await route.take(confirmed(1, { storeId: 'S02', tillId: 'S02-T1', saleId: 'S02-T1-1' }));
    const full = await route.take(confirmed(1, { tillId: 'S01-T2', saleId: 'S01-T2-1' }));
    expect(full.sent.map(({ data }) => data)).to.deep.equal([
      { storeId: 'S01', sales: 25, tills: 2, pieces: 50, revenue: 49.5 },
    ]);
    const late = await route.advance('2s');
    expect(late.flatMap(({ sent }) => sent.map(({ data }) => data))).to.deep.equal([
      { storeId: 'S02', sales: 1, tills: 1, pieces: 2, revenue: 1.98 },
    ]);
  });
});

function confirmed(number: number, more: object = {}): TestMessage {
  const { data } = sale(number);
  return { data: { ...(data as object), saleId: `S01-T1-${String(number)}`, pieces: 2, total: 1.98, ...more } };
}

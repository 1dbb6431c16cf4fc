import { expect } from 'chai';
import pg from 'pg';
import { TableQuery } from '../../src/adapters/postgres/table.ts';
import type { TableReading } from '../../src/ports/lookup.ts';
import { postgres } from '../support/postgres.ts';
import { rejection } from '../support/rejection.ts';
import { until, within } from '../support/until.ts';

describe('a table in a PostgreSQL', () => {
  let url: string;
  let client: pg.Client;
  const open: TableQuery[] = [];

  before(async function () {
    ({ url } = await postgres(this));
    client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('DROP TABLE IF EXISTS waybill_prices');
    await client.query(
      'CREATE TABLE waybill_prices (sku text, price numeric, active boolean, since timestamptz, note text, more jsonb)',
    );
  });

  beforeEach(async () => {
    await client.query('DELETE FROM waybill_prices');
    await client.query(
      `INSERT INTO waybill_prices VALUES ('a', 12345678901234567891.5, true, '2026-01-01 01:00+01', NULL, '{"x":1}')`,
    );
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
  });

  after(async () => {
    await client.query('DROP TABLE waybill_prices');
    await client.end();
  });

  function query(text: string, more: object = {}): TableQuery {
    const table = new TableQuery({ name: 'prices', url, query: text, rows: 2_000, size: 1_048_576, ...more });
    open.push(table);
    return table;
  }

  const contentOf = (reading: TableReading | undefined): unknown => reading?.content;

  it('gives columns and cells as texts: nothing of a number is lost', async () => {
    expect(contentOf(await query('SELECT * FROM waybill_prices;').read())).to.deep.equal({
      columns: ['sku', 'price', 'active', 'since', 'note', 'more'],
      rows: [['a', '12345678901234567891.5', 'true', '2026-01-01T00:00:00.000Z', null, '{"x": 1}']],
    });
  });

  it('gives nothing when nothing changed, and all of it when something has', async () => {
    const table = query('SELECT sku FROM waybill_prices ORDER BY sku');
    const first = await table.read();
    expect(await table.read(first?.stamp)).to.equal(undefined);
    await client.query(`INSERT INTO waybill_prices (sku) VALUES ('b')`);
    expect(contentOf(await table.read(first?.stamp))).to.deep.equal({ columns: ['sku'], rows: [['a'], ['b']] });
  });

  it('gives many rows, and no more than it may', async () => {
    await client.query(`INSERT INTO waybill_prices (sku) SELECT 's' || i FROM generate_series(1, 1999) AS i`);
    const all = await query('SELECT sku FROM waybill_prices').read();
    expect(all?.content).to.have.property('rows').with.length(2_000);
    expect(await rejection(query('SELECT sku FROM waybill_prices', { rows: 1_999 }).read())).to.include({
      code: 'WB_TABLE_INVALID',
      message: 'the query of the table prices gives more than 1999 rows',
    });
    expect(await rejection(query('SELECT sku FROM waybill_prices', { size: 5_000 }).read())).to.include({
      code: 'WB_TABLE_INVALID',
      message: 'the query of the table prices gives more than 5000 bytes',
    });
  });

  it('only reads', async () => {
    await client.query('CREATE SEQUENCE IF NOT EXISTS waybill_numbers');
    for (const text of [
      'WITH gone AS (DELETE FROM waybill_prices RETURNING sku) SELECT sku FROM gone',
      "SELECT nextval('waybill_numbers')",
    ]) {
      expect(await rejection(query(text).read()), text).to.include({ code: 'WB_SOURCE_REFUSED' });
    }
    await client.query('DROP SEQUENCE waybill_numbers');
  });

  it('says why it cannot be read: a wrong query for good, a server that is away for now; nothing of the url', async () => {
    const wrong = await rejection(query('SELECT nothing FROM waybill_prices').read());
    expect(wrong).to.include({ code: 'WB_SOURCE_REFUSED', retryable: false });
    expect(wrong.message).to.contain('column "nothing" does not exist');
    const away = new URL(url);
    away.port = '1';
    away.password = 'hush-hush';
    const gone = await rejection(query('SELECT 1', { url: away.href }).read());
    expect(gone).to.include({ code: 'WB_SOURCE_FAILED', retryable: true });
    expect(gone.message).not.to.contain('hush-hush');
    expect(await rejection(query('SELECT pg_sleep(60)', { statementMs: 50 }).read())).to.include({
      code: 'WB_SOURCE_FAILED',
    });
  });

  it('is cut short when it is closed', async () => {
    const asleep = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE 'FETCH%waybill_table'`;
    // While it connects, and while it waits for the answer.
    for (const asks of [false, true]) {
      const table = query('SELECT pg_sleep(600)');
      const reading = rejection(table.read());
      if (asks) await until('it asks', async () => (await client.query<{ n: number }>(asleep)).rows[0]?.n !== 0);
      await table.close();
      expect(await within('the reading', reading)).to.include({ code: 'WB_SOURCE_FAILED' });
      expect(await rejection(table.read())).to.include({ code: 'WB_CLOSED' });
    }
  });
});

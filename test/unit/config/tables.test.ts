import { expect } from 'chai';
import { checkConfiguration } from '../../../src/config/check.ts';
import { formatFault } from '../../../src/errors.ts';
import { makeFolder } from './folder.ts';

const COUNTRY = {
  type: 'object',
  required: ['code'],
  properties: { code: { type: 'string' }, vat: { type: 'number' } },
};
const FILES = {
  'schemas/geo/country.v1.json': JSON.stringify(COUNTRY),
  'schemas/shop/order.v1.json': JSON.stringify({ type: 'object', properties: { country: { type: 'string' } } }),
  'routes/orders.yaml':
    "from: shop.order@1\nwhen: lookup('countries', data.?country.orValue('')).hasValue()\nto: oms\n",
  'tables/countries.csv': 'code,vat\nDE,19\n',
};
const bus = (source: string): string => `bus: retail
services: { shop: { publishes: [shop.order@1] }, oms: { receives: [shop.order@1] } }
sources:
  countries: ${source}
`;
const SOUND = '{ table: { file: tables/countries.csv, key: code }, response: geo.country@1 }';

async function faultsOf(source: string, more: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  await using folder = await makeFolder({ ...FILES, 'waybill.yaml': bus(source), ...more });
  const { faults, plan, tables } = await checkConfiguration({ config: folder.root });
  expect(plan === undefined).to.equal(faults.length > 0);
  if (faults.length === 0) expect(tables.get('countries')?.get('DE')).to.deep.equal({ code: 'DE', vat: 19 });
  return faults.map(formatFault);
}

describe('tables in waybill.yaml', () => {
  it('are read and checked with everything else', async () => {
    expect(await faultsOf(SOUND)).to.deep.equal([]);
    expect(
      await faultsOf(SOUND.replace('csv', 'json'), { 'tables/countries.json': '[{"code":"DE","vat":19}]' }),
    ).to.deep.equal([]);
  });

  it('have a file, whose every fault is told by its line', async () => {
    expect(await faultsOf(SOUND.replace('tables/countries', 'tables/contries'))).to.deep.equal([
      'waybill.yaml:4:31  WB_TABLE_INVALID\n  there is no file tables/contries.csv\n  Create it, or mend the path.',
    ]);
    const broken = { 'tables/countries.csv': 'code,vat\nDE,much\nFR,20\nFR,20\n' };
    expect(await faultsOf(SOUND, broken)).to.deep.equal([
      'tables/countries.csv:2  WB_TABLE_INVALID\n  the table countries: line 2: the data breaks geo.country@1\n    /vat type: expected a number, found "much"',
      'tables/countries.csv:4  WB_TABLE_INVALID\n  the table countries: line 4: code is "FR", as in line 3\n  Keep one of them.',
    ]);
    expect(
      (
        await faultsOf(SOUND.replace('key: code', 'key: code, size: 1KiB'), {
          'tables/countries.csv': 'x'.repeat(2000),
        })
      )[0],
    ).to.contain('tables/countries.csv has 2000 bytes, more than 1KiB');
    expect(
      (await faultsOf(SOUND.replace('key: code', 'key: code, rows: 1'), { 'tables/countries.csv': 'code\nA\nB\n' }))[0],
    ).to.contain('line 3: more than 1 rows');
  });

  it('have a key that their contract requires', async () => {
    expect((await faultsOf(SOUND.replace('key: code', 'key: kode')))[0]).to.match(
      /^waybill.yaml:4:\d+ {2}WB_TABLE_INVALID\n.*did you mean code/s,
    );
    expect((await faultsOf(SOUND.replace('key: code', 'key: vat')))[0]).to.contain(
      'the key vat is optional in geo.country@1',
    );
  });

  it('are one kind of source, with the options of that kind', async () => {
    expect((await faultsOf('{ response: geo.country@1 }')).join('\n')).to.contain(
      'the source has neither `http` nor `table`',
    );
    expect((await faultsOf(SOUND.replace('{ table', '{ http: "https://x", table'))).join('\n')).to.contain(
      'both `http` and `table`',
    );
    expect((await faultsOf(SOUND.replace(' }, ', ' }, timeout: 1s, '))).join('\n')).to.contain(
      'timeout is for http, and this is a table',
    );
    expect((await faultsOf(SOUND.replace('file: tables/countries.csv, ', ''))).join('\n')).to.contain(
      'a table is read from a `file`',
    );
    const both = SOUND.replace('file:', 'query: SELECT 1, file:');
    expect((await faultsOf(both)).join('\n')).to.contain('a table is read from a `file`');
    const plain = SOUND.replace('file: tables/countries.csv', 'database: "postgres://u:p@h/d", query: SELECT 1');
    expect((await faultsOf(plain)).join('\n')).to.contain('a secret stands here in plain text');
  });
});

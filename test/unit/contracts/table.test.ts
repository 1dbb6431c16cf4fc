import { expect } from 'chai';
import { compileContracts } from '../../../src/contracts/registry.ts';
import { makeTable } from '../../../src/contracts/table.ts';
import type { TableContent } from '../../../src/ports/lookup.ts';

const COUNTRY = {
  type: 'object',
  required: ['code', 'name'],
  properties: {
    code: { type: 'string' },
    name: { type: 'string' },
    vat: { type: 'number' },
    eu: { type: 'boolean' },
    region: { type: ['string', 'null'] },
    id: { type: 'integer' },
    tags: { type: 'array', items: { type: 'string' } },
    capital: { type: 'object', properties: { name: { type: 'string' }, people: { type: 'integer' } } },
  },
};

function rules(rows: number, key: string, schema: object) {
  const document = { type: 'geo.country', version: 1, file: 'schemas/geo/country.v1.json', schema };
  const contract = compileContracts([document], []).contracts.require('geo.country@1');
  return { contract, key, rows };
}

function made(content: TableContent, rows = 100, key = 'code', schema: object = COUNTRY): unknown {
  const result = makeTable(content, rules(rows, key, schema));
  if ('table' in result) return Object.fromEntries(result.table);
  return result.faults.map(({ line, message }) => (line === undefined ? message : `${String(line)}: ${message}`));
}

const csv = (...lines: readonly string[]): TableContent => ({ format: 'csv', text: lines.join('\n') });
const json = (value: unknown): TableContent => ({ format: 'json', text: JSON.stringify(value) });

describe('a table', () => {
  it('makes of a cell what the contract says', () => {
    expect(
      made(
        csv(
          'code,name,vat,eu,capital.name,capital.people,tags',
          'DE,"Germany, Federal",19,TRUE,Berlin,3700000,"[""a""]"',
        ),
      ),
    ).to.deep.equal({
      DE: {
        code: 'DE',
        name: 'Germany, Federal',
        vat: 19,
        eu: true,
        capital: { name: 'Berlin', people: 3_700_000 },
        tags: ['a'],
      },
    });
    expect(made(csv('code,name', '007,12'))).to.deep.equal({ '007': { code: '007', name: '12' } });
  });

  it('leaves an empty cell out, and makes it null where the contract has null', () => {
    expect(made(csv('code,name,vat,region', 'DE,Germany,,'))).to.deep.equal({
      DE: { code: 'DE', name: 'Germany', region: null },
    });
    expect(made({ columns: ['code', 'name', 'vat', 'region'], rows: [['DE', 'Germany', null, null]] })).to.deep.equal({
      DE: { code: 'DE', name: 'Germany', region: null },
    });
  });

  it('takes a file as spreadsheets write it: byte order mark, CRLF, empty lines, quotes', () => {
    expect(made(csv('\uFEFFcode,name\r', '', 'DE,"Ger""many"\r', ''))).to.deep.equal({
      DE: { code: 'DE', name: 'Ger"many' },
    });
  });

  it('takes a JSON list, and numbers as keys', () => {
    expect(made(json([{ code: 'DE', name: 'Germany', id: 49 }]), 1, 'id')).to.deep.equal({
      49: { code: 'DE', name: 'Germany', id: 49 },
    });
  });

  it('tells every fault, by its line', () => {
    expect(
      made(csv('code,name,vat', 'DE,Germany,much', 'FR,France,20', 'FR,Frankreich,20', ',Nowhere,1')),
    ).to.deep.equal([
      '2: line 2: the data breaks geo.country@1\n  /vat type: expected a number, found "much"',
      '4: line 4: code is "FR", as in line 3',
      '5: line 5: the data breaks geo.country@1\n  (all) required: expected the property "code", found none',
    ]);
  });

  it('knows its columns', () => {
    const result = makeTable(csv('code,nmae,name,name', 'DE,x,y,z'), rules(10, 'code', COUNTRY));
    expect(result).to.deep.equal({
      faults: [
        { line: 1, message: 'the column "nmae" is not in geo.country@1', fix: 'did you mean name?' },
        { line: 1, message: 'the column name stands twice' },
      ],
    });
    expect(makeTable(csv('code;name', 'DE;Germany'), rules(10, 'code', COUNTRY)))
      .to.have.nested.property('faults[0].fix')
      .that.equals('Separate the columns by commas.');
  });

  it('says what is no CSV, no JSON, no list, or nothing', () => {
    expect(made(csv('code,name', 'DE'))).to.match(/^2: Invalid Record Length/);
    expect(made(csv(''))).to.deep.equal(['1: the file is empty']);
    expect(made({ format: 'json', text: '{' })).to.match(/^not valid JSON/);
    expect(made(json({ DE: {} }))).to.deep.equal(['expected a list of rows']);
    expect(made({ format: 'json', text: '[{"code":"DE","code":"FR","name":"x"}]' })).to.match(/stands twice/);
  });

  it('is bounded', () => {
    expect(made(csv('code,name', 'A,a', 'B,b', 'C,c'), 2)).to.deep.equal(['4: line 4: more than 2 rows']);
    expect(made(csv('code,name', 'A,a', 'B,b'), 2)).to.have.all.keys('A', 'B');
    const many = Array.from({ length: 100 }, (_, index) => `${String(index)},,x`);
    expect(made(csv('code,name,vat', ...many), 1000)).to.have.length(20);
  });

  it('shows nothing sensitive', () => {
    const schema = { ...COUNTRY, properties: { ...COUNTRY.properties, code: { type: 'string', 'x-sensitive': true } } };
    expect(made(csv('code,name', 'S3CRET,a', 'S3CRET,b'), 10, 'code', schema)).to.deep.equal([
      '3: line 3: code is the same, as in line 2',
    ]);
  });

  it('keeps the digits of a number that JavaScript cannot hold', () => {
    const result = makeTable(csv('code,name,id', 'A,a,12345678901234567891'), rules(10, 'code', COUNTRY));
    expect('table' in result && String((result.table.get('A') as { id: unknown }).id)).to.equal('12345678901234567891');
  });
});

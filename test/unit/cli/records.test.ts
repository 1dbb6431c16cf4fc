import { Readable } from 'node:stream';
import { expect } from 'chai';
import fc from 'fast-check';
import { readCsv } from '../../../src/cli/csv.ts';
import { type InputRecord, readJson, readLines, splitJson } from '../../../src/cli/records.ts';
import { WaybillError } from '../../../src/index.ts';

/** The text in pieces, as a stream may bring it. */
function streamOf(content: string | Uint8Array, size = 7): Readable {
  const bytes = Buffer.from(content);
  return Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    })(),
  );
}

async function all(records: AsyncIterable<InputRecord> | Iterable<InputRecord>): Promise<[number, string][]> {
  const found: [number, string][] = [];
  for await (const { line, json } of records) found.push([line, Buffer.from(json).toString('utf8')]);
  return found;
}

async function failureOf(records: AsyncIterable<InputRecord>): Promise<WaybillError> {
  try {
    await all(records);
  } catch (error) {
    if (error instanceof WaybillError) return error;
    throw error;
  }
  throw new Error('it was read without an error');
}

describe('JSON lines', () => {
  it('are a record each, with the number of the line; empty ones say nothing', async () => {
    expect(await all(readLines(streamOf('\uFEFF{"a":1}\r\n\n  \n{"b":"ü"}')))).to.deep.equal([
      [1, '{"a":1}\r'],
      [4, '{"b":"ü"}'],
    ]);
  });

  it('come out as they went in, however the stream cuts them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), fc.integer({ min: 1, max: 20 }), async (values, size) => {
        const text = values.map((value) => JSON.stringify(value)).join('\n');
        expect((await all(readLines(streamOf(text, size)))).map(([, json]) => json)).to.deep.equal(
          values.map((value) => JSON.stringify(value)),
        );
      }),
    );
  });
});

describe('a JSON file', () => {
  it('is one record, or one for each member of a list', async () => {
    expect(await all(readJson(streamOf('\n {"a": [1, 2]}\n')))).to.deep.equal([[2, '{"a": [1, 2]}']]);
    expect(await all(readJson(streamOf('[\n  {"a": 1},\n\n  {"b": "],["}\n]\n')))).to.deep.equal([
      [2, '{"a": 1}'],
      [4, '{"b": "],["}'],
    ]);
    expect(await all(readJson(streamOf('[]')))).to.deep.equal([]);
  });

  it('keeps the digits of every member', async () => {
    expect(await all(readJson(streamOf('[{"id": 9007199254740993}, 1.10]')))).to.deep.equal([
      [1, '{"id": 9007199254740993}'],
      [1, '1.10'],
    ]);
  });

  it('is split where JSON.parse splits it, for any list', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 6 }), fc.constantFrom(0, 2), (values, indent) => {
        const pieces = [...splitJson(JSON.stringify(values, null, indent))].map(
          ({ json }) => JSON.parse(String(json)) as unknown,
        );
        expect(pieces).to.deep.equal(JSON.parse(JSON.stringify(values)));
      }),
    );
  });

  it('hands what is not JSON on, so that the parser refuses it', async () => {
    const refused = async (text: string): Promise<boolean> =>
      (await all(readJson(streamOf(text)))).some(([, json]) => {
        try {
          JSON.parse(json);
          return false;
        } catch {
          return true;
        }
      });
    for (const text of ['[{"a":1},]', '[{"a":1} {"b":2}]', '[1,,2]', '[{"a":1}', '[1] 2', '[', '{"a":', '[1]]'])
      expect(await refused(text), text).to.equal(true);
  });

  it('must be UTF-8', async () => {
    const failure = await failureOf(readJson(streamOf(Uint8Array.of(0x5b, 0x0a, 0x31, 0x0a, 0xff, 0x5d))));
    expect(failure.code).to.equal('WB_JSON_UTF8');
    expect(failure.message).to.contain('line 3');
  });

  it('without a value is refused, not taken for no messages', async () => {
    for (const text of ['', '\uFEFF', ' \n\n'])
      expect((await failureOf(readJson(streamOf(text)))).message).to.contain('empty');
    expect(await all(readJson(streamOf('[]')))).to.deep.equal([]);
  });
});

const schema = {
  type: 'object',
  properties: {
    sku: { type: 'string' },
    price: { type: ['number', 'null'] },
    ean: { type: 'integer' },
    active: { type: 'boolean' },
    segment: { enum: ['1', '2', null] },
    shipTo: { $ref: '#/$defs/address' },
    tags: { type: 'array', items: { type: 'string' } },
  },
  $defs: { address: { type: 'object', properties: { city: { type: 'string' }, zip: { type: 'string' } } } },
};

describe('a table', () => {
  const read = (text: string): AsyncIterable<InputRecord> => readCsv(streamOf(text), schema, 'erp.product@1');

  it('becomes objects: kinds by the contract, dots for nested properties, empty cells left out', async () => {
    const text =
      '\uFEFFsku,price,ean,active,segment,shipTo.city,shipTo.zip\n"A ""1""",1.50,9007199254740993,TRUE,1,Ulm,01234\nB,,1,false,2,,\n';
    expect(await all(read(text))).to.deep.equal([
      [
        2,
        '{"sku":"A \\"1\\"","price":1.50,"ean":9007199254740993,"active":true,"segment":"1","shipTo":{"city":"Ulm","zip":"01234"}}',
      ],
      [3, '{"sku":"B","ean":1,"active":false,"segment":"2"}'],
    ]);
  });

  it('counts lines through cells that hold some', async () => {
    expect((await all(read('sku,price\n"a\nb",1\nc,2\n'))).map(([line]) => line)).to.deep.equal([2, 4]);
  });

  it('leaves what is no number as text, for the contract to refuse', async () => {
    expect(await all(read('price,active\n0x10,yes\n'))).to.deep.equal([[2, '{"price":"0x10","active":"yes"}']]);
  });

  it('says what to do about a column that cannot be taken', async () => {
    const adviceOn = async (header: string): Promise<string | undefined> => (await failureOf(read(`${header}\n`))).fix;
    expect(await adviceOn('sku,prcie')).to.equal('did you mean price?');
    expect(await adviceOn('sku;price')).to.contain('commas');
    expect(await adviceOn('tags')).to.contain('--format json');
    expect(await adviceOn('tags.0')).to.contain('--format json');
    expect(await adviceOn('shipTo')).to.contain('shipTo.<member>');
  });

  it('that ends within a character is refused', async () => {
    const cut = Buffer.from('sku\nü').subarray(0, -1);
    expect((await failureOf(readCsv(streamOf(cut), schema, 'x@1'))).code).to.equal('WB_JSON_UTF8');
  });

  it('is refused with its line when a column or a row makes no sense', async () => {
    const messageOf = async (text: string): Promise<string> => (await failureOf(read(text))).message;
    expect(await messageOf('sku,prize\n'))
      .to.contain('line 1')
      .and.contain('prize is not a property of erp.product@1');
    expect(await messageOf('sku,sku\n')).to.contain('stands twice');
    expect(await messageOf('tags\n')).to.contain('tags');
    expect(await messageOf('__proto__\n')).to.contain('no name of a property');
    expect(await messageOf('sku,price\na,1,2\n')).to.match(/line 2/i);
    expect(await messageOf('sku,price\n"a,1\n')).to.match(/quote/i);
    expect(
      (await failureOf(readCsv(streamOf(Uint8Array.of(0x73, 0x6b, 0x75, 0x0a, 0xff)), schema, 'x@1'))).code,
    ).to.equal('WB_JSON_UTF8');
  });
});

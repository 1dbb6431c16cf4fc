import { expect } from 'chai';
import fc from 'fast-check';
import { WaybillError } from '../../src/errors.ts';
import { ExactNumber, encodeJson, parseJson, parseJsonStrictly, showJson } from '../../src/json.ts';

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof WaybillError) return error.code;
    throw error;
  }
  return undefined;
}

describe('parsing JSON', () => {
  it('gives what JSON.parse gives, for any value that JavaScript can hold', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        fc.pre(!JSON.stringify(value).includes('__proto__'));
        const text = JSON.stringify(value);
        expect(parseJson(Buffer.from(text))).to.deep.equal(JSON.parse(text));
        expect(parseJsonStrictly(text)).to.deep.equal(JSON.parse(text));
      }),
    );
  });

  it('keeps a number that JavaScript would change as its text', () => {
    const parsed = parseJson('{"id": 9007199254740993, "fine": 12.5}') as { id: unknown; fine: unknown };
    expect(parsed.id).to.be.instanceOf(ExactNumber);
    expect(String(parsed.id)).to.equal('9007199254740993');
    expect(parsed.fine).to.equal(12.5);
  });

  it('takes every number that keeps its value, in whatever way it is written', () => {
    for (const [text, value] of [
      ['1e3', 1000],
      ['10000000000000000', 1e16],
      ['0.10000000000000000', 0.1],
      ['1.5E300', 1.5e300],
      ['5e-324', 5e-324],
    ] as const) {
      expect(parseJson(text), text).to.equal(value);
    }
    for (const text of ['1e400', '1e-400', '0.10000000000000001', '12345678901234567890', '-9007199254740993']) {
      expect(parseJson(text), text).to.be.instanceOf(ExactNumber);
    }
  });

  it('never changes the decimal value of an integer, however long', () => {
    fc.assert(
      fc.property(fc.bigInt(), (big) => {
        expect(String(parseJson(String(big)))).to.satisfy(
          (text: string) => BigInt(Number(text)) === big || text === String(big),
        );
      }),
    );
  });

  it('names what is wrong with the bytes', () => {
    expect(codeOf(() => parseJson(Buffer.from([0x22, 0xff, 0x22])))).to.equal('WB_JSON_UTF8');
    expect(codeOf(() => parseJson('{"a":'))).to.equal('WB_JSON_INVALID');
    expect(codeOf(() => parseJson(''))).to.equal('WB_JSON_INVALID');
  });

  it('says where the text stops being JSON, and does not quote it', () => {
    const messageOf = (text: string): string => {
      try {
        parseJson(text);
      } catch (error) {
        return String(error);
      }
      return '';
    };
    expect(messageOf('{"card": 4111x}'))
      .to.match(/ at position 13$/)
      .and.not.to.contain('4111');
    expect(messageOf('{"a": x, "card": "4111"}')).to.match(/Unexpected token 'x' at position 6$/);
    expect(messageOf('{"a": 1')).to.match(/ at position 7$/);
    expect(messageOf('')).to.match(/ at position 0$/);
  });

  it('refuses nesting deeper than the limit, and takes the limit itself', () => {
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    expect(codeOf(() => parseJson(nested(64)))).to.equal(undefined);
    expect(codeOf(() => parseJson(nested(65)))).to.equal('WB_JSON_DEPTH');
    expect(codeOf(() => parseJson(nested(3), { maxDepth: 2 }))).to.equal('WB_JSON_DEPTH');
  });

  it('refuses duplicate and __proto__ keys at the edges, at any depth, and only there', () => {
    expect(codeOf(() => parseJsonStrictly('{"a": [{"b": 1, "b": 1}]}'))).to.equal('WB_JSON_DUPLICATE_KEY');
    expect(codeOf(() => parseJsonStrictly('{"a": 1, "\\u0061": 1}'))).to.equal('WB_JSON_DUPLICATE_KEY');
    expect(codeOf(() => parseJsonStrictly('{"a": {"a": "a", "b": ["a", "a"]}, "b": "\\"a\\": {"}'))).to.equal(
      undefined,
    );
    expect(codeOf(() => parseJsonStrictly('{"a": {"__proto__": {}}}'))).to.equal('WB_JSON_PROTO');
    expect(codeOf(() => parseJsonStrictly('{"\\u005f_proto__": 12345678901234567890}'))).to.equal('WB_JSON_PROTO');
    expect(codeOf(() => parseJson('{"a": 1, "a": 2}'))).to.equal(undefined);
    expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined);
  });
});

describe('an exact number', () => {
  it('refuses to be rewritten or calculated with, by name', () => {
    const id = new ExactNumber('9007199254740993');
    expect(String(id)).to.equal('9007199254740993');
    expect(codeOf(() => JSON.stringify({ id }))).to.equal('WB_NUMBER_EXACT');
    expect(codeOf(() => encodeJson({ id }))).to.equal('WB_NUMBER_EXACT');
    expect(codeOf(() => Number(id))).to.equal('WB_NUMBER_EXACT');
  });
});

describe('JSON to look at', () => {
  it('shows every number as it was written, and else what JSON.stringify gives', () => {
    const text = '{"id":9007199254740993,"far":1e999,"list":[{"n":0.1}],"none":null}';
    expect(showJson(parseJson(text))).to.equal(text);
    const plain = { a: [1, { b: 'ü' }], c: undefined, d: new Date(0) };
    expect(showJson(plain, 2)).to.equal(JSON.stringify(plain, null, 2));
    expect(codeOf(() => showJson(undefined))).to.equal('WB_JSON_INVALID');
  });
});

describe('encoding JSON', () => {
  it('refuses what has no JSON form instead of dropping it', () => {
    expect(codeOf(() => encodeJson(undefined))).to.equal('WB_JSON_INVALID');
    expect(codeOf(() => encodeJson(() => 1))).to.equal('WB_JSON_INVALID');
    expect(codeOf(() => encodeJson({ n: 1n }))).to.equal('WB_JSON_INVALID');
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(codeOf(() => encodeJson(loop))).to.equal('WB_JSON_INVALID');
  });

  it('gives UTF-8', () => {
    expect(encodeJson({ a: 'ü' })).to.deep.equal(Buffer.from('{"a":"ü"}', 'utf8'));
  });
});

import { expect } from 'chai';
import { parseJsonFile } from '../../../src/config/json-document.ts';
import { formatFault } from '../../../src/errors.ts';

describe('JSON files', () => {
  it('are parsed with the place of everything in them', () => {
    const document = parseJsonFile('a.json', '{\n\t"a": {\n\t\t"b": [1, {"c": "x"}]\n\t}\n}\n');
    expect(document.value).to.deep.equal({ a: { b: [1, { c: 'x' }] } });
    expect(document.locate(['a', 'b', 1, 'c'])).to.deep.equal({ file: 'a.json', line: 3, column: 18 });
    expect(document.locate(['a', 'b'], { key: true })).to.deep.equal({ file: 'a.json', line: 3, column: 3 });
  });

  const faulty: readonly (readonly [text: string, place: string, message: string])[] = [
    ['', '1:1', 'empty'],
    ['{ "a": 1,\n}', '2:1', 'WB_JSON_INVALID'],
    ['{ a: 1 }', '1:3', 'WB_JSON_INVALID'],
    ['{ "a": 1', '1:9', 'WB_JSON_INVALID'],
    ['{ "a": 1 } // no', '1:12', 'WB_JSON_INVALID'],
    ['{ "a": 1,\n  "a": 1 }', '2:3', 'the key "a" stands twice'],
    ['{ "x": { "__proto__": 1 } }', '1:10', '__proto__'],
    ['{ "maximum": 9223372036854775807 }', '1:14', 'WB_NUMBER_EXACT'],
    [`${'['.repeat(1000)}${']'.repeat(1000)}`, '1:1', 'WB_JSON_DEPTH'],
    ['['.repeat(100_000), '1:', 'WB_JSON'],
  ];
  for (const [text, place, message] of faulty) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      const document = parseJsonFile('a.json', text);
      expect(document.value).to.equal(undefined);
      expect(formatFault(document.faults[0] ?? { code: 'WB_CLOSED', message: 'none' }))
        .to.match(new RegExp(`^a\\.json:${place}`))
        .and.to.include(message);
    });
  }
});

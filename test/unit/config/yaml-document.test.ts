import { expect } from 'chai';
import { parseYaml } from '../../../src/config/yaml-document.ts';
import { formatFault } from '../../../src/errors.ts';

const faultsOf = (text: string): string[] => parseYaml('a.yaml', text).faults.map(formatFault);

describe('plain YAML', () => {
  it('gives maps, lists and JSON values', () => {
    const text = 'a: text\nb: [1, -2.5, true, null]\nc:\n  - d: "x: y"\n    e: |\n      two\n      lines\n';
    expect(parseYaml('a.yaml', text).value).to.deep.equal({
      a: 'text',
      b: [1, -2.5, true, null],
      c: [{ d: 'x: y', e: 'two\nlines\n' }],
    });
  });

  const quotes: readonly (readonly [text: string, place: string, fix: string])[] = [
    ['when: !has(x)\n', '1:7', 'write when: "!has(x)"'],
    ['  when: !data.a && data.b == "x"\n', '1:9', 'write when: \'!data.a && data.b == "x"\''],
    [
      "set: { lines: data.lines.map(l, {'sku': l.sku}) }\n",
      '1:',
      `write set: { lines: "data.lines.map(l, {'sku': l.sku})" }`,
    ],
    ["when: 'DE' == data.x\n", '1:12', `write when: "'DE' == data.x"`],
    ["when: data.x == 'a: b'\n", '1:7', `write when: "data.x == 'a: b'"`],
    ['when: *x\n', '1:7', 'write when: "*x"'],
    ['when: &x data.a\n', '1:', 'write when: "&x data.a"'],
    ['steps:\n  - filter: !has(data.x)\n', '2:13', 'write filter: "!has(data.x)"'],
    ['to: [a]\nwhen: [1, 2].exists(x, x == 1)\n', '2:', 'write when: "[1, 2].exists(x, x == 1)"'],
    ['- !x\n', '1:3', 'write "!x"'],
    ['cache: { for: 5m, max: ${NUM} }\n', '1:', 'write cache: { for: 5m, max: "${NUM}" }'],
    ['auth: { bearer: x-${A}.${B} }\n', '1:', 'write auth: { bearer: "x-${A}.${B}" }'],
    ["set: { a: 1, b: data.c.map(l, {'x': l}) }\n", '1:', 'Put a text with such signs in it in quotes.'],
    ['when: @x\n', '1:7', 'write when: "@x"'],
  ];
  for (const [text, place, fix] of quotes) {
    it(`says which quotes to add: ${text.trim()}`, () => {
      const [fault, ...more] = faultsOf(text);
      expect(more).to.deep.equal([]);
      expect(fault)
        .to.match(new RegExp(`^a\\.yaml:${place}`))
        .and.to.include('WB_CONFIG_YAML');
      expect(fault?.split('\n').at(-1)?.trim()).to.equal(fix);
    });
  }

  const indented: readonly (readonly [text: string, fix: string])[] = [
    [
      'bus: retail\n  transport: x\n',
      'Indent transport as the line above it, or move it below a key that has no value.',
    ],
    ['a:\n   b: 1\n  c: 2\n', 'Indent it as the other lines of its list or mapping.'],
    ['a:\n\tb: 1\n', 'Indent with spaces.'],
  ];
  for (const [text, fix] of indented) {
    it(`says how to indent ${JSON.stringify(text)}`, () => {
      expect(faultsOf(text).map((fault) => fault.split('\n').at(-1)?.trim())).to.deep.equal([fix]);
    });
  }

  const faulty: readonly (readonly [text: string, place: string, message: string])[] = [
    ['', '1:1', 'the file is empty'],
    ['# only a comment\n', '1:1', 'the file is empty'],
    ['---\n', '1:1', 'the file is empty'],
    ['a: 1\n---\nb: 2\n', '2:1', 'several YAML documents'],
    ['a: 1\nb: 2\na: 3\n', '3:1', 'stands twice'],
    ['a: &x 1\nb: *x\n', '1:', 'anchor'],
    ['<<: { a: 1 }\n', '1:1', 'merge key'],
    ['a: !!str x\n', '1:', '!!str is a YAML tag'],
    ['a: ! x\n', '1:', 'tag'],
    ['? [a]\n: b\n', '1:', 'where a key is expected'],
    ['1: x\n', '1:1', 'the key 1 is not text'],
    ['a: { b, c }\n', '1:6', '`b` has no value'],
    ['__proto__: { a: 1 }\n', '1:1', '__proto__'],
    ['a: 9007199254740993\n', '1:4', 'too large to be held exactly'],
    ['a: .inf\n', '1:4', 'no number of JSON'],
    ['a:\n\tb: 1\n', '2:1', 'not plain YAML'],
    ['a: "x\n', '', 'not plain YAML'],
    [`a: ${'['.repeat(2000)}`, '1:', 'nested deeper'],
    [`${'- '.repeat(2000)}a`, '1:', 'nested deeper'],
    [Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), '', 'nested deeper'],
  ];
  for (const [text, place, message] of faulty) {
    it(`refuses ${JSON.stringify(text.slice(0, 30))}`, () => {
      const document = parseYaml('a.yaml', text);
      expect(document.value).to.equal(undefined);
      const [fault] = document.faults.map(formatFault);
      expect(fault)
        .to.match(new RegExp(`^a\\.yaml:${place}`))
        .and.to.include(message);
    });
  }

  it('finds values, keys and places within a text', () => {
    const text = 'a:\n  - when: data.x\n    "b": "quoted text"\n    c: |\n      one\n      two\n';
    const document = parseYaml('a.yaml', text);
    expect(document.faults).to.deep.equal([]);
    const at = (path: (string | number)[], place = {}): string => {
      const { line, column } = document.locate(path, place);
      return `${String(line)}:${String(column)}`;
    };
    expect(at([])).to.equal('1:1');
    expect(at(['a', 0, 'when'])).to.equal('2:11');
    expect(at(['a', 0, 'when'], { key: true })).to.equal('2:5');
    expect(at(['a', 0, 'when'], { offset: 5 })).to.equal('2:16');
    expect(at(['a', 0, 'b'], { offset: 7 })).to.equal('3:18');
    expect(at(['a', 0, 'c'], { offset: 5 })).to.equal('6:8');
    expect(at(['a', 0, 'absent', 'deep'])).to.equal('2:5');
    expect(at(['a', 7])).to.equal('2:3');
  });
});

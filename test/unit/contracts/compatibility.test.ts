import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import fc from 'fast-check';
import { compareSchemas } from '../../../src/contracts/compatibility.ts';

const open = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };

describe('compatibility of contracts', () => {
  const cases: readonly [what: string, writer: object, reader: object, verdict: string, reason?: string][] = [
    ['what only people read', open, { ...open, title: 'x', 'x-owner': 'y', examples: [{ a: '' }] }, 'compatible'],
    [
      'an optional property more',
      open,
      { ...open, properties: { ...open.properties, b: { type: 'number' } } },
      'compatible',
    ],
    ['a property required that was optional', { ...open, required: [] }, open, 'breaks', '/a: required, was optional'],
    ['a property no longer required', open, { ...open, required: [] }, 'compatible'],
    ['a property that is no longer taken', open, { type: 'object', additionalProperties: false }, 'breaks'],
    ['a value more', { enum: ['a'] }, { enum: ['a', 'b'] }, 'compatible'],
    ['a value less', { enum: ['a', 'b'] }, { enum: ['a'] }, 'breaks', '/: "b" is not taken'],
    ['values where any was', { type: 'string' }, { type: 'string', enum: ['a'] }, 'breaks'],
    ['a wider type', { type: 'integer' }, { type: ['number', 'null'] }, 'compatible'],
    ['a narrower type', { type: 'number' }, { type: 'integer' }, 'breaks'],
    ['a wider bound', { type: 'number', minimum: 1 }, { type: 'number', minimum: 0 }, 'compatible'],
    [
      'a tighter bound',
      { type: 'string', maxLength: 9 },
      { type: 'string', maxLength: 5 },
      'breaks',
      '/: maxLength 5, was 9',
    ],
    ['a pattern that is new', { type: 'string' }, { type: 'string', pattern: 'x' }, 'unknown'],
    ['a pattern that is gone', { type: 'string', pattern: 'x' }, { type: 'string' }, 'compatible'],
    ['words that are not compared', { oneOf: [open] }, { anyOf: [open] }, 'unknown'],
    [
      'items',
      { type: 'array', items: { enum: [1, 2] } },
      { type: 'array', items: { enum: [1] } },
      'breaks',
      '/*: 2 is not taken',
    ],
    [
      'what a reference leads to',
      { $ref: '#/$defs/o', $defs: { o: { ...open, required: [] } } },
      { $ref: '#/$defs/o', $defs: { o: open } },
      'breaks',
    ],
    [
      'what is the same under a reference that is not followed',
      { allOf: [{ $ref: '#/$defs/o' }], $defs: { o: open } },
      { allOf: [{ $ref: '#/$defs/o' }], $defs: { o: true } },
      'unknown',
    ],
    ['a schema that leads back to itself', tree('number'), tree('string'), 'breaks'],
    ['a schema that leads back to itself, unchanged', tree('number'), tree('number'), 'compatible'],
  ];
  for (const [what, writer, reader, verdict, reason] of cases) {
    it(`calls ${what} ${verdict}`, () => {
      const found = compareSchemas(writer, reader);
      expect(found.verdict, found.reasons.join('; ')).to.equal(verdict);
      if (reason !== undefined) expect(found.reasons).to.include(reason);
    });
  }

  it('never calls compatible what data disproves', () => {
    const leaf = fc.oneof(
      fc.record(
        { type: fc.constantFrom('number', 'integer', ['integer', 'null']), minimum: small(), maximum: small() },
        { requiredKeys: ['type'] },
      ),
      fc.record(
        { type: fc.constant('string'), maxLength: fc.nat(2), minLength: fc.nat(2) },
        { requiredKeys: ['type'] },
      ),
      fc.record({ enum: fc.uniqueArray(fc.constantFrom('a', 'bb', 1, 2, null), { minLength: 1 }) }),
      fc.constant({}),
    );
    const schema = fc.record(
      {
        type: fc.constant('object'),
        properties: fc.dictionary(fc.constantFrom('p', 'q'), leaf, { maxKeys: 2 }),
        required: fc.subarray(['p', 'q']),
        additionalProperties: fc.oneof(fc.boolean(), leaf),
      },
      { requiredKeys: ['type'] },
    );
    const value = fc.constantFrom('', 'a', 'bb', 'ccc', 0, 1, 2, 3, 1.5, null, true);
    const data = fc.dictionary(fc.constantFrom('p', 'q'), value, { maxKeys: 2 });
    fc.assert(
      fc.property(schema, schema, fc.array(data, { maxLength: 20 }), (writer, reader, samples) => {
        if (compareSchemas(writer, reader).verdict !== 'compatible') return;
        const ajv = new Ajv2020({ strict: false });
        const [writes, reads] = [ajv.compile(writer), ajv.compile(reader)];
        for (const sample of samples) {
          // The lenient reading: nobody writes a property that only the reader knows.
          const known = Object.keys(sample).every(
            (name) => name in (writer.properties ?? {}) || !(name in (reader.properties ?? {})),
          );
          if (known && writes(sample)) expect(reads(sample), JSON.stringify(sample)).to.equal(true);
        }
      }),
      { numRuns: 400 },
    );
  });
});

function small(): fc.Arbitrary<number> {
  return fc.integer({ min: 0, max: 3 });
}

function tree(type: string): object {
  return { type: 'object', properties: { value: { type }, next: { $ref: '#' } } };
}

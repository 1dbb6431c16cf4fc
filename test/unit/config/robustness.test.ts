import { expect } from 'chai';
import fc from 'fast-check';
import { parseJsonFile } from '../../../src/config/json-document.ts';
import { readConfiguration } from '../../../src/config/load.ts';
import { parseYaml } from '../../../src/config/yaml-document.ts';
import { ENVIRONMENT, makeFolder, SOUND } from './folder.ts';

/** What people and editors get wrong most: signs of YAML and JSON, and things that end a file. */
const pieces = fc.oneof(
  fc.constantFrom(
    '',
    ':',
    ': ',
    '- ',
    '\n',
    '\t',
    ' ',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '#',
    ' #',
    '!',
    '&',
    '*',
    '|',
    '>',
    '%',
    '@',
    '`',
    ',',
    '?',
  ),
  fc.constantFrom(
    '---\n',
    '\n...\n',
    '<<: ',
    '__proto__: ',
    'constructor: ',
    '${',
    '}',
    '$${',
    '.inf',
    '1e999',
    '\u0000',
    '\ufeff',
    '\ud800',
    'ü',
    '😀',
    '\r\n',
    '\u2028',
  ),
  fc.string({ unit: 'binary', maxLength: 4 }),
);

const edits = fc.array(fc.record({ at: fc.nat(), remove: fc.nat(12), insert: pieces }), { minLength: 1, maxLength: 4 });

type Edit = { readonly at: number; readonly remove: number; readonly insert: string };

function mutate(text: string, changes: readonly Edit[]): string {
  return changes.reduce((old, { at, remove, insert }) => {
    const from = at % (old.length + 1);
    return old.slice(0, from) + insert + old.slice(from + remove);
  }, text);
}

const texts = Object.entries(SOUND).filter(([file]) => !file.startsWith('secrets/'));

describe('faulty files', () => {
  it('never end the parsers, whatever was changed in them', () => {
    fc.assert(
      fc.property(fc.constantFrom(...texts), edits, ([file, text], changes) => {
        const changed = mutate(text, changes);
        const document = (file.endsWith('.json') ? parseJsonFile : parseYaml)(file, changed);
        const lines = changed.split('\n');
        for (const { at, message } of document.faults) {
          expect(message).not.to.equal('');
          expect(at?.line).to.be.within(1, lines.length);
          expect(at?.column).to.be.within(1, (lines[(at?.line ?? 1) - 1]?.length ?? 0) + 1);
        }
        if (document.faults.length === 0) {
          const plain: unknown = JSON.parse(JSON.stringify(document.value));
          expect(plain).to.deep.equal(document.value);
        }
      }),
      { numRuns: 1_500 },
    );
  });

  it('give faults with a place and nothing else, through the whole of loading', async () => {
    await using folder = await makeFolder(SOUND);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...texts), edits, async ([file, text], changes) => {
        await folder.write(file, mutate(text, changes));
        try {
          const { faults, definition, settings } = await readConfiguration({
            path: folder.root,
            environment: ENVIRONMENT,
          });
          for (const { at } of faults) {
            expect(at?.line, JSON.stringify(faults)).to.be.a('number').greaterThan(0);
            expect(at?.column).to.be.a('number').greaterThan(0);
          }
          if (faults.length === 0) expect([definition, settings]).not.to.include(undefined);
        } finally {
          await folder.write(file, text);
        }
      }),
      { numRuns: 80 },
    );
  });

  it('take any JSON value where any option stands', async () => {
    await using folder = await makeFolder(SOUND);
    const option = fc.constantFrom(
      'bus',
      'transport',
      'store',
      'slots',
      'router',
      'services',
      'sources',
      'limits',
      'telemetry',
    );
    await fc.assert(
      fc.asyncProperty(option, fc.jsonValue({ maxDepth: 3 }), async (name, value) => {
        const file = { bus: 'retail', [name]: value };
        await folder.write('waybill.yaml', JSON.stringify(file));
        const { faults } = await readConfiguration({ path: folder.root, environment: ENVIRONMENT });
        for (const { at } of faults) expect(at?.line).to.be.a('number');
      }),
      { numRuns: 50 },
    );
    const routeOption = fc.constantFrom(
      'name',
      'from',
      'when',
      'steps',
      'to',
      'choose',
      'onError',
      'enabled',
      'isolate',
    );
    await folder.write('waybill.yaml', SOUND['waybill.yaml'] ?? '');
    await fc.assert(
      fc.asyncProperty(routeOption, fc.jsonValue({ maxDepth: 4 }), async (name, value) => {
        await folder.write(
          'routes/eu-orders.yaml',
          JSON.stringify({ from: 'shop.order.placed@2', to: 'oms', [name]: value }),
        );
        const { faults } = await readConfiguration({ path: folder.root, environment: ENVIRONMENT });
        for (const { at } of faults) expect(at?.line).to.be.a('number');
      }),
      { numRuns: 50 },
    );
  });
});

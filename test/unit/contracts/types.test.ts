import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import fc from 'fast-check';
import ts from 'typescript';
import type { ContractDocument } from '../../../src/config/definition.ts';
import { compileContracts } from '../../../src/contracts/registry.ts';
import { generateTypes } from '../../../src/contracts/types.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

function typesOf(schemas: Readonly<Record<string, unknown>>): string {
  const documents = Object.entries(schemas).map(([ref, schema]): ContractDocument => {
    const [type = '', version = ''] = ref.split('@');
    const dot = type.indexOf('.');
    return {
      type,
      version: Number(version),
      file: `schemas/${type.slice(0, dot)}/${type.slice(dot + 1)}.v${version}.json`,
      schema,
    };
  });
  const { contracts, faults } = compileContracts(documents, []);
  expect(faults).to.deep.equal([]);
  return generateTypes(contracts.all);
}

let library: Map<string, ts.SourceFile> | undefined;

/** The lines (from 1) of `snippet` that TypeScript refuses, beside `types` and the SDK's real door. */
function refusedLines(types: string, snippet: string): readonly number[] {
  library ??= new Map();
  const sources = library;
  const files = new Map([
    [`${ROOT}snippet-types.ts`, types],
    [`${ROOT}snippet.ts`, snippet],
  ]);
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    types: ['node'],
    paths: { waybill: [`${ROOT}src/index.ts`] },
  };
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, version) => {
    const own = files.get(name);
    if (own !== undefined) return ts.createSourceFile(name, own, version);
    const known = sources.get(name) ?? read(name, version);
    if (known !== undefined) sources.set(name, known);
    return known;
  };
  host.fileExists = (name) => files.has(name) || ts.sys.fileExists(name);
  const program = ts.createProgram([...files.keys()], options, host);
  const lines: number[] = [];
  for (const [name] of files) {
    const source = program.getSourceFile(name);
    for (const found of [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]) {
      if (name.endsWith('snippet-types.ts'))
        throw new Error(
          `the types do not compile: ${ts.flattenDiagnosticMessageText(found.messageText, '\n')}\n${types}`,
        );
      lines.push((source?.getLineAndCharacterOfPosition(found.start ?? 0).line ?? 0) + 1);
    }
  }
  return [...new Set(lines)];
}

/** Checks `values` against the type `X`: the indexes of those that are refused. */
function refused(schema: unknown, values: readonly string[]): readonly number[] {
  const lines = values.map((value) => `take(${value});`);
  const snippet = [
    `import type { TestXV1 } from './snippet-types.ts'; declare function take(value: TestXV1): void;`,
    ...lines,
  ].join('\n');
  return refusedLines(typesOf({ 'test.x@1': schema }), snippet).map((line) => line - 2);
}

const placed = {
  type: 'object',
  description: 'An order was placed.',
  required: ['orderId', 'lines'],
  properties: {
    orderId: { type: 'string', description: 'Order number */ of the shop' },
    note: { type: ['string', 'null'] },
    lines: { type: 'array', items: { $ref: '#/$defs/line' } },
  },
  $defs: {
    line: {
      type: 'object',
      required: ['sku'],
      properties: { sku: { type: 'string' }, 'gift-wrap': { type: 'boolean', deprecated: true } },
    },
  },
};

describe('generated types', function () {
  this.timeout(240_000);

  it('are written with their comments, always the same way', () => {
    const text = typesOf({ 'shop.order.placed@1': placed });
    expect(
      text,
    ).to.equal(`// Made by \`waybill types\` from the contracts. Do not edit: change the contract and run it again.

import type {} from 'waybill';

/**
 * An order was placed.
 * \`shop.order.placed@1\`
 */
export interface ShopOrderPlacedV1 {
  /** Order number *\\/ of the shop */
  orderId: string;
  note?: string | null;
  lines: ShopOrderPlacedV1Line[];
}

export interface ShopOrderPlacedV1Line {
  sku: string;
  /** @deprecated */
  'gift-wrap'?: boolean;
}

declare module 'waybill' {
  interface MessageTypes {
    'shop.order.placed@1': ShopOrderPlacedV1;
  }
}
`);
    expect(typesOf({ 'shop.order.placed@1': structuredClone(placed) })).to.equal(text);
  });

  it('give requests their answers, and let nothing else be asked', () => {
    const sku = { type: 'object', required: ['sku'], properties: { sku: { type: 'string' } } };
    const types = typesOf({
      'pricing.quote@1': { ...sku, 'x-reply': 'pricing.quoted@1' },
      'pricing.quoted@1': { type: 'object', required: ['price'], properties: { price: { type: 'number' } } },
      'shop.order.placed@1': sku,
    });
    expect(types).to.contain("interface ReplyTypes {\n    'pricing.quote@1': 'pricing.quoted@1';\n  }");
    const snippet = `import type { Service } from 'waybill'; import './snippet-types.ts'; declare const shop: Service;
shop.request('pricing.quote@1', { sku: 'a' }).then((answer) => answer.data.price.toFixed());
shop.request('pricing.quote@1', { sku: 'a' }).then((answer) => answer.data.cost);
shop.request('pricing.quote@1', { sku: 1 });
shop.request('shop.order.placed@1', { sku: 'a' });
shop.respond('pricing.quote@1', ({ data }) => ({ price: data.sku.length }));
shop.respond('pricing.quote@1', async () => ({ price: 1 }));
shop.respond('pricing.quote@1', () => ({ price: 'one' }));
shop.respond('pricing.quote@1', () => undefined);
shop.respond('shop.order.placed@1', () => undefined);
shop.handle('pricing.quote@1', async (message, context) => {
  (await context.request('pricing.quote@1', message.data)).data.price.toFixed();
  (await context.request('pricing.quote@1', {})).data;
});`;
    expect(refusedLines(types, snippet)).to.deep.equal([3, 4, 5, 8, 9, 10, 13]);
  });

  it('make a wrong payload a compile error in publish and handle, a misspelt optional field included', () => {
    const types = typesOf({
      'shop.order.placed@1': placed,
      'crm.customer.created@1': { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } },
    });
    const snippet = `import { connect } from 'waybill';
import type {} from './snippet-types.ts';
const shop = await connect({ service: 'shop' });
await shop.publish('shop.order.placed@1', { orderId: 'o', lines: [{ sku: 's' }], note: null });
await shop.publish('shop.order.placed@1', { orderId: 'o', lines: [], nte: 'x' });
await shop.publish('shop.order.placed@1', { orderId: 'o' });
await shop.publish('shop.order.placed@1', { orderId: 1, lines: [] });
await shop.publish('shop.order.placed@1', { orderId: 'o', lines: [{ sku: 's', quantity: 1 }] });
await shop.publish('shop.order.plced@1', { orderId: 'o', lines: [] });
await shop.publish('crm.customer.created@1', { orderId: 'o', lines: [] });
shop.handle('shop.order.placed@1', (message) => { message.data.lines[0]?.sku.toUpperCase(); });
shop.handle('shop.order.placed@1', (message) => { message.data.total; });
`;
    expect(refusedLines(types, snippet)).to.deep.equal([5, 6, 7, 8, 9, 10, 12]);
  });

  it('say enums, constants, unions and null', () => {
    const schema = {
      type: 'object',
      properties: {
        a: { enum: ['x', "it's", 1, null] },
        b: { const: true },
        c: { type: ['integer', 'null'] },
        d: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'number' } }] },
      },
    };
    expect(
      refused(schema, [
        `{ a: 'x' }`,
        `{ a: null, b: true, c: 4, d: [1] }`,
        `{ a: 'y' }`,
        `{ b: false }`,
        `{ c: 'x' }`,
        `{ d: ['x'] }`,
        `{ d: 'x', a: 1 }`,
      ]),
    ).to.deep.equal([2, 3, 4, 5]);
  });

  it('say tuples', () => {
    const pair = { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }], items: false, minItems: 2 };
    expect(refused(pair, [`['a', 1]`, `['a']`, `['a', 'b']`, `['a', 1, 2]`])).to.deep.equal([1, 2, 3]);
  });

  it('say maps, and maps with named members', () => {
    expect(
      refused({ type: 'object', additionalProperties: { type: 'number' } }, [`{ a: 1 }`, `{ a: 'x' }`]),
    ).to.deep.equal([1]);
    const mixed = {
      type: 'object',
      properties: { name: { type: 'string' } },
      additionalProperties: { type: 'number' },
    };
    expect(refused(mixed, [`{ name: 'x', a: 1 }`, `{ name: 'x', a: true }`])).to.deep.equal([1]);
    expect(refused({ type: 'object', additionalProperties: false }, [`{}`, `{ a: 1 }`])).to.deep.equal([1]);
    expect(refused({ type: 'object' }, [`{ a: 1 }`, `'x'`])).to.deep.equal([1]);
  });

  it('say allOf, references back to the root, and what one of several needs', () => {
    const tree = {
      type: 'object',
      required: ['name'],
      properties: { name: { type: 'string' }, children: { type: 'array', items: { $ref: '#' } } },
    };
    expect(refused(tree, [`{ name: 'a', children: [{ name: 'b' }] }`, `{ name: 'a', children: [{}] }`])).to.deep.equal([
      1,
    ]);
    const both = {
      allOf: [
        { type: 'object', required: ['a'], properties: { a: { type: 'string' } } },
        { type: 'object', properties: { b: { type: 'number' } } },
      ],
    };
    expect(refused(both, [`{ a: 'x', b: 1 }`, `{ a: 'x', c: 1 }`, `{ b: 1 }`])).to.deep.equal([1, 2]);
    const either = {
      type: 'object',
      properties: { mail: { type: 'string' }, phone: { type: 'string' } },
      anyOf: [{ required: ['mail'] }, { required: ['phone'] }],
    };
    expect(
      refused(either, [
        `{ mail: 'x' }`,
        `{ phone: 'x' }`,
        `{ mail: 'x', phone: 'y' }`,
        `{}`,
        `{ mail: 'x', fax: 'y' }`,
      ]),
    ).to.deep.equal([3, 4]);
  });

  it('take every value that the contract takes', () => {
    const leaf = fc.constantFrom<Record<string, unknown>>(
      { type: 'string' },
      { type: 'number' },
      { type: 'boolean' },
      { type: ['integer', 'null'] },
      { enum: ['a', 2, null] },
      { const: 'c' },
    );
    const { schema } = fc.letrec<{ schema: Record<string, unknown> }>((tie) => ({
      schema: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        leaf,
        tie('schema').map((items) => ({ type: 'array', items })),
        fc
          .tuple(tie('schema'), tie('schema'))
          .map((prefixItems) => ({ type: 'array', prefixItems, items: false, minItems: 2 })),
        tie('schema').map((additionalProperties) => ({ type: 'object', additionalProperties })),
        fc.array(tie('schema'), { minLength: 2, maxLength: 3 }).map((anyOf) => ({ anyOf })),
        fc
          .dictionary(fc.constantFrom('a', 'b-c', 'd'), tie('schema'))
          .chain((properties) =>
            fc.subarray(Object.keys(properties)).map((required) => ({ type: 'object', properties, required })),
          ),
      ),
    }));
    const cases = fc.sample(
      schema.chain((one) => sampleOf(one).map((value) => ({ schema: one, value }))),
      { numRuns: 60, seed: 7 },
    );
    const types = typesOf(Object.fromEntries(cases.map((one, index) => [`test.x${String(index)}@1`, one.schema])));
    const uses = cases.map(
      (one, index) => `export const v${String(index)}: types.TestX${String(index)}V1 = ${JSON.stringify(one.value)};`,
    );
    const lines = refusedLines(types, [`import type * as types from './snippet-types.ts';`, ...uses].join('\n'));
    expect(lines.map((line) => cases[line - 2])).to.deep.equal([]);
  });
});

/** Values that keep one of the schemas above. */
function sampleOf(schema: Record<string, unknown>): fc.Arbitrary<unknown> {
  const of = (one: unknown): fc.Arbitrary<unknown> => sampleOf(one as Record<string, unknown>);
  if ('const' in schema) return fc.constant(schema['const']);
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  if (Array.isArray(schema['anyOf'])) return fc.oneof(...schema['anyOf'].map(of));
  if (Array.isArray(schema['prefixItems'])) return fc.tuple(...schema['prefixItems'].map(of));
  if (schema['type'] === 'array') return fc.array(of(schema['items']), { maxLength: 3 });
  if (schema['type'] === 'object' && 'additionalProperties' in schema)
    return fc.dictionary(fc.constantFrom('x', 'y', 'z'), of(schema['additionalProperties']));
  if (schema['type'] === 'object') {
    const fields = Object.entries(schema['properties'] as Record<string, unknown>).map(
      ([name, one]) => [name, of(one)] as const,
    );
    return fc.record(Object.fromEntries(fields), { requiredKeys: schema['required'] as string[] });
  }
  if (schema['type'] === 'string') return fc.string({ maxLength: 5 });
  if (schema['type'] === 'boolean') return fc.boolean();
  if (schema['type'] === 'number') return fc.integer();
  return fc.option(fc.integer());
}

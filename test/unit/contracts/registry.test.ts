import { expect } from 'chai';
import type { ContractDocument } from '../../../src/config/definition.ts';
import { castFileRefs, contractFileRef } from '../../../src/contracts/file-name.ts';
import { compileContracts } from '../../../src/contracts/registry.ts';
import { WaybillError } from '../../../src/errors.ts';
import { parseTypeRef } from '../../../src/message.ts';

function documentOf(ref: string, schema: unknown): ContractDocument {
  const parsed = parseTypeRef(ref);
  if (parsed === undefined) throw new Error(`not a reference: ${ref}`);
  const dot = parsed.type.indexOf('.');
  const file = `schemas/${parsed.type.slice(0, dot)}/${parsed.type.slice(dot + 1)}.v${String(parsed.version)}.json`;
  return { ...parsed, file, schema };
}

const placed = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  'x-owner': 'shop',
  'x-key': '/orderId',
  'x-compatibility': 'backward',
  type: 'object',
  required: ['orderId'],
  properties: { orderId: { type: 'string' }, total: { type: 'number' }, card: { type: 'string', 'x-sensitive': true } },
  examples: [{ orderId: 'o-1', total: 1 }],
};

/** The faults of `placed` with a change, as `path code message; fix`. */
function faultsOf(change: Record<string, unknown>): readonly string[] {
  const { faults } = compileContracts([documentOf('shop.order.placed@1', { ...placed, ...change })], []);
  return faults.map(
    ({ path, code, message, fix }) => `${path.join('.')} ${code} ${message}${fix === undefined ? '' : `; ${fix}`}`,
  );
}

describe('the name of a contract file', () => {
  it('says type and version', () => {
    expect(contractFileRef('schemas/shop/order.placed.v1.json')).to.equal('shop.order.placed@1');
    expect(contractFileRef('schemas/shop/order.v12.json')).to.equal('shop.order@12');
    expect(castFileRefs('schemas/shop/order.placed.v1-v2.yaml')).to.deep.equal({
      from: 'shop.order.placed@1',
      to: 'shop.order.placed@2',
    });
  });

  it('is of that form and no other', () => {
    for (const bad of [
      'order.v1.json',
      'schemas/shop/order.json',
      'schemas/Shop/order.v1.json',
      'schemas/shop/order.v0.json',
      'schemas/shop/order..x.v1.json',
      'schemas/shop/order.v1.yaml',
    ]) {
      expect(contractFileRef(bad), bad).to.equal(undefined);
    }
    expect(castFileRefs('schemas/shop/order.v1.yaml')).to.equal(undefined);
  });
});

describe('the answer of a request', () => {
  it('is the type that x-reply names', () => {
    const { contracts, faults } = compileContracts(
      [
        documentOf('shop.order.placed@1', { ...placed, 'x-reply': 'shop.order.taken@1' }),
        documentOf('shop.order.taken@1', {}),
      ],
      [],
    );
    expect(faults).to.deep.equal([]);
    expect(contracts.get('shop.order.placed@1')?.reply).to.equal('shop.order.taken@1');
    expect(contracts.get('shop.order.taken@1')?.reply).to.equal(undefined);
  });

  it('must have a contract, and a name of that form', () => {
    expect(faultsOf({ 'x-reply': 'shop.order.place@1' })).to.deep.equal([
      'x-reply WB_CONTRACT_UNKNOWN shop.order.placed@1 is answered with shop.order.place@1, which has no contract; did you mean shop.order.placed@1?',
    ]);
    expect(faultsOf({ 'x-reply': 'taken' })).to.deep.equal([
      'x-reply WB_CONTRACT_INVALID x-reply is "taken"; expected a type with its version; Write it like "pricing.quoted@1".',
    ]);
  });
});

describe('the registry of contracts', () => {
  it('knows each contract with its owner, key, promise and validator', () => {
    const { contracts, faults } = compileContracts([documentOf('shop.order.placed@1', placed)], []);
    expect(faults).to.deep.equal([]);
    const contract = contracts.require('shop.order.placed@1');
    expect(contract).to.include({
      ref: 'shop.order.placed@1',
      type: 'shop.order.placed',
      version: 1,
      owner: 'shop',
      compatibility: 'backward',
    });
    expect(contract.key({ orderId: 'o-9' })).to.equal('o-9');
    expect(contract.validate({ orderId: 'o-9' })).to.equal(undefined);
    expect(contract.validate({ orderId: 9 })?.code).to.equal('WB_CONTRACT_VIOLATED');
    expect(contract.mask({ orderId: 'o-9', card: '4111' })).to.deep.equal({ orderId: 'o-9', card: '***' });
    expect(contracts.accepted('shop.order.placed@1')).to.deep.equal(['shop.order.placed@1']);
  });

  it('orders contracts by type and by number of the version', () => {
    const refs = ['b.x@1', 'a.x@10', 'a.x@2', 'a.x.y@1'];
    const documents = refs.map((ref) => documentOf(ref, { type: 'object' }));
    expect(compileContracts(documents, []).contracts.all.map((contract) => contract.ref)).to.deep.equal([
      'a.x@2',
      'a.x@10',
      'a.x.y@1',
      'b.x@1',
    ]);
  });

  it('says which name was meant', () => {
    const { contracts } = compileContracts([documentOf('shop.order.placed@1', placed)], []);
    expect(contracts.get('shop.order.plced@1')).to.equal(undefined);
    expect(() => contracts.require('shop.order.plced@1'))
      .to.throw(WaybillError)
      .with.include({ code: 'WB_CONTRACT_UNKNOWN', fix: 'did you mean shop.order.placed@1?' });
  });

  it('compiles nothing of documents that were checked before, until it is used', () => {
    const broken = documentOf('shop.order.placed@1', { ...placed, type: 'objekt' });
    expect(compileContracts([broken], [], { trusted: true }).faults).to.deep.equal([]);
    expect(compileContracts([broken], []).faults).not.to.deep.equal([]);
  });
});

describe('checking contracts', () => {
  it('finds nothing in a good one', () => {
    expect(faultsOf({})).to.deep.equal([]);
  });

  it('refuses what is not a JSON Schema of draft 2020-12', () => {
    expect(faultsOf({ type: 'objekt' })[0]).to.match(/^type WB_CONTRACT_INVALID/);
    expect(faultsOf({ $schema: 'http://json-schema.org/draft-07/schema#' })[0]).to.match(
      /^\$schema WB_CONTRACT_INVALID .*2020-12/,
    );
    expect(compileContracts([documentOf('shop.order@1', [])], []).faults[0]).to.include({
      code: 'WB_CONTRACT_INVALID',
    });
    expect(compileContracts([documentOf('shop.order@1', 'x')], []).faults).to.have.length(1);
  });

  it('says of a misspelt type once where it stands, and what was meant', () => {
    const kinds = 'string, number, integer, boolean, object, array or null';
    expect(
      faultsOf({
        properties: { orderId: { type: 'string' }, total: { type: 'nubmer' }, card: { type: ['null', 'strng'] } },
      }),
    ).to.deep.equal([
      `properties.total.type WB_CONTRACT_INVALID type: expected ${kinds}, found "nubmer"; did you mean number?`,
      `properties.card.type.1 WB_CONTRACT_INVALID type: expected ${kinds}, found "strng"; did you mean string?`,
    ]);
  });

  it('says where a regular expression is none', () => {
    expect(
      faultsOf({
        properties: {
          orderId: { type: 'string', pattern: '(' },
          total: { type: 'object', patternProperties: { '[': {} } },
        },
      }),
    ).to.deep.equal([
      'properties.orderId.pattern WB_CONTRACT_INVALID not a regular expression: "(": unterminated group',
      'properties.total.patternProperties.[ WB_CONTRACT_INVALID not a regular expression: "[": unterminated character class',
    ]);
  });

  it('names unknown keywords, all of them, and what was meant', () => {
    expect(
      faultsOf({ propertys: {}, properties: { orderId: { type: 'string', nullable: true, maxlength: 3 } } }),
    ).to.deep.equal([
      'propertys WB_CONTRACT_INVALID unknown keyword "propertys"; did you mean properties?',
      'properties.orderId.nullable WB_CONTRACT_INVALID unknown keyword "nullable"; add "null" to type',
      'properties.orderId.maxlength WB_CONTRACT_INVALID unknown keyword "maxlength"; did you mean maxLength?',
    ]);
  });

  it('names required properties that nothing declares', () => {
    expect(faultsOf({ required: ['orderId', 'totl'] })).to.deep.equal([
      'required.1 WB_CONTRACT_INVALID required property "totl" is not in properties; did you mean total?',
    ]);
    expect(faultsOf({ anyOf: [{ required: ['total'] }, { required: ['card'] }] })).to.deep.equal([]);
  });

  it('keeps references inside of the file', () => {
    const withRef = ($ref: unknown): readonly string[] =>
      faultsOf({ properties: { orderId: { type: 'string' }, a: { $ref } }, $defs: { address: { type: 'object' } } });
    expect(withRef('#/$defs/address')).to.deep.equal([]);
    expect(withRef('#/$defs/adress')).to.deep.equal([
      'properties.a.$ref WB_CONTRACT_INVALID $ref "#/$defs/adress" leads to no schema; did you mean #/$defs/address?',
    ]);
    expect(withRef('other.json#/a')[0]).to.contain('leads out of the file');
    expect(withRef('https://example.com/a.json')[0]).to.contain('leads out of the file');
  });

  it('wants a key that every message has, as text or a whole number', () => {
    const withKey = (key: unknown, more: Record<string, unknown> = {}): readonly string[] =>
      faultsOf({ 'x-key': key, ...more });
    expect(withKey('/ordrId')).to.deep.equal([
      'x-key WB_CONTRACT_INVALID x-key /ordrId: /ordrId is not a property of the contract; did you mean orderId?',
    ]);
    expect(withKey('orderId')[0]).to.contain('JSON pointer');
    expect(withKey('')[0]).to.contain('JSON pointer');
    expect(withKey(5)[0]).to.contain('JSON pointer');
    expect(withKey('/total')[0]).to.contain('optional').and.contain('Add "total" to required.');
    expect(withKey('/total', { required: ['total', 'orderId'] })[0]).to.contain('string or an integer');
    const nullable = { properties: { orderId: { type: ['string', 'null'] } }, examples: [] };
    expect(withKey('/orderId', nullable)[0]).to.contain('never null');
  });

  it('finds the key behind references and allOf', () => {
    const schema = {
      type: 'object',
      'x-key': '/order/id',
      required: ['order'],
      properties: { order: { $ref: '#/$defs/order' } },
      $defs: {
        order: { allOf: [{ type: 'object', required: ['id'], properties: { id: { $ref: '#/$defs/id' } } }] },
        id: { type: 'integer' },
      },
    };
    expect(compileContracts([documentOf('shop.order@1', schema)], []).faults).to.deep.equal([]);
  });

  it('knows the annotations and where they belong', () => {
    expect(faultsOf({ 'x-compatibility': 'backwards' })).to.deep.equal([
      'x-compatibility WB_CONTRACT_INVALID x-compatibility is "backwards"; expected one of full, backward, forward, none; did you mean backward?',
    ]);
    expect(faultsOf({ 'x-owner': '' })[0]).to.contain('x-owner must be a name');
    expect(faultsOf({ properties: { orderId: { type: 'string', 'x-owner': 'shop' } }, examples: [] })[0]).to.contain(
      'root of the contract',
    );
    expect(
      faultsOf({ properties: { orderId: { type: 'string', 'x-sensitive': 'yes' } }, examples: [] }),
    ).to.have.length(1);
  });

  it('names every fault of every example, with its place', () => {
    expect(faultsOf({ examples: [{ orderId: 'o' }, { orderId: 1, total: 'x' }, {}] })).to.deep.equal([
      'examples.1.orderId WB_CONTRACT_EXAMPLE the example breaks the contract: /orderId type: expected a string, found 1; send it as text, in quotes',
      'examples.1.total WB_CONTRACT_EXAMPLE the example breaks the contract: /total type: expected a number, found "x"',
      'examples.2 WB_CONTRACT_EXAMPLE the example breaks the contract: (all) required: expected the property "orderId", found none',
    ]);
  });

  it('wants the file to be named for what it holds, and one file only', () => {
    const document = documentOf('shop.order.placed@1', placed);
    const named = (file: string): unknown => compileContracts([{ ...document, file }], []).faults[0]?.code;
    expect(named('schemas/shop/order.placed.v2.json')).to.equal('WB_CONTRACT_NAME');
    expect(named('schemas/order.json')).to.equal('WB_CONTRACT_NAME');
    const { faults } = compileContracts(
      [document, { ...document, file: 'more/schemas/shop/order.placed.v1.json' }],
      [],
    );
    expect(faults).to.have.length(1);
    expect(faults[0]).to.include({ code: 'WB_CONTRACT_DUPLICATE', file: 'more/schemas/shop/order.placed.v1.json' });
  });

  it('comes to all faults of all contracts at once', () => {
    const { faults } = compileContracts(
      [documentOf('a.x@1', { type: 'nix' }), documentOf('b.x@1', { type: 'object', 'x-key': '/a' })],
      [],
    );
    expect(new Set(faults.map((fault) => fault.file))).to.deep.equal(
      new Set(['schemas/a/x.v1.json', 'schemas/b/x.v1.json']),
    );
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import type { CastDocument, ContractDocument } from '../../../src/config/definition.ts';
import { compileContracts } from '../../../src/contracts/registry.ts';

const TYPE = 'shop.order.placed';

function contract(version: number, schema: Record<string, unknown>): ContractDocument {
  return {
    type: TYPE,
    version,
    file: `schemas/shop/order.placed.v${String(version)}.json`,
    schema: { type: 'object', ...schema },
  };
}

function cast(from: number, to: number, up: unknown, down?: unknown): CastDocument {
  const file = `schemas/shop/order.placed.v${String(from)}-v${String(to)}.yaml`;
  return { type: TYPE, from, to, file, up, ...(down === undefined ? {} : { down }) };
}

const id = { type: 'string' };
const v1 = contract(1, {
  'x-key': '/id',
  required: ['id', 'name'],
  properties: { id, name: { type: 'string' } },
  examples: [{ id: 'o-1', name: 'Ada Byron' }],
});
const v2 = contract(2, {
  'x-key': '/orderId',
  required: ['orderId', 'customer'],
  properties: {
    orderId: id,
    customer: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
  },
  examples: [{ orderId: 'o-2', customer: { name: 'Ada' } }],
});
const v3 = contract(3, {
  'x-key': '/order/id',
  required: ['order', 'who'],
  properties: {
    order: { type: 'object', required: ['id'], properties: { id } },
    who: { type: 'string' },
  },
});
const up12 = { orderId: 'data.id', customer: { name: 'data.name' } };
const down21 = { id: 'data.orderId', name: 'data.customer.name' };
const up23 = { order: { id: 'data.orderId' }, who: 'data.customer.name' };

function faultsOf(documents: readonly ContractDocument[], casts: readonly CastDocument[]): readonly string[] {
  return compileContracts(documents, casts).faults.map(
    ({ path, code, message, fix }) => `${path.join('.')} ${code} ${message}${fix === undefined ? '' : `; ${fix}`}`,
  );
}

const ref = (version: number): string => `${TYPE}@${String(version)}`;

describe('casts between majors', () => {
  const { contracts, faults } = compileContracts([v1, v2, v3], [cast(1, 2, up12, down21), cast(2, 3, up23)]);

  it('turn data of the older major into the newer, and back where there is a way down', () => {
    expect(faults).to.deep.equal([]);
    expect(contracts.cast(ref(1), ref(2))?.({ id: 'o', name: 'Ada' })).to.deep.equal({
      orderId: 'o',
      customer: { name: 'Ada' },
    });
    expect(contracts.cast(ref(2), ref(1))?.({ orderId: 'o', customer: { name: 'Ada' } })).to.deep.equal({
      id: 'o',
      name: 'Ada',
    });
  });

  it('chain over several majors', () => {
    expect(contracts.cast(ref(1), ref(3))?.({ id: 'o', name: 'Ada' })).to.deep.equal({
      order: { id: 'o' },
      who: 'Ada',
    });
    expect(contracts.cast(ref(3), ref(1))).to.equal(undefined);
  });

  it('say which versions a version accepts, the newest first', () => {
    expect(contracts.accepted(ref(3))).to.deep.equal([ref(3), ref(2), ref(1)]);
    expect(contracts.accepted(ref(2))).to.deep.equal([ref(2), ref(1)]);
    expect(contracts.accepted(ref(1))).to.deep.equal([ref(1)]);
  });

  it('leave a type as it is for itself, and know no way to strangers', () => {
    const data = { id: 'o', name: 'x' };
    expect(contracts.cast(ref(1), ref(1))?.(data)).to.equal(data);
    expect(contracts.cast(ref(1), ref(9))).to.equal(undefined);
  });

  it('keep the key and the contract for any valid data, over the whole chain', () => {
    const [first, third] = [contracts.require(ref(1)), contracts.require(ref(3))];
    const chain = contracts.cast(ref(1), ref(3));
    fc.assert(
      fc.property(fc.record({ id: fc.string({ minLength: 1 }), name: fc.string() }), (data) => {
        const result = chain?.(data);
        expect(third.validate(result)).to.equal(undefined);
        expect(third.key(result)).to.equal(first.key(data));
      }),
    );
  });

  it('work without being checked again when they were applied', () => {
    const trusted = compileContracts([v1, v2], [cast(1, 2, up12)], { trusted: true });
    expect(trusted.contracts.cast(ref(1), ref(2))?.({ id: 'o', name: 'Ada' })).to.deep.equal({
      orderId: 'o',
      customer: { name: 'Ada' },
    });
  });
});

describe('checking casts', () => {
  it('finds mappings that break the contract they lead to, with their place', () => {
    const found = faultsOf([v1, v2], [cast(1, 2, { orderId: 'data.idd', customer: { nam: 'data.name' } }, down21)]);
    expect(found.some((fault) => fault.startsWith('up.orderId ') && fault.includes('did you mean'))).to.equal(true);
    expect(found.some((fault) => fault.startsWith('up.customer'))).to.equal(true);
  });

  it('refuses casts that change the key', () => {
    const changed = faultsOf([v1, v2], [cast(1, 2, { orderId: 'data.name', customer: { name: 'data.name' } })]);
    expect(changed[0]).to.equal(
      `up.orderId WB_CAST_INVALID the key of ${ref(2)} is made of data.name, but that of ${ref(1)} is data.id; write data.id`,
    );
    expect(changed[1]).to.contain('has the key o-1, and Ada Byron after the cast');
    const computed = faultsOf([v1, v2], [cast(1, 2, { orderId: "data.id + '!'", customer: { name: 'data.name' } })]);
    expect(computed).to.have.length(1);
    expect(computed[0]).to.contain('has the key o-1, and o-1! after the cast');
  });

  it('asks for an example where it cannot tell otherwise whether the key is kept', () => {
    const bare = contract(1, {
      'x-key': '/id',
      required: ['id', 'name'],
      properties: { id, name: { type: 'string' } },
    });
    const computed = cast(1, 2, { orderId: 'data.id.trim()', customer: { name: 'data.name' } });
    expect(faultsOf([bare, v2], [computed])[0])
      .to.contain('cannot be checked')
      .and.contain('add an example');
    expect(faultsOf([v1, v2], [computed])).to.deep.equal([]);
  });

  it('wants a key on both sides or on neither', () => {
    const { 'x-key': _key, ...schema } = v2.schema as Record<string, unknown>;
    const keyless = contract(2, schema);
    expect(faultsOf([v1, keyless], [cast(1, 2, up12)])[0]).to.contain(
      `${ref(1)} has a key (x-key) and ${ref(2)} has none`,
    );
  });

  it('casts the examples, and finds the ones that break the newer contract', () => {
    const strict = contract(2, {
      ...(v2.schema as object),
      properties: {
        orderId: { type: 'string', pattern: '^x' },
        customer: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
      },
      examples: [],
    });
    expect(faultsOf([v1, strict], [cast(1, 2, up12)])[0]).to.contain(
      `example 0 of ${ref(1)} becomes data that breaks ${ref(2)}: /orderId pattern`,
    );
  });

  it('wants two contracts, an older and a newer, and one cast between them', () => {
    expect(faultsOf([v1], [cast(1, 2, up12)])[0]).to.contain(`there is no contract ${ref(2)} to cast to`);
    expect(faultsOf([v2], [cast(1, 2, up12)])[0]).to.contain(`there is no contract ${ref(1)} to cast from`);
    expect(faultsOf([v1, v2], [cast(2, 1, down21)])[0]).to.contain('from an older major to a newer one');
    expect(faultsOf([v1, v2], [cast(1, 2, up12), { ...cast(1, 2, up12), file: 'again.yaml' }])[0]).to.contain(
      'WB_CONTRACT_DUPLICATE',
    );
  });

  it('says nothing of casts between faulty contracts: their faults come first', () => {
    const faulty = contract(2, { properties: 5 });
    expect(faultsOf([v1, faulty], [cast(1, 2, up12)]).filter((fault) => fault.includes('CAST'))).to.deep.equal([]);
  });
});

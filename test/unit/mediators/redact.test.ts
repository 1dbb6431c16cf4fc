import { expect } from 'chai';
import { NUMBER, object, TEXT } from '../../support/definitions.ts';
import { StepBench } from '../../support/steps.ts';

const bench = new StepBench({
  'customer?': object({
    name: TEXT,
    'email?': { type: 'string', format: 'email', 'x-sensitive': true },
    'age?': { ...NUMBER, 'x-sensitive': true },
  }),
  'lines?': { type: 'array', items: object({ sku: TEXT, 'gift?': TEXT }) },
  'notes?': { type: 'object', additionalProperties: TEXT },
});
const DATA = {
  note: 'n',
  customer: { name: 'Ada', email: 'ada@example.com', age: 36 },
  lines: [{ sku: 'a', gift: 'for Bob' }, { sku: 'b' }],
  notes: { door: '12', floor: '3' },
};
const ORDER = { id: 'o1', total: 5, ...DATA };

describe('redact', () => {
  it('leaves fields out: nested, of every item, of every property', () => {
    expect(bench.run("- redact: { drop: [note, customer.email, 'lines[].gift', notes.*] }", DATA)).to.deep.include({
      data: {
        id: 'o1',
        total: 5,
        customer: { name: 'Ada', age: 36 },
        lines: [{ sku: 'a' }, { sku: 'b' }],
        notes: {},
      },
    });
  });

  it('masks fields, with what it is told to', () => {
    expect(bench.run("- redact: { mask: [customer.name, 'lines[].gift'] }", DATA)).to.deep.include({
      data: {
        ...ORDER,
        customer: { ...DATA.customer, name: '***' },
        lines: [{ sku: 'a', gift: '***' }, { sku: 'b' }],
      },
    });
    expect(bench.run('- redact: { mask: [customer.email], with: hidden@example.com }', DATA)).to.have.nested.property(
      'data.customer.email',
      'hidden@example.com',
    );
    expect(bench.run('- redact: { mask: [customer.age], with: 0 }', DATA)).to.have.nested.property(
      'data.customer.age',
      0,
    );
  });

  it('removes all that is sensitive, and what stands undeclared beside it', () => {
    const data = { customer: { ...DATA.customer, emial: 'ada@example.com' } };
    expect(bench.run('- redact: { sensitive: drop }', data)).to.deep.include({
      data: { id: 'o1', total: 5, customer: { name: 'Ada' } },
    });
  });

  it('leaves a message without the fields as it came', () => {
    expect(bench.run('- redact: { drop: [note, customer.email] }')).to.have.nested.property('envelope.id', 'in-1');
  });

  it('refuses before anything runs to leave out what the contract requires', () => {
    expect(bench.faults('- redact: { drop: [total, customer.name] }')).to.deep.equal([
      'WB_MAPPING_REQUIRED steps.0.redact.drop.0: redact: shop.order.placed@1 requires total, so it cannot be left out',
      'WB_MAPPING_REQUIRED steps.0.redact.drop.1: redact: shop.order.placed@1 requires customer.name, so it cannot be left out',
    ]);
  });

  it('refuses a mask that the contract does not allow there', () => {
    expect(bench.faults('- redact: { mask: [customer.email, total] }')).to.deep.equal([
      'WB_MAPPING_TYPE steps.0.redact.mask.0: redact: "***" cannot stand in place of customer.email: shop.order.placed@1 expects the format email',
      'WB_MAPPING_TYPE steps.0.redact.mask.1: redact: "***" cannot stand in place of total: shop.order.placed@1 expects a number',
    ]);
    expect(bench.faults('- redact: { sensitive: mask }')).to.have.length(2);
  });

  it('refuses to touch what messages take their key from', () => {
    expect(bench.faults('- redact: { mask: [id] }')).to.deep.equal([
      'WB_MEDIATOR_OPTION steps.0.redact.mask.0: redact: shop.order.placed@1 takes the key of messages from id, so it must stay as it is',
    ]);
  });

  it('names the field that was meant, and refuses what is no path', () => {
    expect(bench.shownFaults('- redact: { drop: [customer.emial] }'))
      .to.contain('declares no field customer.emial')
      .and.contain('did you mean email?');
    expect(bench.shownFaults('- redact: { drop: [data.note] }')).to.contain('leave out `data.`');
    expect(bench.faults("- redact: { drop: ['a..b', __proto__] }")).to.have.length(2);
    expect(bench.faults('- redact: { with: x }')).to.have.length(1);
    expect(new StepBench().faults('- redact: { sensitive: drop }')).to.deep.equal([
      'WB_MEDIATOR_OPTION steps.0.redact.sensitive: redact: shop.order.placed@1 marks nothing as sensitive',
    ]);
  });
});

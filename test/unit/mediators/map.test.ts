import { expect } from 'chai';
import { faultsOfSteps, runSteps } from '../../support/steps.ts';

describe('map', () => {
  it('makes data of another type', () => {
    const outcome = runSteps(
      '- map: { to: oms.order.create@1, set: { orderId: data.id, total: data.total * 2.0, note: data.?note } }',
    );
    expect(outcome).to.deep.include({ data: { orderId: 'o1', total: 10 } });
    expect(outcome).to.have.nested.property('envelope.type', 'oms.order.create');
  });

  it('keeps the type without `to`', () => {
    const outcome = runSteps('- map: { set: { id: data.id, total: data.total, note: "\'n\'" } }');
    expect(outcome).to.deep.include({ data: { id: 'o1', total: 5, note: 'n' } });
    expect(outcome).to.have.nested.property('envelope.type', 'shop.order.placed');
  });

  it('tells later steps what the message is now', () => {
    const map = '- map: { to: oms.order.create@1, set: { orderId: data.id, total: data.total } }';
    expect(runSteps(`${map}\n- filter: data.orderId == 'o1'`)).to.have.property('data');
    expect(faultsOfSteps(`${map}\n- filter: data.id == 'o1'`)).to.deep.equal([
      'WB_EXPRESSION_FIELD steps.1.filter: data.id is not in oms.order.create@1',
    ]);
  });

  it('tells every field that the new contract lacks or needs, where it stands', () => {
    const faults = faultsOfSteps('- map: { to: oms.order.create@1, set: { orderid: data.id, total: data.nope } }');
    expect(faults.map((fault) => fault.split(':')[0])).to.have.members([
      'WB_MAPPING_FIELD steps.0.map.set.orderid',
      'WB_EXPRESSION_FIELD steps.0.map.set.total',
      'WB_MAPPING_REQUIRED steps.0.map.set',
    ]);
  });

  it('refuses an unknown type at its place', () => {
    expect(faultsOfSteps('- map: { to: oms.order.creat@1, set: {} }')).to.deep.equal([
      'WB_CONTRACT_UNKNOWN steps.0.map.to: there is no contract for oms.order.creat@1',
    ]);
  });

  it('fails by name when the result breaks the contract in a way that no checker sees before', () => {
    const outcome = runSteps('- map: { to: oms.order.create@1, set: { orderId: data.id, total: data.total } }', {
      total: -1,
    });
    expect(outcome).to.have.property('error').that.contains('WB_CONTRACT_VIOLATED');
  });
});

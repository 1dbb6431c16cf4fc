import { expect } from 'chai';
import { faultsOfSteps, runSteps } from '../../support/steps.ts';

describe('validate', () => {
  it('lets what keeps contract and rules go on as it came', () => {
    expect(runSteps('- validate: {}')).to.have.nested.property('envelope.id', 'in-1');
    expect(runSteps('- validate: { when: data.total > 0, message: costs nothing }')).to.have.property('data');
  });

  it('names all that breaks the contract of the message', () => {
    const outcome = runSteps('- validate: {}', { total: 'x', note: 1 });
    expect(outcome)
      .to.have.property('error')
      .that.matches(/^WB_CONTRACT_VIOLATED step 1 \(validate\): the data breaks shop\.order\.placed@1\n/)
      .and.contains('/total type: expected a number')
      .and.contains('/note type: expected a string');
  });

  it('checks another contract, and leaves the type as it is', () => {
    expect(runSteps('- validate: { against: oms.order.create@1 }')).to.have.property('error').that.contains('orderId');
    const outcome = runSteps('- validate: { against: oms.order.create@1 }', { orderId: 'o1' });
    expect(outcome).to.have.nested.property('envelope.type', 'shop.order.placed');
  });

  it('tells every rule that is broken, with an absent field as well, and none before the contract is kept', () => {
    const steps = `- validate:
    when: data.total > 10
    message: too small
    rules:
      - { when: data.id != 'o1', message: not this one }
      - { when: "data.note != ''", message: needs a note }
      - { when: data.total < 100, message: too large }`;
    expect(runSteps(steps)).to.deep.equal({
      error: 'WB_RULE_BROKEN step 1 (validate): too small\nnot this one\nneeds a note',
    });
    expect(runSteps(steps, { note: 3 }))
      .to.have.property('error')
      .that.contains('WB_CONTRACT_VIOLATED');
  });

  it('refuses a rule without words, words without a rule, and an unknown contract', () => {
    expect(faultsOfSteps('- validate: { when: data.total > 0 }')).to.deep.equal([
      'WB_MEDIATOR_OPTION steps.0.validate.when: validate: when stands here without message',
    ]);
    expect(faultsOfSteps('- validate: { message: m }')).to.deep.equal([
      'WB_MEDIATOR_OPTION steps.0.validate.message: validate: message stands here without when',
    ]);
    expect(faultsOfSteps('- validate: { against: oms.order.creat@1 }')).to.deep.equal([
      'WB_CONTRACT_UNKNOWN steps.0.validate.against: there is no contract for oms.order.creat@1',
    ]);
    expect(faultsOfSteps('- validate: { rules: [{ when: data.totl > 0, message: m }] }')).to.deep.equal([
      'WB_EXPRESSION_FIELD steps.0.validate.rules.0.when: data.totl is not in shop.order.placed@1',
    ]);
  });
});

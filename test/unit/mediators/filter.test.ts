import { expect } from 'chai';
import { faultsOfSteps, runSteps } from '../../support/steps.ts';

describe('filter', () => {
  it('lets a message go on, as it came, when the predicate is true, and ends it when it is false', () => {
    expect(runSteps('- filter: data.total > 3')).to.have.nested.property('envelope.id', 'in-1');
    expect(runSteps('- filter: data.total > 3', { total: 2 })).to.deep.equal({ filtered: true });
    expect(runSteps('- filter: { when: data.total > 3 }', { total: 2 })).to.deep.equal({ filtered: true });
  });

  it('ends a message whose field is absent', () => {
    expect(runSteps("- filter: data.note == 'x'")).to.deep.equal({ filtered: true });
  });

  it('refuses what is not a predicate, at its place in either form', () => {
    expect(faultsOfSteps('- filter: data.total').map((fault) => fault.split(':')[0])).to.deep.equal([
      'WB_EXPRESSION_TYPE steps.0.filter',
    ]);
    expect(faultsOfSteps('- filter: { when: data.total }').map((fault) => fault.split(':')[0])).to.deep.equal([
      'WB_EXPRESSION_TYPE steps.0.filter.when',
    ]);
  });
});

import { expect } from 'chai';
import { MEDIATORS } from '../../../src/mediators/table.ts';
import { checkOptions } from '../../../src/plan/options.ts';

function faultsOf(name: string, options: object): readonly string[] {
  const mediator = MEDIATORS.find((each) => each.name === name);
  if (mediator === undefined) throw new Error(`no mediator ${name}`);
  return checkOptions(mediator, options).map(({ message, fix }) => `${message}${fix === undefined ? '' : `; ${fix}`}`);
}

const process = (paying: object) => ({
  by: 'data.id',
  keep: 'shop.order@1',
  as: 'order',
  start: { 'shop.order.placed@1': { to: 'paying' } },
  states: { paying, over: { end: true } },
  otherwise: 'dead',
});

describe('the options of a step', () => {
  it('that are misspelt deep inside are named there, with what may stand there', () => {
    const send = { servce: 'payment', type: 'payment.capture@1', set: {} };
    expect(faultsOf('process', process({ on: { 'payment.captured@1': { send, to: 'over' } } }))).to.deep.equal([
      'process.states.paying.on.payment.captured@1.send has no option servce; did you mean service?',
    ]);
    expect(faultsOf('process', process({ timeout: { afer: '30m', to: 'over' } }))).to.deep.equal([
      'process.states.paying.timeout needs after',
      'process.states.paying.timeout has no option afer; did you mean after?',
    ]);
  });

  it('that are none of the words are told which words there are', () => {
    const ask = [{ service: 'east', type: 'stock.check@1', set: {} }];
    expect(faultsOf('scatter-gather', { ask, as: 'stocks', wait: 'enuf' })).to.deep.equal([
      'scatter-gather.wait must be all or enough',
    ]);
  });
});

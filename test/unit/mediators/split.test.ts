import { expect } from 'chai';
import { NUMBER, object, TEXT } from '../../support/definitions.ts';
import { StepBench } from '../../support/steps.ts';

const bench = new StepBench({
  'lines?': { type: 'array', items: object({ sku: TEXT, quantity: NUMBER, 'parts?': { type: 'array', items: TEXT } }) },
});
const LINES = {
  lines: [
    { sku: 'a', quantity: 1 },
    { sku: 'b', quantity: 2 },
    { sku: 'c', quantity: 3 },
  ],
};
const TO_CREATE = (id: string): string =>
  `- map: { to: oms.order.create@1, set: { orderId: "${id}", total: vars.line.quantity } }`;

describe('split', () => {
  it('makes a message of each element, in order, each under an id of its own and caused by the whole', () => {
    const outcomes = bench.runAll(`- split: { each: data.?lines, as: line }\n${TO_CREATE('vars.line.sku')}`, LINES);
    expect(outcomes.map((outcome) => 'data' in outcome && outcome.data)).to.deep.equal([
      { orderId: 'a', total: 1 },
      { orderId: 'b', total: 2 },
      { orderId: 'c', total: 3 },
    ]);
    const envelopes = outcomes.flatMap((outcome) => ('envelope' in outcome ? outcome.envelope : []));
    expect(new Set(envelopes.map(({ id }) => id)).size).to.equal(3);
    expect(envelopes.map(({ causationId, key }) => [causationId, key])).to.deep.equal([
      ['in-1', 'a'],
      ['in-1', 'b'],
      ['in-1', 'c'],
    ]);
    // The same in a replay.
    const again = bench.runAll(`- split: { each: data.?lines, as: line }\n${TO_CREATE('vars.line.sku')}`, LINES);
    expect(again).to.deep.equal(outcomes);
  });

  it('says which element it is, of how many, and of what', () => {
    const outcomes = bench.runAll(
      `- split: { each: data.?lines, as: line }\n${TO_CREATE("vars.split.group + '/' + text(vars.split.index) + '/' + text(vars.split.count)")}`,
      LINES,
    );
    expect(outcomes.map((outcome) => 'data' in outcome && outcome.data)).to.have.nested.property(
      '2.orderId',
      'in-1/2/3',
    );
  });

  it('tells parts of parts apart', () => {
    const lines = [
      { sku: 'a', quantity: 1, parts: ['x', 'y'] },
      { sku: 'b', quantity: 2, parts: ['z'] },
    ];
    const steps = `- split: { each: data.?lines, as: line }
- split: { each: vars.line.?parts, as: part }
${TO_CREATE("vars.split.group + '/' + text(vars.split.index) + ' ' + vars.part")}`;
    const outcomes = bench.runAll(steps, { lines });
    expect(outcomes.map((outcome) => 'data' in outcome && outcome.data)).to.deep.equal([
      { orderId: 'in-1.0/0 x', total: 1 },
      { orderId: 'in-1.0/1 y', total: 1 },
      { orderId: 'in-1.1/0 z', total: 2 },
    ]);
    const ids = outcomes.flatMap((outcome) => ('envelope' in outcome ? outcome.envelope.id : []));
    expect(new Set(ids).size).to.equal(3);
  });

  it('gives a list of one an id of its own too, and ends a message with none', () => {
    const one = bench.runAll('- split: { each: data.?lines, as: line }', { lines: [{ sku: 'a', quantity: 1 }] });
    expect(one).to.have.nested.property('0.envelope.causationId', 'in-1');
    expect(bench.runAll('- split: { each: data.?lines, as: line }', { lines: [] })).to.deep.equal([]);
    expect(bench.runAll('- split: { each: data.?lines, as: line }')).to.deep.equal([]);
  });

  it('refuses a list that is longer than it may be, all of it', () => {
    expect(bench.runAll('- split: { each: data.?lines, as: line, max: 2 }', LINES)).to.deep.equal([
      { error: 'WB_STEP_FAILED step 1 (split): data.?lines has 3 elements, more than 2' },
    ]);
  });

  it('knows the type of the element', () => {
    expect(bench.faults('- split: { each: data.?lines, as: line }\n- filter: vars.line.qty > 1')).to.deep.equal([
      'WB_EXPRESSION_FIELD steps.1.filter: vars.line.qty is not declared by the step that sets it',
    ]);
    expect(bench.faults('- split: { each: data.?lines, as: line }\n- filter: vars.split.id == 1')).to.have.length(1);
  });

  it('refuses what is no list, and names that no variable can have', () => {
    expect(bench.faults('- split: { each: data.total, as: line }')).to.deep.equal([
      'WB_EXPRESSION_TYPE steps.0.split.each: data.total must be a list, and is a number',
    ]);
    expect(bench.faults('- split: { each: data.?lines, as: split }')).to.have.length(1);
    expect(bench.faults('- split: { each: data.?lines, as: a-b }')).to.deep.equal([
      'WB_MEDIATOR_OPTION steps.0.split.as: split: "a-b" cannot be the name of a variable',
    ]);
  });
});

import { Environment } from '@marcbachmann/cel-js';
import { expect } from 'chai';
import { compileNode, dataOnly } from '../../../src/expressions/compile-node.ts';
import { DEVIATIONS, NO_VALUE } from '../../../src/expressions/deviations.ts';
import { parseExpression } from '../../../src/expressions/parse.ts';
import { ABSENT } from '../../../src/expressions/values.ts';

const data = { n: 3, s: 'abc', z: null, list: [1, 2] };

function library(expression: string): unknown {
  const environment = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true });
  try {
    const value: unknown = environment.evaluate(expression, { data });
    return value;
  } catch {
    return NO_VALUE;
  }
}

describe('deviations from CEL', () => {
  for (const { name, example } of DEVIATIONS) {
    it(`are as documented: ${name}`, () => {
      const [expression, expected] = example;
      const { node, faults } = parseExpression(expression);
      expect(faults).to.deep.equal([]);
      const value = node === undefined ? undefined : compileNode(node, undefined).run(dataOnly(data));
      expect(value === ABSENT ? NO_VALUE : value).to.deep.equal(expected);
    });
  }

  it('are deviations: the library gives something else', () => {
    // Alike by chance in their examples: the difference is in what follows from no value, in the time taken, in rounding.
    const alike = ['absent-predicate', 'finite-numbers'];
    for (const { name, example } of DEVIATIONS) {
      if (!alike.includes(name)) expect(library(example[0]), name).not.to.deep.equal(example[1]);
    }
  });
});

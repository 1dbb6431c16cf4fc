import { expect } from 'chai';
import fc from 'fast-check';
import { formatPointer, parseFragment, parsePointer } from '../../../src/contracts/pointer.ts';

describe('a JSON pointer', () => {
  it('comes back from any names, slashes and tildes included', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (names) => {
        expect(parsePointer(formatPointer(names))).to.deep.equal(names);
      }),
    );
  });

  it('reads the examples of RFC 6901', () => {
    expect(parsePointer('')).to.deep.equal([]);
    expect(parsePointer('/')).to.deep.equal(['']);
    expect(parsePointer('/a~1b/m~0n/0')).to.deep.equal(['a/b', 'm~n', '0']);
    expect(parseFragment('#/c%25d')).to.deep.equal(['c%d']);
    expect(parseFragment('#')).to.deep.equal([]);
  });

  it('is refused when it is none', () => {
    for (const bad of ['a', 'orderId/x', '/a~2b', '/a~']) expect(parsePointer(bad), bad).to.equal(undefined);
    for (const bad of ['other.json#/a', '#name', '#/%zz']) expect(parseFragment(bad), bad).to.equal(undefined);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { didYouMean, nearest } from '../../src/nearest.ts';

describe('the nearest name', () => {
  it('is the one with a letter added, left out, replaced or swapped', () => {
    const names = ['country', 'total', 'lines'];
    for (const typo of ['contry', 'countryy', 'cuontry', 'Country', 'countri'])
      expect(nearest(typo, names), typo).to.equal('country');
  });

  it('is none when nothing is near', () => {
    expect(nearest('zebra', ['country', 'total'])).to.equal(undefined);
    expect(nearest('a', ['bc'])).to.equal(undefined);
    expect(nearest('x', [])).to.equal(undefined);
  });

  it('is found for every word with one letter left out', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{4,12}$/), fc.nat(), (word, at) => {
        const typo = word.slice(0, at % word.length) + word.slice((at % word.length) + 1);
        expect(nearest(typo, [word])).to.equal(word);
      }),
    );
  });

  it('is offered as a question', () => {
    expect(didYouMean('publshes', ['publishes', 'receives'])).to.equal('did you mean publishes?');
    expect(didYouMean('zzz', ['publishes'])).to.equal(undefined);
  });
});

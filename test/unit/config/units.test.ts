import { expect } from 'chai';
import fc from 'fast-check';
import { formatQuantity, guessQuantity, parseQuantity } from '../../../src/config/units.ts';

describe('quantities', () => {
  it('reads durations as milliseconds and sizes as bytes', () => {
    expect(
      ['250ms', '30s', '5m', '1.5h', '2d', '0s', '1.1s'].map((text) => parseQuantity('duration', text)),
    ).to.deep.equal([250, 30_000, 300_000, 5_400_000, 172_800_000, 0, 1_100]);
    expect(
      ['512B', '64KiB', '1MiB', '10MB', '1GB', '1GiB', '0B'].map((text) => parseQuantity('size', text)),
    ).to.deep.equal([512, 65_536, 1_048_576, 10_000_000, 1_000_000_000, 1_073_741_824, 0]);
  });

  it('refuses what is not one number and one unit', () => {
    for (const text of [
      '',
      '30',
      's',
      '30 s',
      '-1s',
      '1h30m',
      '1e3s',
      '30S',
      '0.0001ms',
      '1.s',
      '.5s',
      '99999999999999999d',
      '1constructor',
    ]) {
      expect(parseQuantity('duration', text), text).to.equal(undefined);
    }
    for (const text of ['1', '1mib', '1 MiB', '0.5B', '1TB', '1toString'])
      expect(parseQuantity('size', text), text).to.equal(undefined);
  });

  it('writes what it reads back', () => {
    fc.assert(
      fc.property(fc.nat(1e12), fc.constantFrom('duration' as const, 'size' as const), (amount, unit) => {
        expect(parseQuantity(unit, formatQuantity(unit, amount))).to.equal(amount);
      }),
    );
    expect(formatQuantity('duration', 90_000)).to.equal('90s');
    expect(formatQuantity('size', 1_048_576)).to.equal('1MiB');
  });

  it('guesses what was meant', () => {
    expect(guessQuantity('duration', '30 seconds')).to.equal('30s');
    expect(guessQuantity('duration', 30)).to.equal('30s');
    expect(guessQuantity('size', '1mb')).to.equal('1MB');
    expect(guessQuantity('size', '10 k')).to.equal('10KiB');
    expect(guessQuantity('duration', 'soon')).to.equal(undefined);
    expect(guessQuantity('duration', '5 constructor')).to.equal(undefined);
  });
});

import { expect } from 'chai';
import { ERROR_CODES, FaultsError, formatFault, toError, WaybillError } from '../../src/errors.ts';

describe('an error of Waybill', () => {
  it('carries its code, the fix and the cause, and is not retryable unless it says so', () => {
    const cause = new Error('below');
    const error = new WaybillError('WB_CLOSED', 'the bus is closed', { cause, fix: 'Connect again.' });
    expect(error).to.include({
      name: 'WaybillError',
      code: 'WB_CLOSED',
      retryable: false,
      fix: 'Connect again.',
      cause,
    });
    expect(new WaybillError('WB_DEADLINE', 'late', { retryable: true }).retryable).to.equal(true);
    expect('cause' in new WaybillError('WB_CLOSED', 'x')).to.equal(false);
  });

  it('has a sentence for every code, in alphabetical order', () => {
    const codes = Object.keys(ERROR_CODES);
    expect(codes).to.deep.equal([...codes].sort());
    for (const [code, sentence] of Object.entries(ERROR_CODES)) {
      expect(code).to.match(/^WB_[A-Z0-9]+(_[A-Z0-9]+)*$/);
      expect(sentence, code).to.match(/^[A-Z`].*\.$/);
    }
  });
});

describe('a fault', () => {
  it('is shown with its place, its code, what is wrong and what to do', () => {
    expect(
      formatFault({
        code: 'WB_OPTION_INVALID',
        message: 'unknown option "retires"\nin the service mail',
        fix: 'did you mean retries?',
        at: { file: 'waybill.yaml', line: 3, column: 7 },
      }),
    ).to.equal(
      'waybill.yaml:3:7  WB_OPTION_INVALID\n  unknown option "retires"\n  in the service mail\n  did you mean retries?',
    );
  });

  it('is shown without a place when it has none', () => {
    expect(formatFault({ code: 'WB_OPTION_INVALID', message: 'bad' })).to.equal('WB_OPTION_INVALID\n  bad');
    expect(formatFault({ code: 'WB_OPTION_INVALID', message: 'bad', at: { file: 'a.yaml' } })).to.equal(
      'a.yaml  WB_OPTION_INVALID\n  bad',
    );
  });

  it('comes with all others in one error', () => {
    const error = new FaultsError([
      { code: 'WB_OPTION_INVALID', message: 'one' },
      { code: 'WB_CONTRACT_UNKNOWN', message: 'two' },
    ]);
    expect(error.code).to.equal('WB_CONFIG_FAULTS');
    expect(error.message).to.contain('2 faults').and.contain('one').and.contain('two');
    expect(new FaultsError([{ code: 'WB_CLOSED', message: 'x' }]).message).to.contain('1 fault\n');
  });
});

describe('whatever was thrown', () => {
  it('becomes an error, and an error stays itself', () => {
    const error = new TypeError('x');
    expect(toError(error)).to.equal(error);
    expect(toError('text').message).to.equal('text');
    expect(toError(undefined)).to.be.instanceOf(Error);
  });
});

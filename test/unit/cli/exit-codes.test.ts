import { expect } from 'chai';
import { EXIT_CODES, exitCodesText, exitOf } from '../../../src/cli/exit-codes.ts';
import { ERROR_CODES, type ErrorCode } from '../../../src/index.ts';

describe('exit codes', () => {
  it('are all different, and all told in the help', () => {
    const codes = Object.values(EXIT_CODES).map(({ code }) => code);
    expect(new Set(codes).size).to.equal(codes.length);
    for (const { code, meaning } of Object.values(EXIT_CODES))
      expect(exitCodesText()).to.contain(`${String(code)}  ${meaning}`);
  });

  it('tell failures of the transport, of the configuration and of the input apart', () => {
    expect(exitOf('WB_STORE_FULL')).to.equal('transport');
    expect(exitOf('WB_TRANSPORT_UNAVAILABLE')).to.equal('transport');
    expect(exitOf('WB_CONFIG_FAULTS')).to.equal('configuration');
    expect(exitOf('WB_JSON_DUPLICATE_KEY')).to.equal('refused');
    expect(exitOf('WB_PLAN_NOT_APPLIED')).to.equal('notApplied');
  });

  it('call no error of the input, of the transport or of the configuration unexpected', () => {
    const codes = Object.keys(ERROR_CODES) as ErrorCode[];
    const families = codes.filter((code) => /^WB_(JSON|TRANSPORT|STORE|CONFIG_FAULTS|CONFIG_NOT|MESSAGE)_?/.test(code));
    expect(families.filter((code) => exitOf(code) === 'unexpected')).to.deep.equal([]);
  });
});

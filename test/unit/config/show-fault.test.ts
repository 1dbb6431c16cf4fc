import { expect } from 'chai';
import { showFault } from '../../../src/config/show-fault.ts';

const fault = (line: number, column: number) => ({
  code: 'WB_OPTION_INVALID' as const,
  message: 'no',
  fix: 'yes',
  at: { file: 'a.yaml', line, column },
});

describe('showing a fault', () => {
  it('puts a caret under the place', () => {
    expect(showFault(fault(12, 4), 'to: oms').split('\n')).to.deep.equal([
      'a.yaml:12:4  WB_OPTION_INVALID',
      '  no',
      '  yes',
      '  12 | to: oms',
      '     |    ^',
    ]);
  });

  it('keeps tabs, so that the caret stands right', () => {
    expect(showFault(fault(1, 3), '\t\tx').split('\n').at(-1)).to.equal('    | \t\t^');
  });

  it('cuts a long line around the place', () => {
    const line = `${'a'.repeat(200)}X${'b'.repeat(200)}`;
    const [text = '', caret = ''] = showFault(fault(1, 201), line).split('\n').slice(-2);
    expect(text).to.have.length.lessThan(120);
    expect(text[caret.indexOf('^')]).to.equal('X');
  });

  it('writes the fault alone without a line', () => {
    expect(showFault(fault(1, 1), undefined)).to.equal('a.yaml:1:1  WB_OPTION_INVALID\n  no\n  yes');
    expect(showFault({ code: 'WB_OPTION_INVALID', message: 'no' }, 'x')).to.equal('WB_OPTION_INVALID\n  no');
  });
});

import { expect } from 'chai';
import { decodeHistory, encodeHistory, type HistoryRecord } from '../../../src/ports/history.ts';

const record: HistoryRecord = {
  at: 1_790_000_000_000,
  took: 1.25,
  operation: 'route',
  by: 'orders',
  process: 'here 1',
  message: 'a',
  type: 'shop.order.placed@1',
  conversation: 'a',
  cause: 'z',
  outcome: 'done',
  error: 'Error',
  attempt: 1,
  retryIn: 20,
  endpoint: 'oms',
  steps: [{ label: 'step 1 (map)', took: 0.5, error: 'Error' }],
  results: [{ message: 'b', type: 'oms.order.create@1', to: 'oms' }],
  joined: ['c'],
};

describe('records of the message history', () => {
  it('come back as they were', () => {
    expect(decodeHistory(encodeHistory([record]))).to.deep.equal([record]);
  });

  it('are left out where they cannot be shown, whoever wrote them', () => {
    const bad: Record<string, unknown>[] = [
      { at: 1e20 },
      { at: Number.NaN },
      { at: '2026' },
      { took: -1 },
      { operation: 'steal' },
      { by: 'red \u001b[31m' },
      { message: undefined },
      { cause: 7 },
      { attempt: 'first' },
      { steps: [{ label: 'step', took: '1' }] },
      { steps: [{ took: 1 }] },
      { steps: 'none' },
      { results: [{ message: 'b', to: 'oms' }] },
      { joined: [1] },
    ];
    for (const fault of bad) {
      const text = JSON.stringify([{ ...record, ...fault }, record]);
      expect(decodeHistory(text), JSON.stringify(fault)).to.deep.equal([record]);
    }
    expect(decodeHistory('[null, 1, "a"]')).to.deep.equal([]);
  });

  it('are told from what is no list of records', () => {
    for (const text of ['', '{}', 'null', '[{']) expect(decodeHistory(text), text).to.equal(undefined);
  });
});

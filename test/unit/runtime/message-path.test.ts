import { expect } from 'chai';
import type { HistoryRecord } from '../../../src/ports/history.ts';
import { conversationsOf, type MessagePath, messagesLike, pathsOf } from '../../../src/runtime/message-path.ts';

const record = (
  message: string,
  more: Partial<HistoryRecord> & Pick<HistoryRecord, 'operation' | 'by' | 'at'>,
): HistoryRecord => ({
  took: 1,
  process: 'here 1',
  message,
  type: 'shop.order.placed@1',
  conversation: 'c',
  ...more,
});

const result = (message: string, to = 'oms') => ({ message, type: 'oms.order.create@1', to });

/** `by` of each event, with what was made in it. */
function outline({ message, events, made }: MessagePath): unknown {
  return {
    [message]: events.map(({ record: { by }, made: inner }) =>
      inner.length === 0 ? by : { [by]: inner.map((each) => outline(each)) },
    ),
    ...(made.length > 0 && { made: made.map((each) => outline(each)) }),
  };
}

describe('the path of a message', () => {
  it('begins with what nothing known has caused, from whichever message of it', () => {
    const records = [
      record('a', { operation: 'publish', by: 'shop', at: 1 }),
      record('a', { operation: 'route', by: 'orders', at: 2, results: [result('b')] }),
      record('b', { operation: 'process', by: 'oms', at: 3, cause: 'a' }),
    ];
    const expected = [{ a: ['shop', { orders: [{ b: ['oms'] }] }] }];
    for (const message of ['a', 'b'])
      expect(pathsOf(message, records).map((path) => outline(path))).to.deep.equal(expected);
  });

  it('shows what a handler published in the attempt that did, not in those that failed before', () => {
    const records = [
      record('a', { operation: 'process', by: 'oms', at: 10, attempt: 1, error: 'Error' }),
      record('a', { operation: 'process', by: 'oms', at: 20, attempt: 2, outcome: 'done' }),
      record('b', { operation: 'publish', by: 'oms', at: 21, cause: 'a' }),
      record('c', { operation: 'publish', by: 'oms', at: 22, cause: 'a', process: 'elsewhere 2' }),
    ];
    expect(pathsOf('a', records).map((path) => outline(path))).to.deep.equal([
      { a: ['oms', { oms: [{ b: ['oms'] }] }], made: [{ c: ['oms'] }] },
    ]);
  });

  it('is told of each message that came together with others', async () => {
    const records = [
      record('a', { operation: 'route', by: 'picks', at: 1, outcome: 'merged', conversation: 'a' }),
      record('b', { operation: 'route', by: 'picks', at: 2, joined: ['a'], results: [result('s')], conversation: 'b' }),
      record('x', { operation: 'publish', by: 'shop', at: 3, conversation: 'x' }),
    ];
    const read = (take: (records: readonly HistoryRecord[]) => void): Promise<void> => {
      for (const each of records) take([each]);
      return Promise.resolve();
    };
    const found = await conversationsOf('a', read);
    expect(found.map(({ message }) => message)).to.deep.equal(['a', 'b']);
    expect(pathsOf('a', found).map(({ message }) => message)).to.deep.equal(['a', 'b']);
    expect(await conversationsOf('nobody', read)).to.deep.equal([]);
  });

  it('is found by the beginning of any id on record', async () => {
    const records = [
      record('abc-1', { operation: 'route', by: 'orders', at: 1, cause: 'abc-2', joined: ['abc-3', 'x-abc'] }),
      record('x', { operation: 'route', by: 'orders', at: 1, results: [result('abc-4'), result('ab')] }),
    ];
    const read = (take: (of: readonly HistoryRecord[]) => void): Promise<void> => {
      take(records);
      return Promise.resolve();
    };
    expect(await messagesLike('abc-', read)).to.have.members(['abc-1', 'abc-2', 'abc-3', 'abc-4']);
  });

  it('ends by itself where messages cause each other in a circle, and is cut where they go on for ever', () => {
    const circle = [
      record('a', { operation: 'publish', by: 'shop', at: 1, cause: 'b' }),
      record('b', { operation: 'publish', by: 'shop', at: 2, cause: 'a' }),
    ];
    expect(pathsOf('a', circle)).to.have.length(1);
    const chain = Array.from({ length: 5_000 }, (_, n) =>
      record(String(n), { operation: 'publish', by: 'shop', at: n, ...(n > 0 && { cause: String(n - 1) }) }),
    );
    for (const message of ['0', '2500', '4999']) {
      const shown = JSON.stringify(pathsOf(message, chain));
      expect(shown, message).to.include(`"message":"${message}"`);
      expect(shown.includes('"cut":true'), message).to.equal(message !== '4999');
    }
  });
});

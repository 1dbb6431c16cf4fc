import { expect } from 'chai';
import { WaybillError } from '../../../src/errors.ts';
import type { HistoryRecord } from '../../../src/ports/history.ts';
import { History } from '../../../src/runtime/history.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const record = (message: string): HistoryRecord => ({
  at: 0,
  took: 0,
  operation: 'publish',
  by: 'shop',
  process: 'here 1',
  message,
  type: 'shop.order.placed@1',
  conversation: message,
});

/** A place for records that can be made to refuse them, and to take its time. */
class Shelf {
  readonly kept: string[][] = [];
  refuses = false;
  gate: Promise<void> = Promise.resolve();

  async record(records: readonly HistoryRecord[]): Promise<void> {
    await this.gate;
    if (this.refuses) throw new WaybillError('WB_TRANSPORT_UNAVAILABLE', 'away', { retryable: true });
    this.kept.push(records.map(({ message }) => message));
  }
}

describe('the message history', () => {
  let clock: ManualClock;
  let shelf: Shelf;
  let said: string[];
  let history: History;
  beforeEach(() => {
    clock = new ManualClock();
    shelf = new Shelf();
    said = [];
    const ignore = (): void => undefined;
    const warn = (fields: object, text: string): void => {
      said.push(`${text} ${JSON.stringify(fields)}`);
    };
    history = new History({
      transport: shelf,
      clock,
      log: { debug: ignore, info: ignore, warn, error: warn },
      rate: 200,
    });
  });

  it('is added to together, half a second after the first record, or once there are many', async () => {
    history.add(record('a'));
    clock.advance(400);
    history.add(record('b'));
    expect(shelf.kept).to.deep.equal([]);
    clock.advance(100);
    await history.close();
    expect(shelf.kept).to.deep.equal([['a', 'b']]);
  });

  it('takes what is left when the process closes, and nothing after it', async () => {
    history.add(record('a'));
    await history.close();
    history.add(record('late'));
    expect(shelf.kept).to.deep.equal([['a']]);
    expect(clock.armed).to.equal(0);
  });

  it('holds nobody up when it cannot be kept, and says how much is missing once it can again', async () => {
    shelf.refuses = true;
    history.add(record('a'));
    history.add(record('b'));
    clock.advance(500);
    await shelf.gate;
    await new Promise(setImmediate);
    shelf.refuses = false;
    history.add(record('c'));
    await history.close();
    expect(shelf.kept).to.deep.equal([['c']]);
    expect(said).to.deep.equal(['the message history lacks records that could not be kept {"records":2}']);
  });

  it('does not grow without end while what it keeps takes its time', async () => {
    let open = (): void => undefined;
    shelf.gate = new Promise((resolve) => {
      open = resolve;
    });
    for (let n = 0; n < 20_000; n++) history.add(record(String(n)));
    open();
    await history.close();
    const kept = shelf.kept.flat().length;
    expect(kept).to.be.within(5_000, 6_000);
    expect(said.join()).to.include(`"records":${String(20_000 - kept)}`);
  });
});

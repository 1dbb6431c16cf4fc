import { expect } from 'chai';
import type { HistoryRecord } from '../../src/ports/history.ts';
import type { Transport } from '../../src/ports/transport.ts';
import { until } from '../support/until.ts';
import { conformance } from './conformance.ts';

const FLOW = { oms: { takes: ['shop.order.placed@1'] } };

const record = (message: string): HistoryRecord => ({
  at: Date.now(),
  took: 1.5,
  operation: 'route',
  by: 'orders',
  process: 'here 1',
  message,
  type: 'shop.order.placed@1',
  conversation: message,
  steps: [{ label: 'step 1 (map)', took: 0.5 }],
  results: [{ message: `${message}-2`, type: 'oms.order.create@1', to: 'oms' }],
});

async function kept(transport: Transport): Promise<HistoryRecord[]> {
  const all: HistoryRecord[] = [];
  await transport.history((records) => all.push(...records));
  return all;
}

conformance('the message history', ({ open }) => {
  it('gives back what was added, in order, to any process', async () => {
    const { bus, transport } = await open({ endpoints: FLOW });
    expect(await kept(transport)).to.deep.equal([]);
    const records = ['a', 'b', 'c', 'd'].map(record);
    await transport.record(records.slice(0, 3));
    await transport.record(records.slice(3));
    const other = await bus.connect();
    await until('the records', async () => (await kept(other)).length === 4);
    expect(await kept(other)).to.deep.equal(records);
    await other.record([record('e')]);
    await until('the record of the other', async () => (await kept(transport)).length === 5);
  });

  it('is no message: nothing of it is routed, parked or counted', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await transport.record([record('a')]);
    await until('the record', async () => (await kept(transport)).length === 1);
    const { ledger, parked } = await transport.stats();
    expect({ made: ledger.made, parked }).to.deep.equal({ made: 0, parked: 0 });
    expect(await transport.parked.count()).to.equal(0);
  });
});

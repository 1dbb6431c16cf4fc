import { expect } from 'chai';
import { openStore } from '../../../../src/adapters/embedded/folder.ts';
import type { EmbeddedTransport } from '../../../../src/adapters/embedded/transport.ts';
import { systemClock } from '../../../../src/ports/clock.ts';
import { HISTORY_AGE_MS, HISTORY_BYTES, type HistoryRecord } from '../../../../src/ports/history.ts';
import { Home } from './home.ts';

const record = (message: string, by = 'shop'): HistoryRecord => ({
  at: 0,
  took: 0,
  operation: 'publish',
  by,
  process: 'here 1',
  message,
  type: 'shop.order.placed@1',
  conversation: message,
});

async function kept(transport: EmbeddedTransport): Promise<string[]> {
  const all: string[] = [];
  await transport.history((records) => all.push(...records.map(({ message }) => message)));
  return all;
}

describe('the message history of a folder', () => {
  let home: Home;
  beforeEach(async () => {
    home = await Home.make('bus');
  });
  afterEach(async () => {
    await home.remove();
  });

  it('outlives its processes', async () => {
    const first = await home.open({ bus: 'retail' });
    await first.record([record('a')]);
    await first.close();
    const second = await home.open({ bus: 'retail' });
    await second.record([record('b')]);
    expect(await kept(second)).to.deep.equal(['a', 'b']);
  });

  it('counts what cannot be read, and gives the others', async () => {
    const first = await home.open({ bus: 'retail' });
    await first.record([record('a')]);
    await first.close();
    const store = openStore(home.folder, 'retail');
    await store.history.put(1_000_000, `${String(Date.now())}\n[{"at":`);
    await store.root.close();
    const second = await home.open({ bus: 'retail' });
    await second.record([record('b')]);
    expect(await second.history(() => undefined)).to.equal(1);
    expect(await kept(second)).to.deep.equal(['a', 'b']);
  });

  it('forgets what is older than a day', async () => {
    let aheadMs = 0;
    const clock = { ...systemClock, now: () => Date.now() + aheadMs };
    const transport = await home.open({ bus: 'retail', clock });
    await transport.record([record('old')]);
    aheadMs = HISTORY_AGE_MS / 2;
    await transport.record([record('younger')]);
    expect(await kept(transport)).to.deep.equal(['old', 'younger']);
    aheadMs = HISTORY_AGE_MS + 60_000;
    expect(await kept(transport), 'before anything is added').to.deep.equal(['younger']);
    await transport.record([record('new')]);
    aheadMs = 0;
    expect(await kept(transport), 'the old one is gone for good').to.deep.equal(['younger', 'new']);
  });

  it('keeps the youngest when there is more than it may hold', async () => {
    const transport = await home.open({ bus: 'retail' });
    const long = 'x'.repeat(4_000_000);
    const most = Math.ceil(HISTORY_BYTES / long.length);
    const names = Array.from({ length: most + 3 }, (_, n) => String(n));
    for (const name of names) await transport.record([record(name, long)]);
    const left = await kept(transport);
    expect(left).to.deep.equal(names.slice(-left.length));
    expect(left.length).to.be.within(most - 2, most);
  });
});

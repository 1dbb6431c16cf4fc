import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openEmbedded } from '../../../src/adapters/embedded/transport.ts';
import { systemClock } from '../../../src/ports/clock.ts';
import { rejection } from '../../support/rejection.ts';
import { openStoreTarget } from '../../support/store-target.ts';
import { testLog } from '../../support/targets.ts';
import { change, done, read, unit } from '../../support/units.ts';

describe('the folder of a store', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'waybill-store-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('belongs to one at a time, and the next one is told who has it', async () => {
    const target = { kind: 'embedded', folder } as const;
    const first = await openStoreTarget(target);
    const refused = await rejection(openStoreTarget(target));
    expect(refused).to.include({ code: 'WB_STORE_OWNED', retryable: true });
    expect(refused.message).to.include(String(process.pid)).and.include(folder);
    done(await first.commit(unit('m1', [change('a', 0, 'one')])));
    await first.close();
    const second = await openStoreTarget(target);
    expect(await read(second, 'a')).to.deep.equal(['one']);
    await second.close();
  });

  it('is not one in which a bus keeps its messages, nor the other way round', async () => {
    const bus = join(folder, 'bus');
    const store = join(folder, 'store');
    const shared = { clock: systemClock, log: testLog };
    await (await openEmbedded({ folder: bus, bus: 'retail', ...shared })).close();
    expect(await rejection(openStoreTarget({ kind: 'embedded', folder: bus }))).to.have.property(
      'code',
      'WB_STORE_BUS',
    );
    await (await openStoreTarget({ kind: 'embedded', folder: store })).close();
    const refused = await rejection(openEmbedded({ folder: store, bus: 'retail', ...shared }));
    expect(refused.code).to.equal('WB_STORE_BUS');
    expect(refused.message).to.include('whose messages are elsewhere');
  });
});

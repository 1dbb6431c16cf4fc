import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { EmbeddedTransport } from '../../../../src/adapters/embedded/transport.ts';
import { WaybillError } from '../../../../src/errors.ts';
import { Collector } from '../../../support/collector.ts';
import { message } from '../../../support/messages.ts';
import { until } from '../../../support/until.ts';
import { Home, plan } from './home.ts';

/** Small enough to fill in a moment. @unit bytes */
const DISK = 12 * 1024 * 1024;

describe('a full disk', () => {
  let home: Home;
  let mounted = false;

  beforeEach(async function () {
    home = await Home.make('disk', 'bus');
    const disk = join(home.folder, '..');
    mkdirSync(disk);
    mounted = mountSmall(disk);
    if (!mounted) this.skip();
  });
  afterEach(async () => {
    await home.close();
    if (mounted) execFileSync('umount', [join(home.folder, '..')]);
    await home.remove();
  });

  /** Sends until the disk is full; the ids that were acknowledged. */
  const fill = async (transport: EmbeddedTransport): Promise<{ acknowledged: string[]; errors: WaybillError[] }> => {
    const acknowledged: string[] = [];
    const errors: WaybillError[] = [];
    for (let n = 0; errors.length === 0; n++) {
      const batch = Array.from({ length: 20 }, (_, i) =>
        message({ id: `m${String(n * 20 + i)}`, key: `k${String(i % 4)}`, body: Buffer.alloc(20_000, 120) }),
      );
      await Promise.all(
        batch.map((each) =>
          transport.send([{ to: 'bus', message: each }]).then(
            () => acknowledged.push(each.envelope.id),
            (error: unknown) => {
              if (error instanceof WaybillError) errors.push(error);
              else throw error;
            },
          ),
        ),
      );
    }
    return { acknowledged, errors };
  };

  for (const role of ['owner', 'attached'] as const) {
    it(`fails sends by name, loses nothing that was acknowledged, and goes on when there is space (${role})`, async function () {
      this.timeout(240_000);
      const owner = await home.open({ bus: 'retail' });
      await owner.apply(plan({ edition: '1', endpoints: { oms: { partitions: 2 } } }));
      const transport = role === 'owner' ? owner : await home.open();
      const ballast = join(home.folder, '..', 'ballast');
      writeFileSync(ballast, Buffer.alloc(DISK / 2));
      const { acknowledged, errors } = await fill(transport);
      for (const error of errors) expect(error).to.include({ code: 'WB_STORE_FULL', retryable: true });
      expect(errors[0]?.message).to.include('is full');
      await until('the state to be shown', () => transport.status().blocked !== undefined || 'free');
      expect((await transport.stats()).ledger).to.include({ made: acknowledged.length, waiting: acknowledged.length });
      rmSync(ballast);
      await until('the state to be over', () => transport.status().blocked === undefined);
      await transport.send([{ to: 'bus', message: message({ id: 'last', key: 'k0' }) }]);
      const collector = await Collector.drain(transport, 'oms');
      await collector.atLeast(acknowledged.length + 1);
      expect([...collector.ids].sort()).to.deep.equal([...acknowledged, 'last'].sort());
      await collector.settled();
      expect((await transport.stats()).ledger).to.include({ waiting: 0, done: acknowledged.length + 1 });
    });
  }

  it('holds up settlements, which take effect once there is space, without a handler seeing an error for ever', async function () {
    this.timeout(240_000);
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1', endpoints: { oms: {} } }));
    const ballast = join(home.folder, '..', 'ballast');
    writeFileSync(ballast, Buffer.alloc(DISK / 2));
    const { acknowledged } = await fill(transport);
    const collector = await Collector.start(transport, 'oms', { window: 20 });
    rmSync(ballast);
    const first = await collector.atLeast(20);
    await collector.settle(first);
    const rest = await collector.atLeast(Math.min(acknowledged.length, 40));
    await collector.settle(rest);
    expect((await transport.stats()).ledger.done).to.equal(40);
  });
});

function mountSmall(folder: string): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${String(DISK)}`, 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

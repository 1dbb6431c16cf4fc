import { expect } from 'chai';
import { broker } from '../support/broker.ts';
import { soak } from './soak.ts';

/** `WAYBILL_SOAK_SEED` repeats a plan of kills. */
const SEED = Number(process.env['WAYBILL_SOAK_SEED'] ?? Date.now() % 1_000_000);

describe('a soak', () => {
  it('loses nothing while the broker, routers and consumers are killed; `npm run soak` is the long form', async function () {
    const { url, node } = await broker(this);
    this.timeout(600_000);
    const lines: string[] = [`seed ${String(SEED)}`];
    const { verdict, recoveries } = await soak({
      messages: 20_000,
      kills: { broker: node === undefined ? 0 : 2, router: 3, consumer: 3 },
      keys: 200,
      seed: SEED,
      url,
      ...(node === undefined ? {} : { node }),
      say: (line) => lines.push(line),
      patienceMs: 60_000,
    }).catch((error: unknown) => {
      process.stderr.write(`      ${lines.join('\n      ')}\n`);
      throw error;
    });
    process.stderr.write(`      seed ${String(SEED)}, ${JSON.stringify({ ...verdict, lost: verdict.lost.length })}\n`);
    expect(verdict.lost, 'lost').to.deep.equal([]);
    expect(verdict.disordered, 'out of order').to.deep.equal([]);
    expect(verdict.renamed, 'repeats under another id').to.deep.equal([]);
    expect(verdict.acknowledged).to.be.at.least(20_000);
    expect(recoveries).to.have.lengthOf((node === undefined ? 0 : 2) + 6);
  });
});

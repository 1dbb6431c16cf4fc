import { expect } from 'chai';
import { type HealthOf, serveOperations } from '../../../src/observability/operations.ts';

describe('the health of a process', () => {
  it('is served before there is a bus, which is not ready then', async () => {
    const opened: HealthOf[] = [];
    await using operations = await serveOperations({ of: () => opened[0], scrape: 'none', port: 0 });
    const ask = async (what: string): Promise<readonly [number, unknown]> => {
      const response = await fetch(`http://127.0.0.1:${String(operations.port)}/${what}`);
      return [response.status, await response.json()];
    };
    expect(await ask('live')).to.deep.equal([200, { live: true }]);
    expect(await ask('ready')).to.deep.equal([503, { ready: false, wrong: ['it starts, or ends'] }]);
    opened.push({ transport: { status: () => ({ owner: true, connected: true }) }, outdated: undefined });
    expect(await ask('ready')).to.deep.equal([200, { ready: true, wrong: [] }]);
  });
});

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openLog } from '../../../src/observability/log.ts';

/** What a log writes. */
async function written(terminal: boolean, level?: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-log-'));
  const file = join(folder, 'log');
  const fd = openSync(file, 'w');
  try {
    const log = await openLog('waybill', level, { fd, terminal });
    log.debug({ endpoint: 'oms' }, 'not said by default');
    log.warn({ endpoint: 'oms', messageId: 'm-1' }, 'a delivery waits');
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}

describe('the log', () => {
  it('is JSON, one object a line, where no person looks', async () => {
    const lines = (await written(false)).trim().split('\n');
    expect(lines).to.have.length(1);
    expect(JSON.parse(lines[0] ?? '')).to.include({
      name: 'waybill',
      level: 40,
      endpoint: 'oms',
      messageId: 'm-1',
      msg: 'a delivery waits',
    });
  });

  it('is text on a terminal, one line each, with its fields', async () => {
    const text = (await written(true)).replaceAll(/\p{Cc}\[\d+m/gu, '');
    expect(text).to.match(
      /^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: a delivery waits \{"endpoint":"oms","messageId":"m-1"\}\n$/,
    );
  });

  it('says more, or nothing, by its level', async () => {
    expect(await written(false, 'debug')).to.include('not said by default');
    expect(await written(false, 'silent')).to.equal('');
  });
});

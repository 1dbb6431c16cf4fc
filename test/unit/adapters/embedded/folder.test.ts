import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { open } from 'lmdb';
import { checkDataFile } from '../../../../src/adapters/embedded/data-file.ts';
import { Collector } from '../../../support/collector.ts';
import { idsOf, onBus, rounds } from '../../../support/messages.ts';
import { rejection } from '../../../support/rejection.ts';
import { testLog } from '../../../support/targets.ts';
import { until } from '../../../support/until.ts';
import { Home, plan } from './home.ts';

/** Commits without a pause, to so many pages that what is read of them meanwhile is of several commits. */
const COMMITS = `
  const { open } = require('lmdb');
  const root = open({ path: require('node:worker_threads').workerData, noSubdir: false, maxDbs: 32, overlappingSync: false });
  const pages = root.openDB({ name: 'pages' });
  (async () => {
    for (let n = 0; ; n++) await pages.put((n * 7_919) % 20_000, 'x'.repeat(100 + (n % 7)));
  })();
`;

describe('a folder that cannot be used', () => {
  let home: Home;
  const dataFile = (): string => join(home.folder, 'data.mdb');

  beforeEach(async () => {
    home = await Home.make('bus');
  });
  afterEach(async () => {
    await home.remove();
  });

  /** A folder with messages in it, closed. */
  const fill = async (): Promise<void> => {
    const transport = await home.open({ bus: 'retail' });
    await transport.apply(plan({ edition: '1' }));
    for (let n = 0; n < 20; n++) await transport.send(onBus(rounds(20, n + 1, n)));
    await transport.close();
  };
  /** Overwrites the first bytes of some records of a closed folder. */
  const damage = async (name: string, which: (records: readonly Buffer[]) => readonly (Buffer | undefined)[]) => {
    const raw = { encoding: 'binary', keyEncoding: 'binary' } as const;
    const root = open<Buffer, Buffer>({ path: home.folder, noSubdir: false, overlappingSync: false, ...raw });
    const records = root.openDB<Buffer, Buffer>({ name, ...raw });
    const keys = [...records.getKeys()].map((key) => Buffer.from(key));
    for (const key of which(keys)) {
      const bytes = key === undefined ? undefined : records.get(key);
      if (key === undefined || bytes === undefined) throw new Error(`no such record in ${name}`);
      await records.put(key, Buffer.from(bytes).fill(0xee, 0, 4));
    }
    await root.close();
  };
  /** The refusal, which must leave the data file as it was. */
  const refusal = async (options: { bus?: string } = {}): Promise<{ code: string; message: string }> => {
    const before = readFileSync(dataFile());
    const { code, message } = await rejection(home.open(options));
    expect(readFileSync(dataFile()).equals(before), 'the data file is unchanged').to.be.true;
    return { code, message };
  };

  it('is made for this user alone when it does not exist', async () => {
    await home.open();
    expect(statSync(home.folder).mode & 0o777).to.equal(0o700);
    expect(statSync(dataFile()).mode & 0o777).to.equal(0o600);
  });

  it('is refused when it is a file, or below one', async () => {
    writeFileSync(home.folder, 'a file');
    const error = await rejection(home.open());
    expect(error.code).to.equal('WB_STORE_FOLDER');
    expect(error.message).to.include(home.folder).and.include('a file, not a folder');
    const below = await rejection(home.open({ folder: join(home.folder, 'below') }));
    expect(below.code).to.equal('WB_STORE_FOLDER');
    expect(readFileSync(home.folder, 'utf8')).to.equal('a file');
  });

  it('is refused when this user may not write to it', async function () {
    // Root may write everywhere.
    if (process.getuid?.() === 0) return this.skip();
    mkdirSync(home.folder, { mode: 0o500 });
    const error = await rejection(home.open());
    expect(error.code).to.equal('WB_STORE_FOLDER');
    expect(error.message).to.include('may not write');
    chmodSync(home.folder, 0o700);
  });

  it('is refused on a read-only file system', async function () {
    mkdirSync(home.folder);
    if (!mounted(home.folder, 'ro')) return this.skip();
    try {
      const error = await rejection(home.open());
      expect(error.code).to.equal('WB_STORE_FOLDER');
      expect(error.message).to.include('read-only');
    } finally {
      execFileSync('umount', [home.folder]);
    }
  });

  it('is refused when another program made its database', async () => {
    const foreign = open<string, string>({ path: home.folder, noSubdir: false });
    await foreign.put('theirs', 'value');
    await foreign.close();
    expect(await refusal()).to.include({ code: 'WB_STORE_FOREIGN' });
    const again = open<string, string>({ path: home.folder, noSubdir: false });
    expect(again.get('theirs')).to.equal('value');
    await again.close();
  });

  it('is refused when a newer version wrote it, and the message names both formats', async () => {
    await fill();
    const root = open({ path: home.folder, noSubdir: false, keyEncoding: 'binary', overlappingSync: false });
    const meta = root.openDB<object, string>({ name: 'waybill', encoding: 'json', keyEncoding: 'ordered-binary' });
    await meta.put('format', { product: 'waybill', format: 2, bus: 'retail' });
    await root.close();
    const { code, message } = await refusal();
    expect(code).to.equal('WB_STORE_NEWER');
    expect(message).to.include('format 2').and.include('formats up to 1');
  });

  it('is refused when it holds a bus of another name', async () => {
    await fill();
    const { code, message } = await refusal({ bus: 'wholesale' });
    expect(code).to.equal('WB_STORE_BUS');
    expect(message).to.include('"retail"').and.include('"wholesale"');
    const transport = await home.open({ bus: 'retail' });
    expect((await transport.stats()).ledger.waiting).to.equal(400);
  });

  it('is refused to a process that attaches with another name', async () => {
    const owner = await home.open({ bus: 'retail' });
    await owner.apply(plan({ edition: '1' }));
    expect((await rejection(home.open({ bus: 'wholesale' }))).code).to.equal('WB_STORE_BUS');
    const applied = await rejection(owner.apply(plan({ edition: '2', bus: 'wholesale' })));
    expect(applied.code).to.equal('WB_STORE_BUS');
    expect((await owner.manifest())?.edition).to.equal('1');
  });

  it('is refused when its header was overwritten', async () => {
    await fill();
    const bytes = readFileSync(dataFile());
    bytes.fill(0xaa, 0, 64);
    writeFileSync(dataFile(), bytes);
    expect(await refusal()).to.include({ code: 'WB_STORE_CORRUPT' });
  });

  it('is refused when its data file is not one at all', async () => {
    mkdirSync(home.folder);
    writeFileSync(dataFile(), 'these are the notes of somebody else'.repeat(1_000));
    expect(await refusal()).to.include({ code: 'WB_STORE_CORRUPT' });
  });

  it('is not taken for damaged while its owner commits', async () => {
    const first = await home.open({ bus: 'retail' });
    await first.apply(plan({ edition: '1' }));
    await first.close();
    const owner = new Worker(COMMITS, { eval: true, workerData: home.folder });
    try {
      let torn = 0;
      await until('it to be looked at in the middle of commits', () => {
        if (checkDataFile(dataFile()) > 1) torn++;
        return torn === 3;
      });
    } finally {
      await owner.terminate();
    }
  });

  it('is refused, and does not end the process, when its data file is cut off', async () => {
    await fill();
    const { size } = statSync(dataFile());
    for (const left of [Math.floor(size / 8_192) * 4_096, 16_384, 8_192, 4_096, 100]) {
      truncateSync(dataFile(), left);
      expect(await refusal(), String(left)).to.include({ code: 'WB_STORE_CORRUPT' });
    }
  });

  it('is refused, and does not end the process, when any page that is in use was overwritten', async () => {
    await fill();
    const sound = readFileSync(dataFile());
    const page = 4_096;
    const found = { refused: 0, sound: 0 };
    for (let at = 2 * page; at < sound.length; at += page) {
      const bytes = Buffer.from(sound);
      bytes.fill(0xaa, at, at + page);
      writeFileSync(dataFile(), bytes);
      try {
        checkDataFile(dataFile());
        // Free, or the later pages of a long record.
        found.sound += 1;
      } catch (fault) {
        expect(fault).to.include({ code: 'WB_STORE_CORRUPT' });
        found.refused += 1;
      }
    }
    expect(found.refused, JSON.stringify(found)).to.be.greaterThan(10);
    writeFileSync(dataFile(), sound);
    expect((await (await home.open({ bus: 'retail' })).stats()).ledger.waiting).to.equal(400);
  });

  it('keeps records that cannot be read, says so, and goes on with the others', async () => {
    await fill();
    await damage('log', (records) => [records.at(0), records.at(9), records.at(-1)]);
    const told: string[] = [];
    const log = { ...testLog, error: (_fields: object, text: string) => told.push(text) };
    const transport = await home.open({ bus: 'retail', log });
    await transport.send(onBus(rounds(20, 21, 20)));
    const collector = await Collector.drain(transport, 'oms');
    const others = [...Array(19).keys()].filter((n) => n !== 0 && n !== 9).concat(20);
    await collector.atLeast(20 * others.length);
    await collector.settled();
    expect(collector.ids).to.deep.equal(others.flatMap((n) => idsOf(onBus(rounds(20, n + 1, n)))));
    expect(told.filter((text) => text.includes('wait at oms cannot be read'))).to.have.length(3);
    expect((await transport.stats()).ledger).to.include({ waiting: 60, done: 360 });
  });

  it('is refused when what was applied cannot be read', async () => {
    await fill();
    await damage('waybill', (records) => records.filter((key) => key.toString('latin1').includes('manifest')));
    const error = await rejection(home.open({ bus: 'retail' }));
    expect(error.code).to.equal('WB_STORE_CORRUPT');
    expect(error.message).to.include(home.folder);
    expect(readdirSync(home.folder).filter((name) => name.endsWith('.sock'))).to.deep.equal([]);
  });

  it('is used through a path that is too long for a socket', async () => {
    const deep = await Home.make('d'.repeat(60), 'e'.repeat(60), 'bus');
    try {
      const owner = await deep.open({ bus: 'retail' });
      await owner.apply(plan({ edition: '1' }));
      const attached = await deep.open();
      expect(attached.status()).to.include({ connected: true, owner: false });
      await attached.send(onBus(rounds(1, 1)));
    } finally {
      await deep.remove();
    }
  });
});

function mounted(folder: string, options: string): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

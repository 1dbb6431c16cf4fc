import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'chai';
import { FileTable } from '../../../src/config/table-file.ts';
import type { Log } from '../../../src/ports/log.ts';
import { LiveTables, type TableSetting } from '../../../src/runtime/live-tables.ts';
import { definition, object, planOf, TEXT } from '../../support/definitions.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { rejection } from '../../support/rejection.ts';
import { until } from '../../support/until.ts';
import { type Folder, makeFolder } from '../config/folder.ts';

const plan = (more: object = {}) =>
  planOf({
    contracts: { 'geo.country@1': object({ code: TEXT, name: TEXT, ...more }) },
    sources: { countries: { table: { file: 'countries.csv', key: 'code' }, response: 'geo.country@1' } },
  });

describe('the tables of a process', () => {
  let folder: Folder;
  let clock: ManualClock;
  let tables: LiveTables;
  let said: string[];
  let counted: string[];

  beforeEach(async () => {
    folder = await makeFolder({ 'countries.csv': 'code,name\nDE,Germany\n' });
    clock = new ManualClock();
    said = [];
    counted = [];
    const say = (fields: object, text: string): void => {
      said.push(`${text} ${JSON.stringify(fields)}`);
    };
    const log: Log = { debug: say, info: say, warn: say, error: say };
    const absolute = path.join(folder.root, 'countries.csv');
    const setting: TableSetting = {
      open: () => Promise.resolve(new FileTable({ file: 'countries.csv', absolute, size: 1024 })),
      everyMs: 1_000,
      rows: 3,
    };
    tables = new LiveTables({ settings: new Map([['countries', setting]]), clock, log });
    tables.counting((counter) => counted.push(counter));
  });

  afterEach(async () => {
    await tables.close();
    await folder[Symbol.asyncDispose]();
  });

  const name = (code: string): unknown => (tables.find('countries', code) as { name: string } | undefined)?.name;

  /** As whoever wants no half file to be seen. */
  async function replace(text: string): Promise<void> {
    await writeFile(path.join(folder.root, 'next'), text);
    await rename(path.join(folder.root, 'next'), path.join(folder.root, 'countries.csv'));
  }

  /** Until the next time to look is set: the last look is over then. */
  async function look(): Promise<void> {
    clock.advance(1_000);
    await until('the look', () => clock.armed === 1);
  }

  it('are loaded before they are needed, and again when their file changes', async () => {
    await tables.use(plan());
    expect([name('DE'), name('FR')]).to.deep.equal(['Germany', undefined]);
    await look();
    expect(counted).to.deep.equal(['source.countries.loaded']);
    await replace('code,name\nDE,Deutschland\nFR,France\n');
    await look();
    expect([name('DE'), name('FR')]).to.deep.equal(['Deutschland', 'France']);
    expect(counted).to.deep.equal(['source.countries.loaded', 'source.countries.loaded']);
  });

  it('stay as they were when they cannot be loaded again, which is said once and counted each time', async () => {
    await tables.use(plan());
    for (const text of ['code,name\nDE,Ger\nDE,many\n', '', 'code,name\nA,a\nB,b\nC,c\nD,d\n', 'x'.repeat(2_000)]) {
      said = [];
      counted = [];
      await replace(text);
      await look();
      await look();
      expect(name('DE')).to.equal('Germany');
      expect(said).to.have.length(1);
      expect(said[0]).to.match(/^a table could not be loaded again, and stays as it was .*countries/);
      expect(counted).to.deep.equal(['source.countries.refused', 'source.countries.refused']);
    }
    await rm(path.join(folder.root, 'countries.csv'));
    await look();
    expect(said.at(-1)).to.contain('there is no file countries.csv');
    said = [];
    await replace('code,name\nDE,Deutschland\n');
    await look();
    expect(name('DE')).to.equal('Deutschland');
    expect(said).to.deep.equal(['a table was loaded {"table":"countries","rows":1}']);
  });

  it('keep whatever needs them from starting when they cannot be loaded at first', async () => {
    await replace('code,name\nDE\n');
    const error = await rejection(tables.use(plan()));
    expect(error).to.include({ code: 'WB_TABLE_INVALID' });
    expect(error.message).to.match(/^the table countries: .*Invalid Record Length/s);
    expect(() => tables.find('countries', 'DE')).to.throw('this process has no table countries');
    expect(clock.armed).to.equal(0);
    await replace('code,name\nDE,Germany\n');
    await tables.use(plan());
    expect(name('DE')).to.equal('Germany');
  });

  it('are loaded again under another contract, all or none', async () => {
    await tables.use(plan());
    expect(await rejection(tables.use(plan({ vat: { type: 'number' } })))).to.include({ code: 'WB_TABLE_INVALID' });
    expect(name('DE')).to.equal('Germany');
    await replace('code,name,vat\nDE,Germany,19\n');
    await tables.use(plan({ vat: { type: 'number' } }));
    expect(tables.find('countries', 'DE')).to.deep.equal({ code: 'DE', name: 'Germany', vat: 19 });
    await look();
    expect(tables.find('countries', 'DE')).to.have.property('vat');
  });

  it('are missing by name where the process was not given them', async () => {
    const other = planOf({
      contracts: { 'geo.country@1': object({ code: TEXT, name: TEXT }) },
      sources: { contries: { table: { file: 'x.csv', key: 'code' }, response: 'geo.country@1' } },
    });
    expect(await rejection(tables.use(other))).to.include({
      code: 'WB_RESOURCE_MISSING',
      message: 'this process has no table contries',
      fix: 'did you mean countries?',
    });
  });

  it('read nothing any more when closed, also in the middle of a look', async () => {
    await tables.use(plan());
    await replace('code,name\nDE,Deutschland\n');
    clock.advance(1_000);
    await tables.close();
    expect(clock.armed).to.equal(0);
    expect(name('DE')).to.equal('Germany');
  });

  it('are no part of a plan without tables', async () => {
    await tables.use(planOf({}));
    expect(clock.armed).to.equal(0);
    expect(definition().sources).to.deep.equal({});
  });
});

import { rm } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'chai';
import type { Reading } from '../../../src/config/load.ts';
import { type Watch, watchConfiguration } from '../../../src/config/watch.ts';
import { systemClock } from '../../../src/ports/clock.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { until } from '../../support/until.ts';
import { ENVIRONMENT, type Folder, makeFolder, SOUND } from './folder.ts';

/** Writes until the change is seen: of several within 50 ms the watcher tells only the first, and a manual clock does not wait. */
async function change(watch: Watch, folder: Folder, file: string, text: string): Promise<void> {
  const before = watch.changes;
  await until(`a change of ${file}`, async () => {
    await folder.write(file, text);
    return watch.changes > before;
  });
}

const SOUND_ROUTE = 'from: shop.order.placed@2\nto: mail\n';

describe('watching a configuration', () => {
  it('hands over what was changed, added and removed, once the files are quiet', async () => {
    await using folder = await makeFolder(SOUND);
    const readings: Reading[] = [];
    await using watch = watchConfiguration(folder.root, (reading) => readings.push(reading), {
      environment: ENVIRONMENT,
      settleMs: 100,
      clock: systemClock,
    });
    await watch.ready;
    const names = (): string =>
      readings
        .at(-1)
        ?.definition?.routes.map(({ name }) => name)
        .join(' ') ?? '';
    await folder.write('routes/more.yaml', SOUND_ROUTE);
    await until('the new route', () => names() === 'eu-orders more mails direct');
    await folder.write('schemas/crm/person.v1.json', '{ "type": "object" }');
    await until('the new contract', () => readings.at(-1)?.definition?.contracts.length === 5);
    await rm(path.join(folder.root, 'routes/more.yaml'));
    await until('the end of the route', () => names() === 'eu-orders mails direct');
    expect(readings.flatMap(({ faults }) => faults)).to.deep.equal([]);
  });

  it('reads nothing before the files are quiet, and then once', async () => {
    await using folder = await makeFolder(SOUND);
    const clock = new ManualClock();
    const readings: Reading[] = [];
    await using watch = watchConfiguration(folder.root, (reading) => readings.push(reading), {
      environment: ENVIRONMENT,
      clock,
    });
    await watch.ready;
    await change(watch, folder, 'routes/one.yaml', SOUND_ROUTE);
    clock.advance(100);
    // The second change sets the timer anew, so that at the time of the first nothing is read.
    await change(watch, folder, 'routes/two.yaml', SOUND_ROUTE);
    clock.advance(100);
    expect(readings).to.deep.equal([]);
    await until('the reading', () => {
      clock.advance(50);
      return readings.length > 0;
    });
    expect(readings[0]?.definition?.routes).to.have.length(5);
  });

  it('hands over a faulty configuration only when nobody is still writing it', async () => {
    await using folder = await makeFolder(SOUND);
    const clock = new ManualClock();
    const readings: Reading[] = [];
    await using watch = watchConfiguration(folder.root, (reading) => readings.push(reading), {
      environment: ENVIRONMENT,
      clock,
    });
    await watch.ready;
    await change(watch, folder, 'routes/half.yaml', 'from: shop.ord');
    clock.advance(150);
    await until('the second look', () => clock.armed === 1);
    expect(readings).to.deep.equal([]);
    await change(watch, folder, 'routes/half.yaml', SOUND_ROUTE);
    await until('the sound reading', () => {
      clock.advance(150);
      return readings.length > 0;
    });
    expect(readings[0]?.faults).to.deep.equal([]);

    await change(watch, folder, 'routes/half.yaml', 'from: shop.ord');
    await until('the fault', () => {
      clock.advance(150);
      return readings.some(({ faults }) => faults.length > 0);
    });
  });

  it('goes on when waybill.yaml is gone for a while', async () => {
    await using folder = await makeFolder(SOUND);
    const readings: Reading[] = [];
    const errors: unknown[] = [];
    await using watch = watchConfiguration(folder.root, (reading) => readings.push(reading), {
      environment: ENVIRONMENT,
      settleMs: 100,
      onError: (error) => errors.push(error),
    });
    await watch.ready;
    await rm(path.join(folder.root, 'waybill.yaml'));
    await until('the error', () => errors.length > 0);
    await folder.write('waybill.yaml', SOUND['waybill.yaml'] ?? '');
    await until('the next reading', () => readings.length > 0);
    expect(readings.at(-1)?.faults).to.deep.equal([]);
  });

  it('says nothing after it is closed', async () => {
    await using folder = await makeFolder(SOUND);
    const clock = new ManualClock();
    const readings: Reading[] = [];
    const watch = watchConfiguration(folder.root, (reading) => readings.push(reading), {
      environment: ENVIRONMENT,
      clock,
    });
    await watch.ready;
    await change(watch, folder, 'routes/more.yaml', SOUND_ROUTE);
    await watch.close();
    await watch.close();
    expect(clock.armed).to.equal(0);
    clock.advance(1_000);
    expect(readings).to.deep.equal([]);
  });
});

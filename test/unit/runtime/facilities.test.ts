import { expect } from 'chai';
import { connect, openBus } from '../../../src/bus.ts';
import { testLog } from '../../support/targets.ts';
import { until } from '../../support/until.ts';
import { untyped } from '../../support/untyped.ts';
import { makeFolder } from '../config/folder.ts';

const CONTRACT = JSON.stringify({ type: 'object', properties: { name: { type: 'string' } }, required: ['name'] });

function isName(data: unknown, name: string): boolean {
  return JSON.stringify(data) === JSON.stringify({ name });
}

describe('what a process has for steps', () => {
  it('is read from waybill.yaml: one route encrypts with its keys, and another decrypts', async () => {
    await using folder = await makeFolder({
      'waybill.yaml': `bus: clinic
transport: embedded:.waybill
keys: { patients: { current: k1, keys: { k1: "\${file:k1}" } } }
services:
  ward: { publishes: [clinic.visit.ended@1] }
  archive: { receives: [clinic.visit.ended@1, clinic.visit.sealed@1] }
`,
      k1: Buffer.alloc(32, 7).toString('base64'),
      'schemas/clinic/visit.ended.v1.json': CONTRACT,
      'schemas/clinic/visit.sealed.v1.json': CONTRACT,
      'routes/all.yaml': `- name: seal
  from: clinic.visit.ended@1
  steps:
    - map: { to: clinic.visit.sealed@1, set: { name: data.name } }
    - encrypt: { fields: [name], keys: patients }
  to: [archive, { publish: clinic.visit.sealed@1 }]
- name: open
  from: clinic.visit.sealed@1
  steps:
    - decrypt: { fields: [name], keys: patients }
    - map: { to: clinic.visit.ended@1, set: { name: data.name } }
  to: archive
`,
    });
    await using ward = untyped(await connect({ service: 'ward', config: folder.root, log: testLog }));
    await using archive = untyped(await connect({ service: 'archive', config: folder.root, log: testLog }));
    const got = new Map<string, unknown>();
    for (const type of ['clinic.visit.ended@1', 'clinic.visit.sealed@1']) {
      archive.handle(type, ({ data }) => {
        got.set(type, data);
      });
    }
    await archive.start();
    await ward.publish('clinic.visit.ended@1', { name: 'Ada' });
    await until('both', () => got.size === 2);
    expect(got.get('clinic.visit.ended@1')).to.deep.equal({ name: 'Ada' });
    expect(got.get('clinic.visit.sealed@1'))
      .to.have.property('name')
      .that.matches(/^enc:v1:k1:/);
  });

  it('is a table of a file, loaded again when that changes, while the bus runs', async () => {
    const visit = JSON.stringify({ type: 'object', required: ['ward'], properties: { ward: { type: 'string' } } });
    await using folder = await makeFolder({
      'waybill.yaml': `bus: clinic
transport: embedded:.waybill
sources:
  wards: { table: { file: wards.csv, key: code, every: 100ms }, response: clinic.ward@1 }
services:
  ward: { publishes: [clinic.visit.ended@1] }
  archive: { receives: [clinic.visit.told@1] }
`,
      'wards.csv': 'code,name\nicu,Intensive care\n',
      'schemas/clinic/visit.ended.v1.json': visit,
      'schemas/clinic/visit.told.v1.json': CONTRACT,
      'schemas/clinic/ward.v1.json': JSON.stringify({
        type: 'object',
        required: ['code', 'name'],
        properties: { code: { type: 'string' }, name: { type: 'string' } },
      }),
      'routes/tell.yaml': `from: clinic.visit.ended@1
steps:
  - map: { to: clinic.visit.told@1, set: { name: "lookup('wards', data.ward).name.orValue('unknown')" } }
to: archive
`,
    });
    await using ward = untyped(await connect({ service: 'ward', config: folder.root, log: testLog }));
    await using archive = untyped(await connect({ service: 'archive', config: folder.root, log: testLog }));
    const got: unknown[] = [];
    archive.handle('clinic.visit.told@1', ({ data }) => {
      got.push(data);
    });
    await archive.start();
    const told = async (code: string): Promise<unknown> => {
      const before = got.length;
      await ward.publish('clinic.visit.ended@1', { ward: code });
      await until('it was told', () => got.length > before);
      return got.at(-1);
    };
    expect(await told('icu')).to.deep.equal({ name: 'Intensive care' });
    expect(await told('er')).to.deep.equal({ name: 'unknown' });
    await using host = await openBus({ config: folder.root, log: testLog });
    await folder.write('wards.csv', 'broken');
    await until(
      'it was refused',
      async () => ((await host.transport.stats()).tallies['source.wards.refused'] ?? 0) > 0,
    );
    expect(await told('icu')).to.deep.equal({ name: 'Intensive care' });
    await folder.write('wards.csv', 'code,name\nicu,ICU\ner,Emergency\n');
    await until('it was loaded', async () => isName(await told('er'), 'Emergency'));
    expect(await told('icu')).to.deep.equal({ name: 'ICU' });
  });

  it('is one store for all routes: what one puts away another fetches', async () => {
    const data = JSON.stringify({
      type: 'object',
      required: ['id', 'body'],
      properties: { id: { type: 'string' }, body: { type: 'string' } },
    });
    await using folder = await makeFolder({
      'waybill.yaml': `bus: desk
transport: embedded:.waybill
services:
  scanner: { publishes: [desk.scan.made@1] }
  reader: { receives: [desk.scan.made@1, desk.scan.told@1] }
`,
      'schemas/desk/scan.made.v1.json': data,
      'schemas/desk/scan.told.v1.json': data,
      'routes/all.yaml': `- name: put
  from: desk.scan.made@1
  steps:
    - claim-check: { field: body, over: 1KiB }
    - map: { to: desk.scan.told@1, set: { id: data.id, body: data.body } }
  to: [reader, { publish: desk.scan.told@1 }]
- name: fetch
  from: desk.scan.told@1
  steps:
    - claim-check: { fetch: { field: body } }
    - map: { to: desk.scan.made@1, set: { id: data.id, body: data.body } }
  to: reader
`,
    });
    await using scanner = untyped(await connect({ service: 'scanner', config: folder.root, log: testLog }));
    await using reader = untyped(await connect({ service: 'reader', config: folder.root, log: testLog }));
    const got = new Map<string, unknown>();
    for (const type of ['desk.scan.made@1', 'desk.scan.told@1']) {
      reader.handle(type, (message) => {
        got.set(type, message.data);
      });
    }
    await reader.start();
    const scan = { id: 'a', body: 'x'.repeat(50_000) };
    await scanner.publish('desk.scan.made@1', scan);
    await until('both', () => got.size === 2);
    expect(got.get('desk.scan.told@1'))
      .to.have.property('body')
      .that.matches(/^claim:v1:/);
    expect(got.get('desk.scan.made@1')).to.deep.equal(scan);
  });
});

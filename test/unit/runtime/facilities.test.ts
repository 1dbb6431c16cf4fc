import { expect } from 'chai';
import { connect } from '../../../src/bus.ts';
import { testLog } from '../../support/targets.ts';
import { until } from '../../support/until.ts';
import { untyped } from '../../support/untyped.ts';
import { makeFolder } from '../config/folder.ts';

const CONTRACT = JSON.stringify({ type: 'object', properties: { name: { type: 'string' } }, required: ['name'] });

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
});

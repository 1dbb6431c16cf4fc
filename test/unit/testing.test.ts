import { expect } from 'chai';
import { defineMediator, Type } from 'waybill/plugin';
import { openRoute, openStep } from 'waybill/testing';
import { aggregate } from '../../src/mediators/aggregate.ts';
import { encrypt } from '../../src/mediators/encrypt.ts';
import { rejection } from '../support/rejection.ts';
import { makeFolder } from './config/folder.ts';

const FILES = {
  'waybill.yaml':
    'bus: shop\nservices:\n  shop: { publishes: [shop.item@1] }\n  oms: { receives: [shop.item@1] }\n  ops: { receives: [shop.item@1] }\n',
  'schemas/shop/item.v1.json': JSON.stringify({
    'x-key': '/id',
    type: 'object',
    required: ['id'],
    properties: { id: { type: 'string' }, town: { type: 'string' }, n: { type: 'number' } },
  }),
  'plugins/geo.mjs': `export const geo = {
  name: 'geo', describe: 'Knows places.', options: { type: 'object' },
  prepare: () => ({ run: (message) => message.with({ data: { ...message.data, town: 'Ulm' } }) }),
};`,
  'routes/plain.yaml': 'from: shop.item@1\nwhen: data.id != "x"\nsteps:\n  - geo: {}\nto: oms\n',
  'routes/direct.yaml': 'from: shop.item@1\nto: ops\n',
  'routes/late.yaml': 'from: shop.item@1\nenabled: false\nsteps:\n  - delay: { for: 1h }\nto: ops\n',
};

describe('the door waybill/testing', () => {
  it('runs a route of a configuration, plugins included, whatever its road', async () => {
    await using folder = await makeFolder(FILES);
    const route = await openRoute('plain', { config: folder.root });
    const { outcome, sent } = await route.take({ data: { id: 'a' } });
    expect(outcome).to.equal('done');
    expect(sent.map(({ to, type, data }) => [to, type, data])).to.deep.equal([
      ['oms', 'shop.item@1', { id: 'a', town: 'Ulm' }],
    ]);
    expect(sent[0]?.envelope).to.include({ key: 'a', causationId: 'in-1', time: '2026-01-01T00:00:00.000Z' });
    expect(await route.take({ data: { id: 'x' } })).to.deep.equal({ outcome: 'filtered', sent: [] });
    const direct = await (await openRoute('direct', { config: folder.root })).take({ id: 'mine', data: { id: 'a' } });
    expect(direct.sent.map(({ to, envelope: { id } }) => [to, id])).to.deep.equal([['ops', 'mine']]);
  });

  it('lets time go on only when told to', async () => {
    await using folder = await makeFolder(FILES);
    const late = await openRoute('late', { config: folder.root, now: '2026-05-01T00:00:00Z' });
    expect(await late.take({ data: { id: 'a' } })).to.deep.equal({ outcome: 'waiting', sent: [] });
    expect(late.waiting).to.equal(1);
    expect(await late.advance('59m')).to.deep.equal([]);
    expect((await late.advance(60_000)).map(({ outcome }) => outcome)).to.deep.equal(['done']);
    expect(new Date(late.nowMs).toISOString()).to.equal('2026-05-01T01:00:00.000Z');
    expect(await rejection(late.advance('soon'))).to.include({ code: 'WB_OPTION_INVALID' });
  });

  it('has the tables of files, and those that the test hands over', async () => {
    await using folder = await makeFolder({
      ...FILES,
      'waybill.yaml': `${FILES['waybill.yaml']}sources: { towns: { table: { file: towns.csv, key: id }, response: shop.item@1 } }\n`,
      'towns.csv': 'id,town\na,Ulm\n',
      'routes/towns.yaml':
        'from: shop.item@1\nsteps:\n  - map: { to: shop.item@1, set: { id: data.id, town: "lookup(\'towns\', data.id).?town" } }\nto: oms\n',
    });
    const config = folder.root;
    const ofFile = await openRoute('towns', { config });
    expect((await ofFile.take({ data: { id: 'a' } })).sent[0]?.data).to.deep.equal({ id: 'a', town: 'Ulm' });
    const given = await openRoute('towns', { config, tables: { towns: { b: { id: 'b', town: 'Bern' } } } });
    expect((await given.take({ data: { id: 'b' } })).sent[0]?.data).to.deep.equal({ id: 'b', town: 'Bern' });
    expect((await given.take({ data: { id: 'a' } })).sent[0]?.data).to.deep.equal({ id: 'a' });
    expect(await rejection(openRoute('towns', { config, tables: { town: {} } }))).to.include({
      code: 'WB_SOURCE_UNKNOWN',
      fix: 'did you mean towns?',
    });
    expect(await rejection(openRoute('towns', { config, tables: { towns: { a: { town: 'Ulm' } } } }))).to.include({
      code: 'WB_TABLE_INVALID',
    });
  });

  it('lets a scheduled route begin: time goes on to its next tick', async () => {
    await using folder = await makeFolder({
      ...FILES,
      'routes/daily.yaml':
        "from: { schedule: '0 6 * * *', zone: Europe/Berlin, as: shop.item@1, data: { id: meta.time } }\nsteps:\n  - delay: { for: 1h }\nto: oms\n",
    });
    const route = await openRoute('daily', { config: folder.root, now: '2026-03-28T12:00:00Z' });
    expect(await route.tick()).to.deep.equal([{ outcome: 'waiting', sent: [] }]);
    expect(new Date(route.nowMs).toISOString()).to.equal('2026-03-29T04:00:00.000Z');
    const sentOf = (outcomes: Awaited<ReturnType<typeof route.tick>>) =>
      outcomes.flatMap(({ sent }) => sent.map(({ data }) => data));
    const second = await route.tick();
    expect(sentOf(second)).to.deep.equal([{ id: '2026-03-29T04:00:00.000Z' }]);
    expect(second.at(-1)).to.deep.equal({ outcome: 'waiting', sent: [] });
    expect(sentOf(await route.advance('1h'))).to.deep.equal([{ id: '2026-03-30T04:00:00.000Z' }]);
    expect(await rejection((await openRoute('plain', { config: folder.root })).tick())).to.include({
      code: 'WB_OPTION_INVALID',
    });
  });

  it('shows what steps remember', async () => {
    const test = openStep(aggregate, { as: 'all', size: 2, timeout: '1h' });
    expect((await test.take({ key: 'k', data: { n: 1 } })).outcome).to.equal('merged');
    expect(Object.keys(test.states)).to.deep.equal(['route.test/aggregate k']);
    expect((await test.take({ key: 'k', data: { n: 2 } })).outcome).to.equal('done');
  });

  it('gives steps that look outside what the test hands over', async () => {
    const ring = { current: { id: 'k1', key: Buffer.alloc(32, 7) }, find: () => undefined };
    const contracts = { 'test.message@1': { type: 'object', properties: { name: { type: 'string' } } } };
    const test = openStep(encrypt, { fields: ['name'], keys: 'patients' }, { contracts, keys: { patients: ring } });
    const { sent } = await test.take({ data: { name: 'Ada' } });
    expect(JSON.stringify(sent[0]?.data)).to.contain('enc:v1:k1:');
    const other = { current: { id: 'k9', key: Buffer.alloc(32, 9) }, find: () => undefined };
    const given = openStep(
      encrypt,
      { fields: ['name'], keys: 'patients' },
      { contracts, keys: { patients: ring }, resources: { keys: () => other } },
    );
    expect(JSON.stringify((await given.take({ data: { name: 'Ada' } })).sent[0]?.data)).to.contain('enc:v1:k9:');
  });

  it('answers for sources, and asks nothing outside', async () => {
    const sources =
      'sources:\n  towns: { http: "https://nowhere.invalid/{key}", response: shop.item@1, absent: [404] }\n';
    await using folder = await makeFolder({
      ...FILES,
      'waybill.yaml': `${FILES['waybill.yaml']}${sources}`,
      'routes/plain.yaml': `from: shop.item@1
steps:
  - enrich: { source: towns, key: data.id, as: found }
  - set: { data: { town: "vars.?found.?town.orValue('nowhere')" } }
to: oms
`,
    });
    const asked: unknown[] = [];
    const answers = (question: { readonly key?: string }): unknown => {
      asked.push(question.key);
      return question.key === 'a' ? { id: 'a', town: 'Ulm' } : undefined;
    };
    const route = await openRoute('plain', { config: folder.root, sources: { towns: answers } });
    const towns = [];
    for (const id of ['a', 'b']) towns.push((await route.take({ data: { id } })).sent[0]?.data);
    expect(towns).to.deep.equal([
      { id: 'a', town: 'Ulm' },
      { id: 'b', town: 'nowhere' },
    ]);
    expect(asked).to.deep.equal(['a', 'b']);
    const without = await openRoute('plain', { config: folder.root });
    expect((await without.take({ data: { id: 'a' } })).error?.code).to.equal('WB_RESOURCE_MISSING');
  });

  it('refuses what a publisher could not send, an unknown route, and a faulty configuration', async () => {
    await using folder = await makeFolder(FILES);
    const route = await openRoute('plain', { config: folder.root });
    expect(await rejection(route.take({ data: { id: 5 } }))).to.include({ code: 'WB_CONTRACT_VIOLATED' });
    expect(await rejection(route.take({ type: 'shop.item@2', data: {} }))).to.include({ code: 'WB_CONTRACT_UNKNOWN' });
    expect(await rejection(openRoute('plan', { config: folder.root }))).to.include({
      code: 'WB_ROUTE_UNKNOWN',
      fix: 'did you mean plain?',
    });
    await folder.write('routes/plain.yaml', 'from: shop.item@1\nsteps:\n  - goe: {}\nto: oms\n');
    expect(String(await rejection(openRoute('plain', { config: folder.root })))).to.contain('did you mean geo?');
  });

  it('tells a death, and what may heal, apart', async () => {
    const fails = (error: Error): ReturnType<typeof openStep> =>
      openStep(
        defineMediator({
          name: 'fails',
          describe: 'Fails.',
          options: Type.Object({}),
          runs: 'io',
          prepare: () => ({ perform: () => Promise.reject(error) }),
        }),
        {},
      );
    expect((await fails(new Error('broken')).take({ data: {} })).outcome).to.equal('dead');
    expect((await fails(Object.assign(new Error('busy'), { retryable: true })).take({ data: {} })).outcome).to.equal(
      'retry',
    );
  });
});

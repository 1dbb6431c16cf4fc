import { symlink } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'chai';
import type { Definition } from '../../../src/config/definition.ts';
import { type LoadOptions, loadConfiguration, type Reading, readConfiguration } from '../../../src/config/load.ts';
import { formatFault } from '../../../src/errors.ts';
import { rejection } from '../../support/rejection.ts';
import { ENVIRONMENT, makeFolder, SOUND } from './folder.ts';

async function read(
  changes: Readonly<Record<string, string | Uint8Array>> = {},
  options: LoadOptions = {},
): Promise<Reading> {
  await using folder = await makeFolder({ ...SOUND, ...changes });
  return await readConfiguration({ cwd: folder.root, environment: ENVIRONMENT, ...options });
}

async function faultsOf(
  changes: Readonly<Record<string, string | Uint8Array>>,
  options?: LoadOptions,
): Promise<string[]> {
  return (await read(changes, options)).faults.map(formatFault);
}

const bus = SOUND['waybill.yaml'] ?? '';
/** The fixture with one text in it changed. */
const edited = (from: string, to: string): Readonly<Record<string, string>> => {
  expect(bus).to.include(from);
  return { 'waybill.yaml': bus.replace(from, to) };
};
const route = (text: string): Readonly<Record<string, string>> => ({ 'routes/r.yaml': text });

describe('loading a configuration', () => {
  it('gives the definition, with defaults and numbers', async () => {
    await using folder = await makeFolder(SOUND);
    const { definition, settings, faults } = await loadConfiguration({
      cwd: path.join(folder.root, 'routes'),
      environment: ENVIRONMENT,
    });
    expect(faults).to.deep.equal([]);
    const { services, contracts, casts, routes, ...rest } = definition;
    expect(rest).to.deep.equal({
      bus: 'retail',
      part: 'main',
      states: [],
      slots: 4,
      limits: { size: 1_048_576, depth: 64, parking: 268_435_456 },
      routerPartitions: 4,
      sources: {
        customers: {
          http: '${CRM_URL}/customers/{key}',
          auth: { bearer: '${file:secrets/token}' },
          response: 'crm.customer@1',
          absent: [404],
          timeout: '2s',
          cache: { for: '5m', max: 10_000 },
        },
      },
    });
    expect(services.find(({ name }) => name === 'oms')).to.deep.equal({
      name: 'oms',
      publishes: [],
      receives: ['oms.order.create@2'],
      ordering: 'key',
      partitions: 4,
      client: 'sdk',
      retry: { immediate: 1, attempts: 5, delayMs: 1_000, factor: 2, maxMs: 60_000 },
      holdMs: 60_000,
      timeoutMs: 30_000,
      concurrency: 16,
      inboxKeepMs: 604_800_000,
    });
    expect(services.find(({ name }) => name === 'mail')?.retry).to.deep.equal({
      immediate: 1,
      attempts: 8,
      delayMs: 1_000,
      factor: 4,
      maxMs: 3_600_000,
    });
    expect(contracts.map(({ type, version, file }) => [type, version, file])).to.deep.include([
      'shop.order.placed',
      2,
      'schemas/shop/order.placed.v2.json',
    ]);
    expect(casts).to.deep.equal([
      {
        type: 'shop.order.placed',
        from: 1,
        to: 2,
        file: 'schemas/shop/order.placed.v1-v2.yaml',
        up: { id: 'data.id' },
      },
    ]);
    expect(routes.map(({ name }) => name)).to.deep.equal(['eu-orders', 'mails', 'direct']);
    expect(settings.transport.url.reveal()).to.equal(`embedded:${path.join(folder.root, '.waybill')}`);
    expect(settings.sources.reveal()['customers']).to.deep.include({
      http: 'https://crm.example/customers/{key}',
      auth: { bearer: 'the-token' },
      timeout: 2_000,
      retry: { attempts: 3, delay: 200 },
      cache: { for: 300_000, max: 10_000 },
    });
  });

  it('has as many slots as the partitions of services and of the router need, and those that are stated', async () => {
    const slotsOf = async (text: string): Promise<number> => {
      await using folder = await makeFolder({ 'waybill.yaml': `bus: retail\n${text}` });
      return (await loadConfiguration({ cwd: folder.root, environment: ENVIRONMENT })).definition.slots;
    };
    expect(await slotsOf('router: { partitions: 8 }\n')).to.equal(8);
    expect(await slotsOf('services: { oms: { partitions: 3 }, mail: {} }\n')).to.equal(16);
    expect(await slotsOf('services: { oms: { partitions: 3 } }\nslots: 32\n')).to.equal(32);
  });

  it('knows where everything stands', async () => {
    const reading = await read();
    expect(reading.locate('waybill.yaml', ['services', 'oms', 'partitions'])).to.deep.equal({
      file: 'waybill.yaml',
      line: 6,
      column: 69,
    });
    expect(reading.locate('routes/eu-orders.yaml', ['when'], { offset: 8 })).to.deep.equal({
      file: 'routes/eu-orders.yaml',
      line: 2,
      column: 15,
    });
    expect(reading.locate('schemas/oms/order.create.v2.json', ['properties', 'id'])).to.deep.equal({
      file: 'schemas/oms/order.create.v2.json',
      line: 4,
      column: 11,
    });
    expect(reading.sourceLine('routes/eu-orders.yaml', 1)).to.equal('from: shop.order.placed@2');
  });

  it('is a definition that survives JSON', async () => {
    const { definition } = await read();
    const copy: unknown = JSON.parse(JSON.stringify(definition)) as Definition;
    expect(copy).to.deep.equal(definition);
  });

  it('needs a waybill.yaml', async () => {
    await using folder = await makeFolder({ 'x.txt': '' });
    expect(await rejection(loadConfiguration({ path: folder.root }))).to.include({ code: 'WB_CONFIG_NOT_FOUND' });
    expect(await rejection(loadConfiguration({ cwd: folder.root }))).to.include({ code: 'WB_CONFIG_NOT_FOUND' });
    expect(await rejection(loadConfiguration({ path: path.join(folder.root, 'waybil.yaml') }))).to.include({
      code: 'WB_CONFIG_NOT_FOUND',
    });
  });

  it('throws all faults of all files together', async () => {
    await using folder = await makeFolder({
      ...SOUND,
      'waybill.yaml': bus.replace('partitions: 4', 'partitons: 4').replace('delay: 1s', 'delay: 1 sec'),
      'routes/eu-orders.yaml': 'from: shop.order.placed@2\nwhen: !has(data.x)\nto: oms\n',
      'routes/others.yaml': 'from: 1\nto: oms\nenabeld: false\n',
      'schemas/crm/customer.v1.json': '{ "type": "object", }',
    });
    const error = await rejection(loadConfiguration({ cwd: folder.root, environment: ENVIRONMENT }));
    const text = String(error);
    expect(error).to.include({ code: 'WB_CONFIG_FAULTS' });
    expect(text).to.include('the configuration has 6 faults');
    expect(text).to.include(
      'routes/eu-orders.yaml:2:7  WB_CONFIG_YAML\n  !has(data.x) is a YAML tag here, not text\n  write when: "!has(data.x)"',
    );
    expect(text).to.include(
      'routes/others.yaml:3:1  WB_OPTION_INVALID\n  enabeld is not an option\n  did you mean enabled?',
    );
    expect(text).to.include(
      'routes/others.yaml:1:7  WB_OPTION_INVALID\n  from: expected a type with its major version',
    );
    expect(text).to.include('schemas/crm/customer.v1.json:1:21  WB_JSON_INVALID');
    expect(text).to.include(
      'waybill.yaml:6:57  WB_OPTION_INVALID\n  services.oms.partitons is not an option\n  did you mean partitions?',
    );
    expect(text).to.include(
      'waybill.yaml:7:73  WB_OPTION_INVALID\n  services.mail.retry.delay: expected a duration from 1ms to 1d, such as 30s, found "1 sec"\n  write 1s',
    );
  });

  const bad: readonly (readonly [
    what: string,
    changes: Readonly<Record<string, string | Uint8Array>>,
    ...expected: string[],
  ])[] = [
    [
      'an unknown option at the top',
      { 'waybill.yaml': `${bus}servics: {}\n` },
      'waybill.yaml:17:1',
      'did you mean services?',
    ],
    ['a bus without a name', edited('bus: retail\n', ''), 'waybill.yaml:2:1', 'bus is missing'],
    ['a name of the bus that is none', edited('bus: retail', 'bus: Re tail'), 'waybill.yaml:2:6', 'expected a name'],
    [
      'a list for the whole file',
      { 'waybill.yaml': '- a\n' },
      'waybill.yaml:1:1',
      'expected the options of a bus, found a list',
    ],
    [
      'a number out of range',
      edited('partitions: 4', 'partitions: 400'),
      'waybill.yaml:6:69',
      'expected a whole number from 1 to 64, found 400',
    ],
    [
      'a text for a number',
      edited('partitions: 4', 'partitions: four'),
      'expected a whole number from 1 to 64, found "four"',
    ],
    [
      'a word that is none of the choice',
      edited('ordering: key', 'ordering: keyd'),
      'expected key or none, found "keyd"',
      'did you mean key?',
    ],
    ['a duration out of range', edited('factor: 4, max: 1h', 'factor: 4, max: 8d'), 'from 1ms to 1d', 'found "8d"'],
    [
      'a duration without a unit',
      edited('timeout: 2s', 'timeout: 2'),
      'sources.customers.timeout',
      'found 2',
      'write 2s',
    ],
    ['a size', { 'waybill.yaml': `${bus}limits: { size: 1 mb }\n` }, 'a size from 1KiB to 15MiB', 'write 1MB'],
    [
      'a type without its version',
      edited('crm.customer@1', 'crm.customer'),
      'such as shop.order.placed@1, found "crm.customer"',
    ],
    [
      'one type where a list belongs',
      edited('[shop.order.placed@1, shop.order.placed@2]', 'shop.order.placed@1'),
      'expected a list',
      'write [shop.order.placed@1]',
    ],
    [
      'a type twice',
      edited('[shop.order.placed@1, shop', '[shop.order.placed@2, shop'),
      '"shop.order.placed@2" stands twice',
    ],
    [
      'a type without a contract',
      edited('publishes: [shop.order.placed@1', 'publishes: [shop.order.place@1'),
      'waybill.yaml:5:23',
      'WB_CONTRACT_UNKNOWN',
      'did you mean shop.order.placed@1?',
    ],
    [
      'a source whose answer has no contract',
      edited('crm.customer@1', 'crm.person@1'),
      'Add schemas/crm/person.v1.json.',
    ],
    [
      'a service without options',
      edited('client: plain }', 'client: plain }\n  empty:'),
      'expected the options of a service (`{}` for none), found nothing',
    ],
    ['a reserved name', edited('  oms:', '  router:'), 'waybill.yaml:6:3', "router is a name of the bus's own"],
    [
      'a malformed name',
      edited('legacy-wms:', 'Legacy_WMS:'),
      'expected a name of lower-case letters',
      'write legacy-wms',
    ],
    [
      'a name that objects have',
      edited('legacy-wms:', 'constructor: { concurrncy: 1 }\n  x:'),
      'services.constructor.concurrncy',
      'did you mean concurrency?',
    ],
    [
      'slots that are no power of two',
      edited('bus: retail', 'bus: retail\nslots: 12'),
      'expected 1, 2, 4, 8, 16, 32 or 64, found 12',
    ],
    [
      'more partitions than slots',
      edited('bus: retail', 'bus: retail\nslots: 2\nrouter: { partitions: 2 }'),
      'oms has 4 partitions, more than the 2 slots',
      'slots: 4',
    ],
    [
      'a hold without an order to keep',
      edited('ordering: key', 'ordering: none, hold: 5s'),
      '`hold` is for `ordering: key`',
    ],
    [
      'more immediate attempts than attempts',
      edited('attempts: 8', 'attempts: 2, immediate: 3'),
      'immediate (3) is of attempts (2)',
    ],
    [
      'a first delay longer than the longest',
      edited('delay: 1s, factor: 4, max: 1h', 'delay: 5m'),
      'the first delay is longer',
    ],
    [
      'two kinds of auth',
      edited('auth: { ', 'auth: { header: { name: a, value: "${CRM_URL}" }, '),
      'one of bearer, basic and header',
    ],
    ['a secret in plain text', edited('"${file:secrets/token}"', 'abc'), 'a secret stands here in plain text'],
    [
      'a variable that is not set',
      edited('${CRM_URL}', '${CRM_URLS}'),
      'waybill.yaml:11:11',
      'the environment variable CRM_URLS is not set',
      'did you mean CRM_URL?',
    ],
    [
      'a secret file that is not there',
      edited('secrets/token', 'secrets/tokn'),
      'the file secrets/tokn cannot be read: ENOENT',
    ],
    ['a reference without an end', edited('${CRM_URL}/', '${CRM_URL/'), 'WB_CONFIG_REFERENCE'],
    ['a reference that is none', edited('${CRM_URL}', '${CRM-URL}'), '${CRM-URL} is not a reference'],
    [
      'a reference where none is resolved',
      edited('bus: retail', 'bus: ${CRM_URL}'),
      'found "${CRM_URL}"',
      'transport, store, sources, keys and telemetry',
    ],
    [
      'another transport',
      edited('embedded:.waybill', 'embeded:.waybill'),
      'waybill.yaml:3:12',
      'WB_TRANSPORT_URL',
      'did you mean embedded:?',
    ],
    ['a transport that is no url', edited('${WAYBILL_URL:-embedded:.waybill}', 'here'), 'the transport is not a url'],
    [
      'a malformed amqp url',
      edited('${WAYBILL_URL:-embedded:.waybill}', 'amqp://u:p@:9'),
      'the amqp url is not well formed',
    ],
    [
      'a store that is none',
      edited('bus: retail', 'bus: retail\nstore: mysql://x'),
      'waybill.yaml:3:8',
      'expected a postgres:// url',
    ],
    ['an empty file', { 'waybill.yaml': '' }, 'waybill.yaml:1:1', 'the file is empty'],
    [
      'bytes that are not UTF-8',
      { 'routes/r.yaml': new Uint8Array([0x61, 0x3a, 0x0a, 0xff]) },
      'routes/r.yaml:2:1',
      'not valid UTF-8',
    ],
    ['a byte order mark', { 'routes/r.yaml': '\ufefffrom: a.b@1\n' }, 'byte order mark'],
    [
      'a contract of another name',
      { 'schemas/shop/Order.json': '{}' },
      'WB_CONTRACT_NAME',
      'schemas/<domain>/<name>.v<major>.json',
    ],
    ['a contract in no domain', { 'schemas/order.v1.json': '{}' }, 'WB_CONTRACT_NAME'],
    ['a contract in a folder too many', { 'schemas/eu/shop/order.v1.json': '{}' }, 'in the folder of its domain'],
    [
      'a folder for a contract',
      { 'schemas/shop/x.v1.json/y.txt': '', 'schemas/shop/x.v1.json/z.json': '{}' },
      'WB_CONTRACT_NAME',
    ],
    [
      'a cast without up',
      { 'schemas/shop/order.placed.v1-v2.yaml': 'dwn: {}\n' },
      'did you mean down?',
      'up is missing',
    ],
    ['an empty list of routes', route('[]\n'), 'routes/r.yaml:1:1', 'the list holds no route'],
    ['a route that is a text', route('x\n'), 'routes/r.yaml:1:1', 'expected a route, found "x"'],
    ['a route without from', route('to: oms\n'), 'routes/r.yaml:1:1', 'from is missing'],
    [
      'a step with two mediators',
      route('from: shop.order.placed@2\nto: oms\nsteps:\n  - filter: a\n    map: {}\n'),
      'routes/r.yaml:4:5',
      'expected one step',
    ],
    [
      'a destination with an unknown option',
      route('from: shop.order.placed@2\nto: [oms, { servce: oms }]\n'),
      'routes/r.yaml:2:13',
      'did you mean service?',
    ],
    [
      'a destination that is a number',
      route('from: shop.order.placed@2\nto: [oms, 1]\n'),
      'routes/r.yaml:2:11',
      'expected',
    ],
    [
      'a list without names',
      route('- from: shop.order.placed@2\n  to: oms\n- from: shop.order.placed@1\n  to: oms\n'),
      'routes/r.yaml:1:3',
      'needs a name',
    ],
    [
      'a file whose name is no name',
      { 'routes/My Orders.yaml': 'from: shop.order.placed@2\nto: oms\n' },
      'My Orders is no name of a route',
    ],
    [
      'an unknown service',
      route('from: shop.order.placed@2\nto: [mail, omss]\n'),
      'routes/r.yaml:2:12',
      'WB_SERVICE_UNKNOWN',
      'did you mean oms?',
    ],
    [
      'an unknown type',
      route('from: shop.order.plcaed@2\nto: mail\n'),
      'routes/r.yaml:1:7',
      'did you mean shop.order.placed@2?',
    ],
    [
      'two routes of one name',
      route('name: direct\nfrom: shop.order.placed@2\nto: mail\n'),
      'routes/r.yaml:1:7',
      'WB_ROUTE_DUPLICATE',
      'routes/others.yaml',
    ],
  ];
  for (const [what, changes, ...parts] of bad) {
    it(`refuses ${what}`, async () => {
      const faults = (await faultsOf(changes)).join('\n');
      for (const part of parts) expect(faults).to.include(part);
    });
  }

  it('does not call services unknown whose section is misspelt', async () => {
    const faults = await faultsOf(edited('services:', 'servcies:'));
    expect(faults).to.have.length(1);
    expect(faults[0]).to.include('servcies is not an option').and.include('did you mean services?');
  });

  it('refuses a folder in the place of waybill.yaml', async () => {
    await using folder = await makeFolder({ 'waybill.yaml/x': '' });
    const { faults } = await readConfiguration({ cwd: folder.root, environment: {} });
    expect(faults.map(formatFault)[0]).to.include('this is a folder, expected a file');
  });

  it('names a broken link, and follows a sound one', async () => {
    await using folder = await makeFolder(SOUND);
    await symlink('nowhere.yaml', path.join(folder.root, 'routes', 'broken.yaml'));
    await symlink('..', path.join(folder.root, 'routes', 'up'));
    await folder.write('elsewhere.yaml', 'from: shop.order.placed@2\nto: nobody\n');
    await symlink('../elsewhere.yaml', path.join(folder.root, 'routes', 'linked.yaml'));
    const { faults } = await readConfiguration({ cwd: folder.root, environment: ENVIRONMENT });
    const text = faults.map(formatFault).join('\n');
    expect(text).to.include('routes/broken.yaml:1:1  WB_CONFIG_FILE\n  the file is not there');
    expect(text).to.include('routes/linked.yaml:2:5  WB_SERVICE_UNKNOWN');
  });

  it('still gives a definition to plan with when only routes are faulty', async () => {
    const { definition, faults } = await read(route('from: 1\nto: oms\n'));
    expect(faults).to.have.length(1);
    expect(definition?.routes.map(({ name }) => name)).to.deep.equal(['eu-orders', 'mails', 'direct']);
    expect((await read({ 'schemas/crm/customer.v1.json': '{' })).definition).to.equal(undefined);
  });

  it('still gives a definition to plan with when options are faulty that routes do not go by', async () => {
    const definitionOf = async (change: (text: string) => string): Promise<unknown> => {
      const { definition, faults, settings } = await read({ 'waybill.yaml': change(bus) });
      expect(faults).not.to.have.length(0);
      expect(settings).to.equal(undefined);
      return definition;
    };
    const partitions = await definitionOf((text) => text.replace('partitions: 4', 'partitons: 4'));
    expect(partitions).to.have.nested.property('services[1].receives').that.deep.equals(['oms.order.create@2']);
    expect(await definitionOf((text) => `${text}limits: { depth: x }\n`)).not.to.equal(undefined);
    // Without these, sound routes would seem to lead to services that do not want them.
    expect(await definitionOf((text) => text.replace('receives: [oms', 'receivs: [oms'))).to.equal(undefined);
    expect(await definitionOf((text) => text.replace('receives: [oms.order.create@2]', 'receives: 3'))).to.equal(
      undefined,
    );
  });

  it('gives no example that is out of range itself', async () => {
    const [fault] = await faultsOf({ 'waybill.yaml': `${bus}limits: { parking: 64KiB }\n` });
    expect(fault).to.contain('limits.parking: expected a size from 1MiB to 1024GiB, found "64KiB"');
  });

  it('checks the rest of waybill.yaml when a part of it is faulty', async () => {
    const text = bus
      .replace('bus: retail', 'bus: 1')
      .replace('partitions: 4', 'partitions: x')
      .replace('[shop.order.placed@2]', '[shop.order.plced@2]');
    const faults = (await faultsOf({ 'waybill.yaml': `${text}limits: { depth: x }\nslots: 3\n` })).join('\n');
    for (const part of [
      'bus: expected',
      'services.oms.partitions',
      'did you mean shop.order.placed@2?',
      'limits.depth',
      'slots: expected 1, 2, 4',
    ]) {
      expect(faults).to.include(part);
    }
  });

  it('does not call a type unknown whose contract is broken', async () => {
    const faults = await faultsOf({ 'schemas/shop/order.placed.v2.json': '{' });
    expect(faults).to.have.length(1);
    expect(faults[0]).to.include('WB_JSON_INVALID');
  });
});

describe('overrides of an environment', () => {
  const prod = `transport: amqps://\${USER_NAME}:\${PASSWORD}@mq.example/retail
limits: { size: 2MiB }
sources: { customers: { timeout: 9s } }
`;
  const environment = { ...ENVIRONMENT, USER_NAME: 'u', PASSWORD: 'p%40ss' };

  it('change option by option what differs by machine', async () => {
    for (const options of [{ env: 'prod', environment }, { environment: { ...environment, WAYBILL_ENV: 'prod' } }]) {
      const { definition, settings, faults } = await read({ 'waybill.prod.yaml': prod }, options);
      expect(faults).to.deep.equal([]);
      expect(definition?.limits).to.deep.equal({ size: 2_097_152, depth: 64, parking: 268_435_456 });
      expect(definition?.sources['customers']).to.deep.include({ timeout: '9s', absent: [404] });
      expect(settings?.transport.url.reveal()).to.equal('amqps://u:p%40ss@mq.example/retail');
      expect(settings?.transport.shown).to.equal('amqps://mq.example/retail');
      expect(settings?.env).to.equal('prod');
    }
  });

  it('are left alone when no environment is chosen', async () => {
    expect((await read({ 'waybill.prod.yaml': 'x: [' })).faults).to.deep.equal([]);
  });

  it('may not change the bus, and faults stand in the file that says it', async () => {
    const changes = {
      'waybill.prod.yaml': 'services: {}\nlimit: {}\nlimits: { size: 1 }\nsources: { customers: { timout: 1s } }\n',
    };
    const faults = (await faultsOf(changes, { env: 'prod', environment })).join('\n');
    expect(faults).to.include('waybill.prod.yaml:1:1  WB_OPTION_INVALID\n  services is the same in every environment');
    expect(faults).to.include(
      'waybill.prod.yaml:2:1  WB_OPTION_INVALID\n  limit is not an option\n  did you mean limits?',
    );
    expect(faults).to.include('waybill.prod.yaml:3:17  WB_OPTION_INVALID\n  limits.size: expected a size');
    expect(faults).to.include(
      'waybill.prod.yaml:4:25  WB_OPTION_INVALID\n  sources.customers.timout is not an option\n  did you mean timeout?',
    );
  });

  it('must be there when chosen', async () => {
    expect((await faultsOf({ 'waybill.prod.yaml': prod }, { env: 'prd', environment }))[0]).to.include(
      'did you mean prod?',
    );
    expect((await faultsOf({}, { env: '../x', environment }))[0]).to.include('not the name of an environment');
  });
});

describe('secrets', () => {
  const SENTINEL = 'S3NT1NEL-do-not-show';
  const environment = {
    A: SENTINEL,
    CRM_URL: `https://crm.example/${SENTINEL}`,
    BAD: `htp://u:${SENTINEL}@x`,
    NUM: SENTINEL,
  };

  it('are in the settings alone, and are not printed from there', async () => {
    const { definition, settings } = await read(
      { 'secrets/token': SENTINEL, ...edited('${WAYBILL_URL:-embedded:.waybill}', 'amqp://user:${A}@host/${A}') },
      { environment: { ...environment, A: SENTINEL } },
    );
    expect(settings?.transport.url.reveal()).to.include(SENTINEL);
    expect(settings?.sources.reveal()['customers']?.auth?.bearer).to.equal(SENTINEL);
    expect(JSON.stringify(definition)).not.to.include(SENTINEL);
    expect(
      `${JSON.stringify(settings?.sources)} ${inspect(settings?.sources, { depth: 9, showHidden: true })}`,
    ).not.to.include(SENTINEL);
    expect(
      `${JSON.stringify(settings?.transport.url)} ${inspect(settings?.transport.url, { depth: 9 })} ${String(settings?.transport.url)}`,
    ).not.to.include(SENTINEL);
  });

  it('are in no fault of an address that cannot be asked', async () => {
    for (const [CRM_URL, why] of [
      [`crm.internal/${SENTINEL}`, 'expected an http:// or https:// address'],
      [`ftp://crm.example/${SENTINEL}`, 'expected an http:// or https:// address'],
      [`https://u:${SENTINEL}@crm.example`, 'a user or a password stands in the address'],
    ] as const) {
      const { faults } = await read({ 'secrets/token': SENTINEL }, { environment: { ...environment, CRM_URL } });
      expect(faults.map(({ code }) => code)).to.deep.equal(['WB_OPTION_INVALID']);
      expect(faults[0]?.message).to.contain(`sources.customers.http: ${why}`);
      expect(JSON.stringify(faults)).not.to.include(SENTINEL);
    }
  });

  it('are in no fault', async () => {
    const changes = edited('${WAYBILL_URL:-embedded:.waybill}', '${BAD}');
    const text =
      changes['waybill.yaml']
        ?.replace('timeout: 2s', 'timeout: ${A}')
        .replace('crm.customer@1', '${A}')
        .replace('max: 10000', 'max: "${NUM}"') ?? '';
    const reading = await read(
      { 'secrets/token': SENTINEL, 'waybill.yaml': `${text}telemetry: { log: "\${A}" }\nstore: \${A}\n` },
      { environment },
    );
    expect(reading.faults.map(({ code }) => code)).to.deep.equal(Array(4).fill('WB_OPTION_INVALID'));
    expect(JSON.stringify(reading.faults)).not.to.include(SENTINEL);
    const again = await read({ ...changes, 'secrets/token': SENTINEL }, { environment });
    expect(again.faults.map(({ code }) => code)).to.deep.equal(['WB_TRANSPORT_URL']);
    expect(JSON.stringify(again.faults)).not.to.include(SENTINEL);
  });
});

import { expect } from 'chai';
import { checkConfiguration } from '../../../src/config/check.ts';
import { formatFault } from '../../../src/errors.ts';
import { compilePlan } from '../../../src/plan/compile.ts';
import { compileParts } from '../../../src/plan/compile-parts.ts';
import { explainPlan, formatPlan } from '../../../src/plan/explain.ts';
import { message } from '../../support/messages.ts';
import { makeFolder } from './folder.ts';

const BUS = 'bus: shop\nservices:\n  shop: { publishes: [shop.item@1] }\n  oms: { receives: [shop.item@1] }\n';
const GEO = `export const geo = {
  name: 'geo',
  describe: 'Knows places.',
  options: { type: 'object', properties: { town: { enum: ['Ulm', 'Bonn'] } }, required: ['town'], additionalProperties: false },
  prepare: ({ town }) => ({ run: (message) => message.with({ data: { ...message.data, town } }) }),
};
`;
const FILES = {
  'waybill.yaml': BUS,
  'schemas/shop/item.v1.json': JSON.stringify({
    type: 'object',
    required: ['id'],
    properties: { id: { type: 'string' }, town: { type: 'string' } },
  }),
  'routes/r.yaml': 'from: shop.item@1\nsteps:\n  - geo: { town: Ulm }\nto: oms\n',
};

async function check(files: Readonly<Record<string, string>>): ReturnType<typeof checkConfiguration> {
  await using folder = await makeFolder({ ...FILES, ...files });
  return await checkConfiguration({ config: folder.root });
}

async function faultsOf(files: Readonly<Record<string, string>>): Promise<string> {
  return (await check(files)).faults.map(formatFault).join('\n');
}

async function townOf(files: Readonly<Record<string, string>>): Promise<unknown> {
  const { plan, faults } = await check(files);
  expect(faults.map(formatFault)).to.deep.equal([]);
  const result = plan?.program('router')?.run(message({ type: 'shop.item', data: { id: 'a' } }));
  return JSON.parse(Buffer.from(result?.sends[0]?.message.body ?? []).toString());
}

describe('plugins', () => {
  it('are the mediators that files of plugins/ export', async () => {
    expect(await townOf({ 'plugins/geo.mjs': GEO })).to.deep.equal({ id: 'a', town: 'Ulm' });
    const commonJs = GEO.replace('export const geo =', 'module.exports.geo =');
    expect(await townOf({ 'package.json': '{}', 'plugins/geo.js': commonJs })).to.deep.equal({ id: 'a', town: 'Ulm' });
  });

  it('may be TypeScript', async () => {
    const typed = GEO.replace('({ town }) =>', '({ town }: { town: string }) =>');
    expect(await townOf({ 'plugins/geo.ts': typed })).to.deep.equal({ id: 'a', town: 'Ulm' });
  });

  it('may come from a package that waybill.yaml names', async () => {
    const manifest = (exports: unknown): string => JSON.stringify({ name: '@acme/geo', version: '1.2.0', exports });
    const files = { 'waybill.yaml': `${BUS}plugins: ['@acme/geo']\n`, 'node_modules/@acme/geo/lib/geo.mjs': GEO };
    const forms = [
      './lib/geo.mjs',
      { '.': { require: './no.cjs', import: { types: './no.d.ts', node: './lib/geo.mjs' } } },
    ];
    for (const exports of forms) {
      const all = { ...files, 'node_modules/@acme/geo/package.json': manifest(exports) };
      expect(await townOf(all)).to.deep.equal({ id: 'a', town: 'Ulm' });
      const { plan } = await check(all);
      expect(plan?.definition.plugins).to.deep.equal({ geo: { from: '@acme/geo', edition: '1.2.0' } });
    }
  });

  it('leave out tests, types, and what stands in folders below', async () => {
    const { faults, files } = await check({
      'plugins/geo.mjs': GEO,
      'plugins/geo.test.mjs': 'throw new Error();',
      'plugins/geo.d.ts': 'export declare const geo: unknown;',
      'plugins/shared/towns.mjs': 'export const towns = [];',
      'plugins/README.md': 'mine',
    });
    expect(faults).to.deep.equal([]);
    expect(files.filter((file) => file.startsWith('plugins/'))).to.deep.equal(['plugins/geo.mjs']);
  });

  it('have their options checked as those of built-in mediators, nearest name and place included', async () => {
    const step = (text: string): Readonly<Record<string, string>> => ({
      'plugins/geo.mjs': GEO,
      'routes/r.yaml': `from: shop.item@1\nsteps:\n  - ${text}\nto: oms\n`,
    });
    expect(await faultsOf(step('geo: { twon: Ulm, town: Ulm }'))).to.equal(
      'routes/r.yaml:3:12  WB_MEDIATOR_OPTION\n  geo has no option twon\n  did you mean town?',
    );
    expect(await faultsOf(step('geo: {}'))).to.equal('routes/r.yaml:3:10  WB_MEDIATOR_OPTION\n  geo needs town');
    expect(await faultsOf(step('geo: { town: Rom }'))).to.contain('routes/r.yaml:3:18  WB_MEDIATOR_OPTION');
    expect(await faultsOf(step('goe: { town: Ulm }'))).to.equal(
      'routes/r.yaml:3:5  WB_MEDIATOR_UNKNOWN\n  there is no mediator goe\n  did you mean geo?',
    );
  });

  it('are faults of the configuration where they cannot be used', async () => {
    expect(await faultsOf({ 'plugins/geo.mjs': 'throw new Error("no map");' })).to.match(
      /^plugins\/geo\.mjs:1:7 {2}WB_PLUGIN_INVALID\n {2}the plugin plugins\/geo\.mjs cannot be loaded: no map$/,
    );
    expect(await faultsOf({ 'plugins/geo.ts': 'export const a = 1;\nexport const = 5;\n' })).to.match(
      /^plugins\/geo\.ts:2:\d+ {2}WB_PLUGIN_INVALID\n {2}the plugin plugins\/geo\.ts cannot be loaded: /,
    );
    expect(await faultsOf({ 'plugins/geo.mjs': 'import "no-such-package";' })).to.contain("'no-such-package'");
    expect(await faultsOf({ 'plugins/geo.mjs': 'export const towns = [];' })).to.equal(
      'plugins/geo.mjs:1:1  WB_PLUGIN_INVALID\n  the plugin plugins/geo.mjs exports no mediator, but towns\n  Export a mediator by name: export const geo = defineMediator({ ... }).',
    );
    expect(await faultsOf({ 'plugins/geo.mjs': GEO.replace("'geo'", "'map'") })).to.contain(
      'the plugin plugins/geo.mjs: map is a built-in mediator',
    );
    expect(await faultsOf({ 'plugins/a.mjs': GEO, 'plugins/b.mjs': GEO })).to.contain(
      'plugins/b.mjs:1:1  WB_PLUGIN_INVALID\n  the plugin plugins/b.mjs: geo is the plugin of plugins/a.mjs already',
    );
    expect(await faultsOf({ 'waybill.yaml': `${BUS}plugins: ['@acme/geo']\n` })).to.contain(
      'waybill.yaml:5:11  WB_PLUGIN_INVALID\n  the package @acme/geo is not installed\n  Run npm install @acme/geo in the folder of waybill.yaml.',
    );
    expect(await faultsOf({ 'waybill.yaml': `${BUS}plugins: [./geo.mjs]\n` })).to.contain('WB_OPTION_INVALID');
  });

  it('are told what is wrong with a mediator', async () => {
    const faults = await faultsOf({
      'plugins/geo.mjs': `export const geo = { name: 'Geo Names', options: { type: 'objct' }, runs: 'fast', prepair: 1, prepare() {} };`,
    });
    expect(faults)
      .to.contain('geo: its name must be lower-case letters, digits and hyphens')
      .and.contain('geo: it needs describe')
      .and.contain("geo: runs must be 'pure', 'io' or 'state'")
      .and.contain('geo: options is no JSON Schema: /type')
      .and.contain('geo: a mediator has no prepair; did you mean prepare?');
  });

  it('are named by the definition, whose edition changes with them, and shown by the plan', async () => {
    const first = (await check({ 'plugins/geo.mjs': GEO, 'plugins/idle.mjs': GEO.replace("'geo'", "'idle'") })).plan;
    const second = (await check({ 'plugins/geo.mjs': `${GEO}// edited\n` })).plan;
    expect(Object.keys(first?.definition.plugins ?? {})).to.deep.equal(['geo']);
    expect(first?.definition.plugins?.['geo']).to.have.property('from', 'plugins/geo.mjs');
    expect(second?.edition).not.to.equal(first?.edition);
    if (first === undefined) throw new Error('the configuration is faulty');
    const report = explainPlan(first);
    expect(report.plugins).to.have.nested.property('0.routes').that.deep.equals(['r']);
    expect(formatPlan(report)).to.contain('plugins (1)\n  geo: plugins/geo.mjs, edition ');
  });

  it('are refused by name where a process lacks them, or has others of the name', async () => {
    const { plan, part, mediators } = await check({ 'plugins/geo.mjs': GEO });
    const { mediators: edited } = await check({ 'plugins/geo.mjs': `${GEO}// edited\n` });
    if (plan === undefined || part === undefined) throw new Error('the configuration is faulty');
    const { definition, topology } = plan;
    expect(compilePlan(definition).faults.map(({ code, message: text }) => `${code} ${text}`)).to.deep.equal([
      'WB_PLUGIN_MISSING the route r needs the plugin geo of plugins/geo.mjs, which this process does not have',
    ]);
    expect(compilePlan(definition, { mediators: edited }).faults[0]?.message).to.match(
      /^the route r needs the plugin geo of plugins\/geo\.mjs in its edition \S+, and this process has edition \S+ of plugins\/geo\.mjs$/,
    );
    // What was applied tells a service all that it needs; but it runs no route.
    const applied = compilePlan(definition, { trusted: true, applied: topology });
    expect(applied.plan?.topology).to.deep.equal(topology);
    expect(applied.plan?.edition).to.equal(plan.edition);
    expect(() => applied.plan?.program('router')).to.throw('needs the plugin geo of plugins/geo.mjs');
    expect(compilePlan(definition, { trusted: true, applied: topology, mediators }).plan?.lacks).to.deep.equal([]);
  });

  it('belong to all parts that have the same one', async () => {
    const { part, mediators } = await check({ 'plugins/geo.mjs': GEO });
    if (part === undefined) throw new Error('the configuration is faulty');
    const other = {
      ...part,
      part: 'b',
      services: [],
      contracts: [],
      routes: part.routes.map((each) => ({ ...each, name: 's' })),
    };
    expect(compileParts([part, other], 'main', { mediators }).faults).to.deep.equal([]);
    const differs = { ...other, plugins: { geo: { from: 'plugins/geo.mjs', edition: 'another' } } };
    expect(compileParts([part, differs], 'main', { mediators }).faults.map(({ message: text }) => text)).to.include(
      'the plugin geo of the part main is not that of the part b',
    );
  });
});

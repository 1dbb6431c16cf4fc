import { expect } from 'chai';
import { checkConfiguration } from '../../../src/config/check.ts';
import { formatFault } from '../../../src/errors.ts';
import { compilePlan } from '../../../src/plan/compile.ts';
import { explainPlan } from '../../../src/plan/explain.ts';
import { openRoute, type TestOutcome } from '../../../src/testing.ts';
import { makeFolder } from '../config/folder.ts';

const schema = (fields: Readonly<Record<string, string>>): string =>
  JSON.stringify({
    'x-key': '/id',
    type: 'object',
    required: Object.keys(fields),
    properties: Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, { type }])),
  });
const FILES = {
  'waybill.yaml':
    'bus: shop\nservices:\n  shop: { publishes: [shop.item@1] }\n  oms: { receives: [shop.item@1, oms.item@1] }\n',
  'schemas/shop/item.v1.json': schema({ id: 'string', n: 'number' }),
  'schemas/oms/item.v1.json': schema({ id: 'string', twice: 'number' }),
  'scripts/twice.mjs': 'export default ({ data }) => ({ id: data.id, twice: data.n * 2 });\n',
};
const route = (step: string): string => `from: shop.item@1\nsteps:\n  - script: ${step}\nto: oms\n`;
const TWICE = route('{ file: scripts/twice.mjs, to: oms.item@1 }');

async function run(script: string, step = '{ file: scripts/twice.mjs, to: oms.item@1 }'): Promise<TestOutcome> {
  await using folder = await makeFolder({ ...FILES, 'scripts/twice.mjs': script, 'routes/r.yaml': route(step) });
  return await (await openRoute('r', { config: folder.root })).take({ data: { id: 'a', n: 21 } });
}

async function faultsOf(files: Readonly<Record<string, string>>): Promise<string> {
  await using folder = await makeFolder({ ...FILES, ...files });
  return (await checkConfiguration({ config: folder.root })).faults.map(formatFault).join('\n');
}

describe('script', () => {
  it('makes new data by a function of a file, of the type that it says', async () => {
    const { outcome, sent } = await run(FILES['scripts/twice.mjs']);
    expect(outcome).to.equal('done');
    expect(sent.map(({ type, data }) => [type, data])).to.deep.equal([['oms.item@1', { id: 'a', twice: 42 }]]);
  });

  it('takes a function by its name, in TypeScript and in CommonJS too', async () => {
    const named = 'export function double({ data }) { return { ...data, n: 1 }; }';
    expect((await run(named, '{ file: scripts/twice.mjs, function: double }')).sent[0]?.data).to.deep.equal({
      id: 'a',
      n: 1,
    });
    const files = {
      ...FILES,
      'scripts/typed.ts':
        'export default ({ data }: { data: { id: string; n: number } }) => ({ id: data.id, twice: data.n });',
      'scripts/package.json': '{}',
      'scripts/common.js': 'module.exports.half = ({ data }) => ({ id: data.id, twice: data.twice / 2 });',
      'routes/r.yaml':
        'from: shop.item@1\nsteps:\n  - script: { file: scripts/typed.ts, to: oms.item@1 }\n  - script: { file: scripts/common.js, function: half }\nto: oms\n',
    };
    await using folder = await makeFolder(files);
    const { sent } = await (await openRoute('r', { config: folder.root })).take({ data: { id: 'a', n: 21 } });
    expect(sent[0]?.data).to.deep.equal({ id: 'a', twice: 10.5 });
  });

  it('is guarded as a plugin is', async () => {
    const who = 'step 1 (script): the script scripts/twice.mjs';
    const dead = async (script: string): Promise<string> => {
      const { outcome, error } = await run(script);
      return `${outcome} ${error?.code ?? ''} ${error?.message ?? ''}`;
    };
    expect(await dead('export default () => { throw new Error("no"); };')).to.equal(`dead WB_PLUGIN_FAILED ${who}: no`);
    expect(await dead('export default ({ data }) => { data.n = 1; return data; };')).to.contain(
      `dead WB_PLUGIN_FAILED ${who} changes what it was given`,
    );
    expect(await dead('export default () => {};')).to.equal(`dead WB_PLUGIN_RESULT ${who}: it returned nothing`);
    expect(await dead('export default async () => ({});')).to.equal(
      `dead WB_PLUGIN_RESULT ${who}: data is a promise, which nobody waited for`,
    );
    expect(await dead('export default () => ({ id: new Date() });')).to.contain(
      'data.id is an object of the class Date',
    );
    expect(await dead('export default ({ data }) => data;')).to.contain(`dead WB_CONTRACT_VIOLATED ${who}`);
  });

  it('waits where it is told to, in a route of its own', async () => {
    const step = '{ file: scripts/twice.mjs, to: oms.item@1, async: true }';
    const { sent } = await run('export default async ({ data }) => ({ id: data.id, twice: 1 });', step);
    expect(sent[0]?.data).to.deep.equal({ id: 'a', twice: 1 });
    const busy = await run(
      'export default async () => { throw Object.assign(new Error("busy"), { retryable: true }); };',
      step,
    );
    expect(busy).to.include({ outcome: 'retry' });
    await using folder = await makeFolder({ ...FILES, 'routes/r.yaml': route(step) });
    const { plan } = await checkConfiguration({ config: folder.root });
    expect(plan?.routes[0]).to.include({ road: 'isolated', because: 'step 1 (script) asks outside' });
  });

  it('is checked with the rest of the configuration', async () => {
    expect(await faultsOf({ 'routes/r.yaml': route('{ file: scripts/none.mjs }') })).to.equal(
      'routes/r.yaml:3:21  WB_PLUGIN_INVALID\n  there is no file scripts/none.mjs\n  Create it: export default ({ data }) => ({ ...data });',
    );
    for (const file of ['../secret.js', '/etc/x.js', 'a/../../x.js', 'scripts/x.json', "'C:\\x.js'"]) {
      expect(await faultsOf({ 'routes/r.yaml': route(`{ file: ${file} }`) }), file).to.contain(
        'expected a .js, .mjs or .ts file below the folder of waybill.yaml',
      );
    }
    expect(
      await faultsOf({
        'scripts/twice.mjs': 'export const doubl = () => 1;',
        'routes/r.yaml': route('{ file: scripts/twice.mjs, function: double }'),
      }),
    ).to.contain('exports no function double\n  did you mean doubl?');
    expect(await faultsOf({ 'scripts/twice.mjs': 'throw new Error("x");', 'routes/r.yaml': TWICE })).to.contain(
      'scripts/twice.mjs:1:7  WB_PLUGIN_INVALID\n  the script scripts/twice.mjs cannot be loaded: x',
    );
    expect(await faultsOf({ 'routes/r.yaml': route('{ file: scripts/twice.mjs, to: oms.itm@1 }') })).to.contain(
      'did you mean oms.item@1?',
    );
  });

  it('is named by what is applied, and refused by name where a process lacks it', async () => {
    await using folder = await makeFolder({ ...FILES, 'routes/r.yaml': TWICE });
    const { plan, mediators } = await checkConfiguration({ config: folder.root });
    if (plan === undefined) throw new Error('the configuration is faulty');
    expect(Object.keys(plan.definition.plugins ?? {})).to.deep.equal(['scripts/twice.mjs']);
    expect(explainPlan(plan).plugins[0]?.routes).to.deep.equal(['r']);
    expect(compilePlan(plan.definition, { mediators }).faults).to.deep.equal([]);
    expect(compilePlan(plan.definition).faults.map(({ code, message }) => `${code} ${message}`)).to.deep.equal([
      'WB_PLUGIN_MISSING the route r needs the script scripts/twice.mjs, which this process does not have',
    ]);
    const { plan: applied } = compilePlan(plan.definition, { trusted: true, applied: plan.topology });
    expect(() => applied?.program('router')).to.throw('needs the script scripts/twice.mjs');
  });
});

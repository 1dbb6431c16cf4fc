import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'chai';
import { Called, waybill, workFolder } from '../../support/cli.ts';

const plugin = (town: string): string => `interface Options { readonly town?: string }

export const geo = {
  name: 'geo',
  describe: 'Knows places.',
  options: { type: 'object', properties: { town: { type: 'string' } } },
  prepare: (_options: Options) => ({ run: (message: any) => message.with({ data: { ...message.data, town: '${town}' } }) }),
};
`;
const FILES = {
  'waybill.yaml':
    'bus: shop\ntransport: embedded:.waybill\nservices:\n  shop: { publishes: [shop.item@1] }\n  oms: { receives: [shop.item@1] }\n',
  'schemas/shop/item.v1.json': JSON.stringify({
    type: 'object',
    required: ['id'],
    properties: { id: { type: 'string' }, town: { type: 'string' } },
  }),
  'routes/r.yaml': 'from: shop.item@1\nsteps:\n  - geo: {}\nto: oms\n',
  'plugins/geo.ts': plugin('Ulm'),
};

describe('plugins on the command line', function () {
  this.timeout(240_000);

  it('may be TypeScript in a process that was started with no loader, and are shown by the plan', async () => {
    await using folder = await workFolder(FILES);
    const at = { cwd: folder.path };
    expect(await waybill(at, 'check')).to.include({ code: 0, stderr: '' });
    const planned = await waybill(at, 'plan', '--offline', '--json');
    expect(JSON.parse(planned.stdout))
      .to.have.nested.property('plugins.0')
      .that.deep.includes({
        name: 'geo',
        from: 'plugins/geo.ts',
        routes: ['r'],
      });
    await folder.write('plugins/geo.ts', `export const geo = {\n  name: ?\n};\n`);
    const faulty = await waybill(at, 'check');
    expect(faulty.code).not.to.equal(0);
    expect(faulty.stderr).to.contain('plugins/geo.ts:2:').and.contain('WB_PLUGIN_INVALID');
  });

  it('are described as built-in mediators are, for people and for editors', async () => {
    await using folder = await workFolder(FILES);
    const at = { cwd: folder.path };
    const listed = await waybill(at, 'steps');
    expect(listed.stdout)
      .to.match(/^map +Makes new data/m)
      .and.match(/^geo +Knows places\. \(plugins\/geo\.ts\)$/m);
    const one = await waybill(at, 'steps', 'geo');
    expect(one.stdout).to.contain('geo: Knows places.').and.contain('town  a text');
    expect((await waybill(at, 'steps', 'goe')).stderr).to.contain('did you mean geo?');
    expect(await waybill(at, 'steps', '--schema', 'route.schema.json')).to.include({ code: 0 });
    const schema: unknown = JSON.parse(await readFile(path.join(folder.path, 'route.schema.json'), 'utf8'));
    expect(JSON.stringify(schema)).to.contain('Knows places.');
  });

  it('go on as they are edited; a process without them runs no route, and says so', async () => {
    await using folder = await workFolder(FILES);
    const at = { cwd: folder.path };
    {
      await using dev = await Called.start(['dev'], at);
      await dev.says('the bus shop runs on embedded');
      await folder.write('plugins/geo.ts', plugin('Bonn'));
      await dev.says('changed: edition');
      await dev.stop();
    }
    await folder.remove('plugins/geo.ts');
    // What was applied says what to run, and the plugin is not to be found.
    const run = await waybill(at, 'run', '--url', `embedded:${folder.path}/.waybill`);
    expect(run.code).not.to.equal(0);
    expect(run.stderr).to.contain(
      'the route r needs the plugin geo of plugins/geo.ts, which this process does not have',
    );
    // Who only looks needs none.
    const stats = await waybill(at, 'stats', '--json', '--url', `embedded:${folder.path}/.waybill`);
    expect(stats).to.include({ code: 0 });
  });

  it('are not run in another edition than was applied: a router goes on with the plan before, and says so', async () => {
    await using folder = await workFolder(FILES);
    const at = { cwd: folder.path };
    await using run = await Called.start(['run'], at);
    await run.says('the router of shop runs');
    await folder.write('plugins/geo.ts', plugin('Bonn'));
    expect(await waybill(at, 'apply')).to.include({ code: 0 });
    await run.says('the route r needs the plugin geo of plugins/geo.ts in its edition');
    await run.stop();
    await using again = await Called.start(['run'], at);
    await again.says('the router of shop runs');
    await again.stop();
  });
});

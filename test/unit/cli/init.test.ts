import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { EXIT_CODES } from '../../../src/cli/exit-codes.ts';
import { Called, type Program, waybill, workFolder } from '../../support/cli.ts';
import { packageTarball } from '../../support/package-tarball.ts';

const run = promisify(execFile);

describe('waybill init', function () {
  this.timeout(600_000);

  it('makes a bus without faults, and overwrites nothing', async () => {
    await using folder = await workFolder({ 'package.json': '{"name": "mine"}\n' });
    const made = await waybill({ cwd: folder.path }, 'init');
    expect(made.code).to.equal(0);
    expect(made.stdout).to.contain('package.json was there and stays as it is').and.contain('npm install waybill');
    expect(await waybill({ cwd: folder.path }, 'check', '--strict')).to.deep.include({ code: 0, stderr: '' });
    const again = await waybill({ cwd: folder.path }, 'init');
    expect(again.code).to.equal(EXIT_CODES.usage.code);
    expect(again.stderr).to.contain('waybill.yaml').and.contain('there already');
  });

  it('makes a plugin with its test, and overwrites nothing', async () => {
    await using folder = await workFolder();
    await waybill({ cwd: folder.path }, 'init');
    const at = { cwd: folder.path };
    const made = await waybill(at, 'init', 'plugin', 'geo', '--json');
    expect(JSON.parse(made.stdout)).to.deep.include({
      written: ['plugins/geo.mjs', 'plugins/geo.test.mjs'],
      next: ['node --test plugins/geo.test.mjs'],
    });
    for (const [name, says] of [
      ['geo', 'plugins/geo.mjs is there already'],
      ['map', 'there is a mediator map already'],
      ['Geo', 'cannot be the name of a mediator'],
    ] as const) {
      const refused = await waybill(at, 'init', 'plugin', name);
      expect(refused.code).to.equal(EXIT_CODES.usage.code);
      expect(refused.stderr).to.contain(says);
    }
  });

  it('gives, from the package as it is published, a bus on which an order becomes a mail', async () => {
    await using folder = await workFolder();
    await using packed = await workFolder();
    const tarball = await packageTarball(packed.path);
    // Once to have the command, as `npx waybill init` would, and once for the bus it made.
    const install = (cwd: string, ...beside: string[]): Promise<unknown> =>
      run('npm', ['install', tarball, ...beside, '--prefer-offline', '--no-audit', '--no-fund'], { cwd });
    await folder.write('package.json', '{"private": true}\n');
    await install(folder.path);
    const main = (at: string): Program => [process.execPath, path.join(at, 'node_modules/waybill/dist/cli/main.js')];

    const made = await waybill({ cwd: folder.path, program: main(folder.path) }, 'init', 'hello');
    expect(made).to.include({ code: 0 });
    expect(made.stdout).to.contain('cd hello && npm install && npm start').and.contain('npm run order');
    const bus = path.join(folder.path, 'hello');
    await install(bus, 'tsx');
    const at = { cwd: bus, program: main(bus) };
    expect(await waybill(at, 'check')).to.include({ code: 0 });

    // A plugin whose test runs, in JavaScript and, with tsx, in TypeScript; and a route uses it.
    for (const [name, options] of [
      ['geo', []],
      ['geo-two', ['--ts']],
    ] as const) {
      const written = await waybill(at, 'init', 'plugin', name, ...options);
      expect(written).to.include({ code: 0 });
      const test = / (node .*--test plugins\/\S+) /.exec(written.stdout)?.[1] ?? '';
      await run(process.execPath, test.split(' ').slice(1), { cwd: bus });
    }
    const route = path.join(bus, 'routes/order-confirmation.yaml');
    const text = await readFile(route, 'utf8');
    await writeFile(
      route,
      text.replace('steps:\n', 'steps:\n  - geo: { value: data.email }\n  - geo-two: { value: data.email }\n'),
    );
    expect(await waybill(at, 'check')).to.include({ code: 0 });

    // As it is where `npm init -y` made package.json: the service must run all the same.
    await run('npm', ['pkg', 'set', 'type=commonjs'], { cwd: bus });
    // Its two commands: the service is the bus by itself ...
    const { scripts } = JSON.parse(await readFile(path.join(bus, 'package.json'), 'utf8')) as {
      scripts: { start: string };
    };
    expect(scripts.start).to.equal('node services/mail.mjs');
    // Not by `npm start`: its shell keeps signals to itself.
    await using mail = await Called.start(['services/mail.mjs'], { cwd: bus, program: [process.execPath] });
    await mail.says('mail is on the bus');
    const ordered = await (await Called.start(['run', 'order', '--silent'], { cwd: bus, program: ['npm'] })).end();
    expect(ordered, ordered.stderr).to.include({ code: 0 });
    expect(ordered.stdout).to.match(/^\S+\npublished 1 message\n$/);
    await mail.says('to ada@example.com: Your order O-1001');
    await mail.says('4 x cup');
    await mail.stop('SIGTERM');

    // ... and `waybill dev` is as well.
    await using dev = await Called.start(['dev'], at);
    await dev.says('the bus hello runs on embedded');
    expect(await waybill(at, 'publish', 'shop.order.placed@1', 'order.json')).to.include({ code: 0 });
    const stats = await waybill(at, 'stats', '--json');
    expect(JSON.parse(stats.stdout)).to.deep.include({ dead: 0, parked: 0 });
    expect((await dev.stop()).code).to.equal(0);
  });
});

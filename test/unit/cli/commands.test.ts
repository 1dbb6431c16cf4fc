import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { expect } from 'chai';
import { EXIT_CODES } from '../../../src/cli/exit-codes.ts';
import { Called, type Ran, waybill, workFolder } from '../../support/cli.ts';

const BUS = {
  'waybill.yaml': `bus: shop
services:
  shop: { publishes: [shop.order.placed@1, shop.cart.left@1] }
  oms: { receives: [oms.order.create@1] }
`,
  'routes/orders.yaml': `from: shop.order.placed@1
when: data.total > 0
steps:
  - map: { to: oms.order.create@1, set: { id: data.id, amount: number(data.amount) } }
to: oms
`,
  'schemas/shop/order.placed.v1.json': JSON.stringify({
    'x-key': '/id',
    type: 'object',
    required: ['id', 'amount', 'total'],
    properties: {
      id: { type: 'string' },
      amount: { type: 'string' },
      total: { type: 'number' },
      card: { type: 'string', 'x-sensitive': true },
    },
  }),
  'schemas/shop/cart.left.v1.json': JSON.stringify({
    type: 'object',
    required: ['id'],
    properties: { id: { type: 'integer' } },
  }),
  'schemas/oms/order.create.v1.json': JSON.stringify({
    'x-key': '/id',
    type: 'object',
    required: ['id', 'amount'],
    properties: { id: { type: 'string' }, amount: { type: 'number' } },
  }),
};

const order = (id: string, amount = '1'): string => JSON.stringify({ id, amount, total: 1, card: '4111111111111111' });

/** What a command prints with `--json`. */
function json(ran: Ran): Record<string, unknown>[] {
  return ran.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the command line', function () {
  this.timeout(480_000);

  it('pauses and resumes an endpoint, and shows who did it', async () => {
    await using folder = await workFolder(BUS);
    const call = (...args: string[]): Promise<Ran> => waybill({ cwd: folder.path }, ...args);
    expect(await call('pause', 'oms')).to.include({ code: EXIT_CODES.notApplied.code });
    const early = await call('trace', 'a-message');
    expect(early).to.include({ code: EXIT_CODES.notApplied.code, stdout: '' });
    expect(early.stderr).to.contain('nothing was applied to the bus shop yet').and.contain('waybill apply');
    expect((await call('apply')).code).to.equal(0);
    const paused = await call('pause', 'oms', '--reason', 'moving', '--json');
    expect(json(paused)[0]).to.include({ endpoint: 'oms', paused: true });
    const { stdout } = await call('stats');
    expect(stdout).to.match(/oms .*paused by .*: moving/);
    expect(json(await call('stats', '--json'))[0]).to.have.nested.property('paused.oms.reason', 'moving');
    const refused = await call('pause', 'orders');
    expect(refused.code).to.equal(EXIT_CODES.nothing.code);
    expect(refused.stderr).to.contain('the route orders has no endpoint of its own').and.contain('isolate: true');
    expect((await call('resume', 'oms')).stdout).to.equal('oms goes on\n');
    expect((await call('resume', 'oms')).stdout).to.equal('oms was not paused\n');
    expect((await call('stats')).stdout).not.to.contain('paused');
  });

  it('says which pause ends with its endpoint, before it is applied and when it is', async () => {
    const route = BUS['routes/orders.yaml'];
    await using folder = await workFolder({ ...BUS, 'routes/orders.yaml': `isolate: true\n${route}` });
    const call = (...args: string[]): Promise<Ran> => waybill({ cwd: folder.path }, ...args);
    expect((await call('apply')).code).to.equal(0);
    expect((await call('pause', 'orders', '--reason', 'moving')).code).to.equal(0);
    expect((await call('pause', 'oms')).code).to.equal(0);
    await folder.write('routes/orders.yaml', route);
    const line = /^ {2}! route\.orders is paused by .*: moving; that ends with it, also for what still waits there$/m;
    expect((await call('plan')).stdout)
      .to.match(line)
      .and.not.contain('oms is paused');
    expect((await call('stats')).stdout).to.match(/route\.orders .*paused by .*: moving/);
    expect((await call('apply')).stdout).to.match(line);
    await folder.write('routes/orders.yaml', `isolate: true\n${route}`);
    expect(json(await call('apply', '--json'))[0]).to.deep.include({ endingPauses: {} });
    expect(json(await call('stats', '--json'))[0])
      .to.have.property('paused')
      .that.has.all.keys('oms');
  });

  it('says its version, and what is wrong with a call', async () => {
    await using folder = await workFolder();
    const call = (...args: string[]): Promise<Ran> => waybill({ cwd: folder.path }, ...args);
    const version = await call('--version');
    expect(version).to.deep.equal({ code: 0, stdout: `${version.stdout.trim()}\n`, stderr: '' });
    expect(version.stdout).to.match(/^\d+\.\d+\.\d+/);
    const [typo, option, number] = await Promise.all([
      call('chekc'),
      call('check', '--strct'),
      call('tail', '--limit', 'x'),
    ]);
    expect(typo).to.include({ code: EXIT_CODES.usage.code, stdout: '' });
    expect(typo.stderr).to.contain('Did you mean check?');
    expect(option.code).to.equal(EXIT_CODES.usage.code);
    expect(option.stderr).to.contain('--strict');
    expect(number.code).to.equal(EXIT_CODES.usage.code);
    const machine = await call('check', '--strct', '--json');
    expect(machine.code).to.equal(EXIT_CODES.usage.code);
    expect(json(machine)).to.deep.equal([
      {
        error: {
          code: 'WB_OPTION_INVALID',
          message: "unknown option '--strct'\n(Did you mean --strict?)",
          retryable: false,
        },
      },
    ]);
  });

  it('says which file cannot be used, and takes that for no bug', async () => {
    await using folder = await workFolder({ ...BUS, 'a-file': '' });
    const call = (...args: string[]): Promise<Ran> => waybill({ cwd: folder.path }, ...args);
    const wrong = await Promise.all([
      call('types', '--out', 'nowhere/types.ts'),
      call('types', '--out', 'routes'),
      call('init', 'a-file/bus'),
    ]);
    for (const { code, stderr } of wrong) {
      expect(code, stderr).to.equal(EXIT_CODES.usage.code);
      expect(stderr).to.match(/WB_OPTION_INVALID {2}a file cannot be used: E[A-Z]+: .*\n.*\n$/);
    }
    const table = await call('publish', 'shop.order.placed@1', '.', '--format', 'csv');
    expect(table.code).to.equal(EXIT_CODES.refused.code);
    expect(table.stderr).to.contain('. cannot be read: EISDIR').and.not.contain('cells');
  });

  it('shows every fault of a configuration in its place, and as JSON', async () => {
    await using folder = await workFolder({
      ...BUS,
      'routes/orders.yaml': BUS['routes/orders.yaml']
        .replace('data.total', 'data.totl')
        .replace('steps:', 'isolat: true\nsteps:')
        .replace('data.amount', 'data.amout')
        .replace('to: oms\n', 'to: omz\n'),
      'waybill.yaml': BUS['waybill.yaml'].replace('oms: {', 'oms: { partitons: 2,'),
    });
    const call = (...args: string[]): Promise<Ran> => waybill({ cwd: folder.path }, ...args);
    const [people, machine, none] = await Promise.all([
      call('check'),
      call('--json', 'check'),
      waybill({ cwd: path.dirname(folder.path) }, 'check'),
    ]);
    expect(people).to.include({ code: EXIT_CODES.configuration.code, stdout: '' });
    expect(people.stderr)
      .to.contain('routes/orders.yaml:2:7  WB_EXPRESSION_FIELD')
      .and.contain('did you mean data.total?')
      .and.contain('omz')
      .and.contain('did you mean partitions?')
      // A wrong option of a route hides nothing.
      .and.contain('did you mean isolate?')
      .and.contain('did you mean data.amount?')
      // What a faulty route would take or deliver is not called missing.
      .and.contain('5 faults, 0 warnings');
    const [report] = json(machine);
    expect(machine.code).to.equal(EXIT_CODES.configuration.code);
    expect(report).to.include({ ok: false });
    expect(report?.['faults']).to.have.length(5);
    expect(none.code).to.equal(EXIT_CODES.configuration.code);
    expect(none.stderr).to.contain('WB_CONFIG_NOT_FOUND');
  });

  it('warns, and with --strict fails for it', async () => {
    await using folder = await workFolder(BUS);
    const [lenient, strict] = await Promise.all([
      waybill({ cwd: folder.path }, 'check'),
      waybill({ cwd: folder.path }, 'check', '--strict'),
    ]);
    expect(lenient).to.include({ code: 0 });
    expect(lenient.stderr).to.contain('WB_TYPE_UNROUTED');
    expect(strict.code).to.equal(EXIT_CODES.configuration.code);
  });

  it('plans, applies, and then has nothing to do', async () => {
    await using folder = await workFolder(BUS);
    const call = (...args: string[]): Promise<Ran> => waybill({ cwd: folder.path }, ...args);
    const before = await call('plan');
    expect(before.code).to.equal(0);
    expect(before.stdout)
      .to.match(/orders +inline/)
      .and.contain('+ route orders');
    const applied = await call('apply', '--json');
    expect(applied.code).to.equal(0);
    expect(json(applied)[0]?.['differences']).not.to.deep.equal([]);
    const [after] = json(await call('plan', '--json'));
    expect(after).to.include({ bus: 'shop', applied: true });
    expect((await call('apply')).stdout).to.contain('nothing to do');
  });

  it('writes types, and tells whether they are up to date', async () => {
    await using folder = await workFolder(BUS);
    const call = (...args: string[]): Promise<Ran> => waybill({ cwd: folder.path }, ...args);
    expect((await call('types', '--check')).code).to.equal(EXIT_CODES.configuration.code);
    expect((await call('types')).stdout).to.contain('wrote waybill-types.ts');
    expect((await call('types', '--check')).code).to.equal(0);
    expect((await call('types', '--out', '-')).stdout).to.equal(
      await readFile(path.join(folder.path, 'waybill-types.ts'), 'utf8'),
    );
  });

  it('checks input without sending it, line by line', async () => {
    await using folder = await workFolder(BUS);
    await folder.write(
      'bad.jsonl',
      [order('a'), '{"id": "b", "id": "b"}', '{"id": 1}', '{"__proto__": 1}', '{', order('c')].join('\n'),
    );
    await folder.write('good.csv', 'id,amount,total\na,1,2\nb,2,3\n');
    const call = (...args: string[]): Promise<Ran> =>
      waybill({ cwd: folder.path }, 'publish', 'shop.order.placed@1', '--dry-run', ...args);
    const [bad, all, table, machine, unknown, missing] = await Promise.all([
      call('bad.jsonl'),
      call('bad.jsonl', '--keep-going'),
      call('good.csv'),
      call('bad.jsonl', '--keep-going', '--json'),
      call('data.txt'),
      call('nope.json'),
    ]);
    expect(bad.code).to.equal(EXIT_CODES.refused.code);
    expect(bad.stderr).to.contain('bad.jsonl:2  WB_JSON_DUPLICATE_KEY').and.not.contain('bad.jsonl:3');
    expect(all.stderr)
      .to.contain('bad.jsonl:3  WB_CONTRACT_VIOLATED')
      .and.contain('bad.jsonl:4  WB_JSON_PROTO')
      .and.contain('bad.jsonl:5  WB_JSON_INVALID')
      .and.contain('--format json');
    expect(all.stdout).to.equal('checked 2 messages, refused 4\n');
    expect(table).to.deep.equal({ code: 0, stdout: 'checked 2 messages\n', stderr: table.stderr });
    expect(json(machine)[0]).to.deep.include({ checked: 2 });
    expect(unknown).to.include({ code: EXIT_CODES.usage.code });
    expect(missing).to.include({ code: EXIT_CODES.refused.code });
  });

  it('tells once that the transport takes no more, and where to go on', async () => {
    await using folder = await workFolder({
      ...BUS,
      'waybill.yaml': `${BUS['waybill.yaml']}limits: { parking: 1MiB }\n`,
    });
    const lines = Array.from({ length: 30 }, (_, id) => JSON.stringify({ id, notes: 'n'.repeat(60_000) }));
    await folder.write('carts.jsonl', lines.join('\n'));
    const at = { cwd: folder.path };
    const people = await waybill(at, 'publish', 'shop.cart.left@1', 'carts.jsonl');
    expect(people.code).to.equal(EXIT_CODES.transport.code);
    expect(people.stderr.match(/WB_PARKING_FULL/g)).to.have.length(1);
    expect(people.stderr).to.match(/go on with --from-line \d+/);
    expect(people.stdout).to.match(/^([\w-]+\n)*published \d+ messages?, not sent \d+\n$/);
    const report = json(await waybill(at, 'publish', 'shop.cart.left@1', 'carts.jsonl', '--json')).at(-1);
    expect(report).to.include({ code: 'WB_PARKING_FULL' });
    expect(report?.['unsent']).to.be.greaterThan(0);
  });

  it('runs a bus that others publish to, watch, and look after', async () => {
    await using folder = await workFolder(BUS);
    const at = { cwd: folder.path };
    await using dev = await Called.start(['dev'], at);
    await dev.says('the bus shop runs on embedded');
    await using watching = await Called.start(['tail', 'shop.order.placed@1', '--limit', '2', '--json'], at);
    await watching.says('watching');

    const input = [order('a'), order('b', 'many'), order('c'), '{"id": 1}', order('d')].join('\n');
    const published = await waybill({ ...at, input }, 'publish', 'shop.order.placed@1');
    expect(published.code).to.equal(EXIT_CODES.refused.code);
    const [a, b, c, ...rest] = published.stdout.split('\n');
    expect(rest).to.deep.equal(['published 3 messages, refused 1', '']);
    expect(published.stderr)
      .to.contain('stdin:4  WB_CONTRACT_VIOLATED')
      .and.contain('--from-line 4')
      .and.not.contain('4111');
    expect(published.stderr, 'no hint for scripts').to.not.contain('waybill trace');
    const beyond = await waybill({ ...at, input }, 'publish', 'shop.order.placed@1', '--from-line', '9');
    expect(beyond.code).to.equal(EXIT_CODES.nothing.code);
    expect(beyond.stderr).to.contain('nothing stands at line 9 of stdin or behind it; the last record is at line 5');

    const watched = await watching.end();
    expect(watched.code).to.equal(0);
    expect(json(watched).map((message) => message['id'])).to.deep.equal([a, b]);
    expect((await waybill(at, 'trace', String(c))).stdout).to.contain('published by shop');
    expect(json(watched).map((message) => [message['key'], message['data']])).to.deep.equal([
      ['a', { id: 'a', amount: '1', total: 1, card: '***' }],
      ['b', { id: 'b', amount: 'many', total: 1, card: '***' }],
    ]);

    const [letter] = json(await waybill(at, 'dead', 'list', '--json'));
    expect(letter).to.include({ endpoint: 'router', route: 'orders', code: 'WB_EXPRESSION_FAILED' });
    const shown = await waybill(at, 'dead', 'show', String(letter?.['id']));
    expect(shown.stdout).to.contain('by the route orders').and.contain('"***"').and.not.contain('4111');
    expect(await waybill(at, 'dead', 'show', 'nope')).to.deep.equal({
      code: EXIT_CODES.nothing.code,
      stdout: '',
      stderr: 'there is no dead letter nope\n',
    });
    expect((await waybill(at, 'dead', 'redrive')).code).to.equal(EXIT_CODES.usage.code);
    expect((await waybill(at, 'dead', 'redrive', '--key', 'nobody')).code).to.equal(EXIT_CODES.nothing.code);
    const mistyped = await waybill(at, 'dead', 'redrive', '--endpoint', 'ruoter');
    expect(mistyped, mistyped.stderr).to.include({ code: EXIT_CODES.usage.code });
    expect(mistyped.stderr).to.contain('router');

    // Mended while it runs: a faulty edit changes nothing, a sound one is gone on with.
    const route = BUS['routes/orders.yaml'];
    await folder.write('routes/orders.yaml', route.replace('number(data.amount)', 'data.amout'));
    await dev.says('did you mean data.amount?');
    await folder.write('routes/orders.yaml', route.replace('number(data.amount)', '42'));
    await dev.says('changed: edition');
    expect((await waybill(at, 'dead', 'redrive', '--route', 'orders', '--rate', '100')).stdout).to.equal(
      'redriven 1 dead letter\n',
    );

    const cart = await waybill({ ...at, input: '\n{"id": 9007199254740993}' }, 'publish', 'shop.cart.left@1', '--json');
    const parked = await waybill(at, 'dead', 'list', '--parked', '--json');
    expect(json(parked)).to.have.length(1);
    const { id } = json(parked)[0]?.['message'] as { id: string };
    expect(json(cart)).to.deep.equal([
      { line: 2, id },
      { published: 1, refused: [] },
    ]);
    expect(parked.stdout).to.contain('"data":{"id":9007199254740993}');
    expect((await waybill(at, 'dead', 'discard', '--parked', '--type', 'shop.cart.left@1')).stdout).to.equal(
      'discarded 1 parked message\n',
    );
    const records = json(await waybill(at, 'dead', 'audit', '--json'));
    expect(records.map(({ action, endpoint }) => [action, endpoint])).to.deep.equal([
      ['redrive', 'router'],
      ['discard', 'bus'],
    ]);
    expect(records[0]).to.include({ letter: letter?.['id'] }).and.have.property('by').that.contains('@');
    expect((await waybill(at, 'dead', 'audit', '--endpoint', 'router')).stdout)
      .to.match(/redrive/)
      .and.not.match(/discard/);

    const [stats] = json(await waybill(at, 'stats', '--json'));
    expect(stats).to.include({ bus: 'shop', exact: true, dead: 0, parked: 0 });
    const ledger = stats?.['ledger'] as Record<string, number>;
    const { made = 0, ...ends } = ledger;
    expect(Object.values(ends).reduce((sum, amount) => sum + amount, 0)).to.equal(made);
    expect(ledger).to.include({ waiting: 3, discarded: 1 });
    expect((await waybill(at, 'stats')).stdout).to.match(/oms +3 +0 +0 +[\d.]+ (s|min) .*nobody takes from it/);
    expect(stats?.['endpoints'])
      .to.be.an('array')
      .that.satisfies((endpoints: Record<string, unknown>[]) =>
        endpoints.every(({ name, oldest }) => (name === 'oms') === (typeof oldest === 'string')),
      );

    const ended = await dev.stop();
    expect(ended.code).to.equal(0);
  });

  it('says by name what is wrong with the transport', async () => {
    await using folder = await workFolder(BUS);
    const url = (text: string): Promise<Ran> => waybill({ cwd: folder.path }, 'stats', '--config', '.', '--url', text);
    const [absent, strange] = await Promise.all([url('amqp://127.0.0.1:1'), url('ftp://x')]);
    expect(absent).to.include({ code: EXIT_CODES.transport.code, stdout: '' });
    expect(absent.stderr).to.contain('WB_TRANSPORT_UNAVAILABLE');
    expect(strange.code).to.equal(EXIT_CODES.configuration.code);
    expect(strange.stderr).to.contain('WB_TRANSPORT_URL');
  });

  it('makes no store where it only looks, and names the folder that holds no bus', async () => {
    await using folder = await workFolder({ ...BUS, 'empty/note.txt': 'nothing of a bus' });
    await using elsewhere = await workFolder();
    const nowhere = path.join(folder.path, 'nowhere');
    const looks = [
      ['stats', '--url', 'embedded:nowhere'],
      ['stats', '--config', '.', '--url', 'embedded:nowhere'],
      ['tail', '--url', 'embedded:nowhere'],
      ['dead', 'list', '--url', 'embedded:nowhere'],
      ['pull', '--url', 'embedded:nowhere'],
      ['stats', '--url', 'embedded:empty'],
    ];
    const ran = await Promise.all(looks.map((args) => waybill({ cwd: folder.path }, ...args)));
    for (const [index, { code, stdout, stderr }] of ran.entries()) {
      const command = looks[index]?.join(' ');
      expect({ code, stdout }, command).to.deep.equal({ code: EXIT_CODES.transport.code, stdout: '' });
      expect(stderr, command).to.match(/there is no bus in the folder .*(nowhere|empty)\n.*Name the folder/);
    }
    // Nor does who would put files into force, and has none.
    const url = `embedded:${nowhere}`;
    expect((await waybill({ cwd: elsewhere.path }, 'run', '--url', url)).stderr).to.contain('WB_DEFINITION_MISSING');
    expect(await readdir(folder.path)).to.have.members(['empty', 'routes', 'schemas', 'waybill.yaml']);
    expect(await readdir(path.join(folder.path, 'empty'))).to.deep.equal(['note.txt']);
    expect((await waybill({ cwd: folder.path }, 'apply', '--url', 'embedded:nowhere')).code).to.equal(0);
    expect((await waybill({ cwd: elsewhere.path }, 'stats', '--url', url)).stdout).to.contain('bus shop on embedded');
  });

  it('says that the port of --http is taken before it opens anything', async () => {
    await using folder = await workFolder(BUS);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    const http = String(address.port);
    const ran = await Promise.all(['run', 'dev'].map((name) => waybill({ cwd: folder.path }, name, '--http', http)));
    const closed = once(server, 'close');
    server.close();
    await closed;
    for (const { code, stdout, stderr } of ran) {
      expect({ code, stdout }).to.deep.equal({ code: EXIT_CODES.usage.code, stdout: '' });
      expect(stderr).to.contain(`127.0.0.1:${http} cannot be listened on`);
    }
    expect(await readdir(folder.path)).to.have.members(['routes', 'schemas', 'waybill.yaml']);
  });
});

import { inspect } from 'node:util';
import { expect } from 'chai';
import pg from 'pg';
import { openPostgres } from '../../../src/adapters/postgres/store.ts';
import { systemClock } from '../../../src/ports/clock.ts';
import type { Log } from '../../../src/ports/log.ts';
import type { Store } from '../../../src/ports/store.ts';
import { type Postgres, postgres, postgresNode, schemaUrl } from '../../support/postgres.ts';
import { rejection } from '../../support/rejection.ts';
import { testLog } from '../../support/targets.ts';
import { type TcpProxy, tcpProxy } from '../../support/tcp-proxy.ts';
import { change, done, read, recordOf, text, unit, versionOf } from '../../support/units.ts';
import { until } from '../../support/until.ts';

describe('a store in PostgreSQL', () => {
  let server: Postgres;
  let proxy: TcpProxy;
  let url = '';
  const opened: Store[] = [];
  const lines: string[] = [];
  const note = (fields: object, said: string): void => {
    lines.push(`${said} ${inspect(fields, { depth: 10, showHidden: true })}`);
  };
  const log: Log = { debug: note, info: note, warn: note, error: note };

  const open = async (more: { statementMs?: number; through?: string } = {}): Promise<Store> => {
    const { through = url, ...options } = more;
    const store = await openPostgres({ url: through, clock: systemClock, log, ...options });
    opened.push(store);
    return store;
  };

  before(async function () {
    server = await postgres(this);
  });
  beforeEach(async () => {
    proxy = await tcpProxy(Number(new URL(server.url).port || '5432'));
    url = proxy.through(schemaUrl(server.url));
  });
  afterEach(async () => {
    proxy.mend();
    for (const store of opened.splice(0)) await store.close();
    await proxy.close();
    lines.length = 0;
  });

  it('goes on by itself when its connections are cut', async () => {
    const store = await open();
    for (let n = 0; n < 5; n++) {
      const committing = Array.from({ length: 20 }, (_, i) =>
        store.commit(unit(`m${String(n)}-${String(i)}`, [change(`k${String(n)}-${String(i)}`, 0, 'v')])),
      );
      proxy.cut();
      for (const answer of await Promise.all(committing)) expect(answer.outcome).to.equal('done');
    }
    expect(await read(store, 'k0-0', 'k4-19')).to.deep.equal(['v', 'v']);
  });

  it('answers done, and not repeated, when a commit was made and its answer was lost', async () => {
    const store = await open();
    done(await store.commit(unit('before')));
    // Everything goes to the server, and nothing comes back.
    proxy.slow(400);
    const committing = store.commit(unit('m1', [change('a', 0, 'one')]));
    const direct = await openPostgres({ url: withoutProxy(url, server.url), clock: systemClock, log: testLog });
    opened.push(direct);
    await until('it to be committed', async () => (await recordOf(direct, 'm1')) !== undefined);
    proxy.cut();
    proxy.slow(0);
    expect((await committing).outcome).to.equal('done');
    expect(await read(direct, 'a')).to.deep.equal(['one']);
  });

  it('fails by name, retryably, while it is away, and works when it is back', async () => {
    const store = await open();
    proxy.refuse();
    const refused = await rejection(store.commit(unit('m1', [change('a', 0, 'one')])));
    expect(refused).to.include({ code: 'WB_STORE_UNAVAILABLE', retryable: true });
    expect(await rejection(store.load(undefined, []))).to.include({ code: 'WB_STORE_UNAVAILABLE', retryable: true });
    proxy.mend();
    done(await store.commit(unit('m1', [change('a', 0, 'one')])));
    expect(await read(store, 'a')).to.deep.equal(['one']);
  });

  it('gives a statement up that takes too long, and the connection with it', async () => {
    const store = await open({ statementMs: 500 });
    done(await store.commit(unit('before')));
    proxy.stall();
    const refused = await rejection(store.commit(unit('m1', [change('a', 0, 'one')])));
    expect(refused).to.include({ code: 'WB_STORE_UNAVAILABLE', retryable: true });
    proxy.mend();
    const answer = await store.commit(unit('m2', [change('b', 0, 'two')]));
    expect(answer.outcome).to.equal('done');
  });

  it('survives a crash of its server with all that was answered', async function () {
    const node = await postgresNode(this);
    const store = await open();
    done(await store.commit(unit('m1', [change('a', 0, 'one')])));
    await node.kill();
    try {
      expect(await rejection(store.commit(unit('m2')))).to.have.property('code', 'WB_STORE_UNAVAILABLE');
    } finally {
      await node.start();
    }
    done(await store.commit(unit('m3', [change('a', await versionOf(store, 'a'), 'three')])));
    expect(await read(store, 'a')).to.deep.equal(['three']);
    expect(await recordOf(store, 'm1')).to.equal('effects of m1');
  });

  it('says what is wrong with a url, a login, a database and rights, and never the password', async () => {
    const password = 'S3cret-of-the-store';
    const wrong = new URL(url);
    wrong.password = password;
    const nowhere = new URL(url);
    nowhere.pathname = '/nowhere';
    const failures = [
      await rejection(open({ through: wrong.href })),
      await rejection(open({ through: nowhere.href })),
      await rejection(open({ through: `postgres://waybill:${password}@127.0.0.1:1/x` })),
      await rejection(open({ through: `postgres://waybill:${password}@[::bad/x` })),
      await rejection(open({ through: `postgres://waybill:${password}@127.0.0.1/x?schema=A;B` })),
    ];
    expect(failures.map(({ code }) => code)).to.deep.equal([
      'WB_STORE_REFUSED',
      'WB_STORE_REFUSED',
      'WB_STORE_UNAVAILABLE',
      'WB_STORE_URL',
      'WB_STORE_URL',
    ]);
    const own = new URL(server.url).password;
    const store = await open();
    proxy.refuse();
    failures.push(await rejection(store.commit(unit('m1'))));
    const shown = inspect(failures, { depth: 20, showHidden: true }) + lines.join('\n');
    expect(shown).to.not.include(password);
    expect(shown).to.not.include(own);
  });

  it('keeps its tables in a schema of its own, and refuses one that a newer version wrote', async () => {
    await (await open()).close();
    const { searchParams } = new URL(url);
    const schema = searchParams.get('schema') ?? '';
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    try {
      const { rows } = await client.query<{ relname: string }>(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = $1 AND relkind = 'r' ORDER BY 1",
        [schema],
      );
      expect(rows.map(({ relname }) => relname)).to.deep.equal(['migration', 'record', 'state', 'writer']);
      await client.query(`INSERT INTO "${schema}".migration VALUES (99, now())`);
    } finally {
      await client.end();
    }
    const refused = await rejection(open());
    expect(refused.code).to.equal('WB_STORE_NEWER');
    expect(refused.message).to.include('version 99').and.include(schema);
  });

  it('makes its schema once, however many open it at once', async () => {
    const stores = await Promise.all(Array.from({ length: 5 }, () => open()));
    const [first] = stores;
    if (first === undefined) throw new Error('no store');
    done(await first.commit(unit('m1', [change('a', 0, 'one')])));
    for (const store of stores) expect(await read(store, 'a')).to.deep.equal(['one']);
  });

  it('commits what a handler did with the record of its message, or nothing', async () => {
    const store = await open();
    const begin = async () => {
      const transaction = await store.begin?.();
      if (transaction === undefined) throw new Error('no transaction');
      return transaction;
    };
    const table = `"${new URL(url).searchParams.get('schema') ?? ''}".bookings`;
    const setup = await begin();
    await setup.query(`CREATE TABLE ${table} (id text)`);
    done(await setup.commit(unit('setup')));
    const { changes: _changes, ...m1 } = unit('m1');
    const first = await begin();
    const second = await begin();
    await first.query(`INSERT INTO ${table} VALUES ($1)`, ['first']);
    await second.query(`INSERT INTO ${table} VALUES ($1)`, ['second']);
    const [one, two] = await Promise.all([first.commit(m1), second.commit(m1)]);
    expect([one.outcome, two.outcome].sort()).to.deep.equal(['done', 'repeated']);
    const repeated = one.outcome === 'repeated' ? one : two;
    if (repeated.outcome === 'repeated') expect(text(repeated.effects)).to.equal('effects of m1');
    const undone = await begin();
    await undone.query(`INSERT INTO ${table} VALUES ($1)`, ['undone']);
    await undone.rollback();
    const cut = await begin();
    await cut.query(`INSERT INTO ${table} VALUES ($1)`, ['cut']);
    proxy.cut();
    const { changes: _none, ...m2 } = unit('m2');
    expect(await rejection(cut.commit(m2))).to.include({ code: 'WB_STORE_UNAVAILABLE', retryable: true });
    const reader = await begin();
    const { rows } = await reader.query(`SELECT id FROM ${table}`);
    await reader.rollback();
    expect(rows.map(({ id }) => id)).to.have.length(1);
    expect(await recordOf(store, 'm2')).to.equal(undefined);
  });
});

/** `url` without the proxy. */
function withoutProxy(through: string, direct: string): string {
  const whole = new URL(through);
  whole.port = new URL(direct).port;
  return whole.href;
}

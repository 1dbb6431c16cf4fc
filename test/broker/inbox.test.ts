import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { openPostgres } from '../../src/adapters/postgres/store.ts';
import { type Inbox, StoredInbox } from '../../src/client/inbox.ts';
import { connect, type Host, openBus, type Service } from '../../src/index.ts';
import { systemClock } from '../../src/ports/clock.ts';
import type { Store } from '../../src/ports/store.ts';
import type { Delivery } from '../../src/ports/transport.ts';
import type { Verdict } from '../../src/runtime/verdict.ts';
import { brokerUrl, busName } from '../support/broker.ts';
import { all } from '../support/collector.ts';
import { outgoing } from '../support/messages.ts';
import { postgres, schemaUrl } from '../support/postgres.ts';
import { program } from '../support/program.ts';
import { rejection } from '../support/rejection.ts';
import { writeRetail } from '../support/retail.ts';
import { testLog } from '../support/targets.ts';
import { until } from '../support/until.ts';
import { type UntypedService, untyped } from '../support/untyped.ts';

const PLACED = 'shop.order.placed@1';

describe('an inbox in PostgreSQL, with RabbitMQ', () => {
  let folder = '';
  let schema = '';
  let store = '';
  let database: pg.Client;
  let host: Host;
  const services: Service[] = [];
  const children: ChildProcess[] = [];
  const stores: Store[] = [];

  const connected = async (service: string, options: { store?: string } = {}): Promise<UntypedService> => {
    const opened = await connect({ service, config: folder, log: testLog, ...options });
    services.push(opened);
    return untyped(opened);
  };
  const effects = async (): Promise<readonly string[]> => {
    const { rows } = await database.query<{ id: string }>(`SELECT id FROM ${schema}.effects ORDER BY id`);
    return rows.map(({ id }) => id);
  };
  const settled = (): Promise<boolean> =>
    until('the end', async () => {
      const { endpoints } = await host.transport.stats();
      return endpoints.every(({ waiting, inHand }) => waiting === 0 && inHand === 0);
    });
  const publisher = async (): Promise<(id: string) => Promise<unknown>> => {
    const shop = await connected('shop');
    return (id) => shop.publish(PLACED, { id: `key of ${id}` }, { id });
  };

  beforeEach(async function () {
    const url = await brokerUrl(this);
    const server = await postgres(this);
    store = schemaUrl(server.url);
    schema = `${new URL(store).searchParams.get('schema') ?? ''}_app`;
    database = new pg.Client(server.url);
    await database.connect();
    await database.query(`CREATE SCHEMA ${schema}`);
    await database.query(`CREATE TABLE ${schema}.effects (id text NOT NULL)`);
    folder = await mkdtemp(join(tmpdir(), 'waybill-inbox-'));
    await writeRetail(folder, { bus: busName('inbox'), transport: url });
    const file = join(folder, 'waybill.yaml');
    const text = (await readFile(file, 'utf8')).replace('hold: 1s', 'hold: 5m');
    await writeFile(file, `store: ${store}\n${text}`);
    host = await openBus({ config: folder, log: testLog });
    await host.apply('tests');
  });

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const service of services.splice(0)) await service.close();
    for (const each of stores.splice(0)) await each.close();
    await host.close();
    await database.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await database.end();
    await rm(folder, { recursive: true, force: true });
  });

  it('commits what a handler does with the record that it did it, also when processes are killed', async function () {
    this.timeout(400_000);
    const { file, execArgv } = await program('test/support/inbox-process.ts');
    const mailed = new Set<string>();
    const mail = await connected('mail');
    mail.handle('oms.order.accepted@1', ({ data }) => {
      mailed.add((data as { id: string }).id);
    });
    await mail.start();
    const publish = await publisher();
    const ids = Array.from({ length: 120 }, (_, n) => `m${String(n).padStart(3, '0')}`);
    // Each of them comes twice even where no process is killed.
    for (const id of ids) await Promise.all([publish(id), publish(id)]);
    for (const [turn, moment] of [7, 20, 31, 12].entries()) {
      const child = fork(file, [folder, schema], { execArgv: [...execArgv] });
      children.push(child);
      const exit = once(child, 'exit');
      let told = 0;
      child.on('message', (word) => {
        if (word !== 'ready') told += 1;
        // At whatever it is by now: in its handler, before or after its commit, or settling.
        if (told >= moment) child.kill('SIGKILL');
      });
      await until(`the death of process ${String(turn)}, or the end`, async () => {
        if (child.signalCode !== null) return true;
        return (await effects()).length === ids.length;
      });
      child.kill('SIGKILL');
      await exit;
    }
    const last = fork(file, [folder, schema], { execArgv: [...execArgv] });
    children.push(last);
    await settled();
    // What was in hand at two deaths has the blame for them.
    const blamed = await all(host.transport.dead.list());
    expect(blamed.filter(({ code }) => code !== 'WB_HANDLER_CRASHED')).to.deep.equal([]);
    await host.transport.dead.redrive({}, { by: 'tests' });
    await until('every effect', async () => (await effects()).length >= ids.length);
    await settled();
    expect(await effects()).to.deep.equal(ids);
    await until('every result', () => mailed.size === ids.length);
    expect(await host.transport.dead.count()).to.equal(0);
  });

  it('takes back what a handler did that failed, and what one does that is late', async () => {
    const attempts: string[] = [];
    const late: unknown[] = [];
    const oms = await connected('oms');
    oms.handle(
      PLACED,
      async ({ id }, context) => {
        attempts.push(id);
        const transaction = await context.transaction();
        await transaction.query(`INSERT INTO ${schema}.effects (id) VALUES ($1)`, [id]);
        if (attempts.length === 1) throw new Error('the first time');
        if (attempts.length > 2) return;
        await until('the attempt to be over', () => context.signal.aborted);
        late.push(await rejection(transaction.query(`INSERT INTO ${schema}.effects (id) VALUES ('late')`)));
      },
      { inbox: true, timeoutMs: 2_000 },
    );
    await oms.start();
    await (await publisher())('a');
    await until('the third attempt', async () => (await effects()).length === 1);
    await until('the late one', () => late.length === 1);
    await settled();
    expect(attempts).to.have.length.at.least(3);
    expect(await effects()).to.deep.equal(['a']);
    expect(late[0]).to.be.instanceOf(Error).with.property('code', 'WB_CLOSED');
  });

  it('has one commit of two handlers of a message, in two processes at the same moment', async () => {
    let begun = 0;
    const attend = async (): Promise<Inbox> => {
      const opened = await openPostgres({ url: store, clock: systemClock, log: testLog });
      stores.push(opened);
      return new StoredInbox(opened, { scope: 'inbox.oms', keepMs: 60_000 });
    };
    const signal = new AbortController().signal;
    const delivery = { message: outgoing({ id: 'a' }).message } as Delivery;
    const handle = async (inbox: Inbox): Promise<Verdict> => {
      const attempt = await inbox.begin(delivery, signal);
      expect(attempt.before).to.equal(undefined);
      const transaction = await attempt.transaction();
      await transaction.query(`INSERT INTO ${schema}.effects (id) VALUES ('a')`);
      begun += 1;
      await until('both to be at it', () => begun === 2);
      try {
        return await attempt.end({ outcome: 'done', sends: [] });
      } finally {
        await attempt.close();
      }
    };
    const verdicts = await Promise.all([handle(await attend()), handle(await attend())]);
    expect(verdicts.map(({ outcome }) => outcome).sort()).to.deep.equal(['done', 'duplicate']);
    expect(await effects()).to.deep.equal(['a']);
  });

  it('commits nothing when a statement that nobody awaited fails, or when its failure was swallowed', async () => {
    const attempts: string[] = [];
    const oms = await connected('oms');
    oms.handle(
      PLACED,
      async ({ id }, context) => {
        attempts.push(id);
        const transaction = await context.transaction();
        await transaction.query(`INSERT INTO ${schema}.effects (id) VALUES ($1)`, [id]);
        if (attempts.length === 1) await transaction.query('SELECT 1 / 0').catch(() => undefined);
        // Left alone, it fails while the record is being written.
        if (attempts.length === 2) transaction.query('SELECT pg_sleep(0.05), 1 / 0').catch(() => undefined);
      },
      { inbox: true, timeoutMs: 10_000 },
    );
    await oms.start();
    await (await publisher())('a');
    await until('the third attempt', async () => (await effects()).length === 1);
    await settled();
    expect(attempts).to.have.length(3);
    expect(await host.transport.dead.count()).to.equal(0);
  });

  it('lets nothing behind its rollback, neither by a statement nor by the connection itself', async () => {
    const late: unknown[] = [];
    let attempts = 0;
    const oms = await connected('oms');
    oms.handle(
      PLACED,
      async ({ id }, context) => {
        attempts += 1;
        const transaction = await context.transaction();
        const insert = `INSERT INTO ${schema}.effects (id) VALUES ('late')`;
        if (attempts === 1) {
          // Sent while the rollback is under way.
          setImmediate(() => {
            transaction.query(insert).catch((error: unknown) => late.push(error));
          });
          throw new Error('the first time');
        }
        if (attempts === 2) {
          const client = transaction.client as pg.PoolClient;
          setImmediate(() => {
            client.query(insert).catch((error: unknown) => late.push(error));
          });
          throw new Error('the second time');
        }
        await transaction.query(`INSERT INTO ${schema}.effects (id) VALUES ($1)`, [id]);
      },
      { inbox: true, timeoutMs: 10_000 },
    );
    await oms.start();
    await (await publisher())('a');
    await settled();
    await until('both to be refused', () => late.length === 2);
    expect(await effects()).to.deep.equal(['a']);
  });

  it('waits its turn when more handlers want a transaction than there are connections', async function () {
    this.timeout(240_000);
    let open = 0;
    let most = 0;
    const oms = await connected('oms');
    oms.handle(
      PLACED,
      async ({ id }, context) => {
        const transaction = await context.transaction();
        open += 1;
        most = Math.max(most, open);
        await transaction.query('SELECT pg_sleep(0.2)');
        await transaction.query(`INSERT INTO ${schema}.effects (id) VALUES ($1)`, [id]);
        open -= 1;
      },
      { inbox: true, concurrency: 100, timeoutMs: 60_000 },
    );
    await oms.start();
    const publish = await publisher();
    await Promise.all(Array.from({ length: 60 }, (_, n) => publish(`m${String(n)}`)));
    await until('every effect', async () => (await effects()).length === 60);
    await settled();
    expect(most).to.be.within(2, 16);
    expect(await host.transport.dead.count()).to.equal(0);
  });

  it('refuses to start without a store, and with one that cannot be reached', async () => {
    const file = join(folder, 'waybill.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/^store: .*\n/, ''));
    const without = await connected('oms');
    without.handle(PLACED, () => undefined, { inbox: true });
    const missing = await rejection(without.start());
    expect(missing).to.include({ code: 'WB_STORE_MISSING' });
    expect(missing.message).to.contain('oms');
    const wrong = await connected('oms', { store: 'postgres://nobody:wrong@127.0.0.1:1/none' });
    wrong.handle(PLACED, () => undefined, { inbox: true });
    const refused = await rejection(wrong.start());
    expect(refused.code).to.match(/^WB_STORE_(UNAVAILABLE|REFUSED)$/);
    expect(refused.message).to.not.contain('wrong@');
    const given = await connected('oms', { store });
    given.handle(PLACED, () => undefined, { inbox: true });
    await given.start();
  });
});

import { connect as amqp, type ChannelModel, type ConfirmChannel } from 'amqplib';
import { expect } from 'chai';
import { delayKey } from '../../src/adapters/rabbitmq/delays.ts';
import { type Names, namesOf } from '../../src/adapters/rabbitmq/names.ts';
import { connect, openBus } from '../../src/bus.ts';
import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { toError } from '../../src/errors.ts';
import { type Plan, parseJson } from '../../src/index.ts';
import { brokerNode, busName, busUrl } from '../support/broker.ts';
import { type BrokerNode } from '../support/broker-node.ts';
import { type Ran, type WorkFolder, waybill, workFolder } from '../support/cli.ts';
import { removeBus } from '../support/rabbit-bus.ts';
import { rejection } from '../support/rejection.ts';
import { testLog } from '../support/targets.ts';
import { until } from '../support/until.ts';
import { untyped } from '../support/untyped.ts';

const CONTRACT = JSON.stringify({
  'x-key': '/id',
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string' } },
});
const UUID = '00000000-0000-4000-8000-000000000000';
const ADDRESS = `${UUID}.answer`;
const PASSWORD = 'a-password';

interface Permissions {
  readonly permissions: readonly { readonly user: string }[];
  readonly topic_permissions: readonly { readonly user: string; readonly exchange: string }[];
}

/** The definitions of one user as those of another who may add nothing to the message history. */
function withoutHistory(
  { permissions, topic_permissions: topics }: Permissions,
  of: string,
  as: string,
  names: Names,
): object {
  const own = (rows: readonly { readonly user: string }[]): object[] =>
    rows.filter(({ user }) => user === of).map((row) => ({ ...row, user: as }));
  return {
    permissions: own(permissions),
    topic_permissions: own(topics).map((row) =>
      'exchange' in row && row.exchange === names.records ? { ...row, write: '^$' } : row,
    ),
    users: [{ name: as, password: PASSWORD, tags: '' }],
  };
}

describe('what `waybill grants` prints', function () {
  this.timeout(600_000);
  let node: BrokerNode;
  const bus = busName('grants');
  const names = namesOf(bus);
  const user = (name: string): string => `${bus}-${name}`;
  let folder: WorkFolder;
  let plan: Plan;
  let users: readonly string[] = [];
  let definitions: Permissions;
  const opened: (() => PromiseLike<unknown>)[] = [];

  const urlOf = (login: string): string => {
    const url = new URL(busUrl(node.url, bus));
    url.username = login;
    url.password = PASSWORD;
    return url.href;
  };

  before(async function () {
    node = await brokerNode(this);
    folder = await workFolder({
      'waybill.yaml': `bus: ${bus}
transport: embedded:unused
services:
  shop: { publishes: [shop.order.placed@1], user: ${user('shop')} }
  crm: { publishes: [crm.order.moved@1], user: ${user('crm')} }
  oms: { receives: [oms.order.create@1], user: ${user('oms')}, ordering: none, retry: { immediate: 0, attempts: 2, delay: 1s, max: 1s } }
  legacy: { publishes: [legacy.order.sent@1], user: ${user('legacy')}, client: plain }
  wms: { receives: [legacy.order.sent@1], user: ${user('wms')}, client: plain }
`,
      'routes/orders.yaml':
        'from: shop.order.placed@1\nsteps:\n  - map: { to: oms.order.create@1, set: { id: data.id } }\nto: oms\n',
      'routes/sent.yaml': 'from: legacy.order.sent@1\nto: wms\n',
      'schemas/shop/order.placed.v1.json': CONTRACT,
      'schemas/crm/order.moved.v1.json': CONTRACT,
      'schemas/oms/order.create.v1.json': CONTRACT,
      'schemas/legacy/order.sent.v1.json': CONTRACT,
    });
    opened.push(() => folder[Symbol.asyncDispose]());
    const printed = await waybill({ cwd: folder.path }, 'grants', '--format', 'definitions');
    expect(printed, printed.stderr).to.include({ code: 0 });
    definitions = parseJson(printed.stdout) as Permissions;
    users = definitions.permissions.map((each) => each.user);
    await node.define({ ...definitions, users: users.map((name) => ({ name, password: PASSWORD, tags: '' })) });
    const operator = await openBus({ config: folder.path, url: urlOf(user('operator')), log: testLog });
    ({ plan } = operator);
    opened.push(async () => {
      await operator.close();
      await removeBus(node.url, plan.topology);
    });
    await operator.apply('test');
  });
  after(async () => {
    for (const close of opened.reverse()) await close();
    // Where the broker is somebody else's nothing was begun.
    if (users.length === 0) return;
    // One call for all: each takes seconds.
    const each = users.map((name) => `<<"${name}">>`).join();
    await node.ctl('eval', `[rabbit_auth_backend_internal:delete_user(User, <<"tests">>) || User <- [${each}]].`);
  });

  it('as commands is what it is as definitions', async () => {
    const file = await waybill({ cwd: folder.path }, 'grants', '--format', 'definitions', '--vhost', 'my host');
    const text = await waybill({ cwd: folder.path }, 'grants', '--vhost', 'my host');
    const program = ['-c', 'rabbitmqctl() { for a; do printf "%s\\t" "$a"; done; echo; }; eval "$(cat)"'];
    const ran = await waybill({ cwd: folder.path, input: text.stdout, program: ['sh', ...program] });
    const calls = ran.stdout.split('\n').map((line) => line.split('\t').slice(0, -1));
    const called = (command: string): string[][] =>
      calls.flatMap(([name, , vhost = '', ...args]) => (name === command ? [[vhost, ...args]] : []));
    const { permissions, topic_permissions: topics } = parseJson(file.stdout) as Record<
      string,
      Readonly<Record<string, string>>[]
    >;
    const listed = (rows: readonly Readonly<Record<string, string>>[] = [], ...columns: readonly string[]): unknown =>
      rows.map((row) => columns.map((column) => row[column]));
    expect(called('set_permissions')).to.deep.equal(listed(permissions, 'vhost', 'user', 'configure', 'write', 'read'));
    expect(called('set_topic_permissions')).to.deep.equal(listed(topics, 'vhost', 'user', 'exchange', 'write', 'read'));
    expect(called('set_permissions')).to.have.length(users.length);
  });

  it('lets each one do its work', async () => {
    await using operator = await openBus({ url: urlOf(user('operator')), log: testLog });
    await using router = await openBus({ config: folder.path, url: urlOf(user('router')), log: testLog });
    await router.startRouter();
    await using oms = await connect({ service: 'oms', url: urlOf(user('oms')), log: testLog });
    let attempts = 0;
    oms.handle('oms.order.create@1', () => {
      attempts += 1;
      throw new Error('not today');
    });
    await oms.start();
    await using shop = await connect({ service: 'shop', url: urlOf(user('shop')), log: testLog });
    await untyped(shop).publish('shop.order.placed@1', { id: 'o-1' });
    await until('the dead letter', async () => (await operator.transport.dead.count()) === 1, { deadlineMs: 180_000 });
    expect(attempts).to.equal(2);
    await using watcher = await openBus({ url: urlOf(user('watcher')), log: testLog });
    expect(await watcher.transport.stats()).to.include({ dead: 1 });
    const told = new Set<string>();
    await until('the message history', async () => {
      await watcher.transport.history((records) => {
        for (const { operation, by } of records) told.add(`${operation} ${by}`);
      });
      return ['publish shop', 'route orders', 'process oms', 'dead-letter oms'].every((each) => told.has(each));
    });
    const tap = await watcher.transport.tap('all', () => undefined);
    await tap.close();
    for await (const { id, message } of operator.transport.dead.list()) await tracesAsWatcher(id, message.envelope.id);
    expect(await operator.transport.dead.discard({}, { by: 'test' })).to.equal(1);

    const legacy = await amqp(urlOf(user('legacy')));
    const sending = await legacy.createConfirmChannel();
    sending.publish(names.gateway, 'legacy.order.sent@1', Buffer.from('{"id":"o-2"}'), { userId: user('legacy') });
    await sending.waitForConfirms();
    await legacy.close();
    const wms = await amqp(urlOf(user('wms')));
    const taking = await wms.createChannel();
    const taken: string[] = [];
    await taking.consume(names.queue('wms', 0), (found) => {
      if (found === null) return;
      taken.push(found.content.toString());
      taking.ack(found);
    });
    await until('the plain message', () => taken.length === 1);
    expect(taken).to.deep.equal(['{"id":"o-2"}']);
    await wms.close();
  });

  /** Who may not read dead letters is told so, and what the message history knows all the same. */
  async function tracesAsWatcher(letter: string, message: string): Promise<void> {
    const operator = await amqp(urlOf(user('operator')));
    const channel = await operator.createConfirmChannel();
    channel.publish(names.records, 'history', Buffer.from('no JSON'));
    await channel.waitForConfirms();
    await operator.close();
    const call = (id: string): Promise<Ran> =>
      waybill({ cwd: folder.path }, 'trace', id, '--url', urlOf(user('watcher')));
    const hidden = 'dead letters and parked messages cannot be read with these rights';
    const [byLetter, byMessage] = [await call(letter), await call(message)];
    expect(byLetter, byLetter.stderr).to.include({ code: EXIT_CODES.nothing.code, stdout: '' });
    expect(byLetter.stderr).to.include(hidden).and.include(`given up at oms: waybill trace ${message}`);
    expect(byMessage, byMessage.stderr).to.include({ code: 0 });
    expect(byMessage.stdout).to.include('given up at oms, after 2 attempts').and.not.include('waits as');
    expect(byMessage.stderr.split(hidden)).to.have.length(2);
    expect(byMessage.stderr).to.include('1 part of the message history cannot be read and is passed over');
  }

  it('of a version without the message history goes on to do for messages, and the log says what is missing', async () => {
    const old = user('old');
    await node.define(withoutHistory(definitions, user('shop'), old, names));
    users = [...users, old];
    const said: string[] = [];
    const ignore = (): void => undefined;
    const warn = (fields: object, text: string): void => {
      said.push(`${text}: ${JSON.stringify(fields)}`);
    };
    const log = { debug: ignore, info: ignore, warn, error: warn };
    await using shop = await connect({ service: 'shop', url: urlOf(old), log });
    await untyped(shop).publish('shop.order.placed@1', { id: 'o-3' });
    await until('the refusal', () => said.length > 0);
    await untyped(shop).publish('shop.order.placed@1', { id: 'o-3' });
    expect(said).to.have.length(1);
    expect(said[0]).to.include('the message history is not added to').and.include('waybill grants');
  });

  it('has the broker refuse a service that poses as another', async () => {
    // The shop with the login of the crm: the broker refuses what the login does not own.
    await using posing = await connect({ service: 'shop', url: urlOf(user('crm')), log: testLog });
    const refused = await rejection(untyped(posing).publish('shop.order.placed@1', { id: 'o-2' }));
    expect(refused.code, refused.message).to.equal('WB_TRANSPORT_REFUSED');
    expect(refused.fix).to.contain('waybill grants');
  });

  // Whatever is not in its row must be refused.
  const SERVICE = ['answer one', 'tell members', 'read the manifest', 'hear members', 'hear its answers'];
  const MAY: Readonly<Record<string, readonly string[]>> = {
    shop: ['publish its type, shop', 'schedule on the bus, shop', 'add to the message history', ...SERVICE],
    crm: ['publish its type, crm', 'schedule on the bus, crm', 'add to the message history', ...SERVICE],
    oms: [
      ...['retry at oms', 'bury of oms', 'record in the journal', 'add to the message history'],
      ...['take from oms', 'purge oms', 'read the journal', ...SERVICE],
    ],
    legacy: ['publish at the gateway, legacy'],
    wms: ['take from wms'],
    router: [
      ...['publish its type, shop', 'publish its type, crm', 'publish no type'],
      ...['schedule on the bus, shop', 'schedule on the bus, crm', 'retry at oms', 'retry at wms'],
      ...['send to oms', 'send to wms', 'send to the router', 'bury of oms', 'bury of shop', 'park'],
      ...[
        'record in the journal',
        'add to the message history',
        'take from the router',
        'take from the gateway',
        'read the journal',
        ...SERVICE,
      ],
    ],
    watcher: [
      ...['tell members', 'read the manifest', 'read the message history', 'hear members', 'tap the bus'],
      'tap by another name',
    ],
    operator: Object.keys(attempts(names)).filter((what) => what !== 'make what is not of the bus'),
  };
  for (const [name, may] of Object.entries(MAY)) {
    it(`lets ${name} do nothing else`, async () => {
      const connection = await amqp(urlOf(user(name)));
      connection.on('error', () => undefined);
      const allowed: string[] = [];
      for (const [what, work] of Object.entries(attempts(names)))
        if ((await attempt(connection, work)) === 'allowed') allowed.push(what);
      await connection.close();
      expect(allowed).to.have.members(may);
    });
  }
});

type Work = (channel: ConfirmChannel) => Promise<unknown>;

/** One of each kind of thing that somebody could try. */
function attempts(names: Names): Readonly<Record<string, Work>> {
  const publish =
    (exchange: string, key: string): Work =>
    async (channel) => {
      const closed = new Promise<never>((_, reject) => channel.once('error', reject));
      channel.publish(exchange, key, Buffer.from('{}'));
      await Promise.race([channel.waitForConfirms(), closed]);
    };
  const consume =
    (queue: string): Work =>
    async (channel) => {
      await channel.prefetch(1);
      await channel.consume(queue, () => undefined, { noAck: false });
    };
  /** Listens by a queue of its own; the names of own queues are what members, repliers and watchers give theirs. */
  const listen =
    (kind: string, exchange: string, pattern: string): Work =>
    async (channel) => {
      const queue = `${kind}.${crypto.randomUUID()}`;
      await channel.assertQueue(queue, { exclusive: true });
      await channel.bindQueue(queue, exchange, pattern);
    };
  return {
    'publish its type, shop': publish(names.in, 'shop/order/placed@1.3'),
    'publish its type, crm': publish(names.in, 'crm/order/moved@1.0'),
    'publish no type': publish(names.in, 'anything'),
    'schedule on the bus, shop': publish(names.delay, delayKey(1, undefined, 'shop/order/placed@1.3')),
    'schedule on the bus, crm': publish(names.delay, delayKey(1, undefined, 'crm/order/moved@1.3')),
    'retry at oms': publish(names.delay, delayKey(1, 'oms', 'oms/order/create@1.3')),
    'retry at wms': publish(names.delay, delayKey(1, 'wms', 'legacy/order/sent@1.3')),
    'publish what is due': publish(names.due, delayKey(1, undefined, 'shop/order/placed@1.3')),
    'publish at the gateway, legacy': publish(names.gateway, 'legacy.order.sent@1'),
    'publish at the gateway, shop': publish(names.gateway, 'shop.order.placed@1'),
    'send to oms': publish(names.endpoint('oms'), 'oms/order/create@1.0'),
    'send to wms': publish(names.endpoint('wms'), 'legacy/order/sent@1.0'),
    'send to the router': publish(names.endpoint('router'), 'shop/order/placed@1.0'),
    'bury of oms': publish(names.dead, 'oms/order/create@1.0'),
    'bury of shop': publish(names.dead, 'shop/order/placed@1.0'),
    park: publish(names.unrouted, 'x'),
    'answer one': publish(names.reply, ADDRESS),
    'answer many': publish(names.reply, '#'),
    'tell members': publish(names.members, ''),
    'record an audit': publish(names.records, 'audit'),
    'record in the journal': publish(names.records, 'journal'),
    'add to the message history': publish(names.records, 'history'),
    'write to a queue': publish('', names.queue('oms', 0)),
    'take from oms': consume(names.queue('oms', 0)),
    'take from wms': consume(names.queue('wms', 0)),
    'take from the router': consume(names.queue('router', 0)),
    'take from the gateway': consume(names.queue('gateway', 0)),
    'take dead letters': consume(names.dead),
    'take parked messages': consume(names.unrouted),
    'take what is delayed': consume(names.delayQueue(0)),
    'read the manifest': consume(names.manifest),
    'read the audit': consume(names.audit),
    'read the journal': consume(names.journal),
    'read the message history': consume(names.history),
    'hear members': listen(names.members, names.members, ''),
    'hear its answers': listen(names.reply, names.reply, `${UUID}.*`),
    'hear all answers': listen(names.reply, names.reply, '#'),
    'tap the bus': listen(`${names.in}.tap`, names.in, '#'),
    'tap by another name': listen(names.members, names.in, '#'),
    'hear what is sent to oms': listen(names.members, names.endpoint('oms'), '#'),
    'make a queue': (channel) => channel.assertQueue(names.queue('oms', 9), { exclusive: true }),
    'make an exchange': (channel) => channel.assertExchange(`${names.in}.mine`, 'topic', { autoDelete: true }),
    'make what is not of the bus': (channel) => channel.assertQueue('not-of-the-bus', { exclusive: true }),
    'purge oms': (channel) => channel.purgeQueue(names.queue('oms', 0)),
    'unbind the router': (channel) =>
      channel.unbindExchange(names.endpoint('router'), names.in, 'not/bound/anyway@1.*'),
    'delete a queue': (channel) => channel.deleteQueue(names.queue('oms', 99)),
    'delete an exchange': (channel) => channel.deleteExchange(`${names.in}.none`),
  };
}

async function attempt(connection: ChannelModel, work: Work): Promise<string> {
  const channel = await connection.createConfirmChannel();
  channel.on('error', () => undefined);
  try {
    await work(channel);
    await channel.close();
    return 'allowed';
  } catch (error) {
    const { message } = toError(error);
    if (/ACCESS_REFUSED/.test(message)) return 'refused';
    throw error;
  }
}

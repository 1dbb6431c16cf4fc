import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import { expect } from 'chai';
import { parseRabbitUrl } from '../../src/adapters/rabbitmq/address.ts';
import { Connection } from '../../src/adapters/rabbitmq/connection.ts';
import { decodeMessage, isUndecodable } from '../../src/adapters/rabbitmq/decode.ts';
import { Publisher } from '../../src/adapters/rabbitmq/publisher.ts';
import type { Posting } from '../../src/adapters/rabbitmq/sending.ts';
import { openRabbit } from '../../src/adapters/rabbitmq/transport.ts';
import { systemClock } from '../../src/ports/clock.ts';
import type { Log } from '../../src/ports/log.ts';
import { broker, brokerNode, busName } from '../support/broker.ts';
import type { BrokerNode } from '../support/broker-node.ts';
import { message } from '../support/messages.ts';
import { rejection } from '../support/rejection.ts';
import { until, within } from '../support/until.ts';

const FOREVER = Number.POSITIVE_INFINITY;

describe('publishing on RabbitMQ', () => {
  let url = '';
  let raw: ChannelModel;
  let channel: ConfirmChannel;
  let exchange = '';
  const said: string[] = [];
  const note = (_fields: object, text: string): void => {
    said.push(text);
  };
  const log: Log = { debug: () => undefined, info: note, warn: note, error: note };
  const opened: { publisher: Publisher; connection: Connection }[] = [];

  before(async function () {
    url = (await broker(this)).url;
  });
  beforeEach(async () => {
    raw = await connect(url);
    channel = await raw.createConfirmChannel();
    exchange = busName('publishing');
    await channel.assertExchange(exchange, 'topic', { autoDelete: false });
  });
  afterEach(async () => {
    for (const { publisher, connection } of opened.splice(0)) {
      await publisher.close();
      await connection.close();
    }
    await channel.deleteExchange(exchange);
    await raw.close();
    said.length = 0;
  });

  const open = async (options: { batchCount?: number; waitingBytes?: number } = {}) => {
    const address = parseRabbitUrl(url);
    const connection = await Connection.open({
      address,
      name: exchange,
      clock: systemClock,
      log,
      changed: () => undefined,
    });
    const publisher = new Publisher({
      connection,
      clock: systemClock,
      log,
      confirmWindow: 1_000,
      batchCount: 200,
      isParking: () => false,
      isReply: () => false,
      ...options,
    });
    opened.push({ publisher, connection });
    return { publisher, connection };
  };
  const posting = (routingKey: string, key: string, id: string): Posting => ({
    exchange,
    routingKey,
    key,
    content: { kind: 'batchable', message: message({ id, key }) },
  });
  /** A queue of the test's own connection, gone with it, bound to a routing key. */
  const queue = async (routingKey: string, options: Record<string, unknown> = {}): Promise<string> => {
    const { queue: name } = await channel.assertQueue('', { exclusive: true, arguments: options });
    await channel.bindQueue(name, exchange, routingKey);
    return name;
  };
  /** Ids of the messages that come, as they come. */
  const consume = async (name: string): Promise<string[]> => {
    const ids: string[] = [];
    await channel.consume(
      name,
      (amqp) => {
        if (amqp === null) return;
        for (const each of decodeMessage(amqp, () => 0)) if (!isUndecodable(each)) ids.push(each.envelope.id);
      },
      { noAck: true },
    );
    return ids;
  };

  it('matches each returned message to its publish, among others under load, and sends it again until it is taken', async () => {
    const { publisher } = await open();
    const taken = await consume(await queue('taken.*'));
    let resolved = 0;
    const lost: Promise<void>[] = [];
    const good: Promise<void>[] = [];
    // 10 lanes each, so that batches of both kinds are under way at once.
    for (let n = 0; n < 100; n++) {
      const lane = String(n % 10);
      good.push(publisher.send([posting(`taken.${lane}`, `g${lane}`, `good-${String(n)}`)], FOREVER));
      const send = publisher.send([posting(`lost.${lane}`, `l${lane}`, `lost-${String(n)}`)], FOREVER);
      lost.push(
        send.then(() => {
          resolved += 1;
        }),
      );
    }
    await within('what has a queue', Promise.all(good));
    await until('every lane without a queue to be returned', () => publisher.sent.refused >= 10);
    expect(resolved, 'taken for durable though returned').to.equal(0);
    expect(publisher.sent.messages).to.equal(100);
    const late = await rejection(publisher.send([posting('lost.0', 'l0', 'late')], 50));
    expect(late.code).to.equal('WB_DEADLINE');
    expect(late.message).to.contain('no queue takes it');

    const found = await consume(await queue('lost.*'));
    await within('what had no queue', Promise.all(lost));
    await until(
      'their arrival',
      () => taken.length >= 100 && found.filter((id) => id.startsWith('lost')).length >= 100,
    );
    expect(taken).to.have.length(100);
    for (let lane = 0; lane < 10; lane++) {
      const expected = Array.from({ length: 10 }, (_, n) => `lost-${String(n * 10 + lane)}`);
      expect(found.filter((id) => id.endsWith(String(lane)))).to.deep.equal(expected);
    }
  });

  for (const batchCount of [1, 200]) {
    it(`holds a key until what the broker refused of it is confirmed (${batchCount === 1 ? 'singles' : 'batches'})`, async () => {
      const { publisher } = await open({ batchCount });
      const name = await queue('order.1', { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
      channel.sendToQueue(name, Buffer.from('in the way'));
      await channel.waitForConfirms();
      const first = publisher.send([posting('order.1', 'a', 'm1')], FOREVER);
      // The third refusal is followed by a pause in which whatever else may leave does.
      await until('three refusals', () => publisher.sent.refused >= 3);
      const rest = ['m2', 'm3'].map((id) => publisher.send([posting('order.1', 'a', id)], FOREVER));
      await channel.purgeQueue(name);
      const ids = await consume(name);
      await within('all of the key', Promise.all([first, ...rest]));
      await until('their arrival', () => ids.length >= 3);
      expect(ids).to.deep.equal(['m1', 'm2', 'm3']);
    });
  }

  it('publishes again, on another channel, what the broker has forgotten, with the same ids and each key in order', async function () {
    // Each call of rabbitmqctl starts a virtual machine.
    this.timeout(480_000);
    const node = await brokerNode(this);
    const { publisher } = await open();
    const name = `${exchange}.forgetful`;
    await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await channel.bindQueue(name, exchange, 'order.*');
    const lookup = `{ok, Queue} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"${name}">>)), {Leader, _} = amqqueue:get_pid(Queue)`;
    const erlang = (code: string): Promise<string> => node.ctl('eval', `${lookup}, ${code}.`);
    try {
      // So that the broker knows its channel to the queue.
      await publisher.send([posting('order.0', 'k0', 'before')], FOREVER);
      await erlang('sys:suspend(Leader)');
      const expected = Array.from({ length: 20 }, (_, n) => `n${String(n)}`);
      const sends = expected.map((id, n) =>
        publisher.send([posting(`order.${String(n % 2)}`, `k${String(n % 2)}`, id)], FOREVER),
      );
      const waiting = '{_, Length} = erlang:process_info(whereis(Leader), message_queue_len), Length';
      await until('them to reach the queue', async () => Number(await erlang(waiting)) >= 2);
      // What it was sent gets lost, as with a node of a cluster that goes down.
      const lose = 'Lose = fun F() -> receive {_, {command, _, _}} -> F() after 0 -> ok end end';
      await erlang(`${lose}, sys:replace_state(Leader, fun(State) -> Lose(), State end), sys:resume(Leader), ok`);
      const ids = await consume(name);
      await within('what was forgotten', Promise.all(sends), 120_000);
      await until('their arrival', () => new Set(ids).size >= 21);
      for (const half of [0, 1])
        expect([...new Set(ids)].filter((id) => id.startsWith('n') && Number(id.slice(1)) % 2 === half)).to.deep.equal(
          expected.filter((_, n) => n % 2 === half),
        );
      expect(said).to.include('RabbitMQ does not confirm: published again on another channel');
    } finally {
      await channel.deleteQueue(name);
    }
  });

  it('keeps the order of a key whose types change under way', async () => {
    const { publisher } = await open();
    const ids = await consume(await queue('#'));
    const expected = Array.from({ length: 60 }, (_, n) => `n${String(n)}`);
    await within(
      'all',
      Promise.all(expected.map((id, n) => publisher.send([posting(`type-${String(n % 3)}.1`, 'a', id)], FOREVER))),
    );
    await until('their arrival', () => ids.length >= 60);
    expect(ids).to.deep.equal(expected);
  });

  it('bounds what waits, by name, and takes more when that has left', async () => {
    const { publisher } = await open({ waitingBytes: 10_000 });
    await queue('order.1');
    const sends: Promise<void>[] = [];
    for (let n = 0; n < 40; n++) sends.push(publisher.send([posting('order.1', 'a', String(n))], 30_000));
    const results = await Promise.allSettled(sends);
    const full = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    expect(full).to.not.be.empty;
    for (const error of full) expect(error).to.include({ code: 'WB_PUBLISHER_FULL', retryable: true });
    expect(results[0]?.status).to.equal('fulfilled');
    await publisher.send([posting('order.1', 'a', 'later')], 30_000);
  });

  it('says so when a port does not speak TLS', async () => {
    const error = await rejection(openRabbit({ url: `${url.replace('amqp:', 'amqps:')}?bus=shop` }));
    expect(error.code).to.equal('WB_TRANSPORT_TLS');
    expect(error.message).to.contain('does not speak TLS');
    expect(error.fix).to.contain('amqp://');
  });

  describe('while RabbitMQ takes nothing', () => {
    let node: BrokerNode;
    before(async function () {
      node = await brokerNode(this);
    });
    const alarm = async (on: boolean): Promise<void> => {
      await node.ctl('set_vm_memory_high_watermark', on ? '0.00001' : '0.4');
    };
    after(async () => {
      await alarm(false);
    });

    it('waits, visibly; deadlines fail by name; a close ends; and afterwards nothing is lost or out of order', async function () {
      // Each call of rabbitmqctl starts a virtual machine.
      this.timeout(480_000);
      const { publisher, connection } = await open();
      const leaving = await open();
      const ids = await consume(await queue('order.*'));
      await publisher.send([posting('order.1', 'a', 'before')], FOREVER);
      await alarm(true);
      const expected = Array.from({ length: 200 }, (_, n) => `n${String(n)}`);
      const sends = expected.map((id, n) =>
        publisher.send([posting(`order.${String(n % 2)}`, `k${String(n % 2)}`, id)], FOREVER),
      );
      const left = rejection(leaving.publisher.send([posting('order.3', 'c', 'left')], FOREVER));
      await until(
        'both to be told',
        () => connection.blocked !== undefined && leaving.connection.blocked !== undefined,
      );
      expect(said).to.include('RabbitMQ takes no messages');
      const late = await rejection(publisher.send([posting('order.2', 'b', 'late')], 50));
      expect(late.code).to.equal('WB_DEADLINE');
      expect(late.message).to.match(/takes no messages .*memory/);
      await within('the close', leaving.publisher.close());
      expect((await left).code).to.equal('WB_CLOSED');

      await alarm(false);
      await within('what waited', Promise.all(sends));
      expect(connection.blocked).to.equal(undefined);
      await until('their arrival', () => ids.filter((id) => id.startsWith('n')).length >= 200);
      for (const half of [0, 1])
        expect(ids.filter((id) => id.startsWith('n') && Number(id.slice(1)) % 2 === half)).to.deep.equal(
          expected.filter((_, n) => n % 2 === half),
        );
    });
  });
});

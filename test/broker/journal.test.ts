import { connect } from 'amqplib';
import { expect } from 'chai';
import { namesOf } from '../../src/adapters/rabbitmq/names.ts';
import type { Log } from '../../src/ports/log.ts';
import type { Consumer, Delivery } from '../../src/ports/transport.ts';
import { brokerNode } from '../support/broker.ts';
import type { BrokerNode } from '../support/broker-node.ts';
import { Collector } from '../support/collector.ts';
import { onBus, outgoing, rounds, series } from '../support/messages.ts';
import { RabbitBus } from '../support/rabbit-bus.ts';
import { testLog } from '../support/targets.ts';
import { until, within } from '../support/until.ts';

const idOf = ({ message }: Delivery): string => message.envelope.id;
const together = async (consumer: Consumer, deliveries: readonly Delivery[]): Promise<readonly Delivery[]> => {
  return [...((await consumer.beginTogether?.(deliveries)) ?? deliveries)];
};
/** A log, and what was said in it. */
function listening(): { readonly said: readonly string[]; readonly log: Log } {
  const said: string[] = [];
  const note = (_fields: object, text: string): void => {
    said.push(text);
  };
  return { said, log: { debug: () => undefined, info: note, warn: note, error: note } };
}

const ANEW = 'RabbitMQ does not give back what it confirmed: the stream is read anew';

const WITHOUT = 'RabbitMQ does not give the journal: traffic goes on without it';

describe('the journal of deliveries on RabbitMQ', () => {
  let node: BrokerNode;
  let bus: RabbitBus | undefined;
  before(async function () {
    node = await brokerNode(this);
  });
  afterEach(async () => {
    await bus?.destroy();
    bus = undefined;
  });

  /** Three deliveries in hand of a process, and what it says from then on. */
  const threeInHand = async () => {
    bus = await RabbitBus.create(node.url, { endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
    const { said, log } = listening();
    const transport = await bus.open({ log });
    await transport.send(onBus(series('k', 3)));
    const collector = await Collector.start(transport, 'oms');
    const [first, second, third] = await collector.atLeast(3);
    if (first === undefined || second === undefined || third === undefined) throw new Error('three were expected');
    return { said, collector, first, second, third, names: namesOf(bus.manifest.bus) };
  };

  it('tells the copies of a batch apart that several endpoints have: what one has settled the others still get', async () => {
    const takes = ['shop.order.placed@1'];
    bus = await RabbitBus.create(node.url, { endpoints: { oms: { takes }, billing: { takes } } });
    const transport = await bus.open();
    await transport.send(onBus(rounds(1, 10)));
    const oms = await Collector.start(transport, 'oms');
    const billing = await Collector.start(transport, 'billing');
    const all = (await billing.atLeast(10)).map(idOf);
    await oms.settle((await oms.atLeast(10)).slice(0, 4));
    await billing.settle((await billing.atLeast(10)).slice(6));
    await oms.consumer.close();
    await billing.consumer.close();
    const again = await bus.open();
    expect((await (await Collector.start(again, 'oms')).atLeast(6)).map(idOf)).to.deep.equal(all.slice(4));
    expect((await (await Collector.start(again, 'billing')).atLeast(6)).map(idOf)).to.deep.equal(all.slice(0, 6));
  });

  it('holds nothing up when the broker does not give it at all', async function () {
    this.timeout(120_000);
    bus = await RabbitBus.create(node.url, { endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
    const names = namesOf(bus.manifest.bus);
    const connection = await connect(node.url);
    const channel = await connection.createChannel();
    // Notes are confirmed, and never come back.
    await channel.bindQueue(names.audit, names.records, 'journal');
    await channel.unbindQueue(names.journal, names.records, 'journal');
    await connection.close();
    const { said, log } = listening();
    const transport = await bus.open({ log });
    await transport.send(onBus(rounds(1, 2)));
    const collector = await Collector.start(transport, 'oms');
    for (const delivery of await collector.atLeast(2))
      expect(await within('the beginning of a suspect', collector.consumer.begin(delivery))).to.equal(1);
    const { deliveries } = collector;
    expect(await within('suspects that begin together', together(collector.consumer, deliveries))).to.deep.equal([]);
    await collector.consumer.close();
    const next = await Collector.start(await bus.open({ log: testLog }), 'oms');
    expect((await next.atLeast(2)).map(idOf), 'a batch that came again').to.deep.equal(deliveries.map(idOf));
    expect(said.filter((text) => text === WITHOUT)).to.have.length(1);
  });

  it('holds nothing up when a durable note is not in the copy that the broker gives', async function () {
    this.timeout(120_000);
    const { said, collector, first, second, third, names } = await threeInHand();
    expect(await collector.consumer.begin(first)).to.equal(1);
    const connection = await connect(node.url);
    const channel = await connection.createChannel();
    // As of a replica that has fallen behind: what it has is given, again and again, and the rest never.
    await channel.bindQueue(names.audit, names.records, 'journal');
    await channel.unbindQueue(names.journal, names.records, 'journal');
    expect(await within('the beginning of a suspect', collector.consumer.begin(second), 30_000)).to.equal(1);
    expect(said.filter((text) => text === ANEW)).to.have.lengthOf.within(1, 2);
    expect(said.filter((text) => text === WITHOUT)).to.have.length(1);
    await channel.bindQueue(names.journal, names.records, 'journal');
    await connection.close();
    expect(await within('the next one', collector.consumer.begin(third))).to.equal(1);
    expect(said).to.include('RabbitMQ gives the journal again');
    expect(await collector.consumer.begin(first), 'by the same process').to.equal(1);
  });

  it('publishes a note again that was confirmed and is not in the stream, as by a broker that starts', async function () {
    this.timeout(120_000);
    const { said, collector, first, second, third, names } = await threeInHand();
    const connection = await connect(node.url);
    const channel = await connection.createChannel();
    const { queue: elsewhere } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(elsewhere, names.records, 'journal');
    await channel.unbindQueue(names.journal, names.records, 'journal');
    const begun = collector.consumer.begin(first);
    const begunTogether = together(collector.consumer, [second, third]);
    await until('the notes', async () => (await channel.checkQueue(elsewhere)).messageCount >= 2);
    await channel.bindQueue(names.journal, names.records, 'journal');
    await connection.close();
    expect(await within('the beginning of a suspect', begun)).to.equal(1);
    expect(await within('suspects that begin together', begunTogether)).to.deep.equal([]);
    expect(said).not.to.include(WITHOUT);
  });

  it('is read anew when the broker has forgotten who reads', async function () {
    // Each call of rabbitmqctl starts a virtual machine.
    this.timeout(480_000);
    bus = await RabbitBus.create(node.url, { endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
    const { said, log } = listening();
    const transport = await bus.open({ log });
    await transport.send([outgoing()]);
    const collector = await Collector.start(transport, 'oms');
    const [delivery] = await collector.atLeast(1);
    if (delivery === undefined) throw new Error('one was expected');
    expect(await collector.consumer.begin(delivery)).to.equal(1);

    const queue = `rabbit_misc:r(<<"/">>, queue, <<"${bus.manifest.bus}.journal">>)`;
    const readers = `Readers = [Pid || Row <- ets:tab2list(consumer_created), {Queue, Pid, _} <- [element(1, Row)], Queue =:= ${queue}]`;
    await until('the reader', async () => (await node.ctl('eval', `${readers}, length(Readers).`)).trim() === '1');
    await node.ctl('eval', `${readers}, [sys:suspend(Reader) || Reader <- Readers].`);
    try {
      expect(await within('the note to come back', collector.consumer.begin(delivery)), 'by the same process').to.equal(
        1,
      );
      expect(said).to.include(ANEW);
      expect(await collector.consumer.begin(delivery)).to.equal(1);
      expect(said.filter((text) => text === ANEW)).to.have.length(1);
    } finally {
      await node.ctl('eval', `${readers}, [catch sys:resume(Reader) || Reader <- Readers].`);
    }
  });
});

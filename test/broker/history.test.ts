import { connect } from 'amqplib';
import { expect } from 'chai';
import { namesOf } from '../../src/adapters/rabbitmq/names.ts';
import type { HistoryRecord } from '../../src/ports/history.ts';
import { brokerUrl } from '../support/broker.ts';
import { RabbitBus } from '../support/rabbit-bus.ts';
import { rejection } from '../support/rejection.ts';
import { until } from '../support/until.ts';

const record: HistoryRecord = {
  at: Date.now(),
  took: 0,
  operation: 'publish',
  by: 'shop',
  process: 'here 1',
  message: 'a',
  type: 'shop.order.placed@1',
  conversation: 'a',
};

describe('the message history on a RabbitMQ that has no place for it', () => {
  let bus: RabbitBus;
  before(async function () {
    bus = await RabbitBus.create(await brokerUrl(this), { endpoints: { oms: { takes: ['shop.order.placed@1'] } } });
  });
  after(async () => {
    await bus.destroy();
  });

  it('is no message in the parking lot, and begins with the next apply', async () => {
    // As a version without one has applied it.
    const connection = await connect(bus.url);
    const channel = await connection.createChannel();
    const { history } = namesOf(bus.manifest.bus);
    await channel.deleteQueue(history);
    await connection.close();
    const said: string[] = [];
    const ignore = (): void => undefined;
    const warn = (fields: object, text: string): void => {
      said.push(`${text} ${JSON.stringify(fields)}`);
    };
    const transport = await bus.open({ log: { debug: ignore, info: ignore, warn, error: warn } });
    for (let times = 0; times < 2; times++)
      expect(await rejection(transport.record([record]))).to.have.property('code', 'WB_TRANSPORT_UNAVAILABLE');
    expect(said).to.have.length(1);
    expect(said[0]).to.include(history).and.include('waybill apply');
    const other = await bus.open();
    await other.apply({ ...bus.manifest, edition: 'next' });
    const kept: HistoryRecord[] = [];
    await until('the history to begin', async () => {
      await transport.record([record]).catch(() => undefined);
      await other.history((records) => kept.push(...records));
      return kept.length > 0;
    });
    expect(await other.parked.count()).to.equal(0);
  });

  it('counts what somebody else wrote there, and gives the others', async () => {
    const transport = await bus.open();
    await transport.apply({ ...bus.manifest, edition: 'last' });
    const connection = await connect(bus.url);
    const channel = await connection.createConfirmChannel();
    for (const text of ['no JSON', '{"a":1}'])
      channel.publish(namesOf(bus.manifest.bus).records, 'history', Buffer.from(text));
    await channel.waitForConfirms();
    await connection.close();
    await transport.record([{ ...record, message: 'b' }]);
    const kept = new Set<string>();
    let unreadable = 0;
    await until('what came last', async () => {
      unreadable = await transport.history((records) => {
        for (const { message } of records) kept.add(message);
      });
      return kept.has('b');
    });
    expect(unreadable).to.equal(2);
  });
});

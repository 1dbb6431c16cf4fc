import { type Channel, type ChannelModel, connect } from 'amqplib';
import { expect } from 'chai';
import { Session } from '../../src/adapters/rabbitmq/session.ts';
import { brokerUrl, busName } from '../support/broker.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { rejection } from '../support/rejection.ts';
import { until } from '../support/until.ts';

const LETTERS = 300;

describe('a look through a queue of letters', () => {
  const queue = busName('session');
  let connection: ChannelModel;
  /** While it consumes the broker gives nobody else anything. */
  let other: Channel;
  let clock: ManualClock;
  let reading: Promise<number>;

  before(async function () {
    connection = await connect(await brokerUrl(this));
  });
  after(async () => {
    await connection.close();
  });
  beforeEach(async () => {
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(queue, {
      arguments: { 'x-queue-type': 'quorum', 'x-single-active-consumer': true },
    });
    for (let n = 0; n < LETTERS; n++) channel.sendToQueue(queue, Buffer.from(String(n)));
    await channel.waitForConfirms();
    await channel.close();
    other = await connection.createChannel();
    await other.prefetch(1);
    await other.consume(queue, () => undefined);
    clock = new ManualClock();
    let read = 0;
    reading = new Session(connection, queue, clock)
      .read((page) => {
        read += page.length;
        return Promise.resolve(true);
      })
      .then(() => read);
    reading.catch(() => undefined);
    await until('the look to wait', () => clock.armed === 1);
  });
  afterEach(async () => {
    const channel = await connection.createChannel();
    await channel.deleteQueue(queue);
    await channel.close();
  });

  it('goes on when a broker takes its time, as long as it says that there is more', async () => {
    clock.advance(10_000);
    await until('the look to wait on', () => clock.armed === 1);
    await other.close();
    expect(await reading).to.be.at.least(LETTERS - 1);
  });

  it('ends by name when the broker gives nothing of what it has', async () => {
    const refused = rejection(reading);
    for (let times = 0; times < 6; times++) {
      await until('the look to wait', () => clock.armed === 1);
      clock.advance(10_000);
    }
    expect(await refused).to.have.property('code', 'WB_TRANSPORT_UNAVAILABLE');
    await other.close();
  });
});

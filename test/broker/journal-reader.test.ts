import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import { expect } from 'chai';
import { parseRabbitUrl } from '../../src/adapters/rabbitmq/address.ts';
import { Connection } from '../../src/adapters/rabbitmq/connection.ts';
import { JournalReader } from '../../src/adapters/rabbitmq/journal-reader.ts';
import { systemClock } from '../../src/ports/clock.ts';
import { broker, busName } from '../support/broker.ts';
import { testLog } from '../support/targets.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

/** Between the notes, where the stream was begun again. */
const AGAIN = 'again';

describe('the reader of the journal', () => {
  let raw: ChannelModel;
  let channel: ConfirmChannel;
  let proxy: TcpProxy;
  let connection: Connection;
  let reader: JournalReader;
  let queue = '';
  const taken: string[] = [];
  let url = '';

  before(async function () {
    url = (await broker(this)).url;
  });
  beforeEach(async () => {
    raw = await connect(url);
    channel = await raw.createConfirmChannel();
    queue = busName('journal-reader');
    await declare();
    proxy = await tcpProxy(Number(new URL(url).port || '5672'));
    connection = await Connection.open({
      address: parseRabbitUrl(proxy.through(url)),
      name: queue,
      clock: systemClock,
      log: testLog,
      changed: () => undefined,
    });
    reader = new JournalReader({
      connection,
      queue,
      clock: systemClock,
      log: testLog,
      take: (note) => taken.push('n' in note ? String(note.n) : 'without a number'),
      restarted: () => taken.push(AGAIN),
      ended: () => undefined,
    });
  });
  afterEach(async () => {
    reader.stop();
    await connection.close();
    await proxy.close();
    await channel.deleteQueue(queue);
    await raw.close();
    taken.length = 0;
  });

  const declare = async (): Promise<void> => {
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'stream' } });
  };
  const write = async (...notes: readonly unknown[]): Promise<void> => {
    for (const note of notes) channel.sendToQueue(queue, Buffer.from(JSON.stringify(note)), { persistent: true });
    await channel.waitForConfirms();
  };
  const takes = async (...notes: readonly string[]): Promise<void> => {
    await until(`${notes.join(', ')} to be taken`, () => taken.length >= notes.length, {
      describe: () => taken.join(', '),
    });
    expect(taken).to.deep.equal(notes);
  };

  /** The broker has been asked for the stream again. */
  const back = async (before: number): Promise<void> => {
    await until('the reader to be back', () => reader.readAt > before);
    const other = await connection.channel();
    await other.checkQueue(queue);
    await other.close();
  };

  it('goes on where it was after a loss, and takes nothing twice', async () => {
    await write({ n: 1 }, { n: 2 });
    reader.start();
    await takes(AGAIN, '1', '2');
    for (const [first, second] of [
      [3, 4],
      [5, 6],
    ]) {
      proxy.refuse();
      await write({ n: first });
      proxy.mend();
      await write({ n: second });
      await until('the note after the loss', () => taken.includes(String(second)));
    }
    await takes(AGAIN, '1', '2', '3', '4', '5', '6');
  });

  it('goes on after a loss when nothing was written meanwhile, nor before', async () => {
    reader.start();
    await back(0);
    proxy.cut();
    await write({ n: 1 });
    await takes(AGAIN, '1');
    const before = reader.readAt;
    proxy.cut();
    await back(before);
    await write({ n: 2 });
    await takes(AGAIN, '1', '2');
  });

  it('begins anew on a stream that was made again, be it longer, as long or shorter than the one before', async () => {
    await write({ n: 1 }, { n: 2 });
    reader.start();
    const expected = [AGAIN, '1', '2'];
    await takes(...expected);
    for (const numbers of [[11, 12, 13], [21, 22, 23], [31]]) {
      const before = reader.readAt;
      proxy.refuse();
      await channel.deleteQueue(queue);
      await declare();
      await write(...numbers.map((n) => ({ n })));
      proxy.mend();
      // With the shorter one the broker has nothing at the place where the reader was, until more comes.
      const late = numbers.length === 1 ? [32, 33, 34] : [];
      await back(before);
      await write(...late.map((n) => ({ n })));
      expected.push(AGAIN, ...[...numbers, ...late].map(String));
      await takes(...expected);
    }
  });

  it('begins anew when it is given up before it was given anything, as on a stream that is shorter than the one before', async () => {
    await write({ n: 1 }, { n: 2 }, { n: 3 });
    reader.start();
    await takes(AGAIN, '1', '2', '3');
    const before = reader.readAt;
    proxy.refuse();
    await channel.deleteQueue(queue);
    await declare();
    await write({ n: 11 });
    proxy.mend();
    await back(before);
    expect(reader.forsake()).to.equal(true);
    await takes(AGAIN, '1', '2', '3', AGAIN, '11');
  });

  it('begins anew when it is given up', async () => {
    await write({ n: 1 });
    reader.start();
    await takes(AGAIN, '1');
    expect(reader.forsake()).to.equal(true);
    await takes(AGAIN, '1', AGAIN, '1');
    await write({ n: 2 });
    await takes(AGAIN, '1', AGAIN, '1', '2');
  });
});

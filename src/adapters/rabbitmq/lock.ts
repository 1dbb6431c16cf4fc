import { type ChannelModel, connect } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import { type Clock, pause } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { RabbitAddress } from './address.ts';
import { connectError } from './connection.ts';

/** How long to wait for another who holds the lock. @unit milliseconds */
const PATIENCE = 120_000;
const RETRY = 50;

export interface LockOptions {
  readonly address: RabbitAddress;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Runs `work` while no one else holds the lock `name`. The lock is an exclusive queue of a connection that does not
 * recover: if that is lost, so is the lock, and every call that `work` makes on it fails.
 * @throws WB_DEADLINE when another holds it for two minutes
 */
export async function withLock<T>(
  name: string,
  options: LockOptions,
  work: (connection: ChannelModel) => Promise<T>,
): Promise<T> {
  const { address, clock, log } = options;
  let connection: ChannelModel;
  try {
    connection = await connect(address.connect, {
      ...address.socket,
      noDelay: true,
      timeout: 10_000,
      clientProperties: { connection_name: `waybill lock ${name}` },
    });
  } catch (cause) {
    throw connectError(toError(cause), address);
  }
  const gone = new Promise<void>((resolve) =>
    connection.once('close', () => {
      resolve();
    }),
  );
  connection.on('error', (error) => {
    log.debug({ error: error.message }, 'connection error');
  });
  let lost: Error | undefined;
  connection.on('close', (error) => {
    lost = error;
  });
  try {
    await acquire(name, connection, clock);
    return await work(connection);
  } catch (error) {
    throw lost === undefined || error instanceof WaybillError ? error : connectError(lost, address);
  } finally {
    await Promise.race([gone, hangUp(connection)]);
  }
}

async function hangUp(connection: ChannelModel): Promise<void> {
  try {
    await connection.close();
  } catch (error) {
    // Lost in the meantime, and the lock with it.
    if (!/clos/i.test(toError(error).message)) throw error;
  }
}

async function acquire(name: string, connection: ChannelModel, clock: Clock): Promise<void> {
  const deadline = clock.elapsed() + PATIENCE;
  for (;;) {
    const channel = await connection.createChannel();
    // The broker closes the channel when somebody else has the queue; the rejection below tells it.
    channel.on('error', () => undefined);
    try {
      await channel.assertQueue(name, { exclusive: true, durable: false, autoDelete: false });
      return;
    } catch (error) {
      if (!/RESOURCE_LOCKED/.test(toError(error).message)) throw error;
    }
    if (clock.elapsed() > deadline) {
      throw new WaybillError('WB_DEADLINE', `somebody else holds ${name} for more than two minutes`, {
        retryable: true,
        fix: 'Wait until the other apply, redrive or discard has ended.',
      });
    }
    await pause(clock, RETRY);
  }
}

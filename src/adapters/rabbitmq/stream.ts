import type { Channel, ChannelModel, Message } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import { type Clock, pause, type Timer } from '../../ports/clock.ts';
import { closeChannel } from './connection.ts';

/** What a reader of a stream needs of a connection, recovering or not. */
export interface ChannelSource {
  channel(): Promise<Channel>;
}

/** The streams' end is known by nothing more coming. @unit milliseconds */
const QUIET = 150;
/** For the first message of a stream that is known to hold one. @unit milliseconds */
const FIRST = 5_000;
/** How long a node may have no copy of a stream to read: it has just come up, or the stream has lost its leader. @unit milliseconds */
const COPY = 20_000;
const RETRY = 500;

export function channelsOf(connection: ChannelModel): ChannelSource {
  return {
    async channel() {
      const channel = await connection.createChannel();
      // Rejections of the calls on it tell the same.
      channel.on('error', () => undefined);
      return channel;
    },
  };
}

/** Whether the broker has a queue of this name. */
export async function queueExists(source: ChannelSource, queue: string): Promise<boolean> {
  return (await countOf(source, queue)) !== undefined;
}

/** Whether the broker has no such queue. While a broker starts it says NOT_FOUND also of queues that are only not up yet. */
export function isAbsent(error: Error): boolean {
  return /NOT_FOUND - no queue/.test(error.message);
}

/** Whether the node has no copy of a stream to read for the moment. */
function lacksCopy(error: Error): boolean {
  return /replica on the local node|running local replica/.test(error.message);
}

/** Whether the broker has refused to give a stream as it was asked for, and not only for as long as it starts. */
export function isRefused(error: Error): boolean {
  return /Operation failed/.test(error.message) && !/is down or inaccessible/.test(error.message) && !lacksCopy(error);
}

/** How many messages a queue has ready, and how many consumers; undefined when there is no such queue. */
export async function countOf(
  source: ChannelSource,
  queue: string,
): Promise<{ messageCount: number; consumerCount: number } | undefined> {
  const channel = await source.channel();
  try {
    const found = await channel.checkQueue(queue);
    await closeChannel(channel);
    return found;
  } catch (error) {
    // The broker has closed the channel with it.
    const cause = toError(error);
    if (isAbsent(cause)) return undefined;
    throw new WaybillError('WB_TRANSPORT_UNAVAILABLE', `the queue ${queue} cannot be reached: ${cause.message}`, {
      retryable: true,
      cause,
    });
  }
}

/**
 * Reads a stream up to its end as it is now.
 * @param from `last` begins with the last chunk, which may hold several messages
 * @param read returns a promise to be given no more meanwhile
 * @throws WB_TRANSPORT_UNAVAILABLE
 */
export async function readStream(
  source: ChannelSource,
  queue: string,
  from: 'first' | 'last',
  clock: Clock,
  read: (message: Message) => void,
): Promise<void> {
  const deadline = clock.elapsed() + COPY;
  for (;;) {
    try {
      await readOnce(source, queue, from, clock, read);
      return;
    } catch (error) {
      // It is refused before anything is read.
      if (!lacksCopy(toError(error)) || clock.elapsed() > deadline) throw error;
    }
    await pause(clock, RETRY);
  }
}

/**
 * As `readStream` from the first message, of a long stream: a pause of the broker is not taken for its end, which is where it is when
 * the reading begins.
 * @throws WB_TRANSPORT_UNAVAILABLE also when the broker stops giving before that
 */
export async function readWholeStream(
  source: ChannelSource,
  queue: string,
  clock: Clock,
  read: (message: Message) => void,
): Promise<void> {
  let end: number | undefined;
  await readStream(source, queue, 'last', clock, (message) => {
    end = offsetOf(message);
  });
  if (end !== undefined) await readOnce(source, queue, 'first', clock, read, end);
}

/** Where in its stream a message is, from 0. */
export function offsetOf({ properties }: Message): number | undefined {
  const offset: unknown = properties.headers?.['x-stream-offset'];
  return typeof offset === 'number' ? offset : undefined;
}

/** @param end the offset of the last message; without it nothing more coming is the end */
async function readOnce(
  source: ChannelSource,
  queue: string,
  from: 'first' | 'last',
  clock: Clock,
  read: (message: Message) => void,
  end?: number,
): Promise<void> {
  const channel = await source.channel();
  let timer: Timer | undefined;
  let cause: Error | undefined;
  channel.once('error', (error: Error) => {
    cause = error;
  });
  try {
    await channel.prefetch(1_000);
    await new Promise<void>((resolve, reject) => {
      const wait = (ms: number): void => {
        timer?.cancel();
        timer = clock.timer(
          ms,
          end === undefined
            ? resolve
            : () => {
                reject(stalled(queue));
              },
          true,
        );
      };
      channel.once('close', () => {
        const why = cause === undefined ? '' : `: ${cause.message}`;
        reject(
          new WaybillError('WB_TRANSPORT_UNAVAILABLE', `the channel closed while ${queue} was read${why}`, {
            retryable: true,
            cause,
          }),
        );
      });
      wait(FIRST);
      channel
        .consume(
          queue,
          (message) => {
            if (message === null) {
              reject(new Error(`${queue} was deleted while it was read`));
              return;
            }
            read(message);
            channel.ack(message);
            if (end !== undefined && (offsetOf(message) ?? 0) >= end) resolve();
            else wait(end === undefined ? QUIET : COPY);
          },
          { arguments: { 'x-stream-offset': from } },
        )
        .catch(reject);
    });
  } finally {
    timer?.cancel();
  }
  await closeChannel(channel);
}

function stalled(queue: string): WaybillError {
  return new WaybillError('WB_TRANSPORT_UNAVAILABLE', `RabbitMQ stopped in the middle of ${queue}`, {
    retryable: true,
    fix: 'Look at the state of the broker, and do it again.',
  });
}

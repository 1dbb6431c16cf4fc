import type { Channel, ChannelModel, Message } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import { closeChannel } from './connection.ts';
import { type ChannelSource, channelsOf, countOf } from './stream.ts';

/** Messages that one channel may hold: more make a broker slow. */
const PAGE = 4_000;
/** The first, from which is learnt how large messages are. */
const FIRST_PAGE = 128;
/** What a page should weigh at most: all of it is in memory at a time. @unit bytes */
const PAGE_BYTES = 32 * 1_048_576;
/** How long the broker may take from one message to the next before it is asked whether there are more. @unit milliseconds */
const SILENCE = 10_000;
/** How often it may say that there are, and give none. */
const MOST_SILENCES = 6;

/**
 * Looks through a queue of letters and takes some out, without losing one or changing the order of the others: page by page,
 * each on a channel of its own, nothing acknowledged but what is taken out. At the end the channels are closed in the order
 * of their pages, which returns the rest as it was. Never a nack: it would put letters behind others.
 */
export class Session {
  readonly #source: ChannelSource;
  readonly #queue: string;
  readonly #clock: Clock;
  readonly #pages: Channel[] = [];

  constructor(connection: ChannelModel, queue: string, clock: Clock) {
    this.#source = channelsOf(connection);
    this.#queue = queue;
    this.#clock = clock;
  }

  /**
   * Calls `look` with each page of what was there at the beginning, oldest first, until it returns false.
   * `take` acknowledges a message: it is gone.
   */
  async read(look: (page: readonly Message[], take: (message: Message) => void) => Promise<boolean>): Promise<void> {
    // What comes while it lasts, such as what is redriven and parked again, is for the next session.
    let left = (await countOf(this.#source, this.#queue))?.messageCount ?? 0;
    let size = FIRST_PAGE;
    try {
      while (left > 0) {
        const channel = await this.#source.channel();
        this.#pages.push(channel);
        const page = await this.#page(channel, Math.min(left, size));
        if (page.length === 0) break;
        left -= page.length;
        const bytes = page.reduce((sum, { content }) => sum + content.length, 0);
        size = Math.max(1, Math.min(PAGE, Math.floor((PAGE_BYTES * page.length) / Math.max(1, bytes))));
        const more = await look(page, (message) => {
          channel.ack(message);
        });
        if (!more) break;
      }
    } finally {
      await this.#return();
    }
  }

  async #page(channel: Channel, size: number): Promise<readonly Message[]> {
    await channel.prefetch(size);
    const page: Message[] = [];
    let full: (() => void) | undefined;
    let gone: ((error: Error) => void) | undefined;
    const filled = new Promise<void>((resolve, reject) => {
      full = resolve;
      gone = reject;
    });
    const lost = (): void => {
      gone?.(new Error(`the channel closed while ${this.#queue} was read`));
    };
    channel.once('close', lost);
    let ended = false;
    const silence = (times = 1): Timer => {
      const own = this.#clock.timer(
        SILENCE,
        () => {
          this.#isEmpty().then(
            (empty) => {
              // Something may have come while the broker was asked.
              if (ended || timer !== own) return;
              if (empty) full?.();
              else if (times >= MOST_SILENCES) gone?.(silent(this.#queue));
              else timer = silence(times + 1);
            },
            (error: unknown) => gone?.(toError(error)),
          );
        },
        true,
      );
      return own;
    };
    let timer = silence();
    try {
      const { consumerTag } = await channel.consume(this.#queue, (message) => {
        if (message === null) {
          lost();
          return;
        }
        page.push(message);
        timer.cancel();
        timer = silence();
        if (page.length >= size) full?.();
      });
      await filled;
      await channel.cancel(consumerTag);
    } finally {
      ended = true;
      timer.cancel();
      channel.removeListener('close', lost);
    }
    return page;
  }

  /** Whether nothing is ready: a broker that has much to do may also only be slow. */
  async #isEmpty(): Promise<boolean> {
    return ((await countOf(this.#source, this.#queue))?.messageCount ?? 0) === 0;
  }

  async #return(): Promise<void> {
    for (const channel of this.#pages.splice(0)) {
      // A round trip, so that acknowledgements are not lost with the channel.
      await channel.checkQueue(this.#queue).catch((error: unknown) => {
        // The connection is gone, and everything was returned with it.
        if (!(error instanceof Error)) throw error;
      });
      await closeChannel(channel);
    }
  }
}

function silent(queue: string): WaybillError {
  const seconds = String((SILENCE * MOST_SILENCES) / 1_000);
  return new WaybillError('WB_TRANSPORT_UNAVAILABLE', `RabbitMQ gave nothing of ${queue} for ${seconds} s`, {
    retryable: true,
    fix: 'Look at the state of the broker, and do it again: what was not told of stays where it is.',
  });
}

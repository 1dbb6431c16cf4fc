import type { Channel } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import { type Clock, pause, type Timer } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';

export interface ChannelWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly queue: string;
  /** Whether everything that came is settled, so that the broker has room for more. */
  readonly idle: () => boolean;
  /** The channel is good for nothing any more: it is to be given up. */
  readonly useless: (channel: Channel, reason: string) => void;
}

/** How long the broker may say nothing; twice as long after each channel that was given up, until one brings something. @unit milliseconds */
const FIRST_PATIENCE = 10_000;
/** @unit milliseconds */
const LONGEST_PATIENCE = 300_000;
/** From one look at an idle channel to the next. @unit milliseconds */
const LOOK = 5_000;

/**
 * Finds out that a channel that consumes is good for nothing any more, though it stays open. When the leader of a queue was
 * lost, RabbitMQ 3.10 may forget who consumes, or what was acknowledged, or may leave what it is asked unanswered for ever.
 *
 * | for as long as the patience                                         | then                                         |
 * |---------------------------------------------------------------------|----------------------------------------------|
 * | a question is not answered                                          | the channel is given up                      |
 * | messages wait in the queue, all that came is settled, nothing comes | likewise; who only waits to be the next      |
 * |                                                                     | consumer of an ordered queue loses nothing   |
 * | nothing comes, and the queue is empty                               | all is well                                  |
 */
export class ChannelWatch {
  readonly #options: ChannelWatchOptions;
  #channel: Channel | undefined;
  #timer: Timer | undefined;
  /** Channels in a row that were given up. */
  #turns = 0;
  /** Since when messages wait that do not come. */
  #silentSince: number | undefined;

  constructor(options: ChannelWatchOptions) {
    this.#options = options;
  }

  begin(channel: Channel): void {
    this.end();
    this.#channel = channel;
    this.#arm();
  }

  end(): void {
    this.#channel = undefined;
    this.#silentSince = undefined;
    this.#timer?.cancel();
  }

  /** A message has come. */
  arrived(): void {
    this.#silentSince = undefined;
    this.#turns = 0;
  }

  /**
   * Resolves when the broker has taken what it was sent on the channel before, or the channel was given up.
   * @returns how many messages wait in the queue; undefined when the channel was given up, or there is none
   * @throws what closed the channel meanwhile
   */
  async ask(): Promise<number | undefined> {
    const channel = this.#channel;
    if (channel === undefined) return undefined;
    const patience = this.#patience;
    const answer = await this.#within(patience, channel.checkQueue(this.#options.queue));
    if (answer === undefined) this.#giveUp(channel, unanswered(patience));
    return answer?.messageCount;
  }

  /** @throws WB_TRANSPORT_UNAVAILABLE (retryable) when the broker does not answer for as long as the patience */
  async insist(answer: Promise<object>): Promise<void> {
    const patience = this.#patience;
    if ((await this.#within(patience, answer)) !== undefined) return;
    this.#turns += 1;
    throw new WaybillError('WB_TRANSPORT_UNAVAILABLE', unanswered(patience), { retryable: true });
  }

  /** @unit milliseconds */
  get #patience(): number {
    return Math.min(LONGEST_PATIENCE, FIRST_PATIENCE * 2 ** this.#turns);
  }

  async #within<T>(patience: number, answer: Promise<T>): Promise<T | undefined> {
    const enough = new AbortController();
    const late = pause(this.#options.clock, patience, enough.signal).then(() => undefined);
    try {
      return await Promise.race([answer, late]);
    } finally {
      enough.abort();
    }
  }

  #giveUp(channel: Channel, reason: string): void {
    if (this.#channel !== channel) return;
    this.#turns += 1;
    this.end();
    this.#options.useless(channel, reason);
  }

  #arm(): void {
    const channel = this.#channel;
    this.#timer = this.#options.clock.timer(LOOK, () => {
      void this.#look().finally(() => {
        if (channel !== undefined && this.#channel === channel) this.#arm();
      });
    });
  }

  async #look(): Promise<void> {
    const { idle, clock, log, queue } = this.#options;
    const channel = this.#channel;
    if (channel === undefined) return;
    const since = (this.#silentSince ??= clock.elapsed());
    let waiting: number | undefined;
    try {
      waiting = idle() ? await this.ask() : undefined;
    } catch (error) {
      log.debug({ queue, error: toError(error).message }, 'a channel closed while it was looked at');
    }
    // Something came meanwhile, or nothing waits.
    if (this.#silentSince !== since) return;
    if (waiting === undefined || waiting === 0 || !idle()) this.#silentSince = undefined;
    else if (clock.elapsed() - since >= this.#patience)
      this.#giveUp(channel, `${String(waiting)} messages wait in the queue, and it does not give any`);
  }
}

function unanswered(patience: number): string {
  return `RabbitMQ has not answered for ${String(patience / 1_000)} s`;
}

import type { Channel } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import { type Clock, inTime, type Timer } from '../../ports/clock.ts';
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

/** How long the broker may say nothing. @unit milliseconds */
const FIRST_PATIENCE = 10_000;
/** So many channels in a row are given up after it; then it doubles each time, until one is found to be good. */
const TURNS = 6;
/** @unit milliseconds */
const LONGEST_PATIENCE = 300_000;
/** From one look at an idle channel to the next. @unit milliseconds */
const LOOK = 5_000;

/**
 * Finds out that a channel that consumes is good for nothing any more, though it stays open. When the leader of a queue was
 * lost, RabbitMQ 3.10 may forget who consumes, or what was acknowledged, or may leave what it is asked unanswered for ever.
 *
 * | for as long as the patience                                  | then                                                  |
 * |--------------------------------------------------------------|-------------------------------------------------------|
 * | what it was asked is not answered, and nothing comes either  | the channel is given up                               |
 * | messages come, and the answer does not                       | a slow line: the answer stands behind them            |
 * | messages wait in the queue, nothing comes, all is settled    | the channel is given up; who only waits to be the     |
 * |                                                              | next consumer of an ordered queue loses but its place |
 * | nothing comes, and the queue is empty                        | all is well                                           |
 * | nothing comes, and something is not settled                  | the broker may wait for that: it is not asked         |
 */
export class ChannelWatch {
  readonly #options: ChannelWatchOptions;
  #channel: Channel | undefined;
  #timer: Timer | undefined;
  /** Channels in a row that were given up. */
  #turns = 0;
  /** When a message came last. @unit milliseconds of `clock.elapsed()` */
  #arrivedAt = Number.NEGATIVE_INFINITY;
  /** Since when messages wait that do not come. */
  #silentSince: number | undefined;

  constructor(options: ChannelWatchOptions) {
    this.#options = options;
  }

  /** From now on it is this channel that consumes. */
  begin(channel: Channel): void {
    this.end();
    this.#channel = channel;
    this.#arm();
  }

  /** None does. */
  end(): void {
    this.#channel = undefined;
    this.#silentSince = undefined;
    this.#timer?.cancel();
  }

  /** A message has come. */
  arrived(): void {
    this.#arrivedAt = this.#options.clock.elapsed();
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
    const answer = await this.#patiently(patience, channel.checkQueue(this.#options.queue));
    if (answer === undefined) this.#giveUp(channel, unanswered(patience));
    return answer?.messageCount;
  }

  /** @throws WB_TRANSPORT_UNAVAILABLE (retryable) when the broker does not answer for as long as the patience, and as `answer` does */
  async insist(answer: Promise<object>): Promise<void> {
    const patience = this.#patience;
    if ((await this.#patiently(patience, answer)) !== undefined) return;
    this.#turns += 1;
    throw new WaybillError('WB_TRANSPORT_UNAVAILABLE', unanswered(patience), { retryable: true });
  }

  /** @unit milliseconds */
  get #patience(): number {
    return Math.min(LONGEST_PATIENCE, FIRST_PATIENCE * 2 ** Math.max(0, this.#turns - TURNS));
  }

  /** The patience begins anew with each message that comes. */
  async #patiently<T>(patience: number, answer: Promise<T>): Promise<T | undefined> {
    const { clock } = this.#options;
    let left = patience;
    while (left > 0) {
      const found = await inTime(clock, left, answer);
      if (found !== undefined) return found;
      left = patience - (clock.elapsed() - this.#arrivedAt);
    }
    return undefined;
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
    if (waiting === 0) this.#turns = 0;
    // Something came meanwhile, or nothing waits.
    if (this.#silentSince !== since) return;
    if (waiting === undefined || waiting === 0 || !idle()) this.#silentSince = undefined;
    else if (clock.elapsed() - since >= this.#patience)
      this.#giveUp(channel, `the queue has ${String(waiting)} that wait, and RabbitMQ gives none`);
  }
}

function unanswered(patience: number): string {
  return `RabbitMQ has not answered for ${String(patience / 1_000)} s`;
}

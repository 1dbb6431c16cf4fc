import type { Channel } from 'amqplib';
import { WaybillError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { decodeHistory, encodeHistory, HISTORY_AGE_MS, type HistoryRecord } from '../../ports/history.ts';
import type { Log } from '../../ports/log.ts';
import { type Connection, leaveChannel } from './connection.ts';
import { HISTORY_KEY, type Names } from './names.ts';
import { queueExists, readWholeStream } from './stream.ts';

/** After the broker refused it. @unit milliseconds */
const TRY_AGAIN = 60_000;

export interface HistoryStreamOptions {
  readonly publishing: Connection;
  readonly consuming: Connection;
  readonly names: Names;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The message history of a bus: a stream. It has a channel of its own, since the broker closes a channel on which something is sent
 * that the user may not send, and that must not concern messages.
 */
export class HistoryStream {
  readonly #options: HistoryStreamOptions;
  #channel: Channel | undefined;
  #opening: Promise<Channel> | undefined;
  /** The broker has the stream. What is sent before would be parked. */
  #there = false;
  /** The connection is behind with what was sent. */
  #full = false;
  /** Why nothing is added at the moment. */
  #refused: { readonly why: string; readonly untilMs: number } | undefined;

  constructor(options: HistoryStreamOptions) {
    this.#options = options;
  }

  /** Another plan is applied: it may have come with the stream. */
  renew(): void {
    this.#there = false;
    this.#refused = undefined;
  }

  /** Takes them, or throws at once. @throws WB_TRANSPORT_UNAVAILABLE */
  async add(records: readonly HistoryRecord[]): Promise<void> {
    const { publishing, consuming, names, clock } = this.#options;
    if (this.#refused !== undefined && clock.elapsed() < this.#refused.untilMs) throw busy(this.#refused.why);
    for (const { connected, blocked, error } of [publishing, consuming])
      if (!connected || blocked !== undefined) throw busy(blocked ?? error ?? 'there is no connection');
    if (this.#full) throw busy('the connection is behind with what was sent');
    this.#there ||= await queueExists(consuming, names.history);
    if (!this.#there) throw this.#refuse('the broker has no stream for it: run `waybill apply`');
    const channel = this.#channel ?? (await (this.#opening ??= this.#open()));
    const body = Buffer.from(encodeHistory(records));
    this.#full = !channel.publish(names.records, HISTORY_KEY, body, { contentType: 'application/json' });
  }

  /** @returns how many parts of it cannot be read */
  async read(read: (records: readonly HistoryRecord[]) => void): Promise<number> {
    const { consuming, names, clock } = this.#options;
    let unreadable = 0;
    if (!(await queueExists(consuming, names.history))) return unreadable;
    // A broker drops what is too old by whole files only.
    const least = clock.now() - HISTORY_AGE_MS;
    await readWholeStream(consuming, names.history, clock, ({ content }) => {
      const records = decodeHistory(content.toString('utf8'));
      if (records === undefined) unreadable += 1;
      else read(records.filter(({ at }) => at >= least));
    });
    return unreadable;
  }

  /** What was added before has left when it resolves, unless the broker does not answer. */
  async close(): Promise<void> {
    // One that is still being opened has sent nothing, and may never be there.
    if (this.#channel !== undefined) await leaveChannel(this.#channel, this.#options.clock);
  }

  async #open(): Promise<Channel> {
    try {
      const channel = await this.#options.publishing.channel();
      channel.once('error', ({ message }: Error) => {
        this.#refuse(
          /ACCESS_REFUSED/.test(message) ? `the user may not add to it; see \`waybill grants\`: ${message}` : message,
        );
      });
      channel.on('drain', () => {
        this.#full = false;
      });
      channel.once('close', () => {
        this.#channel = undefined;
        this.#full = false;
      });
      this.#channel = channel;
      return channel;
    } finally {
      this.#opening = undefined;
    }
  }

  /** It is tried again later: a broker that starts says so, too, and rights may be given meanwhile. */
  #refuse(why: string): WaybillError {
    const { names, clock, log } = this.#options;
    if (this.#refused?.why !== why) log.warn({ stream: names.history, why }, 'the message history is not added to');
    this.#refused = { why, untilMs: clock.elapsed() + TRY_AGAIN };
    return busy(why);
  }
}

function busy(why: string): WaybillError {
  return new WaybillError('WB_TRANSPORT_UNAVAILABLE', `the message history is not added to: ${why}`, {
    retryable: true,
  });
}

import type { Channel } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { decodeHistory, encodeHistory, HISTORY_AGE_MS, type HistoryRecord } from '../../ports/history.ts';
import type { Log } from '../../ports/log.ts';
import { type Connection, leaveChannel } from './connection.ts';
import { HISTORY_KEY, type Names } from './names.ts';
import { queueExists, readStream } from './stream.ts';

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
  /** The broker has the stream. What is sent before would be parked. */
  #there = false;
  /** Why nothing is added any more. */
  #refused: string | undefined;

  constructor(options: HistoryStreamOptions) {
    this.#options = options;
  }

  /** Another plan is applied: it may have come with the stream, and with permissions. */
  renew(): void {
    this.#there = false;
    this.#refused = undefined;
  }

  /** @throws WB_TRANSPORT_UNAVAILABLE */
  async add(records: readonly HistoryRecord[]): Promise<void> {
    const { publishing, consuming, names } = this.#options;
    if (this.#refused !== undefined) return;
    if (publishing.blocked !== undefined) throw busy(publishing.blocked);
    if (!publishing.connected) throw busy(publishing.error ?? 'there is no connection');
    if (!this.#there) {
      this.#there = await queueExists(consuming, names.history);
      if (!this.#there) {
        this.#refuse('the broker has no stream for it yet: run `waybill apply`');
        return;
      }
    }
    const channel = this.#channel ?? (await this.#open());
    const body = Buffer.from(encodeHistory(records));
    if (!channel.publish(names.records, HISTORY_KEY, body, { contentType: 'application/json' }))
      throw busy('the connection is behind with what was sent');
  }

  async read(read: (records: readonly HistoryRecord[]) => void): Promise<void> {
    const { consuming, names, clock } = this.#options;
    if (!(await queueExists(consuming, names.history))) return;
    // A broker drops what is too old by whole files only.
    const least = clock.now() - HISTORY_AGE_MS;
    await readStream(consuming, names.history, 'first', clock, ({ content }) => {
      read(decodeHistory(content.toString('utf8')).filter(({ at }) => at >= least));
    });
  }

  /** What was added before has left when it resolves, unless the broker does not answer. */
  async close(): Promise<void> {
    if (this.#channel !== undefined) await leaveChannel(this.#channel, this.#options.clock);
  }

  async #open(): Promise<Channel> {
    const channel = await this.#options.publishing.channel();
    this.#channel = channel;
    channel.once('error', (error: Error) => {
      if (/ACCESS_REFUSED/.test(error.message))
        this.#refuse(`the user may not add to it; see \`waybill grants\`: ${toError(error).message}`);
    });
    channel.once('close', () => {
      if (this.#channel === channel) this.#channel = undefined;
    });
    return channel;
  }

  #refuse(why: string): void {
    this.#refused = why;
    this.#options.log.warn({ stream: this.#options.names.history, why }, 'the message history is not added to');
  }
}

function busy(why: string): WaybillError {
  return new WaybillError('WB_TRANSPORT_UNAVAILABLE', `the message history is not added to: ${why}`, {
    retryable: true,
  });
}

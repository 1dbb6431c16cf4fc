import { randomUUID } from 'node:crypto';
import type { Channel, Message } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import type { EncodedMessage } from '../../message.ts';
import { type Clock, pause } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Replies } from '../../ports/transport.ts';
import { type Connection, leaveChannel } from './connection.ts';
import { decodeMessage, isUndecodable } from './decode.ts';

export interface RepliesOptions {
  readonly connection: Connection;
  /** `<bus>.reply`. */
  readonly exchange: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly receive: (message: EncodedMessage, tag: string) => void;
}

const BACKOFF = 200;

/**
 * An exclusive queue of this process, bound to its address. After a loss a new queue takes its place under the same address:
 * under the old name it would be refused for as long as the broker has not noticed that the old connection is gone.
 */
export class RabbitReplies implements Replies {
  readonly address = randomUUID();
  readonly #options: RepliesOptions;
  readonly #onClosed: () => void;
  readonly #stop = new AbortController();
  #channel: Channel | undefined;
  /** Those who wait until it is attached. */
  #waiting: (() => void)[] = [];

  constructor(options: RepliesOptions, onClosed: () => void) {
    this.#options = options;
    this.#onClosed = onClosed;
  }

  start(): void {
    void this.#supervise();
  }

  /** @throws WB_CLOSED when it is closed meanwhile */
  async ready(): Promise<void> {
    while (this.#stopped() || this.#channel === undefined) {
      if (this.#stopped()) throw new WaybillError('WB_CLOSED', 'the connection to RabbitMQ is closed');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async close(): Promise<void> {
    if (this.#stopped()) return;
    this.#stop.abort();
    this.#onClosed();
    this.#wake();
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel !== undefined) await leaveChannel(channel, this.#options.clock);
  }

  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  async #supervise(): Promise<void> {
    const { connection, clock, log } = this.#options;
    while (!this.#stopped()) {
      try {
        await this.#attach();
      } catch (error) {
        if (connection.closed) return;
        log.warn({ error: toError(error).message }, 'answers cannot come in for the moment');
      }
      await pause(clock, BACKOFF, this.#stop.signal);
    }
  }

  /** Resolves when it is over. */
  async #attach(): Promise<void> {
    const { connection, exchange, clock } = this.#options;
    const channel = await connection.channel();
    const ended = new Promise<void>((resolve) => channel.once('close', resolve));
    try {
      const queue = `${exchange}.${randomUUID()}`;
      await channel.assertQueue(queue, { exclusive: true, autoDelete: true, durable: false });
      await channel.bindQueue(queue, exchange, `${this.address}.*`);
      await channel.consume(
        queue,
        (message) => {
          if (message === null) void connection.abandon(channel);
          else this.#take(message);
        },
        { noAck: true },
      );
      if (!this.#stopped()) {
        this.#channel = channel;
        this.#wake();
        await ended;
      }
    } finally {
      this.#channel = undefined;
      await leaveChannel(channel, clock);
    }
  }

  #take(amqp: Message): void {
    if (this.#stopped()) return;
    const tag = amqp.fields.routingKey.slice(this.address.length + 1);
    for (const message of decodeMessage(amqp, () => this.#options.clock.now())) {
      if (!isUndecodable(message)) this.#options.receive(message, tag);
      else this.#options.log.warn({ fault: message.fault.code }, 'an answer that cannot be read is dropped');
    }
  }
}

import { randomUUID } from 'node:crypto';
import type { Channel, Message } from 'amqplib';
import { toError } from '../../errors.ts';
import { type EncodedMessage, type TypeRef, typeRef } from '../../message.ts';
import { type Clock, pause } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Tap } from '../../ports/transport.ts';
import { type Connection, leaveChannel } from './connection.ts';
import { decodeMessage, isUndecodable } from './decode.ts';
import { busPattern, delayedFor } from './delays.ts';
import { typeWord } from './names.ts';
import type { Postings } from './postings.ts';

export interface TapOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly log: Log;
  readonly types: readonly TypeRef[] | 'all';
  readonly onMessage: (message: EncodedMessage) => void;
  /** Of the topology as it is now. */
  readonly postings: () => Postings;
}

/** What nobody has looked at is dropped beyond this, oldest first: watching must not fill the broker. */
const MOST_UNSEEN = 10_000;
const BACKOFF = 500;

/**
 * Copies of what is published on the bus. It binds to types that some endpoint takes, and sees the others behind the
 * alternate exchange: a binding of its own for them would keep them from being parked.
 */
export class RabbitTap implements Tap {
  readonly #options: TapOptions;
  readonly #stop = new AbortController();
  readonly #queue: string;
  readonly #wanted: ReadonlySet<TypeRef> | undefined;
  #channel: Channel | undefined;

  constructor(options: TapOptions) {
    this.#options = options;
    this.#queue = `${options.postings().names.in}.tap.${randomUUID()}`;
    this.#wanted = options.types === 'all' ? undefined : new Set(options.types);
  }

  async start(): Promise<void> {
    const { ended } = await this.#attach();
    void this.#supervise(ended);
  }

  /** Types that have come to be taken by an endpoint are watched where they go now. */
  async rebind(): Promise<void> {
    if (this.#channel !== undefined) await this.#bind(this.#channel);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel !== undefined) await leaveChannel(channel, this.#options.clock);
  }

  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #supervise(first: Promise<void>): Promise<void> {
    const { connection, clock, log } = this.#options;
    let ended = first;
    while (!this.#stopped()) {
      await ended;
      this.#channel = undefined;
      await pause(clock, BACKOFF, this.#stop.signal);
      try {
        if (!this.#stopped()) ({ ended } = await this.#attach());
      } catch (error) {
        if (connection.closed) return;
        ended = Promise.resolve();
        log.debug({ error: toError(error).message }, 'cannot watch the bus for the moment');
      }
    }
  }

  /** Resolves when it watches; `ended` when it does no more. */
  async #attach(): Promise<{ ended: Promise<void> }> {
    const { connection } = this.#options;
    const channel = await connection.channel();
    const ended = new Promise<void>((resolve) => channel.once('close', resolve));
    await channel.assertQueue(this.#queue, {
      exclusive: true,
      autoDelete: true,
      durable: false,
      maxLength: MOST_UNSEEN,
    });
    await this.#bind(channel);
    await channel.consume(
      this.#queue,
      (message) => {
        if (message === null) void connection.abandon(channel);
        else this.#show(message);
      },
      { noAck: true },
    );
    this.#channel = channel;
    return { ended };
  }

  async #bind(channel: Channel): Promise<void> {
    const { names, topology } = this.#options.postings();
    await channel.bindQueue(this.#queue, names.watch, '');
    for (const type of new Set(topology.bindings.map((binding) => binding.type))) {
      if (this.#wanted?.has(type) === false) continue;
      await channel.bindQueue(this.#queue, names.in, `${typeWord(type)}.*`);
      await channel.bindQueue(this.#queue, names.due, busPattern(type));
    }
  }

  #show(amqp: Message): void {
    // Behind the alternate exchange there is also what was not published on the bus.
    const { exchange, routingKey } = amqp.fields;
    if (exchange !== this.#options.postings().names.in && delayedFor(routingKey) !== 'bus') return;
    for (const member of decodeMessage(amqp, () => this.#options.clock.now())) {
      if (isUndecodable(member)) continue;
      const { type, version } = member.envelope;
      if (this.#wanted?.has(typeRef(type, version)) !== false) this.#options.onMessage(member);
    }
  }
}

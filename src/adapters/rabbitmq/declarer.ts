import type { Channel, ChannelModel } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import type { RabbitAddress } from './address.ts';
import type { BindingSpec, ExchangeSpec, QueueSpec } from './topology.ts';

/** Channels that bind at a time: a plan has thousands of bindings, and each is an answer to wait for. */
const LINES = 4;

/** Creates what is not there, and counts it; binds, unbinds, deletes. All of it may be repeated. */
export class Declarer {
  #exchanges = 0;
  #queues = 0;
  readonly #connection: Pick<ChannelModel, 'createChannel'>;
  readonly #address: RabbitAddress;
  #channel: Channel | undefined;
  /** Queues that were looked for in vain, which costs a channel. Nobody else makes them: who declares has the lock. */
  readonly #missing = new Set<string>();
  #isNew = false;

  constructor(connection: Pick<ChannelModel, 'createChannel'>, address: RabbitAddress) {
    this.#connection = connection;
    this.#address = address;
  }

  /** Nothing was ever applied: exchanges need not be looked for. */
  onNewBus(): void {
    this.#isNew = true;
  }

  async exchange({ name, type, alternate }: ExchangeSpec): Promise<void> {
    const existed = !this.#isNew && (await this.hasExchange(name));
    if (!existed) this.#exchanges += 1;
    await this.#declare(`exchange ${name}`, (channel) =>
      channel.assertExchange(name, type, {
        durable: true,
        ...(alternate !== undefined && { alternateExchange: alternate }),
      }),
    );
  }

  async queue({ name, arguments: args }: QueueSpec): Promise<void> {
    const existed = await this.hasQueue(name);
    if (!existed) this.#queues += 1;
    await this.#declare(`queue ${name}`, (channel) => channel.assertQueue(name, { durable: true, arguments: args }));
    this.#missing.delete(name);
  }

  /** What was created, in one line; undefined when all was there. */
  summary(): string | undefined {
    const parts = [
      ...(this.#exchanges > 0
        ? [`${String(this.#exchanges)} ${this.#exchanges === 1 ? 'exchange' : 'exchanges'}`]
        : []),
      ...(this.#queues > 0 ? [`${String(this.#queues)} ${this.#queues === 1 ? 'queue' : 'queues'}`] : []),
    ];
    return parts.length === 0 ? undefined : `${parts.join(' and ')} created`;
  }

  /** Whether there is a queue of this name, whatever its arguments. */
  async hasQueue(name: string): Promise<boolean> {
    if (this.#missing.has(name)) return false;
    const found = await this.#try((channel) => channel.checkQueue(name));
    if (!found) this.#missing.add(name);
    return found;
  }

  hasExchange(name: string): Promise<boolean> {
    return this.#try((channel) => channel.checkExchange(name));
  }

  /**
   * Whether the queue, if there is one, has these arguments; the others as the broker names them. A passive declaration does
   * not compare them, so this one declares, but only what is there.
   */
  async differs({ name, arguments: args }: QueueSpec): Promise<boolean> {
    if (!(await this.hasQueue(name))) return false;
    try {
      await this.#declare(`queue ${name}`, (channel) => channel.assertQueue(name, { durable: true, arguments: args }));
      return false;
    } catch (error) {
      if (error instanceof WaybillError && error.code === 'WB_TOPOLOGY_CONFLICT') return true;
      throw error;
    }
  }

  /**
   * Makes a queue in which nothing waits anew, with other arguments. It is unbound first, so that nothing comes between the look and the
   * end of the old one.
   * @param bindings all that lead to it
   * @param settled resolves when what was on its way to it has arrived
   * @throws WB_TOPOLOGY_CONFLICT when something waits in it; then it is as it was
   */
  async replaceEmpty(queue: QueueSpec, bindings: readonly BindingSpec[], settled: () => Promise<void>): Promise<void> {
    await this.#checkEmpty(queue.name);
    await this.unbind(bindings);
    try {
      await settled();
      await this.#checkEmpty(queue.name);
    } catch (error) {
      await this.bind(bindings);
      throw error;
    }
    const channel = await this.#current();
    await channel.deleteQueue(queue.name);
    await this.queue(queue);
    await this.bind(bindings);
  }

  async #checkEmpty(name: string): Promise<void> {
    const channel = await this.#current();
    const { messageCount, consumerCount } = await channel.checkQueue(name);
    if (messageCount > 0 || consumerCount > 0) throw otherArguments(name, messageCount);
  }

  /** @param done called after each */
  async bind(bindings: readonly BindingSpec[], done?: () => void): Promise<void> {
    await this.#each(bindings, done, async (channel, { from, to, pattern }) => {
      if ('queue' in to) await channel.bindQueue(to.queue, from, pattern);
      else await channel.bindExchange(to.exchange, from, pattern);
    });
  }

  /** What is not bound, and what is bound to something that there is not, is as it should be. */
  async unbind(bindings: readonly BindingSpec[], done?: () => void): Promise<void> {
    await this.#each(bindings, done, async (channel, { from, to, pattern }) => {
      if ('queue' in to) await channel.unbindQueue(to.queue, from, pattern);
      else await channel.unbindExchange(to.exchange, from, pattern);
    });
  }

  async deleteQueue(name: string): Promise<void> {
    await (await this.#current()).deleteQueue(name);
  }

  async deleteExchange(name: string): Promise<void> {
    await (await this.#current()).deleteExchange(name);
  }

  async #each(
    bindings: readonly BindingSpec[],
    done: (() => void) | undefined,
    act: (channel: Channel, binding: BindingSpec) => Promise<void>,
  ): Promise<void> {
    let next = 0;
    const line = async (): Promise<void> => {
      const channel = await this.#open();
      for (let binding = bindings[next++]; binding !== undefined; binding = bindings[next++]) {
        await act(channel, binding);
        done?.();
      }
      await channel.close();
    };
    await Promise.all(Array.from({ length: Math.min(LINES, bindings.length) }, line));
  }

  /** False when it is not there; the broker closes the channel then. */
  async #try(check: (channel: Channel) => Promise<unknown>): Promise<boolean> {
    const channel = await this.#current();
    try {
      await check(channel);
      return true;
    } catch (error) {
      this.#channel = undefined;
      // A queue that is only not up yet is NOT_FOUND in other words.
      if (/NOT_FOUND - no (queue|exchange)/.test(toError(error).message)) return false;
      throw error;
    }
  }

  async #declare(what: string, declare: (channel: Channel) => Promise<unknown>): Promise<void> {
    const channel = await this.#current();
    try {
      await declare(channel);
    } catch (cause) {
      this.#channel = undefined;
      throw declareError(what, toError(cause), this.#address);
    }
  }

  async #current(): Promise<Channel> {
    this.#channel ??= await this.#open();
    return this.#channel;
  }

  async #open(): Promise<Channel> {
    const channel = await this.#connection.createChannel();
    // The rejection of the call that caused it tells it.
    channel.on('error', () => undefined);
    return channel;
  }
}

function declareError(what: string, cause: Error, address: RabbitAddress): Error {
  if (/PRECONDITION_FAILED/.test(cause.message)) {
    const difference = /inequivalent arg (.*)$/s.exec(cause.message)?.[1]?.replaceAll(/['"]+$/g, '');
    return new WaybillError(
      'WB_TOPOLOGY_CONFLICT',
      `${what} exists with other properties: ${difference ?? cause.message}`,
      { fix: 'Keep the value that is applied; or, when nothing waits in it, delete it and apply again.', cause },
    );
  }
  if (/ACCESS_REFUSED/.test(cause.message)) {
    const user = address.connect.username ?? '';
    return new WaybillError('WB_TRANSPORT_REFUSED', `user "${user}" may not declare ${what}`, {
      fix: 'Apply as a user with configure permission on the bus.',
      cause,
    });
  }
  return cause;
}

/** A queue that cannot be made anew without losing what is in it. */
export function otherArguments(queue: string, waiting?: number): WaybillError {
  const what = waiting === undefined ? '' : `, and ${String(waiting)} messages wait in it`;
  return new WaybillError('WB_TOPOLOGY_CONFLICT', `queue ${queue} exists with other properties${what}`, {
    fix:
      waiting === undefined
        ? 'It belongs to another version of Waybill, or was made by hand: keep what is in it, delete it and apply again.'
        : 'Redrive or discard what waits in it, and apply again; or keep the value that is applied.',
  });
}

import { type Channel, type ChannelModel, type ConfirmChannel, connect, type RecoveringChannelModel } from 'amqplib';
import { toError, WaybillError } from '../../errors.ts';
import { type Clock, inTime } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { RabbitAddress } from './address.ts';
import { gatherWrites } from './gathered-writes.ts';
import { socketOf } from './socket.ts';
import { tlsError } from './tls.ts';

/** How long to wait for the broker to answer at all. @unit milliseconds */
const CONNECT_TIMEOUT = 10_000;
/** The last: how much may wait for the system to take it before amqplib holds frames back itself. @unit bytes */
const SOCKET = { noDelay: true, timeout: CONNECT_TIMEOUT, writableHighWaterMark: 262_144 };
/** How long a good-bye may take; a peer that froze is found out by heartbeats later. @unit milliseconds */
const CLOSE_TIMEOUT = 3_000;
/** How long a channel may take to close before its connection is cut. @unit milliseconds */
const ABANDON_TIMEOUT = 10_000;

export interface ConnectionOptions {
  readonly address: RabbitAddress;
  /** For people who look at the broker. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Called after each change of `connected`, `blocked` or `error`. */
  readonly changed: () => void;
}

/** One connection, which amqplib makes again whenever it is lost. Channels are not: whoever holds one does. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #model: RecoveringChannelModel;
  #connected = true;
  #blocked: string | undefined;
  #error: string | undefined;
  #closed = false;
  #losses = 0;

  /** @throws WB_TRANSPORT_UNAVAILABLE (retryable), WB_TRANSPORT_REFUSED */
  static async open(options: ConnectionOptions): Promise<Connection> {
    try {
      const model = await connect(options.address.connect, {
        ...options.address.socket,
        ...SOCKET,
        clientProperties: { connection_name: options.name },
        // The first attempt fails at once: a wrong address or password is for a person to mend.
        recovery: { initialDelay: 100, maxDelay: 2_000, initialMaxRetries: 0, setup: prepare },
      });
      return new Connection(model, options);
    } catch (cause) {
      throw connectError(toError(cause), options.address);
    }
  }

  private constructor(model: RecoveringChannelModel, options: ConnectionOptions) {
    this.#options = options;
    this.#model = model;
    const { log, changed, address, name } = options;
    model.on('connect', () => {
      if (!this.#connected) log.info({ connection: name }, 'connected to RabbitMQ again');
      this.#connected = true;
      this.#error = undefined;
      changed();
    });
    model.on('disconnect', (error) => {
      this.#connected = false;
      this.#losses += 1;
      this.#blocked = undefined;
      this.#error = connectError(error, address).message;
      if (!this.#closed) log.warn({ connection: name, error: error.message }, 'connection to RabbitMQ lost');
      changed();
    });
    model.on('connect-failed', (error: Error) => {
      this.#error = connectError(error, address).message;
      changed();
    });
    model.on('blocked', (reason) => {
      this.#blocked = reason;
      log.warn({ connection: name, reason }, 'RabbitMQ takes no messages');
      changed();
    });
    model.on('unblocked', () => {
      this.#blocked = undefined;
      changed();
    });
    // Each is followed by `disconnect`, which tells it.
    model.on('error', (error) => {
      log.debug({ connection: name, error: error.message }, 'connection error');
    });
    model.on('handler-error', (error: Error) => {
      log.error({ connection: name, error }, 'a listener threw');
    });
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Why the broker takes no messages at the moment. */
  get blocked(): string | undefined {
    return this.#blocked;
  }

  get error(): string | undefined {
    return this.#error;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** A channel, as soon as there is a connection. */
  async channel(): Promise<Channel> {
    return watched(await this.#model.createChannel({ highWaterMark: 16_384 }), this.#options.log);
  }

  async confirmChannel(): Promise<ConfirmChannel> {
    return watched(await this.#model.createConfirmChannel({ highWaterMark: 16_384 }), this.#options.log);
  }

  /**
   * Closes a channel, whatever it takes: while it is open at the broker, what came on it goes to nobody else. A channel that
   * the broker does not close takes its connection with it, and all other channels of that.
   */
  async abandon(channel: Channel): Promise<void> {
    const { clock, log, name } = this.#options;
    const closed = closeChannel(channel).then(() => true);
    if ((await inTime(clock, ABANDON_TIMEOUT, closed)) === true) return;
    log.warn({ connection: name }, 'RabbitMQ does not close a channel: its connection is cut');
    socketOf(channel.connection)?.destroy(new Error('RabbitMQ did not close a channel'));
  }

  /** Does what may be done twice, and does it again whenever the connection was lost under it. */
  async surely<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      const losses = this.#losses;
      try {
        return await work();
      } catch (error) {
        if (this.#closed || losses === this.#losses) throw error;
        this.#options.log.debug({ error: toError(error).message }, 'done again: the connection was lost under it');
      }
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await inTime(this.#options.clock, CLOSE_TIMEOUT, this.#model.close());
    this.#connected = false;
    this.#options.changed();
  }
}

function prepare({ connection }: ChannelModel): Promise<void> {
  gatherWrites(connection);
  return Promise.resolve();
}

/** A channel error without a listener would end the process; whoever needs it listens as well. */
function watched<C extends Channel>(channel: C, log: Log): C {
  channel.on('error', (error) => {
    log.debug({ error: error.message }, 'channel error');
  });
  channel.on('handler-error', (error: Error) => {
    log.error({ error }, 'a listener threw');
  });
  return channel;
}

/** Closes a channel that may be closed already. Resolves also when its connection is lost meanwhile. */
export async function closeChannel(channel: Channel): Promise<void> {
  const gone = new Promise<void>((resolve) => channel.once('close', resolve));
  try {
    await Promise.race([channel.close(), gone]);
  } catch (error) {
    // Closed in the meantime, by the broker or with the connection: what was wanted.
    if (!/clos/i.test(toError(error).message)) throw error;
  }
}

/** Closes a channel on which the broker may not even answer that: does not wait long. */
export async function leaveChannel(channel: Channel, clock: Clock): Promise<void> {
  await inTime(clock, CLOSE_TIMEOUT, closeChannel(channel));
}

/** What a failed attempt to connect means, with the address and without the password. */
export function connectError(cause: Error, address: RabbitAddress): WaybillError {
  const insecure = tlsError(cause, address);
  if (insecure !== undefined) return insecure;
  const text = cause.message;
  if (/ACCESS[_-]REFUSED/i.test(text)) {
    const user = address.connect.username ?? '';
    return new WaybillError(
      'WB_TRANSPORT_REFUSED',
      `RabbitMQ at ${address.shown} refused the login of user "${user}"`,
      {
        fix: 'Check user and password of the url, and that the user may use the vhost.',
        cause,
      },
    );
  }
  // amqplib drops the broker's words here: the login was taken, and the vhost was not opened.
  if (/NOT[_-]ALLOWED|ConnectionOpenOk/i.test(text)) {
    const vhost = decodeURIComponent(address.connect.vhost ?? '/');
    const user = address.connect.username ?? '';
    return new WaybillError(
      'WB_TRANSPORT_REFUSED',
      `RabbitMQ at ${address.shown} does not open the vhost "${vhost}" to user "${user}"`,
      {
        fix: `Create it (rabbitmqctl add_vhost ${vhost}) and give the user permissions on it, or name another in the url.`,
        cause,
      },
    );
  }
  if (address.connect.protocol === 'amqps' && /wrong version number|packet length too long|EPROTO/i.test(text)) {
    return new WaybillError('WB_TRANSPORT_REFUSED', `${address.shown} does not speak TLS`, {
      fix: 'Write amqp:// for a port without TLS, or name the TLS port of the broker, which is 5671 by default.',
      cause,
    });
  }
  return new WaybillError('WB_TRANSPORT_UNAVAILABLE', `cannot reach RabbitMQ at ${address.shown}: ${reasonOf(cause)}`, {
    retryable: true,
    fix:
      // So it may look, too, when a port for TLS hangs up on the greeting of AMQP.
      address.connect.protocol === 'amqp' && /ECONNRESET/.test(text)
        ? 'Start the broker, or correct the url; if the port is for TLS, write amqps://.'
        : 'Start the broker, or correct the url.',
    cause,
  });
}

/** Node hides the reasons for several addresses of one host in an AggregateError with an empty message. */
function reasonOf(cause: Error): string {
  if (cause instanceof AggregateError) return cause.errors.map((error: unknown) => toError(error).message).join(', ');
  return cause.message;
}

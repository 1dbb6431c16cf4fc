import type { Socket } from 'node:net';
import { toError, WaybillError } from '../../errors.ts';
import type { EncodedMessage, TypeRef } from '../../message.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ConsumeOptions, Consumer, Outgoing, SendOptions, Tally, Tap } from '../../ports/transport.ts';
import { type Core, type CoreEvents, CoreLost, type TakeAnswer } from './core.ts';
import { DEFAULT_DEADLINE_MS, within } from './deadline.ts';
import { broken, type Frame, readFrames, writeFrame } from './frames.ts';
import { Inquiry } from './inquiry.ts';
import { manifestOf } from './records.ts';
import { RemoteConsumer, type Wire } from './remote-consumer.ts';
import { isRecord, numberIn, stringIn } from './shapes.ts';
import { addressesOf, fromWire, PROTOCOL } from './wire.ts';

interface Pending {
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: Error) => void;
}

/** A request to send that waits to be written. */
interface Sent {
  readonly id: number;
  readonly outgoing: readonly Outgoing[];
  readonly tally: Tally | undefined;
}

/** A frame of sends is closed at this size: a peer takes no frame of any length. @unit bytes */
const FRAME_BYTES = 16 * 1024 * 1024;

/** How long a closing process waits for answers. */
const FAREWELL_MS = 2_000;

const EMPTY: Frame = { header: {}, packed: { messages: [], extras: undefined } };

/** The bus of a folder in a process that is attached to its owner: asks it for everything, over the socket. */
export class Link extends Inquiry implements Core, Wire {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #events: CoreEvents;
  readonly #pending = new Map<number, Pending>();
  readonly #consumers = new Map<number, RemoteConsumer>();
  readonly #taps = new Map<number, (message: EncodedMessage) => void>();
  readonly #answers = new Map<string, TakeAnswer>();
  #outbox: Sent[] = [];
  #next = 1;
  #greeted = false;
  #greeting: ((welcome: boolean | Error) => void) | undefined;
  #ended = false;
  #onIdle: (() => void) | undefined;

  constructor(socket: Socket, clock: Clock, events: CoreEvents) {
    super();
    this.#socket = socket;
    this.#clock = clock;
    this.#events = events;
    readFrames(
      socket,
      (frame) => {
        this.#take(frame);
      },
      (error) => {
        this.#end(error.message);
      },
    );
    socket.on('close', () => {
      this.#end('the connection to the owner of the folder was lost');
    });
  }

  /** Resolves to whether the owner answers within `ms`. @throws WB_STORE_BUS and others, by which the owner refuses */
  async greet(bus: string | undefined, ms: number, signal: AbortSignal): Promise<boolean> {
    writeFrame(this.#socket, { t: 'hello', protocol: PROTOCOL, bus });
    const answer = await new Promise<boolean | Error>((resolve) => {
      const timer = this.#clock.timer(ms, () => {
        resolve(false);
      });
      const abort = (): void => {
        resolve(false);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#greeting = (welcome) => {
        timer.cancel();
        signal.removeEventListener('abort', abort);
        resolve(welcome);
      };
    });
    this.#greeting = undefined;
    if (answer === true) return true;
    this.#ended = true;
    this.#socket.destroy();
    if (answer === false) return false;
    throw answer;
  }

  send(outgoing: readonly Outgoing[], options?: SendOptions): Promise<void> {
    if (this.#ended) return Promise.reject(new CoreLost('the connection to the owner of the folder was lost'));
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#pending.set(id, {
        resolve: () => {
          resolve();
        },
        reject,
      });
      if (this.#outbox.push({ id, outgoing, tally: options?.tally }) === 1) setImmediate(this.#post);
    });
  }

  async consume(endpoint: string, options: ConsumeOptions): Promise<Consumer> {
    const sub = this.#next++;
    const consumer = new RemoteConsumer(this, sub, endpoint, options);
    this.#consumers.set(sub, consumer);
    try {
      await this.call('consume', { sub, endpoint, window: options.window });
    } catch (thrown) {
      this.#consumers.delete(sub);
      throw thrown;
    }
    // The caller holds the consumer before it is handed anything.
    setImmediate(() => {
      consumer.open();
    });
    return consumer;
  }

  forget(sub: number): void {
    this.#consumers.delete(sub);
  }

  async tap(types: readonly TypeRef[] | 'all', onMessage: (message: EncodedMessage) => void): Promise<Tap> {
    const tap = this.#next++;
    this.#taps.set(tap, onMessage);
    await this.call('tap', { tap, types });
    return {
      close: async () => {
        this.#taps.delete(tap);
        if (!this.#ended) await this.farewell('untap', { tap });
      },
    };
  }

  async replies(address: string, take: TakeAnswer): Promise<Tap> {
    this.#answers.set(address, take);
    await this.call('replies', { address });
    return {
      close: async () => {
        this.#answers.delete(address);
        if (!this.#ended) await this.farewell('unreply', { address });
      },
    };
  }

  /** @throws WB_DEADLINE when a stopped owner does not answer within `ms` */
  override call(method: string, more: object = {}, ms = DEFAULT_DEADLINE_MS): Promise<Frame> {
    const answer = this.request((id) => {
      writeFrame(this.#socket, { t: 'call', id, method, ...more });
    });
    return within(this.#clock, ms, answer);
  }

  /** As `call`, for what need not be answered: the owner does it whenever it goes on. */
  async farewell(method: string, more: object): Promise<void> {
    try {
      await this.call(method, more, FAREWELL_MS);
    } catch (thrown) {
      if (!(thrown instanceof WaybillError && thrown.code === 'WB_DEADLINE')) throw thrown;
    }
  }

  request(write: (id: number) => void): Promise<Frame> {
    if (this.#ended) return Promise.reject(new CoreLost('the connection to the owner of the folder was lost'));
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#pending.set(id, { resolve, reject });
      // What was sent before goes before.
      this.#post();
      try {
        write(id);
      } catch (thrown) {
        this.#settled(id)?.reject(unwritable(thrown));
      }
    });
  }

  tell(header: object, messages?: readonly EncodedMessage[]): void {
    this.#post();
    writeFrame(this.#socket, header, messages);
  }

  /** Says good-bye after all that was asked is answered. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#post();
    if (this.#pending.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.timer(FAREWELL_MS, resolve, true);
        this.#onIdle = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    if (this.#hasEnded()) return;
    writeFrame(this.#socket, { t: 'bye' });
    this.#ended = true;
    await new Promise<void>((resolve) => {
      // A stopped owner does not read what is still to be written; what it was not sent is answered as lost.
      const timer = this.#clock.timer(FAREWELL_MS, () => this.#socket.destroy(), true);
      this.#socket.once('close', () => {
        timer.cancel();
        resolve();
      });
      this.#socket.destroySoon();
    });
    this.#drop('the bus connection is closed');
  }

  /** All sends of one turn of the event loop go in one frame. */
  readonly #post = (): void => {
    const outbox = this.#outbox;
    if (outbox.length === 0) return;
    this.#outbox = [];
    let bytes = 0;
    let from = 0;
    for (const [at, { outgoing }] of outbox.entries()) {
      bytes += outgoing.reduce((sum, { message }) => sum + message.body.length, 0);
      if (bytes < FRAME_BYTES) continue;
      this.#write(outbox.slice(from, at + 1));
      from = at + 1;
      bytes = 0;
    }
    if (from < outbox.length) this.#write(outbox.slice(from));
  };

  /** What cannot be written fails alone: of a frame nothing goes out before all of it is encoded. */
  #write(outbox: readonly Sent[]): void {
    try {
      this.#writeFrame(outbox);
    } catch (thrown) {
      const [only, ...others] = outbox;
      if (others.length > 0) for (const each of outbox) this.#write([each]);
      else if (only !== undefined) this.#settled(only.id)?.reject(unwritable(thrown));
    }
  }

  #writeFrame(outbox: readonly Sent[]): void {
    const outgoing = outbox.flatMap((each) => each.outgoing);
    const reqs = outbox.map(({ id, outgoing: { length }, tally }) =>
      tally === undefined ? [id, length] : [id, length, tally],
    );
    const messages = outgoing.map(({ message }) => message);
    writeFrame(this.#socket, { t: 'send', reqs, to: addressesOf(outgoing) }, messages);
  }

  #take(frame: Frame): void {
    const { header, packed } = frame;
    switch (header['t']) {
      case 'welcome':
        this.#greeted = true;
        this.#greeting?.(true);
        if (typeof header['blocked'] === 'string') this.#events.onBlocked(header['blocked']);
        return;
      case 'refuse':
        this.#greeting?.(fromWire(header['error']));
        return;
      case 'ack':
        this.#acknowledge(header);
        return;
      case 'reply': {
        const pending = this.#settled(numberIn(header, 'id'));
        if (header['error'] === undefined) pending?.resolve(frame);
        else pending?.reject(fromWire(header['error']));
        return;
      }
      case 'deliver':
        this.#consumers.get(numberIn(header, 'sub'))?.take(header, packed);
        return;
      case 'revoke':
        this.#consumers.get(numberIn(header, 'sub'))?.revoke(numberIn(header, 'lease'));
        return;
      case 'tapped':
        for (const message of packed.messages) this.#taps.get(numberIn(header, 'tap'))?.(message);
        return;
      case 'answer':
        for (const message of packed.messages)
          this.#answers.get(stringIn(header, 'address'))?.(message, stringIn(header, 'tag'));
        return;
      case 'manifest':
        if (isRecord(header['manifest'])) this.#events.onManifest(manifestOf(header['manifest']));
        return;
      case 'blocked':
        this.#events.onBlocked(typeof header['reason'] === 'string' ? header['reason'] : undefined);
        return;
      case 'bye':
        this.#end('the owner of the folder has ended');
        return;
      default:
        throw broken(`an answer that is not known: ${stringIn(header, 't')}`);
    }
  }

  #acknowledge({ ok, bad }: Readonly<Record<string, unknown>>): void {
    if (Array.isArray(ok)) {
      for (const id of ok as readonly unknown[]) if (typeof id === 'number') this.#settled(id)?.resolve(EMPTY);
    }
    if (!Array.isArray(bad)) return;
    for (const each of bad as readonly unknown[]) {
      const [id, error] = Array.isArray(each) ? (each as readonly unknown[]) : [];
      if (typeof id === 'number') this.#settled(id)?.reject(fromWire(error));
    }
  }

  #settled(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#onIdle?.();
    return pending;
  }

  #hasEnded(): boolean {
    return this.#ended;
  }

  #end(reason: string): void {
    if (this.#greeting !== undefined) this.#greeting(false);
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.destroy();
    // The transport first: what it asks again must find the next core.
    if (this.#greeted) this.#events.onEnd(reason);
    this.#drop(reason);
  }

  #drop(reason: string): void {
    for (const consumer of this.#consumers.values()) consumer.lost();
    this.#consumers.clear();
    const error = toError(new CoreLost(reason));
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(error);
    this.#onIdle?.();
  }
}

function unwritable(thrown: unknown): WaybillError {
  const cause = toError(thrown);
  const text = `it cannot be written for the owner of the folder: ${cause.message}`;
  // Of what is no text, or in a circle; anything else, such as no memory, is no fault of the message.
  if (thrown instanceof TypeError) return new WaybillError('WB_MESSAGE_INVALID', text, { cause });
  return new WaybillError('WB_TRANSPORT_UNAVAILABLE', text, { cause, retryable: true });
}

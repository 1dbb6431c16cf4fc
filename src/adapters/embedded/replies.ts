import { randomUUID } from 'node:crypto';
import { WaybillError } from '../../errors.ts';
import type { EncodedMessage } from '../../message.ts';
import type { Replies } from '../../ports/transport.ts';
import { type Core, CoreLost } from './core.ts';

/** What one who asks holds: its address goes on with the next core when one ends. */
export class SteadyReplies implements Replies {
  readonly address = randomUUID();
  readonly #receive: (message: EncodedMessage, tag: string) => void;
  readonly #onClosed: (replies: SteadyReplies) => void;
  #current: { close(): Promise<void> } | undefined;
  #move: { readonly core: Core; readonly done: Promise<void> } | undefined;
  #closed = false;
  /** Those who wait until it is attached. */
  #waiting: (() => void)[] = [];

  constructor(receive: (message: EncodedMessage, tag: string) => void, onClosed: (replies: SteadyReplies) => void) {
    this.#onClosed = onClosed;
    this.#receive = (message, tag) => {
      if (!this.#closed) receive(message, tag);
    };
  }

  get attached(): boolean {
    return this.#current !== undefined;
  }

  async ready(): Promise<void> {
    while (this.#closed || this.#current === undefined) {
      if (this.#closed) throw new WaybillError('WB_CLOSED', 'the bus connection is closed');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  moveTo(core: Core): Promise<void> {
    if (this.#move?.core !== core) this.#move = { core, done: this.#open(core) };
    return this.#move.done;
  }

  detach(): void {
    this.#current = undefined;
    this.#move = undefined;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClosed(this);
    this.#wake();
    try {
      await this.#current?.close();
    } catch (thrown) {
      if (!(thrown instanceof CoreLost)) throw thrown;
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  async #open(core: Core): Promise<void> {
    try {
      const opened = await core.replies(this.address, this.#receive);
      if (this.#move?.core !== core) return;
      this.#current = opened;
      this.#wake();
    } catch (thrown) {
      if (this.#move?.core === core) this.#move = undefined;
      throw thrown;
    }
  }
}

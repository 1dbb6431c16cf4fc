import type { EncodedMessage, TypeRef } from '../../message.ts';
import type { Tap } from '../../ports/transport.ts';
import { type Core, CoreLost } from './core.ts';

/** What a watcher holds: it goes on with the next core when one ends. */
export class SteadyTap implements Tap {
  readonly #types: readonly TypeRef[] | 'all';
  readonly #onMessage: (message: EncodedMessage) => void;
  readonly #onClosed: (tap: SteadyTap) => void;
  #current: Tap | undefined;
  #move: { readonly core: Core; readonly done: Promise<void> } | undefined;
  #closed = false;

  constructor(
    types: readonly TypeRef[] | 'all',
    onMessage: (message: EncodedMessage) => void,
    onClosed: (tap: SteadyTap) => void,
  ) {
    this.#types = types;
    this.#onClosed = onClosed;
    this.#onMessage = (message) => {
      if (!this.#closed) onMessage(message);
    };
  }

  get attached(): boolean {
    return this.#current !== undefined;
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
    this.#closed = true;
    this.#onClosed(this);
    try {
      await this.#current?.close();
    } catch (thrown) {
      if (!(thrown instanceof CoreLost)) throw thrown;
    }
  }

  async #open(core: Core): Promise<void> {
    try {
      const tap = await core.tap(this.#types, this.#onMessage);
      if (this.#move?.core === core) this.#current = tap;
    } catch (thrown) {
      if (this.#move?.core === core) this.#move = undefined;
      throw thrown;
    }
  }
}

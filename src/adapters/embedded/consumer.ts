import type { ConsumeOptions, Consumer, ConsumerState, Delivery, Settlement, Tally } from '../../ports/transport.ts';
import { type Core, CoreLost } from './core.ts';
import { revoked } from './subscription.ts';

/** What a consumer's caller holds: it goes on with the next core when one ends. */
export class SteadyConsumer implements Consumer {
  readonly endpoint: string;
  readonly #options: ConsumeOptions;
  readonly #onClosed: (consumer: SteadyConsumer) => void;
  #current: Consumer | undefined;
  /** The core that is asked, or was last. */
  #move: { readonly core: Core; readonly done: Promise<void> } | undefined;
  #state: ConsumerState | undefined;
  #stopped = false;

  constructor(endpoint: string, options: ConsumeOptions, onClosed: (consumer: SteadyConsumer) => void) {
    this.endpoint = endpoint;
    this.#onClosed = onClosed;
    this.#options = {
      window: options.window,
      receive: (deliveries) => {
        if (!this.#stopped) options.receive(deliveries);
      },
    };
  }

  /** Takes from `core` from now on. @throws WB_PLAN_NOT_APPLIED */
  moveTo(core: Core): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    if (this.#move?.core !== core) this.#move = { core, done: this.#subscribe(core) };
    return this.#move.done;
  }

  /** The core is gone, and every lease with it. */
  detach(): void {
    this.#current = undefined;
    this.#move = undefined;
  }

  get attached(): boolean {
    return this.#current !== undefined;
  }

  async settle(settlements: readonly Settlement[], tally?: Tally): Promise<void> {
    try {
      await this.#current?.settle(settlements, tally);
    } catch (thrown) {
      // With the core all leases are revoked: the deliveries are skipped and come again.
      if (!(thrown instanceof CoreLost)) throw thrown;
    }
  }

  async begin(delivery: Delivery): Promise<number> {
    if (this.#current === undefined || delivery.lease.revoked) throw revoked(this.endpoint);
    try {
      return await this.#current.begin(delivery);
    } catch (thrown) {
      throw thrown instanceof CoreLost ? revoked(this.endpoint) : thrown;
    }
  }

  report(state: ConsumerState): void {
    this.#state = state;
    this.#current?.report(state);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#unlessLost(this.#current?.stop());
  }

  async close(): Promise<void> {
    this.#stopped = true;
    this.#onClosed(this);
    await this.#unlessLost(this.#current?.close());
  }

  async #subscribe(core: Core): Promise<void> {
    try {
      const consumer = await core.consume(this.endpoint, this.#options);
      // The core may have ended, and the consumer been closed, while the core was asked.
      if (this.#move?.core !== core) return;
      this.#current = consumer;
      if (this.#state !== undefined) consumer.report(this.#state);
      if (this.#halted()) await consumer.close();
    } catch (thrown) {
      if (this.#move?.core === core) this.#move = undefined;
      throw thrown;
    }
  }

  #halted(): boolean {
    return this.#stopped;
  }

  async #unlessLost(ending: Promise<void> | undefined): Promise<void> {
    try {
      await ending;
    } catch (thrown) {
      if (!(thrown instanceof CoreLost)) throw thrown;
    }
  }
}

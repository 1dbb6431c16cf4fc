import { WaybillError } from '../../errors.ts';
import type { ConsumeOptions, Consumer, ConsumerState, Delivery, Settlement, Tally } from '../../ports/transport.ts';
import type { Taker } from './grant.ts';
import { Held } from './held.ts';
import { Refusals, type Turn } from './refusals.ts';

/** What a subscription needs of the engine. */
export interface SubscriptionHost {
  /** @throws at once, what refuses the settlements */
  settle(settlements: readonly Settlement[], tally: Tally | undefined): Promise<void>;
  stop(subscription: Subscription): void;
  leave(subscription: Subscription, suspect: boolean): void;
  report(subscription: Subscription, state: ConsumerState): void;
}

/** A consumer of this process, or one that the server keeps for an attached process. */
export class Subscription implements Consumer, Taker {
  readonly endpoint: string;
  readonly window: number;
  readonly receive: (deliveries: readonly Delivery[]) => void;
  readonly #host: SubscriptionHost;
  readonly #refusals = new Refusals();
  #calls = 0;
  #heard = 0;
  #stopped = false;
  state: ConsumerState = { heldKeys: 0 };

  constructor(host: SubscriptionHost, endpoint: string, { window, receive }: ConsumeOptions) {
    this.#host = host;
    this.endpoint = endpoint;
    this.window = window;
    this.receive = receive;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  settle(settlements: readonly Settlement[], tally?: Tally): Promise<void> {
    const number = ++this.#calls;
    const ended = this.settleInTurn({ number, heard: this.#heard }, settlements, tally);
    ended.catch(() => {
      this.#heard = number;
    });
    return ended;
  }

  /** As `settle`, for a caller who counts for himself. */
  settleInTurn(turn: Turn, settlements: readonly Settlement[], tally?: Tally): Promise<void> {
    return this.#refusals.guard(turn, () => this.#host.settle(settlements, tally));
  }

  begin(delivery: Delivery): Promise<number> {
    if (delivery instanceof Held && delivery.open) return delivery.origin.begin(delivery);
    return Promise.reject(revoked(this.endpoint));
  }

  report(state: ConsumerState): void {
    this.state = state;
    this.#host.report(this, state);
  }

  stop(): Promise<void> {
    if (!this.#stopped) {
      this.#stopped = true;
      this.#host.stop(this);
    }
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.stop();
    this.#host.leave(this, false);
  }

  /** Its process is gone, perhaps because of what it had in hand. */
  abandon(): void {
    this.#stopped = true;
    this.#host.leave(this, true);
  }
}

export function revoked(endpoint: string): WaybillError {
  return new WaybillError('WB_DELIVERY_REVOKED', `the delivery at "${endpoint}" was taken back; it comes again`, {
    retryable: true,
  });
}

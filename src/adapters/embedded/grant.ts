import type { Delivery, Lease } from '../../ports/transport.ts';

/** Large messages fill the window before their number does, so that what is in hand is bounded in memory too. @unit bytes */
const MOST_BYTES = 64 * 1024 * 1024;

/** Whoever takes deliveries from partitions. */
export interface Taker {
  readonly window: number;
  readonly receive: (deliveries: readonly Delivery[]) => void;
  /** Takes nothing more, although what it has in hand may still be settled. */
  readonly stopped: boolean;
}

/** The right of one taker to take from one partition, and the lease of all that it took. */
export class Grant implements Lease {
  readonly endpoint: string;
  readonly partition: number;
  readonly taker: Taker;
  /** Deliveries that are not durably settled. */
  inHand = 0;
  /** Of their bodies. @unit bytes */
  bytesInHand = 0;
  /** Of them, settled since the last commit began. */
  settling = 0;
  bytesSettling = 0;
  #committing = 0;
  #bytesCommitting = 0;
  /** Gets nothing more: the partition goes to another taker once nothing is in hand. */
  leaving = false;
  #revoked = false;
  #controller: AbortController | undefined;

  constructor(endpoint: string, partition: number, taker: Taker) {
    this.endpoint = endpoint;
    this.partition = partition;
    this.taker = taker;
  }

  get revoked(): boolean {
    return this.#revoked;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#revoked) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** How many more may be in hand. */
  get room(): number {
    if (this.leaving || this.#revoked || this.taker.stopped || this.bytesInHand >= MOST_BYTES) return 0;
    return this.taker.window - this.inHand;
  }

  /** The settlements so far are in the commit that begins. */
  commit(): void {
    this.#committing = this.settling;
    this.settling = 0;
    this.#bytesCommitting = this.bytesSettling;
    this.bytesSettling = 0;
  }

  /** The commit is durable: there is room for more. */
  committed(): void {
    this.inHand -= this.#committing;
    this.#committing = 0;
    this.bytesInHand -= this.#bytesCommitting;
    this.#bytesCommitting = 0;
  }

  /** Only the partition calls it, which takes back what is in hand. */
  revoke(): void {
    this.#revoked = true;
    this.#controller?.abort();
  }
}

import { orderingKey } from '../message.ts';
import type { Attempt, Delivery } from '../ports/transport.ts';

/** A delivery in the dispatcher's hand, over all of its attempts there. */
export class Task {
  readonly delivery: Delivery;
  readonly key: string;
  /** Failed attempts, those of earlier deliveries included. */
  readonly failures: Attempt[];
  /** When it began to hold its key, on a clock that stands still while the endpoint is paused. */
  heldSinceMs: number | undefined;
  /** Of a suspect: how many processes began it, this one included. */
  begun: number | undefined;
  /** Of a suspect: this process has begun it together with others. */
  begunTogether = false;
  /** Of a suspect: a process ended that had begun it. */
  alone = false;

  constructor(delivery: Delivery) {
    this.delivery = delivery;
    this.key = orderingKey(delivery.message.envelope);
    this.failures = delivery.attempts.length === 0 ? [] : [...delivery.attempts];
  }

  get revoked(): boolean {
    return this.delivery.lease.revoked;
  }
}

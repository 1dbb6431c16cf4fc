import type { Message } from 'amqplib';
import type { EncodedMessage } from '../../message.ts';
import type { Attempt, Delivery, Lease } from '../../ports/transport.ts';
import type { Decoded } from './decode.ts';

/** Where deliveries of a lease end: the seat that handed them out, whatever seats the consumer has by then. */
export interface Holder {
  /** The deliveries have ended: they free the window, and their parcels are acknowledged. */
  finish(deliveries: readonly RabbitDelivery[]): void;
  /** Resolves when the broker has taken every acknowledgement so far, or the lease is revoked. */
  acknowledged(): Promise<void>;
  /** Resolves when it is durable which members of suspect batches have ended. */
  markSuspects(deliveries: readonly RabbitDelivery[]): Promise<void>;
}

/** The right to settle what came over one channel. */
export class ChannelLease implements Lease {
  readonly endpoint: string;
  readonly partition: number;
  readonly holder: Holder;
  readonly #controller = new AbortController();
  /** Kept beside the signal: it is read for each message, and the signal is slow to read. */
  #revoked = false;

  constructor(endpoint: string, partition: number, holder: Holder) {
    this.endpoint = endpoint;
    this.partition = partition;
    this.holder = holder;
  }

  get revoked(): boolean {
    return this.#revoked;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  revoke(): void {
    this.#revoked = true;
    this.#controller.abort();
  }

  /** Resolves when it is revoked. */
  async ended(): Promise<void> {
    if (this.revoked) return;
    await new Promise<void>((resolve) => {
      this.signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
    });
  }
}

/** An AMQP message in hand: one message of the bus, or a batch of them. */
export interface Parcel {
  readonly amqp: Message;
  readonly lease: ChannelLease;
  /** Members that are not settled. It is acknowledged when none is left. */
  open: number;
  /** Once it was opened. */
  members?: readonly Decoded[];
  /** Members that are settled, by index; for a batch only. */
  settled?: Set<number>;
  /** It may be what ended the processes that had it. */
  suspect?: boolean;
  /** Of earlier deliveries; empty until it is opened. */
  attempts: readonly Attempt[];
  /** Of a message for one route alone; once it was opened. */
  route?: string;
  /** It came again, and it is not known yet which of its members were settled then. */
  unknown: boolean;
}

/** Where a delivery is on its way to its end. */
export type DeliveryState = 'open' | 'settling' | 'settled';

export class RabbitDelivery implements Delivery {
  readonly message: EncodedMessage;
  readonly lease: ChannelLease;
  readonly attempts: readonly Attempt[];
  readonly suspect: boolean;
  readonly route?: string;
  readonly parcel: Parcel;
  /** In the parcel. */
  readonly index: number;
  state: DeliveryState = 'open';

  constructor(message: EncodedMessage, parcel: Parcel, index: number) {
    this.index = index;
    this.message = message;
    this.parcel = parcel;
    this.lease = parcel.lease;
    this.attempts = parcel.attempts;
    this.suspect = parcel.suspect === true;
    if (parcel.route !== undefined) this.route = parcel.route;
  }
}

/** How often an AMQP message has come back, as the broker counts: on most versions whenever a channel ends with it, handled or not. */
export function returnsOf(amqp: Message): number {
  const returns: unknown = amqp.properties.headers?.['x-delivery-count'];
  return typeof returns === 'number' ? returns : 0;
}

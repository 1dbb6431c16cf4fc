import type { EncodedMessage } from '../../message.ts';
import type { Attempt, Delivery } from '../../ports/transport.ts';
import type { Extra } from './codec.ts';
import type { Writes } from './commit.ts';
import type { Grant } from './grant.ts';
import { NO_ATTEMPTS } from './shapes.ts';

/** The record in which a message stands, as far as settling it needs. */
export interface Row {
  readonly first: number;
  /** What is in hand, at the places of its messages. */
  readonly held: (Held | undefined)[];
  readonly suspects: Set<number> | undefined;
  /** Messages that are not settled. */
  readonly left: number;
  /** Its progress changed since the last commit. */
  changed: boolean;
  settle(index: number): void;
  storeProgress(store: Writes): void;
}

/** The partition that a message in hand came from. */
export interface Origin {
  readonly endpoint: string;
  settle(held: Held): void;
  begin(held: Held): Promise<number>;
}

/** A message in hand: what the consumer sees, and where it stands. */
export class Held implements Delivery {
  readonly message: EncodedMessage;
  readonly lease: Grant;
  readonly attempts: readonly Attempt[];
  readonly suspect: boolean;
  declare readonly route?: string;
  readonly origin: Origin;
  readonly row: Row;
  readonly index: number;

  constructor(
    message: EncodedMessage,
    lease: Grant,
    origin: Origin,
    row: Row,
    index: number,
    suspect: boolean,
    extra: Extra | undefined,
  ) {
    this.message = message;
    this.lease = lease;
    this.attempts = extra?.attempts ?? NO_ATTEMPTS;
    this.suspect = suspect;
    this.origin = origin;
    this.row = row;
    this.index = index;
    if (extra?.route !== undefined) this.route = extra.route;
  }

  get seq(): number {
    return this.row.first + this.index;
  }

  /** It is still this delivery's to settle. */
  get open(): boolean {
    return !this.lease.revoked && this.row.held[this.index] === this;
  }
}

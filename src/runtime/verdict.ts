import type { StateUnit } from '../ports/store.ts';
import type { Span } from '../ports/tracing.ts';
import type { Death, Delivery, Outgoing, Tally } from '../ports/transport.ts';

/** What became of a delivery that was handled. Failure is a throw. */
export type Verdict =
  | {
      readonly outcome: 'done' | 'filtered' | 'merged' | 'duplicate';
      readonly sends: readonly Outgoing[];
      readonly tally?: Tally;
      /** What it changed of the transport's own store. */
      readonly unit?: StateUnit;
      /** Called once the delivery is durably settled; never when it comes again. */
      readonly settled?: () => void;
    }
  | {
      readonly outcome: 'dead';
      readonly sends: readonly Outgoing[];
      readonly deaths: readonly [Death, ...Death[]];
      readonly tally?: Tally;
    }
  | { readonly outcome: 'parked'; readonly tally?: Tally };

/** Of a delivery that was neither given up nor parked. */
export type Done = Extract<Verdict, { readonly unit?: unknown }>;

/** One attempt at a delivery, as the code that handles it sees it. */
export interface Attempting {
  readonly delivery: Delivery;
  /** Counts from 1, over all deliveries of the message. */
  readonly attempt: number;
  /** Aborts when the attempt ran out of time or its lease was revoked: its result will not count. */
  readonly signal: AbortSignal;
  /** Whether its result still counts. */
  readonly live: boolean;
  /** Where somebody listens. */
  readonly span?: Span | undefined;
}

/**
 * Handles one delivery. A throw is a failed attempt: a WaybillError says whether it is retryable, an error with
 * `retryable: false` is not, any other is.
 */
export type Process = (attempting: Attempting) => Verdict | Promise<Verdict>;

/** Of two that are to be called, where there are. */
export function both(one: (() => void) | undefined, other: (() => void) | undefined): (() => void) | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return () => {
    one();
    other();
  };
}

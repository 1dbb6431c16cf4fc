import { toError } from '../../errors.ts';
import type { Dated } from './deadlines.ts';
import type { Content, Item } from './lanes.ts';

/** Something to publish. */
export interface Posting {
  readonly exchange: string;
  readonly routingKey: string;
  readonly key: string | undefined;
  readonly content: Content;
}

/** Sends of one caller: when one fails, those after it fail too, so that none is overtaken when it is repeated. */
export type Sequence = Set<Sending>;

export interface SendingOptions {
  /** Of the caller, to which the send is added. */
  readonly sequence?: Sequence;
  /**
   * Called when all are confirmed (at once when there is nothing to send), before whoever waits goes on: it saves a promise for each
   * send. What it throws rejects the send.
   */
  readonly durable?: () => void;
}

/** Whoever waits for a sending; told once. */
interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface SendingParts {
  readonly sequence: Sequence | undefined;
  readonly durable: (() => void) | undefined;
  /** By `Clock.elapsed`. @unit milliseconds */
  readonly deadline: number;
  /** How long it was given; Infinity: as long as it takes. @unit milliseconds */
  readonly deadlineMs: number;
  readonly waiter: Waiter;
  /** Is told how each item ended. */
  readonly finished: Finished;
}

/** Postings that one caller waits for. */
export class Sending implements Dated {
  readonly deadline: number;
  readonly deadlineMs: number;
  readonly sequence: Sequence | undefined;
  readonly items: readonly Posted[];
  /** About how much they weigh. @unit bytes */
  readonly bytes: number;
  /** Items that are not confirmed. */
  left: number;
  readonly #durable: (() => void) | undefined;
  readonly #waiter: Waiter;

  constructor(
    postings: readonly Posting[],
    { deadline, deadlineMs, sequence, durable, waiter, finished }: SendingParts,
  ) {
    this.deadline = deadline;
    this.deadlineMs = deadlineMs;
    this.sequence = sequence;
    this.left = postings.length;
    this.#durable = durable;
    this.#waiter = waiter;
    this.items = postings.map((posting) => new Posted(posting, this, finished));
    let bytes = 0;
    for (const item of this.items) bytes += item.bytes;
    this.bytes = bytes;
    sequence?.add(this);
  }

  /** All are confirmed. */
  succeed(): void {
    this.sequence?.delete(this);
    try {
      this.#durable?.();
      this.#waiter.resolve();
    } catch (error) {
      // Of whoever waits alone: the channel's other confirms go on.
      this.#waiter.reject(toError(error));
    }
  }

  /** Nobody waits for its items any more. */
  fail(error: Error): void {
    this.sequence?.delete(this);
    for (const item of this.items) item.cancelled = true;
    this.#waiter.reject(error);
  }
}

/** @param error undefined: it is confirmed */
type Finished = (sending: Sending, error: Error | undefined) => void;

/** One posting of a sending, on its way. */
class Posted implements Item {
  readonly exchange: string;
  readonly routingKey: string;
  readonly key: string | undefined;
  readonly content: Content;
  readonly bytes: number;
  cancelled = false;
  readonly #sending: Sending;
  readonly #finished: Finished;

  constructor({ exchange, routingKey, key, content }: Posting, sending: Sending, finished: Finished) {
    this.exchange = exchange;
    this.routingKey = routingKey;
    this.key = key;
    this.content = content;
    this.bytes = weigh(content);
    this.#sending = sending;
    this.#finished = finished;
  }

  finish(error: Error | undefined): void {
    this.#finished(this.#sending, error);
  }
}

/** What the attributes of a message weigh, about. @unit bytes */
const ATTRIBUTES = 300;

function weigh(content: Content): number {
  return content.kind === 'raw' ? content.wire.body.length : content.message.body.length + ATTRIBUTES;
}

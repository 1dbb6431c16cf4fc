import { createHash } from 'node:crypto';
import type { Message } from 'amqplib';
import { headersOf, textProperty } from './decode.ts';

/** Header of each AMQP message that Waybill publishes: when and by whom, unlike any other. */
export const SENT = 'waybill-sent';

/** Makes the values of `SENT`. */
export class SentIds {
  readonly #session: string;
  #serial = 0;

  constructor(session: string) {
    this.#session = session;
  }

  next(now: number): string {
    this.#serial += 1;
    return `${now.toString(36).padStart(9, '0')}-${this.#session}-${this.#serial.toString(36)}`;
  }
}

/** What Waybill wrote into `SENT` when it published the AMQP message; undefined when somebody else did. */
export function sentId(amqp: Message): string | undefined {
  return textProperty(headersOf(amqp)[SENT]);
}

/** Of an AMQP message, the same each time it is delivered. Without `SENT`, from what its publisher wrote. */
export function parcelId(amqp: Message): string {
  const sent = sentId(amqp);
  if (sent !== undefined) return sent;
  const timestamp: unknown = amqp.properties.timestamp;
  const messageId: unknown = amqp.properties.messageId;
  const seconds = typeof timestamp === 'number' ? timestamp * 1_000 : 0;
  const hash = createHash('sha256').update(JSON.stringify([messageId, timestamp, amqp.fields.routingKey]));
  return `${seconds.toString(36).padStart(9, '0')}-${hash.update(amqp.content).digest('hex').slice(0, 32)}`;
}

/** When Waybill published it. @unit milliseconds since the epoch */
export function sentAt(amqp: Message): number | undefined {
  const time = Number.parseInt(sentId(amqp)?.split('-')[0] ?? '', 36);
  return Number.isNaN(time) ? undefined : time;
}

/** Makes ids of letters: unique, and in the order of their making, also within a millisecond. */
export class LetterIds {
  readonly #session: string;
  #last = 0;
  #serial = 0;

  constructor(session: string) {
    this.#session = session;
  }

  next(now: number): string {
    this.#serial = now > this.#last ? 0 : this.#serial + 1;
    this.#last = Math.max(now, this.#last);
    return `${this.#last.toString(36).padStart(9, '0')}-${this.#serial.toString(36).padStart(5, '0')}-${this.#session}`;
  }
}

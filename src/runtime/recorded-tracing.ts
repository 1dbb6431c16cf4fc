import type { EncodedMessage, TypeRef } from '../message.ts';
import { NO_SPAN, NO_TRACING, type Span, type Traced, type Tracing } from '../ports/tracing.ts';
import type { Death, Delivery, Outgoing } from '../ports/transport.ts';
import type { History, HistoryHead } from './history.ts';
import { PublishSpan, RecordedSpan, type RecordParts } from './recorded-span.ts';

/** More routes that do not let a message in are not told one by one. */
const MOST_FILTERED = 10;

/** Tells the message history what is told those who trace, or who do not. */
export class RecordedTracing implements Tracing {
  readonly on = true;
  readonly #inner: Tracing;
  readonly #history: History;

  constructor(inner: Tracing, history: History) {
    this.#inner = inner;
    this.#history = history;
  }

  publish(type: TypeRef, messages: number, by: string, parent: Traced): Span {
    return new PublishSpan(this.#traced.publish(type, messages, by, parent), this.#history, by);
  }

  request(message: EncodedMessage, by: string, parent: Traced): Span {
    const inner = this.#traced.request(message, by, parent);
    if (!this.#history.takes(message.envelope)) return inner;
    return this.#record(inner, this.#history.head('request', by, message));
  }

  process(delivery: Delivery, attempt: number): Span | undefined {
    const { message, lease } = delivery;
    const inner = this.#traced.process(delivery, attempt);
    if (!this.#history.takes(message.envelope)) return inner;
    return this.#record(inner, this.#history.head('process', lease.endpoint, message), { attempt });
  }

  route(name: string, message: EncodedMessage): Span | undefined {
    const inner = this.#traced.route(name, message);
    if (!this.#history.takes(message.envelope)) return inner;
    return this.#record(inner, this.#history.head('route', name, message));
  }

  filtered(routes: readonly string[], message: EncodedMessage): void {
    this.#traced.filtered(routes, message);
    // Each counts, so that many routes of one type take no more than their share.
    for (const name of routes.slice(0, MOST_FILTERED)) {
      if (!this.#history.takes(message.envelope)) return;
      const head = this.#history.head('route', name, message);
      this.#history.add({ ...head, at: this.#history.now(), took: 0, outcome: 'filtered' });
    }
  }

  send(outgoing: Outgoing, of: Span): Span {
    if (!(of instanceof RecordedSpan)) return this.#traced.send(outgoing, of);
    of.result(outgoing);
    // Where nobody else listens what it carries is that of the route.
    return of.inner.recording ? this.#traced.send(outgoing, of.inner) : of.inner;
  }

  dead(delivery: Delivery, death: Death): void {
    this.#traced.dead(delivery, death);
    const { message, lease } = delivery;
    if (!this.#history.takes(message.envelope, true)) return;
    this.#history.add({
      ...this.#history.head('dead-letter', death.route ?? lease.endpoint, message),
      at: this.#history.now(),
      took: 0,
      endpoint: lease.endpoint,
      error: death.code,
      attempt: death.attempts.length,
    });
  }

  redrive(letters: readonly EncodedMessage[], endpoint: string | undefined, by: string): Span {
    return this.#traced.redrive(letters, endpoint, by);
  }

  get #traced(): Tracing {
    return this.#inner.on ? this.#inner : NO_TRACING;
  }

  #record(inner: Span | undefined, head: HistoryHead, more: RecordParts = {}): Span {
    return new RecordedSpan(inner ?? NO_SPAN, this.#history, [head], more);
  }
}

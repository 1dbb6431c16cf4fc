import { type EncodedMessage, typeRef } from '../message.ts';
import type { HistoryRecord, HistoryResult, HistoryStep } from '../ports/history.ts';
import { endedWith, type Linked, type Span, type SpanFailure, type Traced } from '../ports/tracing.ts';
import type { Outgoing } from '../ports/transport.ts';
import type { History, HistoryHead } from './history.ts';

/** More messages of one call, or results of one route, are not told one by one. */
const MOST_TOLD = 100;

export type RecordParts = Partial<Omit<HistoryRecord, keyof HistoryHead | 'at' | 'took'>>;

/** Tells another span what it is told. */
abstract class SpanAround implements Span {
  readonly recording = true;
  readonly inner: Span;

  constructor(inner: Span) {
    this.inner = inner;
  }

  get context(): Traced {
    return this.inner.context;
  }

  about(messages: readonly EncodedMessage[]): void {
    if (this.inner.recording) this.inner.about(messages);
  }

  event(name: string, attributes: Readonly<Record<string, string | number>>): void {
    this.inner.event(name, attributes);
  }

  set(attributes: Readonly<Record<string, string | number>>): void {
    this.inner.set(attributes);
  }

  link(others: readonly Linked[]): void {
    this.inner.link(others);
  }

  step(label: string): Span {
    return this.inner.step(label);
  }

  within<Result>(work: () => Result): Result {
    return this.inner.within(work);
  }

  abstract end(failure?: SpanFailure): void;

  until(work: Promise<void>): Promise<void> {
    return endedWith(work, (failure) => {
      this.end(failure);
    });
  }
}

/** Becomes a record of each of its messages when it ends. */
export class RecordedSpan extends SpanAround {
  readonly #history: History;
  readonly #more: RecordParts;
  readonly #at: number;
  readonly #began: number;
  readonly #steps: HistoryStep[] = [];
  readonly #results: HistoryResult[] = [];
  readonly #joined: string[] = [];
  readonly #heads: readonly HistoryHead[];
  #outcome: string | undefined;
  #retryIn: number | undefined;

  constructor(inner: Span, history: History, heads: readonly HistoryHead[], more: RecordParts) {
    super(inner);
    this.#history = history;
    this.#heads = heads;
    this.#more = more;
    this.#at = history.now();
    this.#began = history.elapsed();
  }

  override event(name: string, attributes: Readonly<Record<string, string | number>>): void {
    super.event(name, attributes);
    const retryIn = attributes['waybill.retry.delay_ms'];
    if (typeof retryIn === 'number') this.#retryIn = retryIn;
  }

  override set(attributes: Readonly<Record<string, string | number>>): void {
    super.set(attributes);
    const outcome = attributes['waybill.outcome'];
    if (typeof outcome === 'string') this.#outcome = outcome;
  }

  override link(others: readonly Linked[]): void {
    super.link(others);
    for (const { id } of others) {
      if (id !== undefined && this.#joined.length < MOST_TOLD && !this.#heads.some(({ message }) => message === id))
        this.#joined.push(id);
    }
  }

  override step(label: string): Span {
    const inner = this.inner.recording ? super.step(label) : this.inner;
    return new RecordedStep(inner, this.#history, label, this.#steps);
  }

  result({ to, message }: Outgoing): void {
    if (this.#results.length >= MOST_TOLD) return;
    const { id, type, version } = message.envelope;
    const where = to === 'bus' ? 'bus' : 'endpoint' in to ? to.endpoint : 'reply';
    this.#results.push({ message: id, type: typeRef(type, version), to: where });
  }

  end(failure?: SpanFailure): void {
    this.inner.end(failure);
    const parts: RecordParts = {
      ...this.#more,
      ...(this.#outcome !== undefined && { outcome: this.#outcome }),
      ...(failure !== undefined && { error: failure.type }),
      ...(this.#retryIn !== undefined && { retryIn: this.#retryIn }),
      ...(this.#steps.length > 0 && { steps: this.#steps }),
      ...(this.#results.length > 0 && { results: this.#results }),
      ...(this.#joined.length > 0 && { joined: this.#joined }),
    };
    const took = since(this.#history, this.#began);
    for (const head of this.#heads) this.#history.add({ ...head, at: this.#at, took, ...parts });
  }
}

/** Which messages it publishes, and so whether it is recorded, is known only once they are made. */
export class PublishSpan extends SpanAround {
  readonly #history: History;
  readonly #by: string;
  #recorded: RecordedSpan | undefined;

  constructor(inner: Span, history: History, by: string) {
    super(inner);
    this.#history = history;
    this.#by = by;
  }

  override about(messages: readonly EncodedMessage[]): void {
    super.about(messages);
    const heads: HistoryHead[] = [];
    for (const message of messages) {
      if (heads.length < MOST_TOLD && this.#history.takes(message.envelope))
        heads.push(this.#history.head('publish', this.#by, message));
    }
    if (heads.length > 0) this.#recorded = new RecordedSpan(this.inner, this.#history, heads, {});
  }

  end(failure?: SpanFailure): void {
    (this.#recorded ?? this.inner).end(failure);
  }

  override until(work: Promise<void>): Promise<void> {
    return (this.#recorded ?? this.inner).until(work);
  }
}

class RecordedStep extends SpanAround {
  readonly #history: History;
  readonly #label: string;
  readonly #steps: HistoryStep[];
  readonly #began: number;

  constructor(inner: Span, history: History, label: string, steps: HistoryStep[]) {
    super(inner);
    this.#history = history;
    this.#label = label;
    this.#steps = steps;
    this.#began = history.elapsed();
  }

  end(failure?: SpanFailure): void {
    // Steps that share the span of a route whose trace nobody keeps do not end it.
    if (this.inner.recording) this.inner.end(failure);
    if (this.#steps.length >= MOST_TOLD) return;
    this.#steps.push({
      label: this.#label,
      took: since(this.#history, this.#began),
      ...(failure !== undefined && { error: failure.type }),
    });
  }
}

/** @unit milliseconds, to the microsecond */
function since(history: History, began: number): number {
  return Math.round((history.elapsed() - began) * 1_000) / 1_000;
}

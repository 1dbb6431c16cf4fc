import {
  type Attributes,
  type Context,
  context,
  diag,
  type Link,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { toError } from '../errors.ts';
import type { EncodedMessage } from '../message.ts';
import { endedWith, MOST_LINKS, type Span, type SpanFailure, type Traced } from '../ports/tracing.ts';
import type { Measure, SendingMeasure } from './process-metrics.ts';
import { readContext, readSound, writeContext } from './trace-context.ts';

export interface SpanParts {
  readonly span: OtelSpan;
  readonly parent: Context;
  readonly tracer: Tracer;
  /** That it began with. */
  readonly links?: readonly Link[] | undefined;
  /** Attributes of messages. */
  readonly about?: ((messages: readonly EncodedMessage[]) => Attributes) | undefined;
  readonly measure?: Measure | undefined;
}

/** One that is recorded. */
export class OpenTelemetrySpan implements Span {
  readonly recording = true;
  readonly #parts: SpanParts;
  #context: Traced | undefined;
  /** Ids of spans. */
  #linked: Set<string> | undefined;

  constructor(parts: SpanParts) {
    this.#parts = parts;
  }

  get context(): Traced {
    this.#context ??= writeContext(this.#parts.span.spanContext());
    return this.#context;
  }

  about(messages: readonly EncodedMessage[]): void {
    const { about, span } = this.#parts;
    if (about !== undefined) span.setAttributes(about(messages));
  }

  event(name: string, attributes: Readonly<Record<string, string | number>>): void {
    this.#parts.span.addEvent(name, attributes);
  }

  set(attributes: Readonly<Record<string, string | number>>): void {
    this.#parts.span.setAttributes(attributes);
  }

  link(others: readonly Traced[]): void {
    this.#linked ??= new Set(this.#parts.links?.map(({ context: { spanId } }) => spanId));
    for (const other of others) {
      const at = readContext(other);
      if (at === undefined || this.#linked.has(at.spanId) || this.#linked.size >= MOST_LINKS) continue;
      this.#linked.add(at.spanId);
      this.#parts.span.addLink({ context: at });
    }
  }

  step(label: string): Span {
    const { tracer, span: own } = this.#parts;
    const parent = trace.setSpan(this.#parts.parent, own);
    const attributes: Attributes = { 'waybill.step': label };
    return new OpenTelemetrySpan({ span: tracer.startSpan(label, { attributes }, parent), parent, tracer });
  }

  within<Result>(work: () => Result): Result {
    const { parent, span } = this.#parts;
    return context.with(trace.setSpan(parent, span), work);
  }

  end(failure?: SpanFailure): void {
    const { span, measure } = this.#parts;
    if (failure !== undefined) {
      span.setAttribute('error.type', failure.type);
      span.setStatus({ code: SpanStatusCode.ERROR, message: failure.type });
    }
    try {
      span.end();
    } catch (thrown) {
      diag.error(`a span could not be ended: ${toError(thrown).message}`);
    }
    measure?.ended(failure?.type);
  }

  until(work: Promise<void>): Promise<void> {
    return endedWith(work, (failure) => {
      this.end(failure);
    });
  }
}

/** Of a trace that nobody keeps: what comes of it carries on the same. */
export class SampledOut implements Span {
  readonly recording = false;
  readonly context: Traced;
  readonly #measure: Measure | undefined;

  constructor(context: Traced, measure: Measure | undefined) {
    this.context = context;
    this.#measure = measure;
  }

  about(): void {
    // Nobody sees it.
  }

  event(): void {
    // Nobody sees it.
  }

  set(): void {
    // Nobody sees it.
  }

  link(): void {
    // Nobody sees it.
  }

  step(): Span {
    return this;
  }

  /** So that spans of libraries are sampled out as well. */
  within<Result>(work: () => Result): Result {
    return this.context.traceparent === undefined ? work() : context.with(new Unseen(this.context), work);
  }

  end(failure?: SpanFailure): void {
    this.#measure?.ended(failure?.type);
  }

  until(work: Promise<void>): Promise<void> {
    if (this.#measure === undefined) return work;
    return endedWith(work, (failure) => {
      this.end(failure);
    });
  }
}

/** As `SampledOut`, of messages that are published. */
export class SentUnseen extends SampledOut {
  readonly #measure: SendingMeasure | undefined;

  constructor(context: Traced, measure: SendingMeasure | undefined) {
    super(context, measure);
    this.#measure = measure;
  }

  override until(work: Promise<void>): Promise<void> {
    this.#measure?.endsWith(work);
    return work;
  }
}

/** What is active in a trace that nobody keeps. Made when somebody asks: most handlers begin no spans. */
class Unseen implements Context {
  readonly #traced: Traced;
  #made: Context | undefined;

  constructor(traced: Traced) {
    this.#traced = traced;
  }

  getValue(key: symbol): unknown {
    return this.#context.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.#context.setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.#context.deleteValue(key);
  }

  get #context(): Context {
    this.#made ??= trace.setSpanContext(ROOT_CONTEXT, readSound(this.#traced));
    return this.#made;
  }
}

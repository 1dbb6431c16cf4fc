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
import { MOST_LINKS, type Span, type SpanFailure, type Traced } from '../ports/tracing.ts';
import { readContext, readSound, writeContext } from './trace-context.ts';

export interface SpanParts {
  readonly span: OtelSpan;
  readonly parent: Context;
  readonly tracer: Tracer;
  /** That it began with. */
  readonly links?: readonly Link[] | undefined;
  /** Called when it ends, whether it is recorded or not. */
  readonly ended?: ((failure: string | undefined) => void) | undefined;
}

export class OpenTelemetrySpan implements Span {
  readonly recording: boolean;
  readonly passive: boolean;
  readonly #parts: SpanParts;
  #context: Traced | undefined;
  /** Ids of spans. */
  #linked: Set<string> | undefined;

  constructor(parts: SpanParts) {
    this.#parts = parts;
    this.recording = parts.span.isRecording();
    this.passive = !this.recording && parts.ended === undefined;
  }

  get context(): Traced {
    this.#context ??= writeContext(this.#parts.span.spanContext());
    return this.#context;
  }

  event(name: string, attributes: Readonly<Record<string, string | number>>): void {
    this.#parts.span.addEvent(name, attributes);
  }

  set(attributes: Readonly<Record<string, string | number>>): void {
    this.#parts.span.setAttributes(attributes);
  }

  link(others: readonly Traced[]): void {
    if (!this.recording) return;
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
    const { span, ended } = this.#parts;
    if (failure !== undefined && this.recording) {
      span.setAttribute('error.type', failure.type);
      span.setStatus({ code: SpanStatusCode.ERROR, message: failure.type });
    }
    try {
      span.end();
    } catch (thrown) {
      diag.error(`a span could not be ended: ${toError(thrown).message}`);
    }
    ended?.(failure?.type);
  }
}

/** Of a message whose trace nobody keeps: what comes of it carries on the same. */
export class SampledOut implements Span {
  readonly recording = false;
  readonly passive: boolean;
  readonly context: Traced;
  readonly #ended: SpanParts['ended'];

  constructor(context: Traced, ended: SpanParts['ended']) {
    this.context = context;
    this.passive = ended === undefined;
    this.#ended = ended;
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
    const { traceparent } = this.context;
    if (traceparent === undefined) return work();
    return context.with(trace.setSpanContext(ROOT_CONTEXT, readSound(this.context)), work);
  }

  end(failure?: SpanFailure): void {
    this.#ended?.(failure?.type);
  }
}

import {
  type Attributes,
  type Context,
  context,
  diag,
  type Link,
  ROOT_CONTEXT,
  SpanKind,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { toError, WaybillError } from '../errors.ts';
import { type EncodedMessage, type Envelope, type TypeRef, typeRef } from '../message.ts';
import type { Clock } from '../ports/clock.ts';
import type { Span, Traced, Tracing } from '../ports/tracing.ts';
import type { Death, Delivery, Outgoing } from '../ports/transport.ts';
import { type Carrier, MessagingAttributes } from './messaging.ts';
import { type Measure, ProcessMetrics } from './process-metrics.ts';
import { isSampledOut } from './sampling.ts';
import { OpenTelemetrySpan, SampledOut, SentUnseen, type SpanParts } from './span.ts';
import { readContext, writeContext } from './trace-context.ts';

/** Who made the spans. */
const SCOPE = 'waybill';

/** Whether what handles a message is part of its publisher's trace, or begins one of its own that only links to it. */
export type TraceStyle = 'joined' | 'linked';

export interface TracingOptions extends Carrier {
  readonly clock: Clock;
  /** @default joined */
  readonly style?: TraceStyle;
}

/** @throws WB_OPTION_INVALID */
export function readStyle(given: string | undefined): TraceStyle | undefined {
  if (given === undefined || given === '') return undefined;
  if (given === 'joined' || given === 'linked') return given;
  throw new WaybillError('WB_OPTION_INVALID', `WAYBILL_TRACES must be joined or linked, not ${JSON.stringify(given)}`);
}

/** Over whatever SDK the process has, from the moment it has one. */
export function openTracing(options: TracingOptions): Tracing {
  return new OpenTelemetryTracing(options);
}

/** How a span begins. */
interface Beginning {
  readonly kind: SpanKind;
  readonly parent: Context;
  readonly links?: Link[] | undefined;
  readonly about?: SpanParts['about'];
  readonly measure?: Measure | undefined;
}

class OpenTelemetryTracing implements Tracing {
  readonly #attributes: MessagingAttributes;
  readonly #joins: boolean;
  readonly #clock: Clock;
  #tracer: Tracer | undefined;
  #metrics: ProcessMetrics | undefined;

  constructor({ style = 'joined', clock, ...carrier }: TracingOptions) {
    this.#clock = clock;
    this.#attributes = new MessagingAttributes(carrier);
    this.#joins = style === 'joined';
  }

  get on(): boolean {
    if (this.#tracer !== undefined) return true;
    this.#metrics ??= ProcessMetrics.find(this.#clock, (operation, destination) =>
      this.#attributes.labels(operation, destination),
    );
    this.#tracer = tracerOf(trace.getTracerProvider());
    return this.#tracer !== undefined || this.#metrics !== undefined;
  }

  publish(type: TypeRef, messages: number, by: string, parent: Traced): Span {
    const measure = this.#metrics?.sending('publish', type, messages);
    const span = this.#start(`publish ${type}`, {
      kind: SpanKind.PRODUCER,
      parent: contextOf(parent) ?? context.active(),
      about: this.#about,
      measure,
    });
    // Those that nobody sees end together, many at once.
    if (!span.recording) return new SentUnseen(span.context, measure);
    span.set({ ...this.#attributes.of('publish', 'send', type), 'waybill.service': by });
    return span;
  }

  request(message: EncodedMessage, by: string, parent: Traced): Span {
    const destination = refOf(message);
    const span = this.#start(`request ${destination}`, {
      kind: SpanKind.CLIENT,
      parent: contextOf(parent) ?? context.active(),
      measure: this.#metrics?.sending('request', destination, 1),
    });
    if (span.recording) {
      span.set({
        ...this.#attributes.of('request', undefined, destination),
        ...this.#attributes.message(message),
        'waybill.service': by,
      });
    }
    return span;
  }

  process(delivery: Delivery, attempt: number): Span {
    const { message, lease } = delivery;
    const { envelope } = message;
    const measure = this.#metrics?.processing(lease.endpoint, attempt === 1 ? envelope.time : undefined);
    const span = this.#take(envelope, SpanKind.CONSUMER, 'process', lease.endpoint, measure);
    if (span.recording) span.set(this.#attributes.delivery(delivery, attempt));
    return span;
  }

  route(name: string, message: EncodedMessage): Span {
    const span = this.#take(message.envelope, SpanKind.INTERNAL, 'route', name);
    if (span.recording) {
      span.set({
        ...this.#attributes.of('route', 'process', name),
        ...this.#attributes.message(message),
        'waybill.route': name,
      });
    }
    return span;
  }

  filtered(): void {
    // Nothing was done that would take time; the counters of the routes tell how many.
  }

  send({ to, message }: Outgoing, of: Span): Span {
    const [operation, destination] =
      to === 'bus'
        ? ['publish', refOf(message)]
        : 'endpoint' in to
          ? ['deliver', to.endpoint]
          : ['reply', refOf(message)];
    const span = this.#start(`${operation} ${destination}`, {
      kind: SpanKind.PRODUCER,
      parent: contextOf(of.context) ?? ROOT_CONTEXT,
    });
    if (span.recording)
      span.set({ ...this.#attributes.of(operation, 'send', destination), ...this.#attributes.message(message) });
    return span;
  }

  dead({ message, lease }: Delivery, { code, route, attempts }: Death): void {
    const { endpoint } = lease;
    const span = this.#take(message.envelope, SpanKind.INTERNAL, 'dead-letter', endpoint);
    if (span.recording) {
      span.set({
        ...this.#attributes.of('dead-letter', undefined, endpoint),
        ...this.#attributes.message(message),
        'waybill.delivery.attempts': attempts.length,
        ...(route !== undefined && { 'waybill.route': route }),
      });
    }
    span.end({ type: code });
  }

  redrive(letters: readonly EncodedMessage[], endpoint: string | undefined, by: string): Span {
    const [first, ...others] = letters;
    const destination = endpoint ?? 'bus';
    const alone = others.length === 0 ? first : undefined;
    const span =
      alone === undefined
        ? this.#start(`redrive ${destination}`, { kind: SpanKind.PRODUCER, parent: context.active() })
        : this.#take(alone.envelope, SpanKind.PRODUCER, 'redrive', destination);
    if (!span.recording) return span;
    span.set({
      ...this.#attributes.of('redrive', 'send', destination),
      ...(alone !== undefined && this.#attributes.message(alone)),
      'waybill.by': by,
    });
    if (alone === undefined) span.link(letters.map(({ envelope }) => envelope));
    return span;
  }

  readonly #about = (messages: readonly EncodedMessage[]): Attributes => {
    const [first] = messages;
    if (messages.length === 1 && first !== undefined) return this.#attributes.message(first);
    return { 'messaging.batch.message_count': messages.length };
  };

  /** Part of the trace of a message, with a link to the span that made it; or only that link. */
  #take(envelope: Envelope, kind: SpanKind, operation: string, destination: string, measure?: Measure): Span {
    // Most are that, and nothing is to be asked of the SDK then.
    if (this.#joins && isSampledOut(envelope.traceparent)) return new SampledOut(envelope, measure);
    const name = `${operation} ${destination}`;
    const from = readContext(envelope);
    if (from === undefined) return this.#start(name, { kind, parent: ROOT_CONTEXT, measure });
    const parent = this.#joins ? trace.setSpanContext(ROOT_CONTEXT, from) : ROOT_CONTEXT;
    return this.#start(name, { kind, parent, measure, links: [{ context: from }] });
  }

  /** Attributes come after the sampler, which goes by the trace, so that what nobody sees costs nothing. */
  #start(name: string, { kind, parent, links, about, measure }: Beginning): Span {
    const tracer = this.#tracer ?? trace.getTracer(SCOPE);
    try {
      const span = tracer.startSpan(name, links === undefined ? { kind } : { kind, links }, parent);
      if (!span.isRecording()) return new SampledOut(writeContext(span.spanContext()), measure);
      return new OpenTelemetrySpan({ span, parent, tracer, links, about, measure });
    } catch (thrown) {
      // A sampler or a processor of the service's own: no message is to suffer from it.
      diag.error(`a span could not be started: ${toError(thrown).message}`);
      return new SampledOut({}, measure);
    }
  }
}

/** The provider of the api hands on to the one of the SDK; until there is one it gives tracers that do nothing. */
interface HandsOn extends TracerProvider {
  getDelegateTracer(name: string): Tracer | undefined;
}

function tracerOf(provider: TracerProvider): Tracer | undefined {
  return handsOn(provider) ? provider.getDelegateTracer(SCOPE) : provider.getTracer(SCOPE);
}

function handsOn(provider: TracerProvider): provider is HandsOn {
  return 'getDelegateTracer' in provider && typeof provider.getDelegateTracer === 'function';
}

function contextOf(traced: Traced): Context | undefined {
  const at = readContext(traced);
  return at === undefined ? undefined : trace.setSpanContext(ROOT_CONTEXT, at);
}

function refOf({ envelope }: EncodedMessage): string {
  return typeRef(envelope.type, envelope.version);
}

import {
  type Attributes,
  type Context,
  context,
  type Link,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { WaybillError } from '../errors.ts';
import { type EncodedMessage, typeRef } from '../message.ts';
import { MOST_LINKS, type Span, type SpanFailure, type Traced, type Tracing } from '../ports/tracing.ts';
import type { Death, Delivery, Outgoing } from '../ports/transport.ts';
import { type Carrier, MessagingAttributes } from './messaging.ts';
import { readContext, writeContext } from './trace-context.ts';

/** Who made the spans. */
const SCOPE = 'waybill';

/** Whether what handles a message is part of its publisher's trace, or begins one of its own that only links to it. */
export type TraceStyle = 'joined' | 'linked';

export interface TracingOptions extends Carrier {
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

class OpenTelemetryTracing implements Tracing {
  readonly #attributes: MessagingAttributes;
  readonly #joins: boolean;
  #tracer: Tracer | undefined;

  constructor({ style = 'joined', ...carrier }: TracingOptions) {
    this.#attributes = new MessagingAttributes(carrier);
    this.#joins = style === 'joined';
  }

  get on(): boolean {
    if (this.#tracer !== undefined) return true;
    this.#tracer = tracerOf(trace.getTracerProvider());
    return this.#tracer !== undefined;
  }

  publish(messages: readonly EncodedMessage[], by: string, parent: Traced): Span {
    const [first] = messages;
    const destination = first === undefined ? 'bus' : refOf(first);
    return this.#start(`publish ${destination}`, SpanKind.PRODUCER, contextOf(parent) ?? context.active(), () => ({
      ...this.#attributes.of('publish', 'send', destination),
      ...(messages.length === 1 && first !== undefined
        ? this.#attributes.message(first)
        : { 'messaging.batch.message_count': messages.length }),
      'waybill.service': by,
    }));
  }

  request(message: EncodedMessage, by: string, parent: Traced): Span {
    const destination = refOf(message);
    return this.#start(`request ${destination}`, SpanKind.CLIENT, contextOf(parent) ?? context.active(), () => ({
      ...this.#attributes.of('request', undefined, destination),
      ...this.#attributes.message(message),
      'waybill.service': by,
    }));
  }

  process(delivery: Delivery, attempt: number): Span {
    const { endpoint } = delivery.lease;
    return this.#take(`process ${endpoint}`, SpanKind.CONSUMER, delivery.message, () =>
      this.#attributes.delivery(delivery, attempt),
    );
  }

  route(name: string, message: EncodedMessage): Span {
    return this.#take(`route ${name}`, SpanKind.INTERNAL, message, () => ({
      ...this.#attributes.of('route', 'process', name),
      ...this.#attributes.message(message),
      'waybill.route': name,
    }));
  }

  send({ to, message }: Outgoing, of: Span): Span {
    const [operation, destination] =
      to === 'bus'
        ? ['publish', refOf(message)]
        : 'endpoint' in to
          ? ['deliver', to.endpoint]
          : ['reply', refOf(message)];
    const parent = contextOf(of.context) ?? ROOT_CONTEXT;
    return this.#start(`${operation} ${destination}`, SpanKind.PRODUCER, parent, () => ({
      ...this.#attributes.of(operation, 'send', destination),
      ...this.#attributes.message(message),
    }));
  }

  dead(delivery: Delivery, { code, route, attempts }: Death): void {
    const { endpoint } = delivery.lease;
    const span = this.#take(`dead-letter ${endpoint}`, SpanKind.INTERNAL, delivery.message, () => ({
      ...this.#attributes.of('dead-letter', undefined, endpoint),
      ...this.#attributes.message(delivery.message),
      'waybill.delivery.attempts': attempts.length,
      ...(route !== undefined && { 'waybill.route': route }),
    }));
    span.end({ type: code });
  }

  redrive(letters: readonly EncodedMessage[], endpoint: string | undefined, by: string): Span {
    const [first] = letters;
    const destination = endpoint ?? 'bus';
    const attributes = (): Attributes => ({
      ...this.#attributes.of('redrive', 'send', destination),
      ...(letters.length === 1 && first !== undefined ? this.#attributes.message(first) : {}),
      'waybill.by': by,
    });
    const name = `redrive ${destination}`;
    if (letters.length === 1 && first !== undefined) return this.#take(name, SpanKind.PRODUCER, first, attributes);
    const span = this.#start(name, SpanKind.PRODUCER, context.active(), attributes);
    span.link(letters.map(({ envelope }) => envelope));
    return span;
  }

  /** Part of the trace of a message, with a link to the span that made it; or only that link. */
  #take(name: string, kind: SpanKind, { envelope }: EncodedMessage, attributes: () => Attributes): Span {
    const from = readContext(envelope);
    const parent = from !== undefined && this.#joins ? trace.setSpanContext(ROOT_CONTEXT, from) : ROOT_CONTEXT;
    return this.#start(name, kind, parent, attributes, from === undefined ? undefined : [{ context: from }]);
  }

  #start(name: string, kind: SpanKind, parent: Context, attributes: () => Attributes, links?: Link[]): Span {
    const { on } = this;
    if (!on || this.#tracer === undefined) throw new TypeError('a span was started while nobody listens');
    const span = this.#tracer.startSpan(name, { kind, ...(links !== undefined && { links }) }, parent);
    // After the sampler, which goes by the trace, so that what nobody sees costs nothing.
    if (span.isRecording()) span.setAttributes(attributes());
    return new OpenTelemetrySpan(span, parent, this.#tracer, links);
  }
}

class OpenTelemetrySpan implements Span {
  readonly recording: boolean;
  readonly #span: OtelSpan;
  readonly #parent: Context;
  readonly #tracer: Tracer;
  #context: Traced | undefined;
  readonly #linked: Set<string>;

  constructor(span: OtelSpan, parent: Context, tracer: Tracer, links: readonly Link[] = []) {
    this.#linked = new Set(links.map(({ context: { spanId } }) => spanId));
    this.#span = span;
    this.#parent = parent;
    this.#tracer = tracer;
    this.recording = span.isRecording();
  }

  get context(): Traced {
    this.#context ??= writeContext(this.#span.spanContext());
    return this.#context;
  }

  event(name: string, attributes: Readonly<Record<string, string | number>>): void {
    this.#span.addEvent(name, attributes);
  }

  set(attributes: Readonly<Record<string, string | number>>): void {
    this.#span.setAttributes(attributes);
  }

  link(others: readonly Traced[]): void {
    for (const other of others) {
      const at = readContext(other);
      if (at === undefined || this.#linked.has(at.spanId) || this.#linked.size >= MOST_LINKS) continue;
      this.#linked.add(at.spanId);
      this.#span.addLink({ context: at });
    }
  }

  step(label: string): Span {
    const parent = trace.setSpan(this.#parent, this.#span);
    const span = this.#tracer.startSpan(label, { attributes: { 'waybill.step': label } }, parent);
    return new OpenTelemetrySpan(span, parent, this.#tracer);
  }

  within<Result>(work: () => Result): Result {
    return context.with(trace.setSpan(this.#parent, this.#span), work);
  }

  end(failure?: SpanFailure): void {
    if (failure !== undefined && this.recording) {
      this.#span.setAttribute('error.type', failure.type);
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: failure.type });
    }
    this.#span.end();
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

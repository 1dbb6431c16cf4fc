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
import { type EncodedMessage, typeRef } from '../message.ts';
import type { Clock } from '../ports/clock.ts';
import type { Span, Traced, Tracing } from '../ports/tracing.ts';
import type { Death, Delivery, Outgoing } from '../ports/transport.ts';
import { type Carrier, MessagingAttributes } from './messaging.ts';
import { ProcessMetrics } from './process-metrics.ts';
import { isSampledOut } from './sampling.ts';
import { OpenTelemetrySpan, SampledOut } from './span.ts';
import { readContext } from './trace-context.ts';

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

/** What a span is made of. */
interface Spec {
  readonly name: string;
  readonly kind: SpanKind;
  /** Asked for only where somebody sees them. */
  readonly attributes: () => Attributes;
  readonly ended: ((failure: string | undefined) => void) | undefined;
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
    this.#metrics ??= ProcessMetrics.find(this.#clock);
    this.#tracer = tracerOf(trace.getTracerProvider());
    return this.#tracer !== undefined || this.#metrics !== undefined;
  }

  publish(messages: readonly EncodedMessage[], by: string, parent: Traced): Span {
    const [first] = messages;
    const destination = first === undefined ? 'bus' : refOf(first);
    const name = `publish ${destination}`;
    return this.#start(contextOf(parent) ?? context.active(), {
      name,
      kind: SpanKind.PRODUCER,
      attributes: () => ({
        ...this.#attributes.of('publish', 'send', destination),
        ...(messages.length === 1 && first !== undefined
          ? this.#attributes.message(first)
          : { 'messaging.batch.message_count': messages.length }),
        'waybill.service': by,
      }),
      ended: this.#measuresSending(name, 'publish', destination, messages.length),
    });
  }

  request(message: EncodedMessage, by: string, parent: Traced): Span {
    const destination = refOf(message);
    const name = `request ${destination}`;
    return this.#start(contextOf(parent) ?? context.active(), {
      name,
      kind: SpanKind.CLIENT,
      attributes: () => ({
        ...this.#attributes.of('request', undefined, destination),
        ...this.#attributes.message(message),
        'waybill.service': by,
      }),
      ended: this.#measuresSending(name, 'request', destination, 1),
    });
  }

  process(delivery: Delivery, attempt: number): Span {
    const { endpoint } = delivery.lease;
    const name = `process ${endpoint}`;
    const time = attempt === 1 ? delivery.message.envelope.time : undefined;
    return this.#take(delivery.message, {
      name,
      kind: SpanKind.CONSUMER,
      attributes: () => this.#attributes.delivery(delivery, attempt),
      ended: this.#metrics?.processing(time, name, () => this.#attributes.labels('process', endpoint)),
    });
  }

  route(name: string, message: EncodedMessage): Span {
    return this.#take(message, {
      name: `route ${name}`,
      kind: SpanKind.INTERNAL,
      ended: undefined,
      attributes: () => ({
        ...this.#attributes.of('route', 'process', name),
        ...this.#attributes.message(message),
        'waybill.route': name,
      }),
    });
  }

  send({ to, message }: Outgoing, of: Span): Span {
    const [operation, destination] =
      to === 'bus'
        ? ['publish', refOf(message)]
        : 'endpoint' in to
          ? ['deliver', to.endpoint]
          : ['reply', refOf(message)];
    return this.#start(contextOf(of.context) ?? ROOT_CONTEXT, {
      name: `${operation} ${destination}`,
      kind: SpanKind.PRODUCER,
      ended: undefined,
      attributes: () => ({
        ...this.#attributes.of(operation, 'send', destination),
        ...this.#attributes.message(message),
      }),
    });
  }

  dead({ message, lease }: Delivery, { code, route, attempts }: Death): void {
    const { endpoint } = lease;
    const span = this.#take(message, {
      name: `dead-letter ${endpoint}`,
      kind: SpanKind.INTERNAL,
      ended: undefined,
      attributes: () => ({
        ...this.#attributes.of('dead-letter', undefined, endpoint),
        ...this.#attributes.message(message),
        'waybill.delivery.attempts': attempts.length,
        ...(route !== undefined && { 'waybill.route': route }),
      }),
    });
    span.end({ type: code });
  }

  redrive(letters: readonly EncodedMessage[], endpoint: string | undefined, by: string): Span {
    const [first, ...others] = letters;
    const destination = endpoint ?? 'bus';
    const alone = others.length === 0 ? first : undefined;
    const spec: Spec = {
      name: `redrive ${destination}`,
      kind: SpanKind.PRODUCER,
      ended: undefined,
      attributes: () => ({
        ...this.#attributes.of('redrive', 'send', destination),
        ...(alone !== undefined && this.#attributes.message(alone)),
        'waybill.by': by,
      }),
    };
    if (alone !== undefined) return this.#take(alone, spec);
    const span = this.#start(context.active(), spec);
    span.link(letters.map(({ envelope }) => envelope));
    return span;
  }

  #measuresSending(name: string, operation: string, destination: string, messages: number): Spec['ended'] {
    return this.#metrics?.sending(messages, name, () => this.#attributes.labels(operation, destination));
  }

  /** Part of the trace of a message, with a link to the span that made it; or only that link. */
  #take({ envelope }: EncodedMessage, spec: Spec): Span {
    if (this.#joins && isSampledOut(envelope.traceparent)) return new SampledOut(envelope, spec.ended);
    const from = readContext(envelope);
    if (from === undefined) return this.#start(ROOT_CONTEXT, spec);
    const parent = this.#joins ? trace.setSpanContext(ROOT_CONTEXT, from) : ROOT_CONTEXT;
    return this.#start(parent, spec, [{ context: from }]);
  }

  #start(parent: Context, spec: Spec, links?: Link[]): Span {
    const { name, kind, ended } = spec;
    const tracer = this.#tracer ?? trace.getTracer(SCOPE);
    try {
      const span = tracer.startSpan(name, links === undefined ? { kind } : { kind, links }, parent);
      // After the sampler, which goes by the trace, so that what nobody sees costs nothing.
      if (span.isRecording()) span.setAttributes(spec.attributes());
      return new OpenTelemetrySpan({ span, parent, tracer, links, ended });
    } catch (thrown) {
      // A sampler or a processor of the service's own: no message is to suffer from it.
      diag.error(`a span could not be started: ${toError(thrown).message}`);
      return new SampledOut({}, ended);
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

import { createTraceState, INVALID_SPANID, INVALID_TRACEID, type SpanContext, TraceFlags } from '@opentelemetry/api';
import { isTraceparent } from '../message.ts';
import type { Traced } from '../ports/tracing.ts';

/** What a message says of its trace; undefined when it says nothing, or nothing that can be read. */
export function readContext({ traceparent, tracestate }: Traced): SpanContext | undefined {
  if (traceparent === undefined || !isTraceparent(traceparent)) return undefined;
  return readSound({ traceparent, ...(tracestate !== undefined && { tracestate }) });
}

/** What is known to be sound. */
export function readSound({ traceparent = '', tracestate }: Traced): SpanContext {
  return {
    traceId: traceparent.slice(3, 35),
    spanId: traceparent.slice(36, 52),
    traceFlags: Number.parseInt(traceparent.slice(53, 55), 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(tracestate !== undefined && tracestate !== '' && { traceState: createTraceState(tracestate) }),
  };
}

const NOWHERE: Traced = Object.freeze({});

/** What messages carry that come of a span. */
export function writeContext(of: SpanContext): Traced {
  // Where nobody traces there is no trace, and messages carry on what they carried.
  if (of.traceId === INVALID_TRACEID || of.spanId === INVALID_SPANID) return NOWHERE;
  const { traceId, spanId, traceFlags, traceState } = of;
  const sampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
  const traceparent = `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
  const tracestate = traceState?.serialize();
  return tracestate === undefined || tracestate === '' ? { traceparent } : { traceparent, tracestate };
}

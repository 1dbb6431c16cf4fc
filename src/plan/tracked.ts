import type { EncodedMessage } from '../message.ts';
import { retrace, type Span, type Tracing } from '../ports/tracing.ts';
import type { Outgoing } from '../ports/transport.ts';
import { isContinuation } from './continuation.ts';
import type { End } from './end.ts';

/** What a route made of a message, as part of the span of the route, which ends here. */
export function tracked(end: End, cause: EncodedMessage, span: Span, tracing: Tracing): End {
  const { traceparent } = cause.envelope;
  const spans: Span[] = [];
  const sends = end.sends.map((send): Outgoing => {
    const { message } = send;
    // What a step had kept of other messages stays in their traces.
    if (message.envelope.traceparent !== traceparent) return send;
    if (!span.recording || isContinuation(message)) return { ...send, message: retrace(message, span.context) };
    const leaving = tracing.send(send, span);
    spans.push(leaving);
    return { ...send, message: retrace(message, leaving.context) };
  });
  if (span.recording) span.set({ 'waybill.route.results': end.sends.length, 'waybill.outcome': outcomeOf(end) });
  span.end(end.death === undefined ? undefined : { type: end.death.code });
  return { ...end, sends, spans };
}

function outcomeOf({ death, sends, absorbed }: End): string {
  if (death !== undefined) return 'dead';
  // A timer is no result.
  return absorbed ?? (sends.length > 0 ? 'done' : 'filtered');
}

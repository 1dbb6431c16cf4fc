import { trace } from '@opentelemetry/api';
import { pino } from 'pino';
import type { Log } from '../ports/log.ts';

/**
 * The log of a process on the bus: JSON lines on standard error, so that what a command prints stays apart.
 * `WAYBILL_LOG` sets the level: `debug`, `info`, `warn`, `error` or `silent`. @default info
 */
export function openLog(name: string, level = 'info'): Log {
  return pino({ name, level, mixin: activeTrace }, pino.destination({ fd: 2, sync: true }));
}

/** By the names that OpenTelemetry gives the fields of a log that is not its own. */
function activeTrace(): object {
  const active = trace.getActiveSpan()?.spanContext();
  return active === undefined ? {} : { trace_id: active.traceId, span_id: active.spanId };
}

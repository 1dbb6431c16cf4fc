import { trace } from '@opentelemetry/api';
import { type DestinationStream, pino } from 'pino';
import type { Log } from '../ports/log.ts';

/** Where lines go. */
export interface LogOutput {
  /** A file descriptor. */
  readonly fd: number;
  /** Whether a person looks. */
  readonly terminal: boolean;
}

/**
 * The log of a process on the bus, on standard error, so that what a command prints stays apart: JSON lines, or on a terminal text.
 * `WAYBILL_LOG` sets the level: `debug`, `info`, `warn`, `error` or `silent`. @default info
 */
export async function openLog(name: string, level = 'info', output?: LogOutput): Promise<Log> {
  const { fd, terminal } = output ?? { fd: 2, terminal: process.stderr.isTTY };
  const options = { name, level, mixin: activeTrace };
  const stream = terminal ? await textStream(fd) : pino.destination({ fd, sync: true });
  const log: Log = pino(options, stream);
  return log;
}

/** Loaded only where somebody looks. */
async function textStream(fd: number): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  const stream: DestinationStream = pretty({
    destination: fd,
    sync: true,
    colorize: (process.env['NO_COLOR'] ?? '') === '',
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname,name',
  });
  return stream;
}

/** By the names that OpenTelemetry gives the fields of a log that is not its own. */
function activeTrace(): object {
  const active = trace.getActiveSpan()?.spanContext();
  return active === undefined ? {} : { trace_id: active.traceId, span_id: active.spanId };
}

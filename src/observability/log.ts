import { pino } from 'pino';
import type { Log } from '../ports/log.ts';

/**
 * The log of a process on the bus: JSON lines on standard error, so that what a command prints stays apart.
 * `WAYBILL_LOG` sets the level: `debug`, `info`, `warn`, `error` or `silent`. @default info
 */
export function openLog(name: string, level = 'info'): Log {
  return pino({ name, level }, pino.destination({ fd: 2, sync: true }));
}

import type { DiagLogger } from '@opentelemetry/api';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';

/** A fault is said again only after none came for so long. @unit milliseconds */
const QUIET_MS = 600_000;
/** Longer texts hold stacks and bodies of answers. @unit characters */
const LONGEST_TEXT = 300;

/**
 * What the SDK complains of. A collector that is away is said once, and not with each batch: nothing on the bus depends on it. What is not
 * said is there at the level `debug`.
 */
export class ExportFaults implements DiagLogger {
  readonly #log: Log;
  readonly #clock: Clock;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  error(message: string): void {
    this.#say(message);
  }

  warn(message: string): void {
    this.#say(message);
  }

  info(): void {
    // Of no use to an operator.
  }

  debug(): void {
    // Of no use to an operator.
  }

  verbose(): void {
    // Of no use to an operator.
  }

  #say(given: string): void {
    // Of an address that is looked up meanwhile: what is asked for this early goes out without it.
    if (given.startsWith('Accessing resource attributes before async attributes settled')) return;
    const message = messageOf(given);
    const now = this.#clock.elapsed();
    const quiet = now - this.#lastMs > QUIET_MS;
    this.#lastMs = now;
    const error = message.slice(0, LONGEST_TEXT);
    if (quiet) this.#log.warn({ error }, 'telemetry does not leave; the bus goes on without it');
    else this.#log.debug({ error }, 'telemetry does not leave');
  }
}

/** The SDK writes errors as JSON, with their stacks, and everything else as text. */
function messageOf(text: string): string {
  const error = parsed(text);
  if (typeof error !== 'object' || error === null) return text;
  if ('message' in error && typeof error.message === 'string' && error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import { toError, WaybillError } from '../errors.ts';
import type { Span } from '../ports/tracing.ts';
import type { Death, Outgoing } from '../ports/transport.ts';
import { type Entry, isIgnored, runOnError } from './entry.ts';
import type { Count, ProgramResult } from './plan.ts';
import type { Transit } from './transit.ts';

const NOTHING: readonly Outgoing[] = [];

/** What an entry made of a message. */
export type Made =
  | {
      readonly sends: readonly Outgoing[];
      /** To the route's own endpoint. */
      readonly later?: readonly Outgoing[];
      /** How many messages go on later. */
      readonly waiting?: number;
      readonly absorbed?: 'merged' | 'duplicate' | 'filtered' | undefined;
    }
  | { readonly death: Death };

/** What became of the message in one route. */
export interface End {
  readonly entry: Entry;
  readonly sends: readonly Outgoing[];
  readonly death?: Death;
  readonly absorbed?: 'merged' | 'duplicate';
  readonly counts: readonly Count[];
  /** Of `sends`, until they are durable. */
  readonly spans?: readonly Span[];
}

/** All of a route's results or none, so that redriving the route sends nothing twice. */
export function attempt(run: () => readonly Outgoing[], route: string): Made {
  try {
    return { sends: run() };
  } catch (thrown) {
    return { death: deathOf(thrown, route) };
  }
}

/** A route that fails does what its `onError` says of the message as it came. */
export function endOf(entry: Entry, origin: Transit | undefined, made: Made): End {
  const { counted, route } = entry;
  if ('death' in made) {
    const instead = origin === undefined ? undefined : insteadOf(entry, origin);
    if (instead === undefined) return { entry, sends: NOTHING, death: made.death, counts: [counted.faulted] };
    if (instead === 'ignored') return { entry, sends: NOTHING, counts: [counted.faulted, counted.ignored] };
    return { entry, sends: instead, counts: [counted.faulted, [route, 'out', instead.length]] };
  }
  const { later = NOTHING, waiting = 0, absorbed } = made;
  const sends = later.length === 0 ? made.sends : [...made.sends, ...later];
  if (made.sends.length > 0) return { entry, sends, counts: [[route, 'out', made.sends.length]] };
  if (waiting > 0) return { entry, sends, counts: [] };
  if (absorbed === undefined || absorbed === 'filtered') return { entry, sends, counts: [counted.filtered] };
  return { entry, sends, absorbed, counts: [counted[absorbed]] };
}

/** What `onError` makes of a message; undefined where it is a dead letter all the same. */
function insteadOf(entry: Entry, origin: Transit): readonly Outgoing[] | 'ignored' | undefined {
  try {
    const sends = runOnError(entry, origin);
    if (sends.length > 0) return sends;
    return isIgnored(entry, origin) ? 'ignored' : undefined;
  } catch {
    // A route whose `onError` fails as well dies of the first error, which is the one to mend.
    return undefined;
  }
}

export function conclude(ends: readonly End[], counts: Count[]): ProgramResult {
  const sends: Outgoing[] = [];
  const deaths: Death[] = [];
  let absorbed: End['absorbed'];
  let spans: Span[] | undefined;
  for (const end of ends) {
    for (const count of end.counts) counts.push(count);
    for (const send of end.sends) sends.push(send);
    if (end.death !== undefined) deaths.push(end.death);
    absorbed ??= end.absorbed;
    if (end.spans !== undefined && end.spans.length > 0) (spans ??= []).push(...end.spans);
  }
  const filtered = sends.length === 0 && deaths.length === 0 && absorbed === undefined;
  return {
    sends,
    deaths,
    filtered,
    unknown: false,
    counts,
    ...(absorbed !== undefined && { absorbed }),
    ...(spans !== undefined && { spans }),
  };
}

/** Nothing is sent. */
export function onlyDeaths(deaths: readonly Death[]): ProgramResult {
  return { sends: [], deaths, filtered: false, unknown: false, counts: [] };
}

/** The message itself is at fault, or the route it was redriven for is gone: one death, and nothing is sent. */
export function refused(thrown: unknown, route: string | undefined): ProgramResult {
  return onlyDeaths([deathOf(thrown, route)]);
}

export function deathOf(thrown: unknown, route: string | undefined): Death {
  const error = toError(thrown);
  const code = error instanceof WaybillError ? error.code : 'WB_STEP_FAILED';
  return { code, error: error.message, attempts: [], ...(route !== undefined && { route }) };
}

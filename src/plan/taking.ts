import type { Limits } from '../config/definition.ts';
import type { Cast } from '../contracts/contracts.ts';
import { WaybillError } from '../errors.ts';
import { type EncodedMessage, type TypeRef, typeRef } from '../message.ts';
import type { Tables } from '../ports/lookup.ts';
import type { Address } from '../ports/transport.ts';
import { CONTINUATION, readContinuation } from './continuation.ts';
import { refused } from './end.ts';
import { type Entry, type EntryOptions, makeEntry } from './entry.ts';
import type { CompiledRoute } from './flow.ts';
import { restore } from './kept.ts';
import { loopIndex, type MatchIndex } from './match.ts';
import type { Count, ProgramResult } from './plan.ts';
import { tooLarge } from './result.ts';
import { type Surroundings, Transit } from './transit.ts';

export interface TakingOptions {
  readonly bus: string;
  readonly limits: Limits;
  /** See `EntryOptions.shared`. */
  readonly shared: ReadonlySet<string>;
  /** What expressions look up in. @default none */
  readonly tables?: Tables | undefined;
}

/** The routes that take a type, those with the same upcast together, so that it is made once. */
interface Lane {
  readonly cast: Cast | undefined;
  readonly index: MatchIndex<Entry>;
}

interface TypeLanes {
  readonly lanes: readonly Lane[];
  /** Whether any route looks at the data. If none does the body is not parsed, as on a direct road. */
  readonly reads: boolean;
}

/** What became of an entry in the index: the message that its predicate let in, or the error. */
export interface Match {
  readonly entry: Entry;
  readonly message: Transit | undefined;
  readonly thrown?: unknown;
}

export const UNKNOWN: ProgramResult = { sends: [], deaths: [], filtered: false, unknown: true, counts: [] };

/** What an endpoint's routes take. */
export class Taking {
  /** By the type it takes; of an isolated route there is one for each. */
  readonly entries: ReadonlyMap<TypeRef, Entry>;
  readonly surroundings: Surroundings;
  readonly #limits: Limits;
  readonly #byType: ReadonlyMap<TypeRef, TypeLanes>;

  constructor(routes: readonly CompiledRoute[], options: TakingOptions) {
    this.#limits = options.limits;
    this.surroundings = { maxDepth: options.limits.depth, tables: options.tables };
    this.#byType = laneTypes(routes, options);
    const entries = new Map<TypeRef, Entry>();
    for (const [ref, { lanes }] of this.#byType) {
      for (const { index } of lanes) for (const entry of index.entries) entries.set(ref, entry);
    }
    this.entries = entries;
  }

  /** The entries that let a message in, in the order of the routes; or why there are none. */
  take(message: EncodedMessage, only: string | undefined): Taken | ProgramResult {
    const { size } = this.#limits;
    const { envelope, body } = message;
    if (body.byteLength > size) return refused(tooLarge('the message', body.byteLength, size), only);
    const ref = typeRef(envelope.type, envelope.version);
    const taken = this.#byType.get(ref);
    if (taken === undefined && only === undefined) return UNKNOWN;
    const lanes = only === undefined ? taken?.lanes : onlyRoute(taken, only);
    if (lanes === undefined || taken === undefined) return refused(routeGone(only ?? '', ref), only);
    const transit = Transit.of(message, this.surroundings);
    if (taken.reads) {
      try {
        transit.parse();
      } catch (thrown) {
        return refused(thrown, only);
      }
    }
    const counts: Count[] = [];
    const matches: Match[] = [];
    for (const lane of lanes) matchLane(lane, transit, matches, counts);
    if (lanes.length > 1) matches.sort((a, b) => a.entry.position - b.entry.position);
    return { transit, matches, counts };
  }

  /**
   * In whose name a message of an isolated route fails, and as what it came. A timer came as nothing, and so did what carries others
   * with it: given up, it would leave nothing of them.
   */
  failing(message: EncodedMessage): { readonly entry: Entry | undefined; readonly transit: Transit | undefined } {
    const { entries, surroundings } = this;
    const ref = typeRef(message.envelope.type, message.envelope.version);
    if (ref !== CONTINUATION) return { entry: entries.get(ref), transit: Transit.of(message, surroundings) };
    const [any] = entries.values();
    const { message: kept, step } = readContinuation(message);
    if (kept === undefined) return { entry: any, transit: undefined };
    const { input } = restore(kept, surroundings).message;
    const entry = entries.get(typeRef(input.envelope.type, input.envelope.version)) ?? any;
    const steps = entry?.flow.steps ?? [];
    const at = steps.findIndex(({ id }) => id === step);
    const carries = steps.some(({ mixes }, index) => mixes && index <= at);
    return { entry, transit: carries ? undefined : Transit.of(input, surroundings) };
  }
}

export interface Taken {
  readonly transit: Transit;
  readonly matches: readonly Match[];
  readonly counts: Count[];
}

/** The routes that a message came to, whether they let it in or not. */
export function routesOf({ counts }: Taken): readonly string[] {
  return counts.flatMap(([route, what]) => (what === 'in' ? [route] : []));
}

function laneTypes(routes: readonly CompiledRoute[], options: TakingOptions): ReadonlyMap<TypeRef, TypeLanes> {
  const entryOptions: EntryOptions = { ...options, address: addressBook() };
  const drafts = new Map<TypeRef, Map<TypeRef, { cast: Cast | undefined; entries: Entry[] }>>();
  for (const route of routes) {
    for (const take of route.takes) {
      const { ref, cast, flow } = take;
      const lanes = drafts.get(ref) ?? new Map<TypeRef, { cast: Cast | undefined; entries: Entry[] }>();
      drafts.set(ref, lanes);
      const lane = lanes.get(flow.start.ref) ?? { cast, entries: [] };
      lanes.set(flow.start.ref, lane);
      lane.entries.push(makeEntry(route, take, entryOptions));
    }
  }
  const finish = (draft: { cast: Cast | undefined; entries: Entry[] }): Lane => ({
    cast: draft.cast,
    index: loopIndex(draft.entries),
  });
  return new Map(
    [...drafts].map(([ref, lanes]) => {
      const list = [...lanes.values()].map(finish);
      return [
        ref,
        { lanes: list, reads: list.some(({ cast, index }) => cast !== undefined || index.entries.some(reads)) },
      ];
    }),
  );
}

function addressBook(): EntryOptions['address'] {
  const endpoints = new Map<string, Address>();
  return (service) => {
    if (service === undefined) return 'bus';
    const address = endpoints.get(service) ?? { endpoint: service };
    endpoints.set(service, address);
    return address;
  };
}

function reads({ flow, branches }: Entry): boolean {
  return (
    flow.when !== undefined ||
    flow.steps.length > 0 ||
    branches.some(
      ({ when, exits }) =>
        when !== undefined ||
        exits.some(({ destination }) => destination.when !== undefined || destination.cast !== undefined),
    )
  );
}

function onlyRoute(taken: TypeLanes | undefined, route: string): readonly Lane[] | undefined {
  for (const { cast, index } of taken?.lanes ?? []) {
    const entries = index.entries.filter((entry) => entry.route === route);
    if (entries.length > 0) return [{ cast, index: loopIndex(entries) }];
  }
  return undefined;
}

function matchLane(lane: Lane, transit: Transit, matches: Match[], counts: Count[]): void {
  const { entries } = lane.index;
  for (const entry of entries) counts.push(entry.counted.in);
  let message = transit;
  if (lane.cast !== undefined) {
    try {
      message = transit.upcast(lane.cast);
    } catch (thrown) {
      for (const entry of entries) matches.push({ entry, message: undefined, thrown });
      return;
    }
  }
  // The index keeps the order of the entries, so those it passes over are the ones whose predicate is false.
  let next = 0;
  const passOver = (until: Entry | undefined): void => {
    for (let entry = entries[next++]; entry !== until && entry !== undefined; entry = entries[next++]) {
      counts.push(entry.counted.filtered);
    }
  };
  lane.index.match(
    message,
    (entry) => {
      passOver(entry);
      matches.push({ entry, message });
    },
    (entry, thrown) => {
      passOver(entry);
      matches.push({ entry, message: undefined, thrown });
    },
  );
  passOver(undefined);
}

function routeGone(route: string, ref: TypeRef): WaybillError {
  return new WaybillError('WB_ROUTE_UNKNOWN', `the route ${route} is gone, or no longer takes ${ref} here`, {
    fix: 'Bring the route back and redrive the message again, or discard it.',
  });
}

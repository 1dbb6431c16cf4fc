import type { CompiledExpression, RouteMessage } from '../ports/mediator.ts';

/** What an index finds: all that it must know of a route. */
export interface Matchable {
  /** Without one it always matches. */
  readonly when: CompiledExpression | undefined;
}

/**
 * Finds, among the routes of one type, those whose predicate holds for a message. Immutable.
 *
 * The promise of every implementation is that of the loop: `found` is called for exactly the entries whose predicate is
 * true, `failed` for those whose predicate throws, each once, in the order in which the entries were given.
 */
export interface MatchIndex<Entry extends Matchable> {
  readonly entries: readonly Entry[];
  match(message: RouteMessage, found: (entry: Entry) => void, failed: (entry: Entry, thrown: unknown) => void): void;
}

/** Evaluates every predicate. The oracle for cleverer indexes. */
export function loopIndex<Entry extends Matchable>(entries: readonly Entry[]): MatchIndex<Entry> {
  return {
    entries,
    match(message, found, failed) {
      for (const entry of entries) {
        let holds: boolean;
        try {
          holds = entry.when === undefined || entry.when.evaluate(message) === true;
        } catch (thrown) {
          failed(entry, thrown);
          continue;
        }
        if (holds) found(entry);
      }
    },
  };
}

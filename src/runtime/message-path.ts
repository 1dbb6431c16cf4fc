import type { TypeRef } from '../message.ts';
import type { HistoryOperation, HistoryRecord } from '../ports/history.ts';

/** What the message history tells of a message, and of those that came of it. */
export interface MessagePath {
  readonly message: string;
  readonly type: TypeRef | undefined;
  /** Where it was sent, where a route made it. */
  readonly to: readonly string[];
  /** What was done with it, in order of time. */
  readonly events: readonly PathEvent[];
  /** Messages of which it is not known what made them but that it was this one. */
  readonly results: readonly MessagePath[];
}

export interface PathEvent {
  readonly record: HistoryRecord;
  readonly results: readonly MessagePath[];
}

/** The reader of a message history, which may be long: it hands over a part at a time. */
export type ReadHistory = (read: (records: readonly HistoryRecord[]) => void) => Promise<void>;

/**
 * The records of the conversations that a message is part of: its own, and those whose messages it came together with.
 * @returns empty when there is none of the message
 */
export async function conversationsOf(message: string, history: ReadHistory): Promise<readonly HistoryRecord[]> {
  const conversations = new Set<string>();
  await history((records) => {
    for (const record of records) if (concerns(record, message)) conversations.add(record.conversation);
  });
  if (conversations.size === 0) return [];
  const found: HistoryRecord[] = [];
  await history((records) => {
    for (const record of records) if (conversations.has(record.conversation)) found.push(record);
  });
  return found.sort((a, b) => a.at - b.at || RANKS[a.operation] - RANKS[b.operation]);
}

/** Of what began in the same millisecond. */
const RANKS: Readonly<Record<HistoryOperation, number>> = {
  publish: 0,
  request: 0,
  route: 1,
  process: 1,
  'dead-letter': 2,
  redrive: 3,
};

function concerns(record: HistoryRecord, message: string): boolean {
  return (
    record.message === message ||
    record.cause === message ||
    record.results?.some((result) => result.message === message) === true ||
    record.joined?.includes(message) === true
  );
}

/** Where the paths that a message is on begin: with the message that nothing known has caused. */
export function pathsOf(message: string, records: readonly HistoryRecord[]): readonly MessagePath[] {
  const graph = new Graph(records);
  return [...new Set([message, ...graph.gatheredFrom(message)])]
    .map((each) => graph.origin(each))
    .filter((origin, at, all) => all.indexOf(origin) === at)
    .map((origin) => graph.path(origin));
}

class Graph {
  readonly #byMessage = new Map<string, HistoryRecord[]>();
  readonly #types = new Map<string, TypeRef>();
  readonly #causes = new Map<string, string>();
  readonly #caused = new Map<string, string[]>();
  readonly #sentTo = new Map<string, string[]>();
  readonly #records: readonly HistoryRecord[];

  constructor(records: readonly HistoryRecord[]) {
    this.#records = records;
    for (const record of records) {
      const { message, type, cause, results = [] } = record;
      listAt(this.#byMessage, message).push(record);
      this.#types.set(message, type);
      if (cause !== undefined) this.#cause(message, cause);
      for (const result of results) {
        this.#types.set(result.message, result.type);
        const to = listAt(this.#sentTo, result.message);
        if (!to.includes(result.to)) to.push(result.to);
        this.#cause(result.message, message);
      }
    }
  }

  /** Messages of whose work it became part. */
  gatheredFrom(message: string): readonly string[] {
    return this.#records.filter(({ joined }) => joined?.includes(message) === true).map((record) => record.message);
  }

  origin(message: string): string {
    const seen = new Set<string>();
    let at = message;
    for (;;) {
      const cause = this.#causes.get(at);
      if (cause === undefined || seen.has(cause)) return at;
      seen.add(at);
      at = cause;
    }
  }

  path(message: string, above: ReadonlySet<string> = new Set()): MessagePath {
    const within = new Set([...above, message]);
    const records = this.#byMessage.get(message) ?? [];
    const left = new Set((this.#caused.get(message) ?? []).filter((each) => !within.has(each)));
    const take = (ids: readonly string[]): MessagePath[] => {
      return ids.filter((id) => left.delete(id)).map((id) => this.path(id, within));
    };
    const events = records.map((record): PathEvent => ({ record, results: take(this.#madeIn(record)) }));
    return {
      message,
      type: this.#types.get(message),
      to: this.#sentTo.get(message) ?? [],
      events,
      results: take([...left]),
    };
  }

  /** What a route sent on; what a handler published. */
  #madeIn({ message, operation, by, results = [] }: HistoryRecord): readonly string[] {
    if (operation !== 'process') return results.map((result) => result.message);
    return (this.#caused.get(message) ?? []).filter((id) =>
      this.#byMessage.get(id)?.some((record) => isSending(record) && record.by === by),
    );
  }

  #cause(message: string, cause: string): void {
    // A message that goes on as it came is no result of itself.
    if (message === cause || this.#causes.has(message)) return;
    this.#causes.set(message, cause);
    listAt(this.#caused, cause).push(message);
  }
}

function isSending({ operation }: HistoryRecord): boolean {
  return operation === 'publish' || operation === 'request';
}

function listAt<Item>(lists: Map<string, Item[]>, key: string): Item[] {
  let list = lists.get(key);
  if (list === undefined) {
    list = [];
    lists.set(key, list);
  }
  return list;
}

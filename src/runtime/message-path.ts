import type { TypeRef } from '../message.ts';
import { CONTINUATION } from '../plan/continuation.ts';
import { HISTORY_OPERATIONS, type HistoryRecord } from '../ports/history.ts';

/** What the message history tells of a message, and of those that came of it. */
export interface MessagePath {
  readonly message: string;
  readonly type: TypeRef | undefined;
  /** Where it was sent, where a route made it. */
  readonly to: readonly string[];
  /** A message that an isolated route sent itself, to go on later. */
  readonly later: boolean;
  /** What was done with it, in order of time. */
  readonly events: readonly PathEvent[];
  /** Messages that it caused, and of which it is not known in what. */
  readonly made: readonly MessagePath[];
  /** It goes on, deeper than paths are told. */
  readonly cut: boolean;
}

export interface PathEvent {
  readonly record: HistoryRecord;
  readonly made: readonly MessagePath[];
}

/** The reader of a message history, which may be long: it hands over a part at a time. */
export type ReadHistory = (read: (records: readonly HistoryRecord[]) => void) => Promise<unknown>;

/** How many messages in a row a path tells of: services that answer each other may go on for ever. */
const DEEPEST = 100;

/**
 * The records of the conversations that a message is part of: its own, and those of messages that a step put it together with.
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
  return found.sort((a, b) => a.at - b.at || rankOf(a) - rankOf(b));
}

/** The messages on record whose ids begin so. */
export async function messagesLike(beginning: string, history: ReadHistory): Promise<readonly string[]> {
  const found = new Set<string>();
  await history((records) => {
    for (const { message, cause = '', results = [], joined = [] } of records) {
      for (const id of [message, cause, ...results.map((result) => result.message), ...joined])
        if (id.startsWith(beginning)) found.add(id);
    }
  });
  return [...found];
}

/** Of what began in the same millisecond. */
function rankOf({ operation }: HistoryRecord): number {
  return HISTORY_OPERATIONS.indexOf(operation);
}

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
  /** Messages above the one that is looked at. */
  readonly #above = new Set<string>();

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
      // Of a long path no more than is told of it, or it would end above the message.
      if (cause === undefined || seen.has(cause) || seen.size >= DEEPEST / 2) return at;
      seen.add(at);
      at = cause;
    }
  }

  path(message: string): MessagePath {
    const type = this.#types.get(message);
    const records = this.#byMessage.get(message) ?? [];
    const head = { message, type, to: this.#sentTo.get(message) ?? [], later: type === CONTINUATION };
    const cut = this.#above.size >= DEEPEST;
    if (cut) return { ...head, events: records.map((record) => ({ record, made: [] })), made: [], cut };
    this.#above.add(message);
    const left = new Set((this.#caused.get(message) ?? []).filter((each) => !this.#above.has(each)));
    const take = (ids: readonly string[]): MessagePath[] =>
      ids.filter((id) => left.delete(id)).map((id) => this.path(id));
    const published = this.#publishedIn(records, left);
    const events = records.map((record) => {
      return { record, made: take(record.results?.map((result) => result.message) ?? published.get(record) ?? []) };
    });
    const made = take([...left]);
    this.#above.delete(message);
    return { ...head, events, made, cut };
  }

  /** Of attempts of a handler: the messages that it published. One that fails publishes nothing, so they are those of the last that began before. */
  #publishedIn(records: readonly HistoryRecord[], caused: ReadonlySet<string>): Map<HistoryRecord, string[]> {
    const published = new Map<HistoryRecord, string[]>();
    const attempts = records.filter(({ operation }) => operation === 'process');
    if (attempts.length === 0) return published;
    for (const id of caused) {
      const sending = this.#byMessage.get(id)?.find(isSending);
      const attempt = attempts.findLast((each) => {
        return (
          sending !== undefined && each.by === sending.by && each.process === sending.process && each.at <= sending.at
        );
      });
      if (attempt !== undefined) listAt(published, attempt).push(id);
    }
    return published;
  }

  #cause(message: string, cause: string): void {
    // A message that goes on as it came is no result of itself.
    if (message === cause || this.#causes.has(message)) return;
    this.#causes.set(message, cause);
    listAt(this.#caused, cause).push(message);
  }
}

export function isSending({ operation }: HistoryRecord): boolean {
  return operation === 'publish' || operation === 'request';
}

function listAt<Key, Item>(lists: Map<Key, Item[]>, key: Key): Item[] {
  let list = lists.get(key);
  if (list === undefined) {
    list = [];
    lists.set(key, list);
  }
  return list;
}

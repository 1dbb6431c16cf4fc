import type { AuditRecord, HistoryRecord, MessagePath, PathEvent, TypeRef } from '../index.ts';
import type { Letters } from './letters.ts';
import type { Terminal } from './terminal.ts';
import { type UnseenAt, unseenText } from './unseen.ts';

export interface PathTreeOptions {
  /** The message that somebody follows, by its id. */
  readonly asked: string;
  /** Of messages that were given up, or that nobody took, by message. */
  readonly letters: ReadonlyMap<string, Letters>;
  /** By message. */
  readonly unseen: ReadonlyMap<string, UnseenOf>;
  readonly style: Terminal['style'];
}

/** Where a message was not seen although it goes there. */
export interface UnseenOf {
  /** Its type, where nobody takes it. */
  readonly untaken: TypeRef | undefined;
  readonly at: readonly UnseenAt[];
}

/** Why its type is not known. */
const UNKNOWN = '(not on record itself: older than the history, or left out of it)';

interface Branch {
  readonly text: string;
  readonly below: readonly Branch[];
}

/** The path of a message as people read it: a line for each thing that was done with it, what came of it below. */
export class PathTree {
  readonly #options: PathTreeOptions;

  constructor(options: PathTreeOptions) {
    this.#options = options;
  }

  text(path: MessagePath): string {
    const { text, below } = this.#message(path);
    return [text, ...below.flatMap((branch, at) => lines(branch, '', at === below.length - 1))].join('\n');
  }

  #message(path: MessagePath): Branch {
    const { message, type, to, later, events, made, cut } = path;
    const { audit = [], waiting = [], parked = [] } = this.#options.letters.get(message) ?? {};
    const done = events.map((event) => ({ at: event.record.at, ...this.#event(event) }));
    const below = [...done, ...audit.map((record) => this.#action(record))].sort((a, b) => a.at - b.at);
    const { untaken, at = [] } = this.#options.unseen.get(message) ?? {};
    const now = [
      ...waiting.map((letter) => this.#now('red', `waits as a dead letter: waybill dead show ${letter}`)),
      ...(untaken === undefined ? [] : [this.#now('yellow', `nobody takes ${untaken}`)]),
      ...parked.map((letter) => this.#now('yellow', `waits in the parking lot: waybill dead show ${letter} --parked`)),
      ...at.map((each) => this.#now('yellow', unseenText(each))),
    ];
    return {
      text: later ? 'goes on later' : this.#head(message, type, to),
      below: [
        ...below,
        ...now,
        ...made.map((each) => this.#message(each)),
        ...(cut ? [{ text: `goes on: waybill trace ${message}`, below: [] }] : []),
      ],
    };
  }

  #now(color: 'red' | 'yellow', text: string): Branch {
    return { text: this.#options.style(color, text), below: [] };
  }

  #head(message: string, type: TypeRef | undefined, to: readonly string[]): string {
    const where = to.filter((each) => each !== 'bus');
    const { asked, style } = this.#options;
    return [
      style('bold', type ?? 'a message'),
      message,
      ...(where.length > 0 ? [`to ${where.join(', ')}`] : []),
      ...(type === undefined ? [style('dim', UNKNOWN)] : []),
      ...(message === asked ? [style('bold', '<-')] : []),
    ].join('  ');
  }

  #event({ record, made }: PathEvent): Branch {
    const steps = (record.steps ?? []).map(({ label, took, error }) => ({
      text: `${label}  ${duration(took)}${error === undefined ? '' : `  ${this.#options.style('red', error)}`}`,
      below: [],
    }));
    const relation = record.operation === 'request' ? 'answered by' : 'together with';
    const joined = (record.joined ?? []).map((id) => ({ text: `${relation} ${id}`, below: [] }));
    return { text: this.#line(record), below: [...steps, ...joined, ...made.map((each) => this.#message(each))] };
  }

  #action({ at, by, action, endpoint }: AuditRecord): Branch & { readonly at: number } {
    const ms = Date.parse(at) || 0;
    const what = action === 'redrive' ? `redriven to ${endpoint} by ${by}` : `discarded by ${by}`;
    return { at: ms, text: `${this.#time(ms)}  ${what}`, below: [] };
  }

  #time(ms: number): string {
    return this.#options.style('dim', new Date(ms).toISOString());
  }

  #line(record: HistoryRecord): string {
    const { at, took, operation, error, outcome, retryIn, process } = record;
    const { style } = this.#options;
    const failed = error === undefined ? '' : style('red', error);
    const again = retryIn === undefined ? '' : `again in ${duration(retryIn)}`;
    const time = this.#time(at);
    const parts =
      operation === 'dead-letter'
        ? [time, titleOf(record), failed]
        : [time, titleOf(record), duration(took), failed === '' ? (outcome ?? '') : failed, again];
    return [...parts.filter((part) => part !== ''), style('dim', `(${process})`)].join('  ');
  }
}

function titleOf({ operation, by, attempt, endpoint = '' }: HistoryRecord): string {
  switch (operation) {
    case 'publish':
      return `published by ${by}`;
    case 'request':
      return `requested by ${by}`;
    case 'route':
      return `route ${by}`;
    case 'process':
      return `${by}, attempt ${String(attempt ?? 1)}`;
    case 'dead-letter':
      return `given up at ${endpoint}${by === endpoint ? '' : ` by the route ${by}`}, ${tries(attempt ?? 0)}`;
  }
}

function tries(attempts: number): string {
  if (attempts === 0) return 'before its first attempt';
  return attempts === 1 ? 'after 1 attempt' : `after ${String(attempts)} attempts`;
}

/** @param ms @unit milliseconds */
function duration(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms >= 10 ? ms.toFixed(0) : ms.toFixed(1)} ms`;
}

function lines({ text, below }: Branch, indent: string, last: boolean): string[] {
  const inner = `${indent}${last ? '   ' : '│  '}`;
  return [
    `${indent}${last ? '└─' : '├─'} ${text}`,
    ...below.flatMap((branch, at) => lines(branch, inner, at === below.length - 1)),
  ];
}

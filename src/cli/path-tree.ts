import type { HistoryRecord, MessagePath } from '../index.ts';
import type { Terminal } from './terminal.ts';

/** Of messages that an isolated route sends itself: see `plan/continuation.ts`. */
const CONTINUATION = 'waybill.route.continuation@1';

export interface PathTreeOptions {
  /** The message that somebody follows, by its id. */
  readonly asked: string;
  /** Dead letters that wait now, by message. */
  readonly waiting: ReadonlyMap<string, readonly string[]>;
  readonly style: Terminal['style'];
}

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
    const { message, type = 'a message', to, events, results } = path;
    const below = events.map(({ record, results: made }) => this.#event(record, made));
    const letters = (this.#options.waiting.get(message) ?? []).map((letter) => ({
      text: this.#options.style('red', `waits as a dead letter: waybill dead show ${letter}`),
      below: [],
    }));
    return {
      text: type === CONTINUATION ? 'goes on later' : this.#head(message, type, to),
      below: [...below, ...letters, ...results.map((each) => this.#message(each))],
    };
  }

  #head(message: string, type: string, to: readonly string[]): string {
    const where = to.filter((each) => each !== 'bus');
    const { asked, style } = this.#options;
    return [
      style('bold', type),
      message,
      ...(where.length > 0 ? [`to ${where.join(', ')}`] : []),
      ...(message === asked ? [style('bold', '<-')] : []),
    ].join('  ');
  }

  #event(record: HistoryRecord, results: readonly MessagePath[]): Branch {
    const steps = (record.steps ?? []).map(({ label, took, error }) => ({
      text: `${label}  ${duration(took)}${error === undefined ? '' : `  ${this.#options.style('red', error)}`}`,
      below: [],
    }));
    const relation = record.operation === 'request' ? 'answered by' : 'together with';
    const joined = (record.joined ?? []).map((id) => ({ text: `${relation} ${id}`, below: [] }));
    return { text: this.#line(record), below: [...steps, ...joined, ...results.map((each) => this.#message(each))] };
  }

  #line(record: HistoryRecord): string {
    const { at, took, operation, error, outcome, retryIn, process } = record;
    const { style } = this.#options;
    const failed = error === undefined ? '' : style('red', error);
    const again = retryIn === undefined ? '' : `again in ${duration(retryIn)}`;
    const time = style('dim', new Date(at).toISOString());
    const parts =
      operation === 'dead-letter' || operation === 'redrive'
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
      return `given up at ${endpoint}${by === endpoint ? '' : ` by the route ${by}`}, after ${tries(attempt ?? 1)}`;
    case 'redrive':
      return `redriven by ${by} to ${endpoint}`;
  }
}

function tries(attempts: number): string {
  return attempts === 1 ? '1 attempt' : `${String(attempts)} attempts`;
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

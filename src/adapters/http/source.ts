import {
  BrokenCircuitError,
  bulkhead,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  type IPolicy,
  retry,
  wrap,
} from 'cockatiel';
import { LRUCache } from 'lru-cache';
import { Agent, type Dispatcher } from 'undici';
import { toError, WaybillError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Answer, Question, Source } from '../../ports/resources.ts';
import { refusal } from './answers.ts';
import { readBody } from './body.ts';

export interface HttpSourceOptions {
  readonly name: string;
  /** With `{key}` where the key goes. */
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  /** Statuses that say that there is no such thing. */
  readonly absent: readonly number[];
  /** Of one request, its answer included. @unit milliseconds */
  readonly timeoutMs: number;
  readonly retry: { readonly attempts: number; readonly delayMs: number };
  /** Largest answer. @unit bytes */
  readonly size: number;
  /** Deepest nesting of an answer. */
  readonly depth: number;
  readonly concurrency: number;
  readonly breaker: { readonly failures: number; readonly forMs: number };
  readonly cache?: { readonly forMs: number; readonly max: number };
  readonly clock: Clock;
  readonly log: Log;
}

/** What is kept of an answer: nothing is kept of a failure. */
interface Kept {
  readonly answer: Answer;
}

/**
 * Asks over HTTP. Nothing of the address or of the headers, in which secrets stand, is in an error or in the log.
 *
 * | the source                                      | the question fails as            | again                            |
 * |-------------------------------------------------|----------------------------------|----------------------------------|
 * | cannot be reached, hangs up, answers 5xx        | `WB_SOURCE_FAILED`, retryable    | `retry.attempts`, then later     |
 * | takes longer than `timeoutMs`                   | `WB_SOURCE_FAILED`, retryable    | `retry.attempts`, then later     |
 * | answers 401, 403, 408, 425, 429                 | `WB_SOURCE_FAILED`, retryable    | `retry.attempts`, then later     |
 * | failed `breaker.failures` times in a row        | `WB_SOURCE_FAILED`, retryable    | later; it is not asked meanwhile |
 * | answers a status of `absent`                    | no failure: there is no such one | -                                |
 * | answers any other 4xx, or 3xx                   | `WB_SOURCE_REFUSED`              | never                            |
 * | answers something else than JSON (HTML)         | `WB_SOURCE_ANSWER`, retryable    | `retry.attempts`, then later     |
 * | answers more than `size`                        | `WB_SOURCE_ANSWER`               | never                            |
 */
export class HttpSource implements Source {
  readonly #options: HttpSourceOptions;
  readonly #agent: Agent;
  readonly #policy: IPolicy;
  readonly #cache: LRUCache<string, Kept> | undefined;
  #open = false;
  #closed: Promise<void> | undefined;

  constructor(options: HttpSourceOptions) {
    const { concurrency, retry: again, breaker, cache, name, log } = options;
    this.#options = options;
    this.#agent = new Agent({ connections: concurrency, pipelining: 1 });
    const heals = handleWhen((error) => error instanceof WaybillError && error.retryable);
    const breaking = circuitBreaker(heals, {
      halfOpenAfter: breaker.forMs,
      breaker: new ConsecutiveBreaker(breaker.failures),
    });
    breaking.onBreak(() => {
      this.#open = true;
      log.warn(
        { source: name },
        `the source ${name} failed ${String(breaker.failures)} times in a row and is left alone`,
      );
    });
    breaking.onReset(() => {
      this.#open = false;
      log.info({ source: name }, `the source ${name} is back`);
    });
    this.#policy = wrap(
      retry(heals, {
        maxAttempts: again.attempts - 1,
        backoff: new ExponentialBackoff({ initialDelay: again.delayMs, maxDelay: again.delayMs * 32 }),
      }),
      breaking,
      bulkhead(concurrency, Number.POSITIVE_INFINITY),
    );
    if (cache !== undefined) this.#cache = new LRUCache({ max: cache.max, ttl: cache.forMs });
  }

  get open(): boolean {
    return this.#open;
  }

  async ask(question: Question, signal: AbortSignal): Promise<Answer> {
    const { name, method } = this.#options;
    if (this.#closed !== undefined) throw new WaybillError('WB_CLOSED', `the source ${name} is closed`);
    const cached = method === 'GET' ? this.#cache : undefined;
    const known = cached?.get(question.key ?? '');
    if (known !== undefined) return known.answer;
    try {
      const answer = await this.#policy.execute(() => this.#request(question, signal), signal);
      if (answer === undefined || question.accepts?.(answer.data) !== false)
        cached?.set(question.key ?? '', { answer });
      return answer;
    } catch (thrown) {
      if (!(thrown instanceof BrokenCircuitError)) throw thrown;
      throw this.#failed('failed several times in a row, and is left alone for a while', thrown);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#agent.close();
    return this.#closed;
  }

  async #request({ key, body, id }: Question, signal: AbortSignal): Promise<Answer> {
    const { url, method, headers, timeoutMs, clock, absent, name, size, depth } = this.#options;
    if (key !== undefined && /^\.{0,2}$/.test(key)) throw unaskable(name, key);
    const address = new URL(key === undefined ? url : url.replaceAll('{key}', encodeURIComponent(key)));
    const late = new AbortController();
    const timer = clock.timer(timeoutMs, () => {
      late.abort();
    });
    let response: Dispatcher.ResponseData | undefined;
    try {
      response = await this.#agent.request({
        origin: address.origin,
        path: `${address.pathname}${address.search}`,
        method,
        headers: {
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(id !== undefined && { 'idempotency-key': id }),
          ...headers,
        },
        body: body ?? null,
        signal: AbortSignal.any([signal, late.signal]),
      });
      const { statusCode } = response;
      const wrong = refusal(name, statusCode, absent);
      if (wrong !== undefined) throw wrong;
      if (absent.includes(statusCode)) return undefined;
      return { data: await this.#data(response, size, depth) };
    } catch (thrown) {
      if (signal.aborted) throw toError(signal.reason);
      if (late.signal.aborted) throw this.#failed(`did not answer within ${String(timeoutMs)} ms`, thrown);
      if (thrown instanceof WaybillError) throw thrown;
      throw this.#failed(`cannot be reached: ${describe(thrown)}`, undefined);
    } finally {
      timer.cancel();
      // What is not read would keep its connection. That it ends before its end is no news.
      if (response?.body.readableEnded === false) response.body.once('error', () => undefined).destroy();
    }
  }

  async #data({ headers, body, statusCode }: Dispatcher.ResponseData, size: number, depth: number): Promise<unknown> {
    const { name } = this.#options;
    if (statusCode === 204) return null;
    const type = String(headers['content-type'] ?? 'nothing');
    if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) {
      throw new WaybillError('WB_SOURCE_ANSWER', `the source ${name} answered ${type} instead of application/json`, {
        retryable: true,
      });
    }
    const bytes = await readBody(body, size);
    if (bytes === undefined) {
      throw new WaybillError('WB_SOURCE_ANSWER', `the source ${name} answered more than ${String(size)} bytes`, {
        fix: `Ask for less, or raise sources: ${name}: size.`,
      });
    }
    try {
      return parseJson(bytes, { maxDepth: depth });
    } catch (thrown) {
      const cause = toError(thrown);
      throw new WaybillError('WB_SOURCE_ANSWER', `the source ${name} answered what is no JSON: ${cause.message}`, {
        retryable: true,
        cause,
      });
    }
  }

  #failed(what: string, cause: unknown): WaybillError {
    return new WaybillError('WB_SOURCE_FAILED', `the source ${this.#options.name} ${what}`, {
      retryable: true,
      ...(cause instanceof BrokenCircuitError && { cause }),
    });
  }
}

/** As part of an address it would name something else: the collection, or what is above it. */
function unaskable(source: string, key: string): WaybillError {
  return new WaybillError('WB_SOURCE_REFUSED', `the source ${source} cannot be asked for the key "${key}"`, {
    fix: 'Let only messages that have one come so far, by a filter or `when`.',
  });
}

/** Codes only: messages of connection errors hold addresses. */
function describe(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && typeof thrown.code === 'string')
    return thrown.code;
  return toError(thrown).name;
}

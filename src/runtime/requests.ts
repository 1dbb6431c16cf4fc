import { toError, WaybillError } from '../errors.ts';
import { type EncodedMessage, type Message, type TypeRef, typeRef } from '../message.ts';
import type { Plan } from '../plan/plan.ts';
import { type Clock, inTime, type Timer } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { failureOf, retrace, type Span, type Traced, type Tracing } from '../ports/tracing.ts';
import type { Address, EndpointStats, Replies, Tally, Transport, Unsubscribe } from '../ports/transport.ts';
import { readAnswer } from './answer.ts';
import { whySilent } from './silence.ts';

/** How long a request that is overdue looks for the reason. @unit milliseconds */
const LOOK_MS = 5_000;

export interface RequestsParts {
  /** Who asks, for people: `the service shop`. */
  readonly who: string;
  readonly plan: () => Plan;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
  /** Who asks, in traces: `shop`. */
  readonly by: string;
  /** Counted with each request that is sent. */
  readonly sent: Tally;
  /** Counted with each answer for which nobody waits any more. */
  readonly late: Tally;
}

/** What is asked. */
export interface Request {
  /** Expires with its deadline; where the answer goes is added. */
  readonly message: EncodedMessage;
  readonly to: Address;
  /** The type of the answer. */
  readonly answer: TypeRef;
  /** @unit milliseconds */
  readonly timeoutMs: number;
  /** When it aborts, nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
  /** What it belongs to in the trace, as of `Tracing.request`. */
  readonly parent: Traced;
}

/** A request that waits for its answer. */
interface Pending extends Request {
  readonly startedMs: number;
  readonly timer: Timer;
  sent: boolean;
  readonly resolve: (answer: Message) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Sends requests and matches answers to them.
 *
 * | then                                    | the request                                            |
 * |-----------------------------------------|--------------------------------------------------------|
 * | the answer comes                        | resolves to it, checked against its contract           |
 * | the responder or a route gives it up    | rejects: WB_REQUEST_FAILED, with the reason            |
 * | nothing comes in time                   | rejects: WB_REQUEST_TIMEOUT, with what is known of why |
 * | whoever asks closes, or its signal aborts | rejects: WB_CLOSED                                   |
 * | an answer comes late, or a second time  | dropped, and counted                                   |
 */
export class Requests {
  readonly #parts: RequestsParts;
  /** By the tag of their reply addresses. */
  readonly #pending = new Map<string, Pending>();
  #opening: Promise<Replies> | undefined;
  #unsubscribe: Unsubscribe = () => undefined;
  #looking: Promise<readonly EndpointStats[] | undefined> | undefined;
  #nextTag = 0;
  /** When the connection was lost last, on `Clock.elapsed`. */
  #lostMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(parts: RequestsParts) {
    this.#parts = parts;
  }

  /** @throws WB_CLOSED */
  check(): void {
    if (this.#closed) throw this.#gone();
  }

  /** @throws WB_REQUEST_FAILED; WB_REQUEST_TIMEOUT and WB_CLOSED, retryable; and what sending throws */
  async ask(request: Request): Promise<Message> {
    this.check();
    if (request.signal?.aborted === true) throw outOfTime();
    const { tracing, by } = this.#parts;
    if (!tracing.on) return this.#ask(request);
    const span = tracing.request(request.message, by, request.parent);
    return tracedUntil(this.#ask({ ...request, message: retrace(request.message, span.context) }), span);
  }

  #ask(request: Request): Promise<Message> {
    const { clock } = this.#parts;
    return new Promise((resolve, reject) => {
      const tag = (this.#nextTag++).toString(36);
      const overdue = (): void => {
        this.#overdue(tag);
      };
      const timer = clock.timer(request.timeoutMs, overdue, true);
      const abort = (): void => {
        this.#end(tag)?.reject(outOfTime());
      };
      const { signal } = request;
      signal?.addEventListener('abort', abort, { once: true });
      const over = <T>(end: (value: T) => void) => {
        return (value: T): void => {
          signal?.removeEventListener('abort', abort);
          end(value);
        };
      };
      const startedMs = clock.elapsed();
      const ends = { resolve: over(resolve), reject: over(reject) };
      this.#pending.set(tag, { ...request, startedMs, timer, sent: false, ...ends });
      this.#send(tag).catch((thrown: unknown) => {
        const error = toError(thrown);
        if (error instanceof WaybillError && error.code === 'WB_DEADLINE') this.#overdue(tag);
        else this.#end(tag)?.reject(error);
      });
    });
  }

  /** What waits is rejected. Answers to it that still come are parked. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const tag of [...this.#pending.keys()]) this.#end(tag)?.reject(this.#gone());
    this.#unsubscribe();
    const opening = this.#opening;
    if (opening === undefined) return;
    try {
      await (await opening).close();
    } catch (thrown) {
      this.#parts.log.debug({ err: toError(thrown) }, 'the address for answers could not be given up in order');
    }
  }

  async #send(tag: string): Promise<void> {
    const { transport, clock, sent: tally } = this.#parts;
    const replies = await this.#open();
    await replies.ready();
    const pending = this.#pending.get(tag);
    if (pending === undefined) return;
    const { message, startedMs, timeoutMs, to } = pending;
    const asked = { ...message, envelope: { ...message.envelope, replyTo: `${replies.address}.${tag}` } };
    const deadlineMs = Math.max(1, startedMs + timeoutMs - clock.elapsed());
    await transport.send([{ to, message: asked }], { deadlineMs, tally });
    pending.sent = true;
  }

  /** One address serves all requests; it is made at the first of them. */
  #open(): Promise<Replies> {
    if (this.#opening !== undefined) return this.#opening;
    const { transport, clock } = this.#parts;
    this.#unsubscribe = transport.onStatus(({ connected }) => {
      if (!connected) this.#lostMs = clock.elapsed();
    });
    const opening = transport.openReplies((message, tag) => {
      this.#take(message, tag);
    });
    this.#opening = opening;
    opening.catch(() => {
      this.#opening = undefined;
      this.#unsubscribe();
    });
    return opening;
  }

  #end(tag: string): Pending | undefined {
    const pending = this.#pending.get(tag);
    this.#pending.delete(tag);
    pending?.timer.cancel();
    return pending;
  }

  #take(message: EncodedMessage, tag: string): void {
    const pending = this.#end(tag);
    if (pending === undefined) {
      this.#late(message);
      return;
    }
    try {
      pending.resolve(readAnswer(this.#parts.plan(), pending.message, message, pending.answer));
    } catch (thrown) {
      pending.reject(toError(thrown));
    }
  }

  #late({ envelope: { id, causationId } }: EncodedMessage): void {
    const { log, transport, late: tally } = this.#parts;
    log.debug({ messageId: id, causationId }, 'an answer is dropped: nobody waits for it any more, or it came before');
    transport.send([], { tally }).catch((thrown: unknown) => {
      log.debug({ err: toError(thrown) }, 'a late answer could not be counted');
    });
  }

  #overdue(tag: string): void {
    const pending = this.#end(tag);
    if (pending === undefined) return;
    const { message, timeoutMs } = pending;
    const { type, version, id } = message.envelope;
    const ref = typeRef(type, version);
    const fail = (why: string): void => {
      const text = `no answer to ${ref} (${id}) within ${String(timeoutMs)} ms: ${why}`;
      pending.reject(new WaybillError('WB_REQUEST_TIMEOUT', text, { retryable: true }));
    };
    if (!pending.sent) {
      const { error, blocked } = this.#parts.transport.status();
      fail(`the request itself was not durable by then${reasonOf(blocked ?? error)}`);
      return;
    }
    const lost = this.#lostMs >= pending.startedMs;
    const guess = lost
      ? 'the connection was lost meanwhile, and the answer may have been parked'
      : 'the responder did not answer';
    this.#look(ref, pending.to).then(
      (why) => {
        fail(why ?? guess);
      },
      (thrown: unknown) => {
        fail(`the responder did not answer, and the bus does not say why${reasonOf(toError(thrown).message)}`);
      },
    );
  }

  /** One look serves all that are overdue at the time. */
  #look(ref: TypeRef, to: Address): Promise<string | undefined> {
    const { transport, clock, plan } = this.#parts;
    this.#looking ??= inTime(clock, LOOK_MS, transport.stats())
      .then((stats) => stats?.endpoints)
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking.then((endpoints) => endpoints && whySilent(plan(), ref, to, endpoints));
  }

  /** Retryable, so that a handler or a route that asks while its process closes is tried again elsewhere. */
  #gone(): WaybillError {
    return new WaybillError('WB_CLOSED', `${this.#parts.who} closed before the answer came`, { retryable: true });
  }
}

async function tracedUntil(asking: Promise<Message>, span: Span): Promise<Message> {
  try {
    const answer = await asking;
    span.link([answer]);
    span.end();
    return answer;
  } catch (thrown) {
    span.end(failureOf(thrown));
    throw thrown;
  }
}

function outOfTime(): WaybillError {
  return new WaybillError('WB_CLOSED', 'the attempt was over before the answer came', { retryable: true });
}

function reasonOf(error: string | undefined): string {
  return error === undefined ? '' : `: ${error}`;
}

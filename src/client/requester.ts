import { toError, WaybillError } from '../errors.ts';
import { type EncodedMessage, type Message, type TypeRef, typeRef } from '../message.ts';
import type { Plan } from '../plan/plan.ts';
import { type Clock, pause, type Timer } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { failureOf, retrace, type Span, type Tracing } from '../ports/tracing.ts';
import type { EndpointStats, Replies, Transport, Unsubscribe } from '../ports/transport.ts';
import { checkRequest, readAnswer } from './answer.ts';
import { type Drafts, NO_OPTIONS, type PublishOptions, publishedCounter } from './draft.ts';
import { checkOptions, type Names } from './options.ts';
import { whySilent } from './silence.ts';

/** What a requester may say beside the data. All optional. */
export interface RequestOptions
  extends Pick<
    PublishOptions,
    'key' | 'id' | 'subject' | 'time' | 'correlationId' | 'traceparent' | 'tracestate' | 'headers'
  > {
  /**
   * How long to wait for the answer. The request expires with it: it is not handled after that.
   * @unit milliseconds
   * @range at least 1
   * @default 30_000
   */
  readonly timeoutMs?: number;
}

const OPTIONS: Names<RequestOptions> = {
  key: true,
  id: true,
  subject: true,
  time: true,
  correlationId: true,
  traceparent: true,
  tracestate: true,
  headers: true,
  timeoutMs: true,
};

const TIMEOUT_MS = 30_000;
/** How long a request that is overdue looks for the reason. @unit milliseconds */
const LOOK_MS = 5_000;

export interface RequesterParts {
  readonly service: string;
  readonly plan: () => Plan;
  readonly drafts: Drafts;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
}

/** A request that waits for its answer. */
interface Pending {
  readonly message: EncodedMessage;
  readonly answer: TypeRef;
  readonly timeoutMs: number;
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
 * | the service closes                      | rejects: WB_CLOSED                                     |
 * | an answer comes late, or a second time  | dropped, counted as `service.<name>.late`              |
 */
export class Requester {
  readonly #parts: RequesterParts;
  /** By the tag of their reply addresses. */
  readonly #pending = new Map<string, Pending>();
  #opening: Promise<Replies> | undefined;
  #unsubscribe: Unsubscribe = () => undefined;
  #looking: Promise<readonly EndpointStats[] | undefined> | undefined;
  #nextTag = 0;
  /** When the connection was lost last, on `Clock.elapsed`. */
  #lostMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(parts: RequesterParts) {
    this.#parts = parts;
  }

  /**
   * @param origin the message in hand, when a handler asks
   * @param ordinal of the request among those of the handler
   */
  async request(
    type: TypeRef,
    data: unknown,
    options: RequestOptions = NO_OPTIONS,
    origin?: EncodedMessage,
    ordinal = 0,
  ): Promise<Message> {
    if (this.#closed) throw closed(this.#parts.service);
    const { clock, drafts, plan, tracing, service } = this.#parts;
    checkOptions(`request('${type}', data, options)`, options, OPTIONS);
    const { timeoutMs = TIMEOUT_MS, ...rest } = options;
    if (!Number.isFinite(timeoutMs) || timeoutMs < 1) {
      throw new WaybillError(
        'WB_OPTION_INVALID',
        `timeoutMs of ${type} must be a number of at least 1, not ${String(timeoutMs)}`,
      );
    }
    const answer = checkRequest(plan(), type);
    // Rounded up: it must not expire before the requester gives up.
    const expiryTime = new Date(Math.ceil(clock.now() + timeoutMs)).toISOString();
    // Ids of requests must differ from those of what the handler publishes.
    const draft = drafts.draft(type, data, { ...rest, expiryTime }, origin, -1 - ordinal);
    const span = tracing.on ? tracing.request(draft, service, options) : undefined;
    const message = span === undefined ? draft : retrace(draft, span.context);
    const asking = new Promise<Message>((resolve, reject) => {
      const tag = (this.#nextTag++).toString(36);
      const timer = clock.timer(
        timeoutMs,
        () => {
          this.#overdue(tag);
        },
        true,
      );
      const startedMs = clock.elapsed();
      this.#pending.set(tag, { message, answer, timeoutMs, startedMs, timer, sent: false, resolve, reject });
      this.#send(tag).catch((thrown: unknown) => {
        const error = toError(thrown);
        if (error instanceof WaybillError && error.code === 'WB_DEADLINE') this.#overdue(tag);
        else this.#end(tag)?.reject(error);
      });
    });
    return span === undefined ? asking : tracedUntil(asking, span);
  }

  /** What waits is rejected. Answers to it that still come are parked. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const tag of [...this.#pending.keys()]) this.#end(tag)?.reject(closed(this.#parts.service));
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
    const { transport, clock, service } = this.#parts;
    const replies = await this.#open();
    await replies.ready();
    const pending = this.#pending.get(tag);
    if (pending === undefined) return;
    const { message, startedMs, timeoutMs } = pending;
    const asked = { ...message, envelope: { ...message.envelope, replyTo: `${replies.address}.${tag}` } };
    const deadlineMs = Math.max(1, startedMs + timeoutMs - clock.elapsed());
    await transport.send([{ to: 'bus', message: asked }], { deadlineMs, tally: { [publishedCounter(service)]: 1 } });
    pending.sent = true;
  }

  /** One address serves all requests of the service; it is made at the first of them. */
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
    const { log, transport, service } = this.#parts;
    log.debug({ messageId: id, causationId }, 'an answer is dropped: nobody waits for it any more, or it came before');
    transport.send([], { tally: { [`service.${service}.late`]: 1 } }).catch((thrown: unknown) => {
      log.debug({ err: toError(thrown) }, 'a late answer could not be counted');
    });
  }

  #overdue(tag: string): void {
    const pending = this.#end(tag);
    if (pending === undefined) return;
    const {
      message: { envelope },
      timeoutMs,
    } = pending;
    const ref = typeRef(envelope.type, envelope.version);
    const fail = (why: string): void => {
      pending.reject(
        new WaybillError(
          'WB_REQUEST_TIMEOUT',
          `no answer to ${ref} (${envelope.id}) within ${String(timeoutMs)} ms: ${why}`,
          {
            retryable: true,
          },
        ),
      );
    };
    if (!pending.sent) {
      const { error, blocked } = this.#parts.transport.status();
      fail(`the request itself was not durable by then${reasonOf(blocked ?? error)}`);
      return;
    }
    this.#look(ref).then(
      (why) => {
        const lost = this.#lostMs >= pending.startedMs;
        fail(
          why ??
            (lost
              ? 'the connection was lost meanwhile, and the answer may have been parked'
              : 'the responder did not answer'),
        );
      },
      (thrown: unknown) => {
        fail(`the responder did not answer, and the bus does not say why${reasonOf(toError(thrown).message)}`);
      },
    );
  }

  /** One look serves all that are overdue at the time. */
  #look(ref: TypeRef): Promise<string | undefined> {
    const { transport, clock, plan } = this.#parts;
    const enough = new AbortController();
    this.#looking ??= Promise.race([transport.stats(), pause(clock, LOOK_MS, enough.signal)])
      .then((stats) => stats?.endpoints)
      .finally(() => {
        enough.abort();
        this.#looking = undefined;
      });
    return this.#looking.then((endpoints) => (endpoints === undefined ? undefined : whySilent(plan(), ref, endpoints)));
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

function reasonOf(error: string | undefined): string {
  return error === undefined ? '' : `: ${error}`;
}

/** Retryable, so that a handler that asks while its service closes is tried again elsewhere. */
function closed(service: string): WaybillError {
  return new WaybillError('WB_CLOSED', `the service ${service} closed before the answer came`, { retryable: true });
}

import { WaybillError } from '../errors.ts';
import type { EncodedMessage, Message, TypeRef } from '../message.ts';
import type { Plan } from '../plan/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Tracing } from '../ports/tracing.ts';
import type { Transport } from '../ports/transport.ts';
import { checkRequest } from '../runtime/answer.ts';
import { Requests } from '../runtime/requests.ts';
import { type Drafts, NO_OPTIONS, type PublishOptions, publishedCounter } from './draft.ts';
import { checkOptions, type Names } from './options.ts';

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

export interface RequesterParts {
  readonly service: string;
  readonly plan: () => Plan;
  readonly drafts: Drafts;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
}

/** Makes requests of what a service asks, and sends them (`Requests`). */
export class Requester {
  readonly #parts: RequesterParts;
  readonly #requests: Requests;

  constructor(parts: RequesterParts) {
    const { service, plan, transport, clock, log, tracing } = parts;
    this.#parts = parts;
    this.#requests = new Requests({
      ...{ who: `the service ${service}`, by: service, plan, transport, clock, log, tracing },
      sent: { [publishedCounter(service)]: 1 },
      late: { [`service.${service}.late`]: 1 },
    });
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
    const { clock, drafts, plan } = this.#parts;
    this.#requests.check();
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
    const message = drafts.draft(
      type,
      data,
      { ...rest, expiryTime },
      { ...(origin && { origin }), ordinal: -1 - ordinal },
    );
    return this.#requests.ask({ message, to: 'bus', answer, timeoutMs, parent: options });
  }

  /** What waits is rejected. Answers to it that still come are parked. */
  close(): Promise<void> {
    return this.#requests.close();
  }
}

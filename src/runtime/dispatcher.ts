import type { RetryPolicy } from '../config/definition.ts';
import type { ErrorCode } from '../errors.ts';
import { toError, WaybillError } from '../errors.ts';
import { hasExpired } from '../message.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { NO_TRACING, type Span, type Tracing } from '../ports/tracing.ts';
import type { Consumer, Death, Delivery, Lease, Outgoing, Settlement, Transport } from '../ports/transport.ts';
import { nextDelay } from './backoff.ts';
import { Deadline } from './deadline.ts';
import { describeFailure, type Failure, logFields, sayDead, toAttempt, withAttempt } from './failure.ts';
import { Holds } from './holds.ts';
import { type Lane, Lanes } from './lanes.ts';
import { Outage } from './outage.ts';
import { Run } from './run.ts';
import { Runs } from './runs.ts';
import { Settler } from './settler.ts';
import { Suspects, type Turn } from './suspects.ts';
import type { Task } from './task.ts';
import type { Attempting, Process, Verdict } from './verdict.ts';

export interface DispatcherOptions {
  readonly endpoint: string;
  readonly ordering: 'key' | 'none';
  readonly retry: RetryPolicy;
  /** How long a failing delivery may hold its key, paused time not counted. Only for `ordering: key`. @unit milliseconds */
  readonly holdMs: number;
  /** How long one attempt may take. @unit milliseconds */
  readonly timeoutMs: number;
  /** Most attempts at a time. */
  readonly concurrency: number;
  readonly process: Process;
  /** What else is sent when a delivery is given up without a verdict: word to whoever waits for an answer. */
  readonly unanswered?: (delivery: Delivery, death: Death) => readonly Outgoing[];
  /** Makes the verdict of a delivery again, where it is a function of message and plan alone; else undefined. */
  readonly renew?: (delivery: Delivery) => Verdict | undefined;
  /** What becomes of a delivery whose attempts were used up; undefined: it is a dead letter. */
  readonly givenUp?: (delivery: Delivery, death: Death) => Verdict | undefined;
  /** @default nobody listens */
  readonly tracing?: Tracing;
  /** The span of an attempt, where somebody listens. Routes have spans of their own. */
  readonly trace?: (attempting: Attempting) => Span | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** Most deliveries of a partition in hand. Wide enough for batches to fill, narrow enough to bound memory. */
const WINDOW = 1_000;
/** How long a close may take by default. @unit milliseconds */
export const CLOSE_MS = 10_000;
/**
 * Takes the deliveries of one endpoint, has them handled and settles each one.
 *
 * | the attempt             | ordering: none            | ordering: key                                  |
 * |-------------------------|---------------------------|------------------------------------------------|
 * | gives a verdict         | settled with it           | settled with it, the key goes on               |
 * | throws, retryable       | delayed redelivery        | holds its key and is tried again in place      |
 * | ... no attempt left     | dead letter               | dead letter, the key goes on                   |
 * | ... held for `holdMs`   | -                         | dead letter, the key goes on                   |
 * | throws, not retryable   | dead letter               | dead letter, the key goes on                   |
 * | exceeds `timeoutMs`     | as a retryable error      | as a retryable error                           |
 * | throws while paused     | waits, not counted        | waits, not counted                             |
 * | `expirytime` passed     | expired letter            | expired letter, the key goes on                |
 * | lease revoked           | forgotten: it comes again | forgotten: it comes again                      |
 *
 * Other keys go on in each case. A suspect delivery (its process ended while it may have been in hand) is handled alone:
 * nothing else of the endpoint starts before it is over, so that the blame falls on the right one.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #outage: Outage;
  readonly #lanes: Lanes;
  readonly #runs: Runs;
  readonly #holds: Holds;
  readonly #suspects: Suspects;
  /** The latest lease of each partition. */
  readonly #leases = new Map<number, Lease>();
  #link: { readonly consumer: Consumer; readonly settler: Settler } | undefined;
  #pumping = false;
  #stopped = false;
  #drained: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#lanes = new Lanes(options.ordering);
    this.#runs = new Runs(options, {
      finished: (run, verdict) => {
        this.#finished(run, verdict);
      },
      failed: (run, thrown) => {
        this.#failed(run, thrown);
      },
    });
    this.#holds = new Holds(options.clock, (lane) => {
      this.#lanes.again(lane);
      this.#report();
      this.#pump();
    });
    this.#suspects = new Suspects(options.clock, options.log);
    this.#outage = new Outage(options.clock, () => {
      this.#pump();
    });
  }

  /** Begins to take deliveries. @throws WB_PLAN_NOT_APPLIED, WB_CLOSED when it is closed meanwhile */
  async start(transport: Transport): Promise<void> {
    const { endpoint, clock, log } = this.#options;
    const early: (readonly Delivery[])[] = [];
    const receive = (deliveries: readonly Delivery[]): void => {
      if (this.#link === undefined) early.push(deliveries);
      else this.#receive(deliveries);
    };
    const consumer = await transport.consume(endpoint, { window: WINDOW, receive });
    if (this.#stopped) {
      await consumer.close();
      throw new WaybillError('WB_CLOSED', `the endpoint ${endpoint} was closed before it was attended`);
    }
    this.#link = { consumer, settler: new Settler(consumer, clock, log, (...of) => this.#mend(...of)) };
    if (this.paused !== undefined) this.#report();
    for (const deliveries of early) this.#receive(deliveries);
  }

  /** Why nothing is taken at the moment. */
  get paused(): string | undefined {
    return this.#outage.reason;
  }

  /** Takes nothing until `resume`; what is in hand ends. */
  pause(reason: string): void {
    this.#outage.pause(reason);
    this.#report();
  }

  resume(): void {
    if (this.#outage.resume()) this.#resumed();
  }

  /**
   * Takes no more, lets attempts in hand end, and gives back the rest. Safe to call twice.
   * @param timeoutMs how long attempts and settlements in hand may take to end @unit milliseconds @default 10_000
   */
  close(timeoutMs = CLOSE_MS): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#stopped = true;
    this.#outage.close();
    this.#holds.close();
    this.#lanes.clear();
    // A start that is under way closes what it gets.
    if (this.#link === undefined) return;
    const { consumer, settler } = this.#link;
    const deadline = new Deadline(this.#options.clock, timeoutMs);
    try {
      await deadline.orPassed(consumer.stop());
      await deadline.orPassed(this.#idle());
      this.#runs.close();
      await deadline.orPassed(settler.idle());
    } finally {
      deadline.cancel();
      this.#runs.close();
      settler.abandon();
      await consumer.close();
    }
  }

  #isIdle(): boolean {
    return this.#runs.size === 0 && !this.#suspects.inHand;
  }

  #idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  #receive(deliveries: readonly Delivery[]): void {
    const [first] = deliveries;
    if (this.#stopped || first === undefined) return;
    this.#noteLease(first.lease);
    this.#lanes.take(deliveries);
    this.#pump();
  }

  /** Starts what may start. Guarded against re-entry: a synchronous verdict ends up here again. */
  #pump(): void {
    if (this.#pumping || this.#stopped) return;
    this.#pumping = true;
    this.#probe();
    while (!this.#suspects.any && this.#outage.reason === undefined && this.#runs.size < this.#options.concurrency) {
      const next = this.#next();
      if (next === undefined) break;
      this.#start({ lane: next.lane, task: next.task, probe: false });
    }
    this.#pumping = false;
  }

  /** What is to be tried next. What has expired by then ends here, before its first attempt or between two. */
  #next(): { lane: Lane; task: Task } | undefined {
    for (;;) {
      const next = this.#lanes.next();
      if (next === undefined) return undefined;
      const { envelope } = next.task.delivery.message;
      // Most never expire, and need no look at the clock.
      if (envelope.expiryTime === undefined || !hasExpired(envelope, this.#options.clock.now())) return next;
      this.#expire(next.lane, next.task);
    }
  }

  /** Asks with one delivery whether the outage is over, the next one that comes if none waits; each probe takes another key. */
  #probe(): void {
    if (!this.#outage.probeDue || this.#suspects.any) return;
    const next = this.#next();
    if (next === undefined) return;
    this.#outage.probeStarted();
    this.#start({ ...next, probe: true });
  }

  #start(turn: Turn): void {
    if (!turn.task.delivery.suspect) {
      this.#run(turn);
      return;
    }
    this.#suspects.wait(turn);
    this.#ended();
  }

  #run({ lane, task, probe }: Turn): void {
    this.#runs.start(new Run(lane, task, probe, this.#options.clock.elapsed()));
  }

  /** Nothing else runs. */
  #startSuspect(turn: Turn): void {
    if (this.#outage.reason !== undefined && !turn.probe) {
      // Paused while it waited for others to end.
      this.#putBack(turn);
      return;
    }
    const { settler, consumer } = this.#connected();
    this.#suspects.take(turn);
    this.#suspects
      .begin(turn, (first) => this.#companyOf(first), settler, consumer)
      .then(({ run, crashed, back }) => {
        for (const each of back) this.#putBack(each);
        for (const each of crashed) this.#buryCrashed(each);
        for (const each of run) this.#run(each);
        this.#ended();
      })
      .catch((error: unknown) => {
        const fields = { ...logFields(turn.task.delivery), err: toError(error) };
        this.#options.log.error(fields, 'the dispatcher failed on a suspect delivery');
      });
  }

  /** Suspects that may be handled together with this one: as many as may be handled at a time. */
  #companyOf({ probe }: Turn): readonly Turn[] {
    const company: Turn[] = [];
    // An outage is probed by one.
    if (probe) return company;
    while (company.length + 1 < this.#options.concurrency) {
      const next = this.#next();
      if (next === undefined) break;
      if (!next.task.delivery.suspect || next.task.alone) {
        this.#lanes.again(next.lane);
        break;
      }
      const turn = { ...next, probe: false };
      this.#suspects.take(turn);
      company.push(turn);
    }
    return company;
  }

  #putBack({ lane, task, probe }: Turn): void {
    this.#suspects.leave(task);
    this.#lanes.again(lane);
    if (probe) this.#outage.probeFailed();
  }

  #buryCrashed({ lane, task, probe }: Turn): void {
    this.#suspects.leave(task);
    if (probe) this.#outage.probeFailed();
    const times = String((task.begun ?? 0) - 1);
    this.#bury(lane, task, 'WB_HANDLER_CRASHED', `its process ended ${times} times while it was handled alone`);
  }

  #finished(run: Run, verdict: Verdict): void {
    this.#suspects.leave(run.task);
    const { delivery } = run.task;
    if (verdict.outcome === 'dead') this.#failedForGood(run);
    else if (this.#outage.succeeded()) this.#resumed();
    if (!run.task.revoked) {
      const settled = 'settled' in verdict ? verdict.settled : undefined;
      this.#connected().settler.push(this.#settlement(delivery, verdict), verdict.tally, settled);
    }
    this.#done(run.lane);
  }

  #settlement(delivery: Delivery, verdict: Verdict): Settlement {
    if (verdict.outcome === 'parked') return { delivery, outcome: 'parked' };
    if (verdict.outcome !== 'dead') {
      const { outcome, sends, unit } = verdict;
      return unit === undefined ? { delivery, outcome, sends } : { delivery, outcome, sends, unit };
    }
    const { clock } = this.#options;
    const [first, ...others] = verdict.deaths;
    const deaths: [Death, ...Death[]] = [
      withAttempt(first, clock.now()),
      ...others.map((death) => withAttempt(death, clock.now())),
    ];
    for (const death of deaths) this.#sayDead(delivery, death);
    return { delivery, outcome: 'dead', sends: verdict.sends, deaths };
  }

  /** Results that a later plan has no place for are made again by that plan; what can never be sent is given up. */
  #mend(settlement: Settlement, { code, message: error }: WaybillError): Settlement {
    const { delivery, outcome } = settlement;
    if (outcome === 'retry' || outcome === 'parked' || settlement.sends.length === 0) return settlement;
    if (code === 'WB_MESSAGE_INVALID') {
      const deaths = outcome === 'dead' || outcome === 'expired' ? settlement.deaths : ([] as const);
      const [first = { code, error, attempts: [] }, ...others] = deaths;
      const sends = this.#options.unanswered?.(delivery, first) ?? [];
      return this.#settlement(delivery, { outcome: 'dead', sends, deaths: [first, ...others] });
    }
    const verdict = this.#options.renew?.(delivery);
    return verdict === undefined ? settlement : this.#settlement(delivery, verdict);
  }

  #failed(run: Run, thrown: unknown): void {
    this.#suspects.leave(run.task);
    const { lane, task } = run;
    if (task.revoked) {
      if (run.probe) this.#outage.probeFailed();
      this.#done(lane);
      return;
    }
    const failure = describeFailure(thrown);
    const wasPaused = this.#outage.reason !== undefined;
    if (!failure.retryable) {
      this.#failedForGood(run);
    } else if (this.#outage.failed(task.key, failure.error)) {
      this.#options.log.error(
        { endpoint: this.#options.endpoint, err: toError(thrown) },
        'endpoint paused: its last attempts all failed',
      );
      this.#report();
    }
    if (failure.retryable && wasPaused) {
      // Paused time counts against neither attempts nor hold: it waits behind the others for its turn as a probe.
      this.#lanes.again(lane);
      if (run.probe) this.#outage.probeFailed();
      this.#report();
      this.#ended();
      return;
    }
    task.failures.push(toAttempt(failure, this.#options.clock.now()));
    this.#connected().settler.count(`endpoint.${this.#options.endpoint}.failed`, 1);
    if (failure.retryable) this.#again(run, failure);
    else this.#bury(lane, task, failure.code, failure.error);
  }

  /** The message itself was bad, which says nothing about what the endpoint depends on. */
  #failedForGood(run: Run): void {
    this.#outage.failedForGood();
    if (run.probe) this.#outage.probeFailed();
  }

  #again(run: Run, failure: Failure): void {
    const { lane, task } = run;
    const { retry, ordering, holdMs, clock, endpoint } = this.#options;
    const delayMs = nextDelay(retry, task.failures.length, clock.random());
    if (delayMs === undefined) {
      this.#bury(lane, task, failure.code, failure.error);
      return;
    }
    if (hasExpired(task.delivery.message.envelope, clock.now() + delayMs)) {
      this.#expire(lane, task);
      return;
    }
    const { settler } = this.#connected();
    if (delayMs > 0 && ordering === 'none') {
      this.#sayAgain(run, delayMs, failure);
      settler.push(
        { delivery: task.delivery, outcome: 'retry', delayMs, attempts: task.failures },
        { [`endpoint.${endpoint}.retried`]: 1 },
      );
      this.#done(lane);
      return;
    }
    const now = clock.elapsed() - this.#outage.pausedMs;
    task.heldSinceMs ??= now;
    if (ordering === 'key' && now - task.heldSinceMs + delayMs > holdMs) {
      this.#bury(
        lane,
        task,
        failure.code,
        `${failure.error} (it held its key for the ${String(holdMs)} ms of \`hold\`)`,
      );
      return;
    }
    this.#sayAgain(run, delayMs, failure);
    settler.count(`endpoint.${endpoint}.retried`, 1);
    if (delayMs === 0) this.#lanes.again(lane);
    else {
      this.#holds.hold(lane, delayMs);
      this.#report();
    }
    this.#ended();
  }

  #sayAgain({ task, span }: Run, delayMs: number, { error }: Failure): void {
    span?.event('retry', { 'waybill.retry.delay_ms': Math.round(delayMs) });
    this.#options.log.debug(
      { ...logFields(task.delivery), delayMs, error },
      'an attempt failed and will be made again',
    );
  }

  /** What came under an earlier lease of the partition comes again under this one. */
  #noteLease(lease: Lease): void {
    if (this.#leases.get(lease.partition) === lease) return;
    this.#leases.set(lease.partition, lease);
    this.#lanes.forgetRevoked();
    this.#holds.releaseRevoked();
  }

  /** Its time is over, or will be before its next attempt. */
  #expire(lane: Lane, task: Task): void {
    const { expiryTime = '' } = task.delivery.message.envelope;
    const attempts = task.failures.length;
    const when = attempts === 0 ? 'before its first attempt' : `after ${String(attempts)} failed`;
    this.#bury(lane, task, 'WB_EXPIRED', `it expires at ${expiryTime}, ${when}`);
  }

  /** Gives a delivery up: it is kept as a dead letter. */
  #bury(lane: Lane, task: Task, code: ErrorCode, error: string): void {
    const death: Death = { code, error, attempts: task.failures };
    const instead = code === 'WB_EXPIRED' ? undefined : this.#options.givenUp?.(task.delivery, death);
    if (instead !== undefined) {
      this.#connected().settler.push(this.#settlement(task.delivery, instead), instead.tally);
      this.#done(lane);
      return;
    }
    this.#sayDead(task.delivery, death);
    const outcome = code === 'WB_EXPIRED' ? 'expired' : 'dead';
    const sends = this.#options.unanswered?.(task.delivery, death) ?? [];
    this.#connected().settler.push({ delivery: task.delivery, outcome, sends, deaths: [death] });
    this.#done(lane);
  }

  #sayDead(delivery: Delivery, death: Death): void {
    const { log, tracing = NO_TRACING } = this.#options;
    sayDead(log, delivery, death);
    if (tracing.on) tracing.dead(delivery, death);
  }

  #done(lane: Lane): void {
    this.#lanes.done(lane);
    this.#ended();
  }

  /** An attempt is over: a suspect that waits for that comes first, then whatever may start. */
  #ended(): void {
    if (this.#isIdle()) {
      const { waiting } = this.#suspects;
      if (this.#stopped) this.#drained?.();
      else if (waiting !== undefined) this.#startSuspect(waiting);
    }
    this.#pump();
  }

  #resumed(): void {
    this.#options.log.info({ endpoint: this.#options.endpoint }, 'endpoint resumed');
    this.#report();
    this.#pump();
  }

  #report(): void {
    const paused = this.#outage.reason;
    this.#link?.consumer.report({ heldKeys: this.#holds.size, ...(paused === undefined ? {} : { paused }) });
  }

  #connected(): { readonly consumer: Consumer; readonly settler: Settler } {
    if (this.#link === undefined)
      throw new WaybillError('WB_CLOSED', `the endpoint ${this.#options.endpoint} has not been started`);
    return this.#link;
  }
}

import { toError } from '../errors.ts';
import { type EncodedMessage, type Envelope, typeRef } from '../message.ts';
import type { Plan, Program, ProgramResult, ProgramWork } from '../plan/plan.ts';
import { TICKER } from '../plan/ticks.ts';
import { type Clock, pause, type Timer } from '../ports/clock.ts';
import { GATEWAY } from '../ports/gateway.ts';
import type { Log } from '../ports/log.ts';
import type { Tables } from '../ports/lookup.ts';
import type { Resources } from '../ports/resources.ts';
import type { EndpointSpec, Manifest } from '../ports/topology.ts';
import { NO_TRACING, retrace, type Span, type Tracing } from '../ports/tracing.ts';
import type { Death, Delivery, Outgoing, Transport } from '../ports/transport.ts';
import type { Control } from './control.ts';
import { Dispatcher } from './dispatcher.ts';
import { admit, mayHeal } from './gateway.ts';
import { noAnswer } from './no-answer.ts';
import { RetiredRoutes } from './retired.ts';
import { RouteRequests } from './route-requests.ts';
import { Scheduler } from './scheduler.ts';
import { Recorded, type States } from './states.ts';
import { type Attempting, both, type Verdict } from './verdict.ts';

const CONCURRENCY = 64;
const TIMEOUT_MS = 60_000;
/** Of steps that ask outside; the others do not fail in a way that may heal. */
const RETRY = { immediate: 1, attempts: 8, delayMs: 1_000, factor: 2, maxMs: 60_000 };
const HOLD_MS = 60_000;
/** How long a message of a type that this plan does not know may wait for the plan that was applied meanwhile. @unit milliseconds */
const FOLLOW_MS = 10_000;

/** How often endpoints of removed routes are looked at, while there are any. @unit milliseconds */
const RETIRED_MS = 1_000;

/** @unit milliseconds */
const ASK_MS = 1_000;

/** RabbitMQ waits for whole seconds, so the rest of a wait happens in place. @unit milliseconds */
const GRACE_MS = { rabbitmq: 1_000, embedded: 5 } as const;

const NOTHING: readonly Outgoing[] = [];
const PARKED: Verdict = { outcome: 'parked' };
const FILTERED = {
  code: 'WB_REQUEST_UNROUTED',
  error: 'no route lets it through: each `when` or filter is false',
} as const;

export interface RouterParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  /** What steps ask outside with. */
  readonly resources: Resources;
  /** What expressions look up in. */
  readonly tables: Tables;
  /** What people paused. */
  readonly control: Control;
  /** Where steps remember. */
  readonly states: States;
  /** @default nobody listens */
  readonly tracing?: Tracing;
  /** Compiles the plan under which a removed route ends what waits for it. */
  readonly planOf: (manifest: Manifest) => Promise<Plan>;
}

/** Runs the inline routes and the isolated ones of a plan, each at its endpoint. */
export class Router {
  readonly #parts: RouterParts;
  readonly #dispatchers = new Map<string, Dispatcher>();
  /** End that people's pauses lead them. */
  readonly #unled = new Map<string, () => void>();
  #plan: Plan;
  /** Starts and updates follow each other, so that an endpoint is never attended twice. */
  #queue: Promise<void> = Promise.resolve();
  /** Those who wait for the next plan. */
  readonly #waiting = new Set<() => void>();
  readonly #retired: RetiredRoutes;
  readonly #requests: RouteRequests;
  #retiredTimer: Timer | undefined;
  #closed = false;
  readonly #scheduler: Scheduler;
  /** When the manifest was last asked for on behalf of the gateway. */
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(plan: Plan, parts: RouterParts) {
    this.#plan = plan;
    this.#parts = parts;
    this.#requests = new RouteRequests(() => this.#plan, parts);
    this.#retired = new RetiredRoutes(parts.transport, parts.planOf, parts.log);
    this.#scheduler = new Scheduler(parts);
  }

  /** Attends every endpoint of the plan. @throws WB_PLAN_NOT_APPLIED */
  start(): Promise<void> {
    return this.#enqueue(() => this.#begin());
  }

  /** Goes on with another plan, whose topology is applied: messages in hand end under the one they began with. */
  update(plan: Plan): Promise<void> {
    return this.#enqueue(() => {
      this.#plan = plan;
      for (const resume of [...this.#waiting]) resume();
      return this.#begin();
    });
  }

  async #begin(): Promise<void> {
    await this.#attend();
    if (!this.#closed) this.#scheduler.update(this.#plan.schedules);
  }

  /**
   * Attends nothing any more. Does not wait for a start or an update that is under way: those may wait for a broker.
   * @param timeoutMs see `Dispatcher.close`
   */
  async close(timeoutMs?: number): Promise<void> {
    this.#closed = true;
    this.#retiredTimer?.cancel();
    for (const resume of [...this.#waiting]) resume();
    this.#scheduler.close();
    for (const unlead of this.#unled.values()) unlead();
    try {
      await Promise.all([...this.#dispatchers.values()].map((dispatcher) => dispatcher.close(timeoutMs)));
    } finally {
      // Attempts in hand may wait for answers, so it goes after them.
      await this.#requests.close();
    }
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const mine = this.#queue.then(work);
    // The caller hears of a failure; what comes next must not fail with it.
    this.#queue = mine.catch(() => undefined);
    return mine;
  }

  async #attend(): Promise<void> {
    const retired = await this.#lookAtRetired();
    const wanted = new Map(
      [...retired, ...this.#plan.topology.endpoints]
        .filter(({ kind }) => kind !== 'service')
        .map((endpoint) => [endpoint.name, endpoint]),
    );
    for (const [name, dispatcher] of this.#dispatchers) {
      if (wanted.has(name)) continue;
      this.#unled.get(name)?.();
      this.#unled.delete(name);
      await dispatcher.close().finally(() => this.#dispatchers.delete(name));
    }
    for (const { name, ordering } of wanted.values()) {
      if (this.#closed) return;
      if (this.#dispatchers.has(name)) continue;
      const { transport, clock, log, tracing = NO_TRACING } = this.#parts;
      const dispatcher = new Dispatcher({
        endpoint: name,
        ordering,
        retry: RETRY,
        holdMs: HOLD_MS,
        timeoutMs: TIMEOUT_MS,
        // In the order of arrival, whatever the key: it is only known once the body was read.
        concurrency: name === GATEWAY ? 1 : CONCURRENCY,
        process: (attempting) => this.#take(name, attempting),
        renew: (delivery) => this.#route(name, delivery),
        givenUp: (delivery, death) => this.#givenUp(name, delivery, death),
        unanswered: (delivery, death) => this.#unanswered(delivery, death),
        tracing,
        clock,
        log,
      });
      // In the map before it has started, so that `close` finds it; but not after that failed, so that it is tried again.
      this.#dispatchers.set(name, dispatcher);
      this.#unled.get(name)?.();
      this.#unled.set(name, this.#parts.control.lead(name, dispatcher));
      try {
        await dispatcher.start(transport);
      } catch (error) {
        this.#dispatchers.delete(name);
        // A removed endpoint may be gone by now.
        if (this.#retired.planOf(name) === undefined) throw error;
      }
    }
  }

  /** Endpoints of removed routes at which something waits; looks again as long as there are any. */
  async #lookAtRetired(): Promise<readonly EndpointSpec[]> {
    const { log, clock } = this.#parts;
    this.#retiredTimer?.cancel();
    const { attend, more } = await this.#retired.look();
    if (more && !this.#closed) {
      this.#retiredTimer = clock.timer(RETIRED_MS, () => {
        this.#enqueue(() => this.#attend()).catch((error: unknown) => {
          log.warn({ error: toError(error).message }, 'endpoints of removed routes are not attended for the moment');
        });
      });
    }
    return attend;
  }

  /** What this plan has no route for may have one in the plan that was applied meanwhile, which is on its way here. */
  #take(endpoint: string, attempting: Attempting): Verdict | Promise<Verdict> {
    const { delivery } = attempting;
    const verdict = this.#route(endpoint, delivery);
    if (verdict === undefined) return this.#perform(endpoint, attempting);
    if (endpoint === GATEWAY && mayHeal(verdict)) return this.#admitUpToDate(delivery, verdict);
    return verdict.outcome === 'parked' ? this.#takeUpToDate(endpoint, delivery) : verdict;
  }

  /** The manifest is asked for at most once a second, so that a client that sends nothing but nonsense holds up nobody. */
  async #admitUpToDate(delivery: Delivery, refused: Verdict): Promise<Verdict> {
    const now = this.#parts.clock.elapsed();
    if (now - this.#askedMs < ASK_MS) return refused;
    this.#askedMs = now;
    await this.#upToDate();
    return this.#admit(delivery.message);
  }

  async #takeUpToDate(endpoint: string, delivery: Delivery): Promise<Verdict> {
    await this.#upToDate();
    const verdict = this.#route(endpoint, delivery) ?? PARKED;
    if (verdict.outcome === 'parked') {
      const { type, version } = delivery.message.envelope;
      const error = `no route takes ${typeRef(type, version)} any more; it is parked`;
      const sends = this.#unanswered(delivery, { code: 'WB_UNROUTED', error });
      if (sends.length > 0) await this.#parts.transport.send(sends);
    }
    return verdict;
  }

  /** Tells a requester that its request ends here; nothing where it may go on elsewhere. */
  #unanswered({ message }: Delivery, death: Pick<Death, 'code' | 'error'>): readonly Outgoing[] {
    const { type, version, replyTo } = message.envelope;
    if (replyTo === undefined) return NOTHING;
    const { definition, topology } = this.#plan;
    const ref = typeRef(type, version);
    if (topology.bindings.filter((binding) => binding.type === ref).length > 1) return NOTHING;
    return noAnswer(message, `/${definition.bus}`, death, this.#parts.clock.now());
  }

  /** Resolves once the plan is the applied one, or after `FOLLOW_MS`. */
  async #upToDate(): Promise<void> {
    const { transport, clock } = this.#parts;
    const manifest = await transport.manifest();
    if (manifest === undefined || manifest.edition === this.#plan.edition || this.#closed) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#waiting.delete(done);
        resolve();
      };
      const timer = clock.timer(FOLLOW_MS, done);
      this.#waiting.add(done);
    });
  }

  /** Undefined where steps take their time. */
  #route(endpoint: string, delivery: Delivery): Verdict | undefined {
    if (endpoint === GATEWAY) return this.#admit(delivery.message);
    const program = this.#program(endpoint);
    if (program === undefined) return noProgram(delivery);
    if (!program.pure) return undefined;
    return this.#verdict(delivery, program.run(delivery.message, delivery.route, this.#tracing));
  }

  #program(endpoint: string): Program | undefined {
    return (this.#retired.planOf(endpoint) ?? this.#plan).program(endpoint, this.#parts.tables);
  }

  /** Steps that ask outside or remember. What somebody else was quicker to remember is computed again. */
  async #perform(endpoint: string, attempting: Attempting): Promise<Verdict> {
    const { delivery } = attempting;
    const { message, lease } = delivery;
    const cause = { scope: endpoint, id: causeOf(message.envelope) };
    for (;;) {
      const program = this.#program(endpoint);
      if (program === undefined) return noProgram(delivery);
      const states = this.#parts.states.begin(cause, lease);
      try {
        const result = await program.perform(message, this.#work(attempting, states));
        // Of a route that failed nothing is remembered, so that redriving it is as if for the first time.
        if (result.deaths.length > 0 || result.unknown) return this.#verdict(delivery, result);
        // What nobody waits for any more must change nothing: it is handled again.
        if (!attempting.live) return this.#verdict(delivery, result);
        const end = await states.end(result.sends);
        if (end.outcome === 'moved') continue;
        const { sends, unit } = end;
        const verdict = this.#verdict(delivery, { ...result, sends });
        if (verdict.outcome === 'dead' || verdict.outcome === 'parked') return verdict;
        const settled = both(verdict.settled, end.settled);
        return { ...verdict, ...(unit !== undefined && { unit }), ...(settled !== undefined && { settled }) };
      } catch (thrown) {
        if (thrown instanceof Recorded) return { outcome: 'done', sends: thrown.sends, settled: thrown.settled };
        throw thrown;
      } finally {
        states.close();
      }
    }
  }

  #work(attempting: Attempting, states: ProgramWork['states']): ProgramWork {
    const { clock, transport } = this.#parts;
    const tracing = this.#tracing;
    return {
      get signal() {
        return attempting.signal;
      },
      attempt: attempting.attempt,
      redriven: attempting.delivery.route !== undefined,
      resources: this.#requests.resources,
      states,
      graceMs: GRACE_MS[transport.kind],
      ...(tracing !== undefined && { tracing }),
      now: () => clock.now(),
      pause: (ms) => pause(clock, ms, attempting.signal),
    };
  }

  /** A route's `onError` comes before the dead letter, which names the route. */
  #givenUp(endpoint: string, delivery: Delivery, death: Death): Verdict | undefined {
    const program = this.#program(endpoint);
    if (program === undefined || program.pure) return undefined;
    return this.#verdict(delivery, program.giveUp(delivery.message, death));
  }

  /** Where somebody listens. */
  get #tracing(): Tracing | undefined {
    const { tracing = NO_TRACING } = this.#parts;
    return tracing.on ? tracing : undefined;
  }

  /** What a client without the SDK has sent. */
  #admit(message: EncodedMessage): Verdict {
    const span = this.#tracing?.route(GATEWAY, message);
    const verdict = admit(this.#plan, message);
    if (span === undefined) return verdict;
    span.end(verdict.outcome === 'dead' ? { type: verdict.deaths[0].code } : undefined);
    if (verdict.outcome !== 'done') return verdict;
    const sends = verdict.sends.map((send) => ({ ...send, message: retrace(send.message, span.context) }));
    return { ...verdict, sends };
  }

  #verdict(delivery: Delivery, result: ProgramResult): Verdict {
    const { sends, deaths, filtered, absorbed, unknown, counts, spans } = result;
    if (unknown) return PARKED;
    const tally: Record<string, number> = {};
    for (const [route, what, amount] of counts) tally[`route.${route}.${what}`] = amount;
    const [first, ...others] = deaths;
    const ends = sends.length === 0 && absorbed === undefined && delivery.message.envelope.replyTo !== undefined;
    if (first !== undefined) {
      if (spans !== undefined) endAll(spans)();
      return {
        outcome: 'dead',
        sends: ends ? this.#unanswered(delivery, first) : sends,
        deaths: [first, ...others],
        tally,
      };
    }
    const told = ends ? this.#unanswered(delivery, FILTERED) : sends;
    const outcome = absorbed ?? (filtered ? 'filtered' : 'done');
    return { outcome, sends: told, tally, ...(spans !== undefined && { settled: endAll(spans) }) };
  }
}

function endAll(spans: readonly Span[]): () => void {
  return () => {
    for (const span of spans) span.end();
  };
}

/** The copies of one tick are told apart: none of them repeats what another has done. */
function causeOf({ source, id, headers }: Envelope): string {
  const ticker = headers?.[TICKER];
  return ticker === undefined ? `${source} ${id}` : `${source} ${id} ${ticker}`;
}

/** The endpoint lost its last route since the message was sent. What was redriven for one route goes to no other. */
function noProgram({ route }: Delivery): Verdict {
  if (route === undefined) return PARKED;
  const death: Death = { code: 'WB_ROUTE_UNKNOWN', error: `there is no route ${route} any more`, route, attempts: [] };
  return { outcome: 'dead', sends: [], deaths: [death] };
}

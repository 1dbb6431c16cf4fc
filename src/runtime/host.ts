import { toError, type WaybillError } from '../errors.ts';
import type { TypeRef } from '../message.ts';
import type { Plan } from '../plan/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Mediator } from '../ports/mediator.ts';
import type { Resources } from '../ports/resources.ts';
import type { Manifest } from '../ports/topology.ts';
import { NO_TRACING, type Tracing } from '../ports/tracing.ts';
import type { ApplyResult, Office, Transport } from '../ports/transport.ts';
import { Applier, type ApplyPartOptions } from './applier.ts';
import { Control } from './control.ts';
import { CurrentPlan } from './current-plan.ts';
import { Follower } from './follower.ts';
import type { History } from './history.ts';
import { HostedRouter } from './hosted-router.ts';
import type { LazyStore } from './lazy-store.ts';
import { LiveTables } from './live-tables.ts';
import type { OwnPart } from './own-part.ts';
import { Pauses } from './pauses.ts';
import type { Proposal } from './proposal.ts';
import { RecordedTracing } from './recorded-tracing.ts';
import { ProcessResources } from './resources.ts';
import { Standings } from './standings.ts';
import { TracedOffice } from './traced-office.ts';

export interface HostParts {
  readonly plan: Plan;
  readonly source: 'configuration' | 'manifest';
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  /** Compiles the definition of a manifest. @param mediators what routes may use here; without them the built-in ones */
  readonly planOf: (manifest: Manifest, mediators?: readonly Mediator[]) => Promise<Plan>;
  /** What the files of this process say; without it the plan is all of the bus. */
  readonly part?: OwnPart;
  /** What steps ask outside with. @default nothing */
  readonly resources?: Resources;
  /** What expressions look up in. @default no tables */
  readonly tables?: LiveTables;
  /** Where inboxes are kept, and steps remember when the transport has no store of its own. @default nowhere */
  readonly store?: LazyStore;
  /** @default nobody listens */
  readonly tracing?: Tracing;
  /** What this process adds to the message history. @default nothing */
  readonly history?: History;
}

/** A bus: a plan, the transport that carries it and, where it is hosted, the router. */
export class Host implements AsyncDisposable {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
  readonly #history: History | undefined;
  /** What an office tells: it looks at letters first where somebody listens, and the message history always would. */
  readonly #traces: Tracing;
  readonly store: LazyStore | undefined;
  /** What people paused. */
  readonly control = new Control();
  readonly #resources: Resources;
  readonly #tables: LiveTables;
  readonly #current: CurrentPlan;
  readonly #standings: Standings;
  readonly #router: HostedRouter;
  readonly #follower: Follower;
  readonly #applier: Applier;
  readonly #pauses: Pauses;
  readonly #unsubscribe: (() => void)[] = [];
  /** What changes the plan or the router is done in turn. */
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(parts: HostParts) {
    const { plan, source, transport, clock, log, part, store, history } = parts;
    const traces = parts.tracing ?? NO_TRACING;
    const tracing = history === undefined ? traces : new RecordedTracing(traces, history);
    const { resources = new ProcessResources(), tables = new LiveTables({ settings: new Map(), clock, log }) } = parts;
    const current = new CurrentPlan(plan, source, part);
    const planOf = (manifest: Manifest): Promise<Plan> => parts.planOf(manifest, current.own?.mediators);
    const { control } = this;
    const standings = new Standings(current, log);
    const router = new HostedRouter({ transport, clock, log, planOf, resources, tables, control, store, tracing });
    const follower = new Follower({ current, standings, router, transport, log, planOf });
    this.#history = history;
    this.#traces = traces;
    this.transport = transport;
    this.clock = clock;
    this.log = log;
    this.tracing = tracing;
    this.store = store;
    this.#resources = resources;
    this.#tables = tables;
    this.#current = current;
    this.#standings = standings;
    this.#router = router;
    this.#follower = follower;
    this.#applier = new Applier({ current, follower, router, transport, clock, log });
    this.#pauses = new Pauses({ current, transport, clock, log });
    this.#unsubscribe.push(
      transport.onManifest((manifest) => {
        control.adopt(manifest);
        this.#unattended(
          () => follower.changed(manifest),
          'the applied plan changed, and this process could not follow',
        );
      }),
    );
  }

  /** Sources that routes of this process asked, and whether each is left alone because it failed time after time. */
  get breakers(): ReadonlyMap<string, boolean> {
    return this.#resources.breakers();
  }

  /** Deliveries that were given up. */
  get dead(): Office {
    return new TracedOffice(this.transport.dead, this.#traces);
  }

  /** Messages that no route took. */
  get parked(): Office {
    return new TracedOffice(this.transport.parked, this.#traces);
  }

  get plan(): Plan {
    return this.#current.plan;
  }

  /** Where the plan comes from: files, or the manifest that was applied. */
  get source(): 'configuration' | 'manifest' {
    return this.#current.source;
  }

  /** The name of what the files of this process own of the bus; undefined when the plan came from the manifest. */
  get part(): string | undefined {
    return this.#current.part;
  }

  /** Why this process does not go on with the applied plan, although it should; undefined when it does. */
  get outdated(): string | undefined {
    return this.#follower.outdated;
  }

  /**
   * Whether what this process was started with is applied: of several parts its own one; what the others are, the manifest says.
   * `missing`: nothing of it was ever applied.
   */
  async applied(): Promise<'same' | 'different' | 'missing'> {
    return this.#current.standing(await this.transport.manifest());
  }

  /**
   * What `apply` would make of the bus: its applied parts, the own one replaced, checked as a whole.
   * @throws WB_CONFIG_FAULTS when they do not fit together, WB_PART_UNKNOWN
   */
  propose(by: string, options: ApplyPartOptions = {}): Promise<Proposal> {
    return this.#applier.propose(by, options);
  }

  /**
   * Replaces the own part of the bus by what this process was started with, and makes the transport hold the whole. Other parts stay
   * as they are. Safe to repeat, and for two at once: who comes second checks against what the first has made of it.
   * @param by who asks for it, for the record
   * @throws WB_CONFIG_FAULTS when the parts do not fit together; nothing was changed then
   */
  apply(by: string, options: ApplyPartOptions = {}): Promise<ApplyResult> {
    return this.#inTurn(() => this.#applier.apply(by, options));
  }

  /** Goes on with another plan: applies it, and routes by it. When it cannot be applied the one before stays in force. */
  change(plan: Plan, by: string, part?: OwnPart): Promise<ApplyResult> {
    return this.#inTurn(() => this.#applier.change(plan, by, part));
  }

  /**
   * Makes ready to work. Embedded: the process that owns the folder applies its configuration and runs the router, and one
   * that takes over runs the router. An attached one applies its configuration when nothing was, since the owner may only
   * just have begun. RabbitMQ: only sees to it that a plan was applied.
   * @throws WB_PLAN_NOT_APPLIED
   */
  async host(): Promise<void> {
    if (this.transport.kind === 'embedded') {
      this.#unsubscribe.push(
        this.transport.onStatus(({ owner, connected }) => {
          if (!owner && connected)
            this.#unattended(
              () => this.#rejoin(),
              'this process is attached again, and could not follow what was applied',
            );
          if (owner)
            this.#unattended(
              () => this.#takeOver(),
              'this process owns the folder now, and could not start the router',
            );
        }),
      );
    }
    await this.#inTurn(() => this.#makeReady());
  }

  /** Runs the router in this process. On the embedded transport the owner runs it already. @throws WB_PLAN_NOT_APPLIED, WB_PLUGIN_MISSING */
  async startRouter(): Promise<void> {
    if (this.transport.kind === 'embedded') return this.host();
    await this.#inTurn(async () => {
      this.control.adopt(await this.transport.manifest());
      if ((await this.applied()) !== 'same') throw this.#current.notApplied();
      await this.#follower.catchUp();
      await this.#router.start(this.plan);
    });
  }

  /** Watches how a service of this process stands to the applied plan, and says it in the log. */
  serve(service: string): void {
    this.#standings.watch(service);
  }

  /** Why the applied plan does not take what a service publishes; undefined when it does, or is the one of this process. */
  refusal(service: string, type: TypeRef, data: unknown): WaybillError | undefined {
    return this.#standings.refusal(service, type, data);
  }

  /**
   * Lets an endpoint take nothing, in all processes and over restarts, until it is resumed: its messages wait. Deliveries in hand end.
   * @param name an endpoint (a service, `router`, `gateway`, `route.<name>`), or a route that has one of its own
   * @returns the endpoint
   * @throws WB_PAUSE_REFUSED, WB_PLAN_NOT_APPLIED
   */
  pause(name: string, by: string, reason?: string): Promise<string> {
    return this.#pauses.pause(name, by, reason);
  }

  /** @returns the endpoint, and whether it was paused @throws as `pause` */
  resume(name: string, by: string): Promise<{ readonly endpoint: string; readonly was: boolean }> {
    return this.#pauses.resume(name, by);
  }

  /**
   * Ends the router, then the transport. Safe to call twice.
   * @param timeoutMs how long the router may take @unit milliseconds @default 10_000
   */
  close(timeoutMs?: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number | undefined): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    try {
      await this.#router.close(timeoutMs);
    } finally {
      await this.#history?.close();
      await this.transport.close();
      await Promise.all([this.#resources.close(), this.#tables.close(), this.store?.close()]);
    }
  }

  async #makeReady(): Promise<void> {
    this.control.adopt(await this.transport.manifest());
    const applied = await this.applied();
    if (this.transport.kind === 'embedded') {
      const { owner } = this.transport.status();
      const mayApply = this.source === 'configuration' && (owner ? applied !== 'same' : applied === 'missing');
      if (mayApply) await this.#applier.apply(`${String(process.pid)} (${owner ? 'owner' : 'attached'})`);
      else if (applied === 'same') await this.#follower.catchUp();
      if (owner) await this.#router.start(this.plan);
      if (owner || mayApply) return;
    }
    if (applied === 'missing') throw this.#current.notApplied();
    if (applied === 'same') await this.#follower.catchUp();
    else await this.#follower.compare();
  }

  /** What was applied, paused or resumed while this process was attached to nobody. */
  async #rejoin(): Promise<void> {
    const manifest = await this.transport.manifest();
    this.control.adopt(manifest);
    if (manifest !== undefined) await this.#follower.changed(manifest);
  }

  /** The former owner ended: what it had applied stays in force, also where this process was started with an older plan. */
  async #takeOver(): Promise<void> {
    if (!this.transport.status().owner) return;
    const manifest = await this.transport.manifest();
    this.control.adopt(manifest);
    if (manifest !== undefined) await this.#follower.follow(manifest);
    else if (this.source === 'configuration') await this.#applier.apply(`${String(process.pid)} (owner)`);
    await this.#router.start(this.plan);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    // The caller hears of a failure; what comes next must not fail with it.
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** For what nobody waits for. */
  #unattended(work: () => Promise<void>, failure: string): void {
    this.#inTurn(work).catch((error: unknown) => {
      // What close cut short is no failure.
      if (this.#closing === undefined) this.log.error({ err: toError(error) }, failure);
    });
  }
}

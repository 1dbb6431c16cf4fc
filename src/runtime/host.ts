import { type Definition, MAIN_PART, type PartDefinition } from '../config/definition.ts';
import { FaultsError, toError, WaybillError } from '../errors.ts';
import type { TypeRef } from '../message.ts';
import { didYouMean } from '../nearest.ts';
import { editionOf } from '../plan/edition.ts';
import type { Locate } from '../plan/faults.ts';
import { requirePlugins } from '../plan/lacking.ts';
import { asPart, partDefinitionOf, partsOf } from '../plan/parts.ts';
import type { Plan } from '../plan/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Mediator } from '../ports/mediator.ts';
import type { Resources } from '../ports/resources.ts';
import type { Manifest, ManifestPart } from '../ports/topology.ts';
import { NO_TRACING, type Tracing } from '../ports/tracing.ts';
import type { ApplyResult, Office, Transport } from '../ports/transport.ts';
import { Control } from './control.ts';
import type { History } from './history.ts';
import type { LazyStore } from './lazy-store.ts';
import { LiveTables } from './live-tables.ts';
import { pausableEndpoint } from './pausable.ts';
import { RecordedTracing } from './recorded-tracing.ts';
import { ProcessResources } from './resources.ts';
import { Router } from './router.ts';
import { type Standing, standingOf } from './standing.ts';
import { NoStates, OwnStates, type States, StoredStates } from './states.ts';
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

/** What the files of a process say of their bus. */
export interface OwnPart {
  readonly definition: PartDefinition;
  /** Finds lines and columns in these files. @default the file alone */
  readonly locate?: Locate;
  /** What routes may use here. @default the built-in mediators */
  readonly mediators?: readonly Mediator[];
}

/** What the bus would be after `apply`. */
export interface Proposal {
  /** What is applied now. */
  readonly before: Manifest | undefined;
  readonly manifest: Manifest;
  readonly plan: Plan;
}

export interface ApplyPartOptions {
  /** A part of the bus that goes: another one, whose place the own part takes, or the own one itself. */
  readonly remove?: string;
  /** Called with each proposal before it is applied; again when somebody else applied meanwhile. */
  readonly onProposal?: (proposal: Proposal) => void | Promise<void>;
}

/** On RabbitMQ. */
const NEEDS_STORE =
  'Add `store: postgres://...` to waybill.yaml, or `store: embedded:<folder>` where one router runs; or set WAYBILL_STORE.';

/** How often somebody else may be quicker before `apply` gives up. */
const MOST_MOVES = 20;

/** A bus: a plan, the transport that carries it and, where it is hosted, the router. */
export class Host implements AsyncDisposable {
  readonly transport: Transport;
  /** Where the plan comes from: files, or the manifest that was applied. */
  readonly source: 'configuration' | 'manifest';
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
  readonly #history: History | undefined;
  readonly #resources: Resources;
  readonly #tables: LiveTables;
  readonly store: LazyStore | undefined;
  /** What people paused. */
  readonly control = new Control();
  readonly #planOf: (manifest: Manifest) => Promise<Plan>;
  readonly #unsubscribe: (() => void)[] = [];
  #plan: Plan;
  #part: OwnPart | undefined;
  /** The applied plan, where this process goes on with another one. */
  #ahead: Plan | undefined;
  /** Of the services of this process to the applied plan. */
  readonly #standings = new Map<string, Standing | undefined>();
  #outdatedBy: string | undefined;
  #router: Router | undefined;
  /** What changes the plan or the router is done in turn. */
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(parts: HostParts) {
    const {
      plan,
      source,
      transport,
      clock,
      log,
      planOf,
      part,
      resources = new ProcessResources(),
      tables,
      store,
    } = parts;
    this.#resources = resources;
    const { tracing = NO_TRACING, history } = parts;
    this.#history = history;
    this.tracing = history === undefined ? tracing : new RecordedTracing(tracing, history);
    this.#tables = tables ?? new LiveTables({ settings: new Map(), clock, log });
    this.#tables.counting((counter) => {
      this.#tell(counter);
    });
    this.store = store;
    this.#plan = plan;
    this.#part = part ?? (source === 'configuration' ? ownOf(plan.definition, MAIN_PART) : undefined);
    this.source = source;
    this.transport = transport;
    this.clock = clock;
    this.log = log;
    this.#planOf = (manifest) => planOf(manifest, this.#part?.mediators);
    this.#unsubscribe.push(
      transport.onManifest((manifest) => {
        this.control.adopt(manifest);
        this.#unattended(
          () => this.#manifestChanged(manifest),
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
    return new TracedOffice(this.transport.dead, this.tracing);
  }

  /** Messages that no route took. */
  get parked(): Office {
    return new TracedOffice(this.transport.parked, this.tracing);
  }

  get plan(): Plan {
    return this.#plan;
  }

  /** The name of what the files of this process own of the bus; undefined when the plan came from the manifest. */
  get part(): string | undefined {
    return this.#part?.definition.part;
  }

  /**
   * Whether what this process was started with is applied: of several parts its own one; what the others are, the manifest says.
   * `missing`: nothing of it was ever applied.
   */
  async applied(): Promise<'same' | 'different' | 'missing'> {
    return this.#standing(await this.transport.manifest());
  }

  #standing(manifest: Manifest | undefined): 'same' | 'different' | 'missing' {
    if (manifest === undefined) return 'missing';
    if (manifest.edition === this.#plan.edition) return 'same';
    if (this.#part === undefined) return 'different';
    const { definition } = this.#part;
    const there = partsOf(manifest).find(({ name }) => name === definition.part);
    if (there === undefined) return 'missing';
    return there.edition === editionOf(definition) ? 'same' : 'different';
  }

  /**
   * What `apply` would make of the bus: its applied parts, the own one replaced, checked as a whole.
   * @throws WB_CONFIG_FAULTS when they do not fit together, WB_PART_UNKNOWN
   */
  async propose(by: string, options: ApplyPartOptions = {}): Promise<Proposal> {
    const before = await this.transport.manifest();
    return this.#propose(before, by, options);
  }

  async #propose(before: Manifest | undefined, by: string, { remove }: ApplyPartOptions): Promise<Proposal> {
    const own = this.#part;
    const applied = partsOf(before);
    const appliedAt = new Date(this.clock.now()).toISOString();
    if (remove !== undefined && !applied.some(({ name }) => name === remove)) throw unknownPart(remove, applied);
    const kept = applied.filter(({ name }) => name !== own?.definition.part && name !== remove);
    if (own !== undefined && own.definition.part !== remove) {
      const { definition } = own;
      const entry = { name: definition.part, edition: editionOf(definition), appliedAt, appliedBy: by, definition };
      const there = applied.find(({ name, edition }) => name === entry.name && edition === entry.edition);
      kept.push(there ?? entry);
    }
    if (kept.length === 0) {
      throw new WaybillError('WB_OPTION_INVALID', `${String(remove)} is the last part of the bus, which cannot go`, {
        fix: 'Remove what the bus is made of from the transport instead.',
      });
    }
    const parts = [...kept].sort((a, b) => (a.name < b.name ? -1 : 1));
    const { compileParts } = await import('../plan/compile-parts.ts');
    const { plan, faults } = compileParts(parts.map(definitionOf), own?.definition.part, {
      ...(own?.locate !== undefined && { locate: own.locate }),
      ...(own?.mediators !== undefined && { mediators: own.mediators }),
    });
    if (plan === undefined) throw new FaultsError(faults);
    const { definition, edition, topology } = plan;
    const manifest: Manifest = {
      format: 1,
      bus: definition.bus,
      edition,
      appliedAt,
      appliedBy: by,
      topology,
      definition,
      parts,
    };
    return { before, manifest, plan };
  }

  /**
   * Replaces the own part of the bus by what this process was started with, and makes the transport hold the whole. Other parts stay
   * as they are. Safe to repeat, and for two at once: who comes second checks against what the first has made of it.
   * @param by who asks for it, for the record
   * @throws WB_CONFIG_FAULTS when the parts do not fit together; nothing was changed then
   */
  apply(by: string, options: ApplyPartOptions = {}): Promise<ApplyResult> {
    return this.#inTurn(() => this.#apply(by, options));
  }

  async #apply(by: string, options: ApplyPartOptions = {}): Promise<ApplyResult> {
    const { plan: own } = this;
    for (let moves = 0; ; moves++) {
      const proposal = await this.propose(by, options);
      const { before, manifest, plan } = proposal;
      await options.onProposal?.(proposal);
      if (this.#router !== undefined) await this.#tables.use(plan);
      // Before it is applied: the first message of a new type may come before `apply` resolves.
      this.#plan = plan;
      let result: ApplyResult;
      try {
        result = await this.transport.apply(manifest, { after: before?.edition ?? null });
      } catch (error) {
        this.#plan = own;
        if (this.#router !== undefined) await this.#tablesAgain(own);
        if (moves >= MOST_MOVES || !(error instanceof WaybillError) || error.code !== 'WB_MANIFEST_MOVED') throw error;
        continue;
      }
      this.#settled();
      await this.#router?.update(plan);
      return result;
    }
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

  async #makeReady(): Promise<void> {
    this.control.adopt(await this.transport.manifest());
    const applied = await this.applied();
    if (this.transport.kind === 'embedded') {
      const { owner } = this.transport.status();
      const mayApply = this.source === 'configuration' && (owner ? applied !== 'same' : applied === 'missing');
      if (mayApply) await this.#apply(`${String(process.pid)} (${owner ? 'owner' : 'attached'})`);
      else if (applied === 'same') await this.#catchUp();
      if (owner) await this.#route();
      if (owner || mayApply) return;
    }
    if (applied === 'missing') throw notApplied(this.#plan.definition.bus, this.part);
    if (applied === 'same') await this.#catchUp();
    else await this.#compare();
  }

  /** Why this process does not go on with the applied plan, although it should; undefined when it does. */
  get outdated(): string | undefined {
    return this.#outdatedBy;
  }

  /** Watches how a service of this process stands to the applied plan, and says it in the log. */
  serve(service: string): void {
    this.#standings.set(service, undefined);
    this.#judge(service);
  }

  /** Why the applied plan does not take what a service publishes; undefined when it does, or is the one of this process. */
  refusal(service: string, type: TypeRef, data: unknown): WaybillError | undefined {
    return this.#standings.get(service)?.refuse(type, data);
  }

  /** Goes on with the own plan, and sees in what its services differ from the applied one. */
  async #compare(): Promise<void> {
    const manifest = await this.transport.manifest();
    if (manifest === undefined) return;
    this.log.warn(
      { applied: manifest.edition, own: this.#plan.edition, by: manifest.appliedBy },
      'the configuration of this process is not the applied one, and it goes on with its own: run `waybill apply`, or update it',
    );
    this.#ahead = undefined;
    this.#ahead = await this.#planOf(manifest).catch((error: unknown) => {
      this.log.warn({ err: toError(error) }, 'the applied plan cannot be read here, so it cannot be compared');
      return undefined;
    });
    for (const service of this.#standings.keys()) this.#judge(service);
  }

  #judge(service: string): void {
    if (this.#ahead === undefined) {
      this.#standings.set(service, undefined);
      return;
    }
    const standing = standingOf(service, this.#plan, this.#ahead);
    this.#standings.set(service, standing);
    const { breaks, differs } = standing;
    if (breaks.length > 0)
      this.log.error({ service, breaks }, 'the service is behind the applied plan, and this will fail');
    else if (differs.length > 0) this.log.warn({ service, differs }, 'the service differs from the applied plan');
  }

  /** What was compared holds no more: the plan of this process is the applied one. */
  #settled(): void {
    this.#ahead = undefined;
    this.#outdatedBy = undefined;
    for (const service of this.#standings.keys()) this.#judge(service);
  }

  /** The own part is applied, and another one may have been since it was pulled: what was applied says what the whole is. */
  async #catchUp(): Promise<void> {
    const manifest = await this.transport.manifest();
    if (manifest !== undefined) await this.#follow(manifest);
  }

  /** Runs the router in this process. On the embedded transport the owner runs it already. @throws WB_PLAN_NOT_APPLIED, WB_PLUGIN_MISSING */
  async startRouter(): Promise<void> {
    if (this.transport.kind === 'embedded') {
      await this.host();
      return;
    }
    await this.#inTurn(async () => {
      this.control.adopt(await this.transport.manifest());
      if ((await this.applied()) !== 'same') throw notApplied(this.#plan.definition.bus, this.part);
      await this.#catchUp();
      await this.#route();
    });
  }

  /**
   * Lets an endpoint take nothing, in all processes and over restarts, until it is resumed: its messages wait. Deliveries in hand end.
   * @param name an endpoint (a service, `router`, `gateway`, `route.<name>`), or a route that has one of its own
   * @returns the endpoint
   * @throws WB_PAUSE_REFUSED, WB_DEFINITION_MISSING
   */
  async pause(name: string, by: string, reason?: string): Promise<string> {
    const endpoint = await this.#pausable(name);
    const at = new Date(this.clock.now()).toISOString();
    await this.transport.pause(endpoint, { at, by, ...(reason !== undefined && { reason }) });
    this.log.warn({ endpoint, by, reason }, 'the endpoint is paused');
    return endpoint;
  }

  /** @returns the endpoint, and whether it was paused @throws as `pause` */
  async resume(name: string, by: string): Promise<{ readonly endpoint: string; readonly was: boolean }> {
    const endpoint = await this.#pausable(name);
    const manifest = await this.transport.manifest();
    const was = Object.hasOwn(manifest?.paused ?? {}, endpoint);
    if (!was) return { endpoint, was };
    await this.transport.pause(endpoint, undefined);
    this.log.warn({ endpoint, by }, 'the endpoint is resumed');
    return { endpoint, was };
  }

  async #pausable(name: string): Promise<string> {
    const manifest = await this.transport.manifest();
    if (manifest === undefined) throw notApplied(this.#plan.definition.bus, this.part);
    return pausableEndpoint(name, manifest, this.#plan);
  }

  /** Goes on with another plan: applies it, and routes by it. When it cannot be applied the one before stays in force. */
  change(plan: Plan, by: string, part?: OwnPart): Promise<ApplyResult> {
    return this.#inTurn(async () => {
      const before = this.#part;
      this.#part = part ?? ownOf(plan.definition, this.part ?? MAIN_PART);
      return this.#apply(by).catch((error: unknown) => {
        this.#part = before;
        throw error;
      });
    });
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
      await this.#router?.close(timeoutMs);
    } finally {
      await this.#history?.close();
      await this.transport.close();
      await Promise.all([this.#resources.close(), this.#tables.close(), this.store?.close()]);
    }
  }

  #tell(counter: string): void {
    if (this.#closing !== undefined) return;
    this.transport.send([], { tally: { [counter]: 1 } }).catch((thrown: unknown) => {
      this.log.debug({ err: toError(thrown), counter }, 'something could not be counted');
    });
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

  async #route(): Promise<void> {
    if (this.#router !== undefined || this.#closing !== undefined) return;
    requirePlugins(this.#plan);
    await this.#remembers();
    await this.#tables.use(this.#plan);
    const router = new Router(this.#plan, {
      transport: this.transport,
      clock: this.clock,
      log: this.log,
      planOf: this.#planOf,
      resources: this.#resources,
      tables: this.#tables,
      control: this.control,
      states: this.#states(),
      tracing: this.tracing,
    });
    this.#router = router;
    try {
      await router.start();
    } catch (error) {
      this.#router = undefined;
      await router.close();
      throw error;
    }
  }

  /** What is wrong with the store is said before the first message. @throws WB_STORE_MISSING, and what opening the store throws */
  async #remembers(): Promise<void> {
    const route = this.#plan.routes.find(({ remembers }) => remembers === true);
    if (route === undefined || this.transport.state !== undefined) return;
    if (this.store !== undefined) return this.store.open();
    throw new WaybillError('WB_STORE_MISSING', `the route ${route.name} remembers, and this bus has no store`, {
      fix: NEEDS_STORE,
    });
  }

  #states(): States {
    const { state } = this.transport;
    if (state !== undefined) return new OwnStates(state);
    return this.store === undefined ? new NoStates() : new StoredStates(this.store);
  }

  /** The former owner ended: what it had applied stays in force, also where this process was started with an older plan. */
  /** After an apply that failed, whose error is the one to hear of. */
  async #tablesAgain(own: Plan): Promise<void> {
    try {
      await this.#tables.use(own);
    } catch (error) {
      this.log.warn({ err: toError(error) }, 'the tables of the plan in force could not be taken up again');
    }
  }

  /** What was applied, paused or resumed while this process was attached to nobody. */
  async #rejoin(): Promise<void> {
    const manifest = await this.transport.manifest();
    this.control.adopt(manifest);
    if (manifest !== undefined) await this.#manifestChanged(manifest);
  }

  async #takeOver(): Promise<void> {
    if (!this.transport.status().owner) return;
    const manifest = await this.transport.manifest();
    this.control.adopt(manifest);
    if (manifest !== undefined) await this.#follow(manifest);
    else if (this.source === 'configuration') await this.#apply(`${String(process.pid)} (owner)`);
    await this.#route();
  }

  /**
   * | this process                                      | when another plan is applied                               |
   * |---------------------------------------------------|------------------------------------------------------------|
   * | runs the router, or took its plan from the bus    | goes on with it                                            |
   * | has its own files, and they are applied as a part | goes on with it: only what others own is different         |
   * | has its own files, and they differ                | goes on with its own, and says in what its services differ |
   * | cannot compile it: a newer Waybill applied it     | goes on with its own, and says so                          |
   * | runs the router, and lacks a plugin of it         | goes on with its own, and says so                          |
   */
  async #manifestChanged(manifest: Manifest): Promise<void> {
    if (manifest.edition === this.#plan.edition) {
      this.#settled();
      return;
    }
    const stays = this.source === 'configuration' && this.#router === undefined && this.#standing(manifest) !== 'same';
    if (stays) await this.#compare();
    else await this.#follow(manifest);
  }

  async #follow(manifest: Manifest): Promise<void> {
    if (manifest.edition !== this.#plan.edition) {
      let plan: Plan;
      try {
        plan = await this.#planOf(manifest);
        // The routes of the plan before go on: whoever applied this one has what it needs.
        if (this.#router !== undefined) {
          requirePlugins(plan);
          await this.#tables.use(plan);
        }
      } catch (error) {
        this.#outdatedBy = `edition ${manifest.edition} is applied, and cannot be read here: ${toError(error).message}`;
        throw error;
      }
      this.#plan = plan;
      await this.#router?.update(this.#plan);
      this.log.info({ edition: manifest.edition, by: manifest.appliedBy }, 'went on with the plan that was applied');
    }
    this.#settled();
  }
}

function ownOf(definition: Definition, part: string): OwnPart {
  return { definition: asPart(definition, part) };
}

function definitionOf({ name, definition }: ManifestPart): PartDefinition {
  const found = partDefinitionOf(name, definition);
  if (found !== undefined) return found;
  throw new WaybillError(
    'WB_TOPOLOGY_CONFLICT',
    `the part ${name} of the bus was applied by a newer version of Waybill`,
    {
      fix: 'Update this Waybill.',
    },
  );
}

function unknownPart(name: string, parts: readonly ManifestPart[]): WaybillError {
  const known = parts.map((part) => part.name);
  return new WaybillError('WB_PART_UNKNOWN', `${name} is not a part of the bus`, {
    fix: didYouMean(name, known) ?? (known.length === 0 ? 'Nothing was applied yet.' : `There is ${known.join(', ')}.`),
  });
}

function notApplied(bus: string, part: string | undefined): WaybillError {
  const what =
    part === undefined || part === MAIN_PART
      ? `the plan of the bus ${bus}`
      : `the part ${part} of the bus ${bus}, as it is here,`;
  return new WaybillError('WB_PLAN_NOT_APPLIED', `${what} is not the applied one`, {
    fix: 'Run `waybill apply`.',
  });
}

import type { EncodedMessage } from '../../src/message.ts';
import type { Plan, ProgramResult, ProgramWork } from '../../src/plan/plan.ts';
import type { StateReader, StateRef, StateUnit } from '../../src/ports/store.ts';
import type { Lease, Outgoing } from '../../src/ports/transport.ts';
import { ProcessResources, type ResourceParts } from '../../src/runtime/resources.ts';
import { OwnStates } from '../../src/runtime/states.ts';

/** What one message caused. */
export interface Handled {
  /** `oms {"id":"o1"}`, in order. What goes to the route itself is not among them. */
  readonly sent: readonly string[];
  /** `WB_CODE message` */
  readonly dead?: string;
  readonly result: ProgramResult;
}

export interface RouteRunOptions {
  /** See `ProgramWork.graceMs`. @default 0 */
  readonly graceMs?: number;
  readonly resources?: ResourceParts;
  /** Goes on with what another run of the route left behind. */
  readonly after?: RouteRun;
  /** Of what it left behind this is lost. */
  readonly without?: EncodedMessage;
}

const LEASE: Lease = { endpoint: 'route.r', partition: 0, revoked: false, signal: new AbortController().signal };

/**
 * An isolated route of a plan, run message by message: its states and the messages it sends to itself stay in memory, and time goes on
 * only when told to.
 */
export class RouteRun {
  /** All that left the route, in order. */
  readonly sends: Outgoing[] = [];
  readonly dead: { readonly code: string; readonly error: string; readonly message: EncodedMessage }[] = [];
  /** How long steps waited in place, all together. @unit milliseconds */
  pausedMs = 0;
  nowMs = Date.parse('2026-01-01T00:00:00Z');
  readonly #plan: Plan;
  readonly #route: string;
  readonly #options: RouteRunOptions;
  readonly #stored: Stored;
  readonly #states: OwnStates;
  readonly #later: Outgoing[];

  constructor(plan: Plan, route = 'r', options: RouteRunOptions = {}) {
    this.#plan = plan;
    this.#route = `route.${route}`;
    this.#options = options;
    this.#stored = options.after?.stored ?? new Stored();
    this.#later = (options.after?.later ?? []).filter(({ message }) => message !== options.without);
    this.nowMs = options.after?.nowMs ?? this.nowMs;
    this.#states = new OwnStates(this.#stored);
  }

  get stored(): Stored {
    return this.#stored;
  }

  /** Timers and messages that wait, the earliest first. */
  get later(): readonly Outgoing[] {
    return this.#later;
  }

  /** What the route holds for later, as milliseconds from now. */
  get waits(): readonly number[] {
    return this.#later.map(({ dueAt = 0 }) => Math.max(0, dueAt - this.nowMs));
  }

  async take(message: EncodedMessage): Promise<Handled> {
    const program = this.#plan.program(this.#route);
    if (program === undefined) throw new Error(`${this.#route} is no endpoint of the plan`);
    const states = this.#states.begin({ scope: this.#route, id: message.envelope.id }, LEASE);
    this.#stored.nowMs = this.nowMs;
    let result: ProgramResult;
    try {
      result = await program.perform(message, this.#work(states));
      const end = result.deaths.length > 0 ? undefined : await states.end(result.sends);
      if (end?.outcome === 'moved') throw new Error('nobody else changes these states');
      if (end?.unit !== undefined) this.#stored.write(end.unit);
      end?.settled?.();
    } finally {
      states.close();
    }
    const own = result.sends.filter(({ to }) => isTo(to, this.#route));
    const sends = result.sends.filter(({ to }) => !isTo(to, this.#route));
    this.#later.push(...own);
    this.#later.sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0));
    this.sends.push(...sends);
    const [death] = result.deaths;
    if (death !== undefined) this.dead.push({ ...death, message });
    const dead = death === undefined ? {} : { dead: `${death.code} ${death.error}` };
    return { sent: sends.map(show), result, ...dead };
  }

  /** Time goes on, and what comes due meanwhile is handled, one after the other. Resolves to what left the route, and who died. */
  async advance(ms: number): Promise<readonly string[]> {
    const end = this.nowMs + ms;
    const said: string[] = [];
    for (;;) {
      const [next] = this.#later;
      if (next === undefined || (next.dueAt ?? 0) > end) break;
      this.#later.shift();
      this.nowMs = Math.max(this.nowMs, next.dueAt ?? 0);
      const { sent, dead } = await this.take(next.message);
      said.push(...sent, ...(dead === undefined ? [] : [`dead ${dead}`]));
    }
    this.nowMs = Math.max(this.nowMs, end);
    return said;
  }

  #work(states: ProgramWork['states']): ProgramWork {
    return {
      signal: LEASE.signal,
      attempt: 1,
      resources: new ProcessResources(this.#options.resources),
      states,
      graceMs: this.#options.graceMs ?? 0,
      now: () => this.nowMs,
      pause: (ms) => {
        this.pausedMs += ms;
        this.nowMs += ms;
        return Promise.resolve();
      },
    };
  }
}

function isTo(to: Outgoing['to'], endpoint: string): boolean {
  return typeof to === 'object' && 'endpoint' in to && to.endpoint === endpoint;
}

function show({ to, message }: Outgoing): string {
  const where = typeof to === 'object' && 'endpoint' in to ? to.endpoint : 'bus';
  return `${where} ${Buffer.from(message.body).toString()}`;
}

/** What units wrote. */
class Stored implements StateReader {
  readonly #values = new Map<string, { value: Uint8Array; version: number; forgetAtMs: number }>();
  nowMs = 0;

  load(_cause: unknown, refs: readonly StateRef[]): ReturnType<StateReader['load']> {
    const states = refs.map(({ scope, key }) => {
      const held = this.#values.get(`${scope} ${key}`);
      if (held === undefined || held.forgetAtMs <= this.nowMs) return { value: undefined, version: 0 };
      return { value: held.value, version: held.version };
    });
    return Promise.resolve({ states, recorded: undefined });
  }

  write({ changes }: StateUnit): void {
    for (const { ref, basedOn, value, forgetAtMs = Number.POSITIVE_INFINITY } of changes) {
      const id = `${ref.scope} ${ref.key}`;
      if (value === undefined) this.#values.delete(id);
      else this.#values.set(id, { value, version: basedOn + 1, forgetAtMs });
    }
  }

  /** The states there are, by scope and key, as JSON. */
  entries(): Record<string, unknown> {
    return Object.fromEntries(
      [...this.#values].map(([id, { value }]) => [id, JSON.parse(Buffer.from(value).toString()) as unknown]),
    );
  }

  /** Puts a state there, as another version of the code may have left it. */
  put(id: string, state: unknown): void {
    const value = Buffer.from(JSON.stringify(state));
    this.#values.set(id, { value, version: 1, forgetAtMs: Number.POSITIVE_INFINITY });
  }
}

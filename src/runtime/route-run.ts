import type { EncodedMessage } from '../message.ts';
import type { Plan, ProgramResult, ProgramWork } from '../plan/plan.ts';
import type { Tables } from '../ports/lookup.ts';
import type { Resources } from '../ports/resources.ts';
import type { StateReader, StateRef, StateUnit } from '../ports/store.ts';
import type { Lease, Outgoing } from '../ports/transport.ts';
import { OwnStates } from './states.ts';

export interface RouteRunOptions {
  readonly plan: Plan;
  /** The endpoint of an isolated route: `route.<name>`. */
  readonly endpoint: string;
  readonly resources: Resources;
  /** See `ProgramWork.graceMs`. */
  readonly graceMs: number;
  /** What expressions look up in. @default no tables */
  readonly tables?: Tables | undefined;
  /** @unit milliseconds since the Unix epoch */
  readonly nowMs: number;
  /** Goes on with what is remembered there. */
  readonly memory?: RouteMemory;
  /** Timers and messages that wait. */
  readonly later?: readonly Outgoing[];
}

/** What time brought about. */
export interface CameDue {
  readonly message: EncodedMessage;
  readonly result: ProgramResult;
}

/**
 * An isolated route of a plan, run message by message without a transport: its states and the messages that it sends to itself stay in
 * memory, and time goes on only when told to.
 */
export class RouteRun {
  /** @unit milliseconds since the Unix epoch */
  nowMs: number;
  /** How long steps waited in place, all together. @unit milliseconds */
  pausedMs = 0;
  readonly memory: RouteMemory;
  readonly #options: RouteRunOptions;
  readonly #states: OwnStates;
  readonly #later: Outgoing[];
  readonly #lease: Lease;

  constructor(options: RouteRunOptions) {
    this.#options = options;
    this.nowMs = options.nowMs;
    this.memory = options.memory ?? new RouteMemory();
    this.#later = [...(options.later ?? [])];
    this.#states = new OwnStates(this.memory);
    const { signal } = new AbortController();
    this.#lease = { endpoint: options.endpoint, partition: 0, revoked: false, signal };
  }

  /** Timers and messages that wait, the earliest first. */
  get later(): readonly Outgoing[] {
    return this.#later;
  }

  /**
   * What one message causes; what goes to the route itself is under `later` then.
   * @param redriven it is a dead letter that a person sends again
   * @throws what is retryable
   */
  async take(message: EncodedMessage, redriven = false): Promise<ProgramResult> {
    const { plan, endpoint, tables } = this.#options;
    const program = plan.program(endpoint, tables);
    if (program === undefined) throw new Error(`${endpoint} is no endpoint of the plan`);
    const states = this.#states.begin({ scope: endpoint, id: message.envelope.id }, this.#lease);
    this.memory.nowMs = this.nowMs;
    let result: ProgramResult;
    try {
      result = await program.perform(message, this.#work(states, redriven));
      const end = result.deaths.length > 0 ? undefined : await states.end(result.sends);
      if (end?.outcome === 'moved') throw new Error('nobody else changes these states');
      if (end?.unit !== undefined) this.memory.write(end.unit);
      end?.settled?.();
    } finally {
      states.close();
    }
    const own = ({ to }: Outgoing): boolean => typeof to === 'object' && 'endpoint' in to && to.endpoint === endpoint;
    this.#later.push(...result.sends.filter(own));
    this.#later.sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0));
    return { ...result, sends: result.sends.filter((send) => !own(send)) };
  }

  /** Time goes on, and what comes due meanwhile is handled, one after the other. @throws what is retryable; it still waits then */
  async advance(ms: number): Promise<readonly CameDue[]> {
    const end = this.nowMs + ms;
    const came: CameDue[] = [];
    for (;;) {
      const [next] = this.#later;
      if (next === undefined || (next.dueAt ?? 0) > end) break;
      this.#later.shift();
      this.nowMs = Math.max(this.nowMs, next.dueAt ?? 0);
      try {
        came.push({ message: next.message, result: await this.take(next.message) });
      } catch (thrown) {
        // It is still there, as it would be at an endpoint.
        this.#later.unshift(next);
        throw thrown;
      }
    }
    this.nowMs = Math.max(this.nowMs, end);
    return came;
  }

  #work(states: ProgramWork['states'], redriven: boolean): ProgramWork {
    return {
      redriven,
      signal: this.#lease.signal,
      attempt: 1,
      resources: this.#options.resources,
      states,
      graceMs: this.#options.graceMs,
      now: () => this.nowMs,
      pause: (ms) => {
        this.pausedMs += ms;
        this.nowMs += ms;
        return Promise.resolve();
      },
    };
  }
}

/** What steps remember, in memory. */
export class RouteMemory implements StateReader {
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

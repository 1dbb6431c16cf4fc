import { randomUUID } from 'node:crypto';
import { toError } from '../errors.ts';
import type { EncodedMessage } from '../message.ts';
import type { Schedule } from '../plan/schedule.ts';
import { LAST, lastTickScope, TICKER } from '../plan/ticks.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Tables } from '../ports/lookup.ts';
import type { Transport } from '../ports/transport.ts';
import type { States } from './states.ts';

export interface SchedulerParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly tables: Tables;
  /** Where the last tick of each route is remembered. */
  readonly states: States;
}

/** How often the clock is looked at: when it is set, what is due follows it within that time. @unit milliseconds */
const LOOK_MS = 10_000;
/** After something failed. @unit milliseconds */
const AGAIN_MS = 1_000;
/** A tick that is later than that was missed. @unit milliseconds */
const GRACE_MS = 60_000;
/** Most ticks that are made up for. */
const MOST = 1_000;

interface Entry {
  schedule: Schedule;
  /** Up to which time its ticks are sent; undefined until the store was asked. @unit milliseconds since the Unix epoch */
  doneMs: number | undefined;
  /** Why it cannot go on; said once. */
  failure: string | undefined;
  timer: Timer | undefined;
  running: Promise<void>;
}

/**
 * Brings the ticks of scheduled routes to their endpoints, each durably before it counts as brought. Every router does so, and after
 * a crash again: the route lets each tick through once (`tickSteps`).
 *
 * | `missed` | of the ticks since the last one, those before the latest | the latest                             |
 * |----------|----------------------------------------------------------|----------------------------------------|
 * | `once`   | none                                                     | brought                                |
 * | `all`    | brought, the last 1,000                                  | brought                                |
 * | `skip`   | none                                                     | brought, if it is less than 60 s late  |
 */
export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #entries = new Map<string, Entry>();
  /** Tells its copies of ticks from those of other routers. */
  readonly #name = randomUUID();
  #closed = false;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
  }

  /** Goes on with these schedules; one that is as it was goes on where it is. */
  update(schedules: readonly Schedule[]): void {
    const wanted = new Map(schedules.map((schedule) => [schedule.route, schedule]));
    for (const [route, { timer }] of this.#entries) {
      if (wanted.has(route)) continue;
      timer?.cancel();
      this.#entries.delete(route);
    }
    for (const [route, schedule] of wanted) {
      const entry = this.#entries.get(route);
      if (entry === undefined) {
        const made = { schedule, doneMs: undefined, failure: undefined, timer: undefined, running: Promise.resolve() };
        this.#entries.set(route, made);
        this.#run(made);
      } else {
        entry.schedule = schedule;
        this.#wait(entry);
      }
    }
  }

  /** Brings nothing any more. What is being sent is not waited for: that may wait for a broker, and is brought again. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#entries.values()) timer?.cancel();
    this.#entries.clear();
  }

  #run(entry: Entry): void {
    entry.running = entry.running.then(async () => {
      if (!this.#goesOn(entry)) return;
      try {
        await this.#bring(entry);
        entry.failure = undefined;
      } catch (thrown) {
        this.#failed(entry, toError(thrown));
      }
      this.#wait(entry);
    });
  }

  #goesOn(entry: Entry): boolean {
    return !this.#closed && this.#entries.get(entry.schedule.route) === entry;
  }

  #wait(entry: Entry): void {
    entry.timer?.cancel();
    if (!this.#goesOn(entry)) return;
    entry.timer = this.#parts.clock.timer(this.#waitMs(entry), () => {
      this.#run(entry);
    });
  }

  #waitMs({ schedule, doneMs, failure }: Entry): number {
    if (doneMs === undefined || failure !== undefined) return AGAIN_MS;
    const now = this.#parts.clock.now();
    const next = schedule.nextAfter(Math.min(doneMs, now));
    return next === undefined ? LOOK_MS : Math.min(Math.max(next - now, 0), LOOK_MS);
  }

  async #bring(entry: Entry): Promise<void> {
    const { transport, clock, log, tables } = this.#parts;
    const { schedule } = entry;
    entry.doneMs ??= await this.#since(schedule);
    const now = clock.now();
    // A clock that went back brings no tick that was brought: the route knows them.
    entry.doneMs = Math.min(entry.doneMs, now);
    const ticks = dueTicks(schedule, entry.doneMs, now);
    const to = { endpoint: schedule.endpoint };
    const made = ticks.map((tickMs) => ({ to, message: this.#marked(schedule.message(tickMs, tables)) }));
    if (made.length > 0) await transport.send(made);
    entry.doneMs = now;
    const late = ticks.filter((tickMs) => now - tickMs > GRACE_MS);
    if (late.length > 0)
      log.info({ route: schedule.route, ticks: late.length }, 'ticks that were missed are made up for');
  }

  #marked({ envelope, body }: EncodedMessage): EncodedMessage {
    return { envelope: { ...envelope, headers: { ...envelope.headers, [TICKER]: this.#name } }, body };
  }

  /** The last tick that came through; of a route that is new, when it was applied. */
  async #since({ route }: Schedule): Promise<number> {
    const { states, transport, clock } = this.#parts;
    const held = await states.peek({ scope: lastTickScope(route), key: LAST });
    if (typeof held?.state === 'number') return held.state;
    const applied = Date.parse((await transport.manifest())?.appliedAt ?? '');
    return Number.isNaN(applied) ? clock.now() : applied;
  }

  #failed(entry: Entry, error: Error): void {
    if (entry.failure === error.message || this.#closed) return;
    entry.failure = error.message;
    const said = { route: entry.schedule.route, error: error.message };
    this.#parts.log.error(said, 'a tick cannot be made, and is tried again until it can');
  }
}

function dueTicks(schedule: Schedule, sinceMs: number, now: number): readonly number[] {
  if (schedule.missed === 'all') return allTicks(schedule, sinceMs, now);
  const due = schedule.upTo(now, 1).filter((tickMs) => tickMs > sinceMs);
  return schedule.missed === 'skip' ? due.filter((tickMs) => now - tickMs < GRACE_MS) : due;
}

/** Mostly none or one, so they are looked for from where the last one was. */
function allTicks(schedule: Schedule, sinceMs: number, now: number): readonly number[] {
  const ticks: number[] = [];
  for (let next = schedule.nextAfter(sinceMs); next !== undefined && next <= now; next = schedule.nextAfter(next)) {
    if (ticks.length === MOST) return schedule.upTo(now, MOST);
    ticks.push(next);
  }
  return ticks;
}

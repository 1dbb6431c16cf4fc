import type { Clock } from '../../ports/clock.ts';

/** A consumer of an ordered endpoint, as its process tells the others. */
export interface Attendant {
  /** Unlike that of any other consumer of the bus. */
  readonly id: string;
  readonly endpoint: string;
  /** That it is attached to, as the active consumer or standing by. */
  readonly queues: readonly string[];
}

/** Without a beat for as long a process is taken for dead. @unit milliseconds */
const DEAD_AFTER = 2_000;

interface Member {
  readonly attendants: readonly Attendant[];
  seen: number;
}

/** Which other processes of the bus live, by their last beats, and what they attend. */
export class Roster {
  readonly #clock: Clock;
  readonly #members = new Map<string, Member>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns whether this process was not known */
  hear(member: string, attendants: readonly Attendant[]): boolean {
    const isNew = !this.#members.has(member);
    this.#members.set(member, { attendants, seen: this.#clock.elapsed() });
    return isNew;
  }

  leave(member: string): void {
    this.#members.delete(member);
  }

  /** Forgets those that were not heard of for too long. */
  expire(): void {
    const limit = this.#clock.elapsed() - DEAD_AFTER;
    for (const [id, { seen }] of this.#members) if (seen < limit) this.#members.delete(id);
  }

  /** Nobody could be heard meanwhile: all have their time from now on. */
  excuse(): void {
    const now = this.#clock.elapsed();
    for (const member of this.#members.values()) member.seen = now;
  }

  attendantsOf(endpoint: string): Attendant[] {
    return [...this.#members.values()].flatMap(({ attendants }) =>
      attendants.filter((attendant) => attendant.endpoint === endpoint),
    );
  }
}

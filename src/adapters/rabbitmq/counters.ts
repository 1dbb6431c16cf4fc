import type { Tally } from '../../ports/transport.ts';

/** Amounts by name. */
export class Counters {
  readonly #amounts = new Map<string, number>();

  add(name: string, amount = 1): void {
    this.#amounts.set(name, (this.#amounts.get(name) ?? 0) + amount);
  }

  addAll(tally: Tally | undefined): void {
    if (tally === undefined) return;
    for (const name in tally) this.add(name, tally[name] ?? 0);
  }

  get(name: string): number {
    return this.#amounts.get(name) ?? 0;
  }

  snapshot(): Record<string, number> {
    return Object.fromEntries(this.#amounts);
  }
}

/** What a process has counted since it began. */
export class Ledgers {
  /** Deliveries made, by endpoint, and in all under `*`. */
  readonly made = new Counters();
  /** Outcomes by endpoint. */
  readonly outcomes = new Map<string, Counters>();
  readonly tallies = new Counters();
  /** Letters that left, by what they were: `dead`, `expired`, `parked`; and `discarded`. */
  readonly letters = new Counters();

  outcome(endpoint: string, name: string, amount = 1): void {
    let counters = this.outcomes.get(endpoint);
    if (counters === undefined) {
      counters = new Counters();
      this.outcomes.set(endpoint, counters);
    }
    counters.add(name, amount);
  }
}

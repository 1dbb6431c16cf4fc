/** What the demo's applications saw, as numbers by name, and how long each message took to get there. */
export class Tally {
  readonly #totals = new Map<string, number>();
  readonly #latencies: number[] = [];
  readonly #seen = new Set<string>();

  add(name: string, amount = 1): void {
    this.#totals.set(name, (this.#totals.get(name) ?? 0) + amount);
  }

  get(name: string): number {
    return this.#totals.get(name) ?? 0;
  }

  /** The sum of all totals whose name ends so. */
  all(ending: string): number {
    let sum = 0;
    for (const [name, amount] of this.#totals) if (name.endsWith(ending)) sum += amount;
    return sum;
  }

  get totals(): ReadonlyMap<string, number> {
    return this.#totals;
  }

  /** Whether `service` sees the message for the first time. Delivery is at least once, and a repeat carries the same id. */
  first(service: string, id: string): boolean {
    const entry = `${service}\n${id}`;
    if (this.#seen.has(entry)) return false;
    this.#seen.add(entry);
    return true;
  }

  /** From when the message was published until now. @unit milliseconds */
  took(publishedAt: string): void {
    this.#latencies.push(Math.max(0, Date.now() - Date.parse(publishedAt)));
  }

  /** The latency that a share of the messages kept, `0.99` for p99. @unit milliseconds */
  latency(share: number): number {
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  }
}

import { earliest } from '../../message.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EndpointSpec } from '../../ports/topology.ts';
import type { ConsumerState, EndpointStats } from '../../ports/transport.ts';
import { Grant, type Taker } from './grant.ts';
import type { EndpointCounters } from './ledger.ts';
import { Partition, type PartitionContext } from './partition.ts';

/** An endpoint as the store knows it. */
export interface StoredEndpoint {
  /** Where its records stand; no other endpoint has it at the same time. */
  readonly id: number;
  readonly spec: EndpointSpec;
  /** The largest window that took from it: so many may have been in hand of each partition when a process ended. */
  readonly window: number;
}

/** How long a consumer may finish what it has in hand of a partition that goes to another one. */
const HAND_OVER_MS = 5_000;

export interface EndpointContext extends PartitionContext {
  readonly clock: Clock;
}

/**
 * The partitions of an endpoint and who takes from them.
 *
 * | ordering | who takes from a partition                                                                     |
 * |----------|------------------------------------------------------------------------------------------------|
 * | `key`    | one taker; partitions are spread evenly. One that is to go to another taker gets no more and    |
 * |          | goes once nothing is in hand, or after 5 s, when its lease is revoked                           |
 * | `none`   | every taker that has room                                                                      |
 */
export class Endpoint {
  readonly name: string;
  readonly id: number;
  readonly spec: EndpointSpec;
  readonly partitions: readonly Partition[];
  readonly counters: EndpointCounters;
  readonly #clock: Clock;
  readonly #takers = new Map<Taker, ConsumerState>();
  window: number;
  /** So much of `window` is durable. */
  knownWindow: number;

  constructor(
    context: EndpointContext,
    { id, spec, window }: StoredEndpoint,
    counters: EndpointCounters,
    suspects: (partition: number) => number,
  ) {
    this.name = spec.name;
    this.id = id;
    this.spec = spec;
    this.window = window;
    this.knownWindow = window;
    this.counters = counters;
    this.#clock = context.clock;
    this.partitions = Array.from(
      { length: spec.partitions },
      (_, index) =>
        new Partition(context, { name: spec.name, id }, index, suspects(index), (grant) => {
          this.#handOver(grant);
        }),
    );
  }

  /** Most deliveries of one partition that may be in hand, of all takers together. */
  get mostInHand(): number {
    const windows = [...this.#takers.keys()].map(({ window }) => window);
    return this.spec.ordering === 'key' ? Math.max(0, ...windows) : windows.reduce((sum, window) => sum + window, 0);
  }

  has(taker: Taker): boolean {
    return this.#takers.has(taker);
  }

  join(taker: Taker): void {
    this.#takers.set(taker, { heldKeys: 0 });
    this.#spread();
  }

  report(taker: Taker, state: ConsumerState): void {
    if (this.#takers.has(taker)) this.#takers.set(taker, state);
  }

  /** The taker takes no more; what it has in hand stays its own. */
  stop(taker: Taker): void {
    for (const { grant, partition } of this.#grantsOf(taker)) {
      grant.leaving = true;
      if (grant.inHand === 0) partition.revoke(grant, false);
    }
    this.#spread();
  }

  /** The taker is gone: what it has in hand comes again. */
  leave(taker: Taker, suspect: boolean): void {
    if (!this.#takers.delete(taker)) return;
    for (const { grant, partition } of this.#grantsOf(taker)) partition.revoke(grant, suspect);
    this.#spread();
  }

  /** All takers are gone. */
  clear(): void {
    for (const taker of [...this.#takers.keys()]) {
      this.#takers.delete(taker);
      for (const { grant, partition } of this.#grantsOf(taker)) partition.revoke(grant, false);
    }
  }

  stats(): EndpointStats {
    const inHand = this.partitions.reduce((sum, partition) => sum + partition.inHand, 0);
    const { backlog, delayed, outcomes } = this.counters;
    const oldest = earliest(this.partitions.map((partition) => partition.oldest));
    return {
      name: this.name,
      waiting: Math.max(0, backlog - delayed - inHand),
      inHand,
      delayed,
      ...(oldest === undefined ? undefined : { oldest }),
      consumers: this.#takers.size,
      states: [...this.#takers.values()],
      outcomes: { ...outcomes },
    };
  }

  #grantsOf(taker: Taker): { grant: Grant; partition: Partition }[] {
    return this.partitions.flatMap((partition) =>
      partition.grants.filter((grant) => grant.taker === taker).map((grant) => ({ grant, partition })),
    );
  }

  #spread(): void {
    const takers = [...this.#takers.keys()].filter(({ stopped }) => !stopped);
    if (this.spec.ordering === 'none') this.#shareAll(takers);
    else this.#divide(takers);
    for (const partition of this.partitions) partition.dispatch();
  }

  #shareAll(takers: readonly Taker[]): void {
    for (const partition of this.partitions) {
      for (const taker of takers) {
        if (!partition.grants.some((grant) => grant.taker === taker))
          partition.grants.push(new Grant(this.name, partition.index, taker));
      }
    }
  }

  /** Gives partitions that nobody has to those with the fewest, and marks those to leave that some have too many of. */
  #divide(takers: readonly Taker[]): void {
    if (takers.length === 0) return;
    const planned = new Map(takers.map((taker) => [taker, 0]));
    const count = (taker: Taker, by: number): void => {
      planned.set(taker, (planned.get(taker) ?? 0) + by);
    };
    for (const { grants } of this.partitions) {
      for (const grant of grants) if (!grant.leaving) count(grant.taker, 1);
    }
    for (const partition of this.partitions) {
      if (partition.grants.length > 0 && partition.grants.some(({ leaving }) => !leaving)) continue;
      const taker = fewest(planned);
      if (taker === undefined) return;
      count(taker, 1);
      if (partition.grants.length === 0) partition.grants.push(new Grant(this.name, partition.index, taker));
    }
    this.#level(planned, count);
  }

  #level(planned: ReadonlyMap<Taker, number>, count: (taker: Taker, by: number) => void): void {
    for (;;) {
      const poor = fewest(planned);
      const rich = [...planned].sort((a, b) => b[1] - a[1])[0]?.[0];
      if (poor === undefined || rich === undefined || (planned.get(rich) ?? 0) - (planned.get(poor) ?? 0) <= 1) return;
      const moving = this.#grantsOf(rich).find(({ grant }) => !grant.leaving);
      if (moving === undefined) return;
      count(rich, -1);
      count(poor, 1);
      const { grant, partition } = moving;
      grant.leaving = true;
      if (grant.inHand === 0) {
        partition.revoke(grant, false);
        partition.grants.push(new Grant(this.name, partition.index, poor));
      } else {
        this.#clock.timer(HAND_OVER_MS, () => {
          if (!grant.revoked) this.#handOver(grant);
        });
      }
    }
  }

  /** Nothing is in hand of a partition that is to go to another taker, or it took too long. */
  #handOver(grant: Grant): void {
    this.partitions[grant.partition]?.revoke(grant, false);
    this.#spread();
  }
}

function fewest(planned: ReadonlyMap<Taker, number>): Taker | undefined {
  let least: readonly [Taker, number] | undefined;
  for (const entry of planned) if (least === undefined || entry[1] < least[1]) least = entry;
  return least?.[0];
}

import { createHash } from 'node:crypto';
import type { Clock } from '../../ports/clock.ts';
import type { Attendant } from './roster.ts';
import type { Seat } from './seats.ts';

/**
 * Who attends which queue, as everybody computes who sees the same members: rendezvous hashing, where nobody gets more than
 * his part. Even within one; when a member comes or goes, few queues move that need not.
 */
export function divide(queues: readonly string[], members: readonly string[]): Map<string, string> {
  const owners = new Map<string, string>();
  const least = Math.floor(queues.length / members.length);
  let extras = queues.length % members.length;
  const loads = new Map<string, number>();
  const bids = queues.flatMap((queue) => members.map((member) => ({ queue, member, weight: weigh(queue, member) })));
  bids.sort((a, b) => (a.weight < b.weight ? 1 : -1));
  for (const { queue, member } of bids) {
    if (owners.has(queue)) continue;
    const load = loads.get(member) ?? 0;
    if (load > least || (load === least && extras === 0)) continue;
    if (load === least) extras -= 1;
    owners.set(queue, member);
    loads.set(member, load + 1);
  }
  return owners;
}

/** Differs for any two pairs, as far as hashes do, so that the order of bids is the same for all. */
function weigh(queue: string, member: string): string {
  return createHash('sha1').update(`${queue}\n${member}`).digest('hex');
}

/** A queue that nobody seems to attend is attended by all, after a time in which its owner could have come. @unit milliseconds */
const GRACE = 2_000;

/**
 * The seats that one consumer takes. Its view of the others may differ from theirs, and still nobody leaves a queue that nobody
 * else attends:
 *
 * | the queue                 | is held here                      | is not                                        |
 * |---------------------------|-----------------------------------|-----------------------------------------------|
 * | falls to this consumer    | kept                              | taken                                         |
 * | falls to another          | kept until that one stands by     | taken when nobody attends it for a while      |
 */
export class Share {
  readonly #id: string;
  readonly #clock: Clock;
  /** Since when nobody attends a queue. */
  readonly #deserted = new Map<string, number>();
  #owners = new Map<string, string>();
  #divided = '';

  constructor(id: string, clock: Clock) {
    this.#id = id;
    this.#clock = clock;
  }

  choose(seats: readonly Seat[], held: ReadonlySet<string>, others: readonly Attendant[]): Seat[] {
    if (others.length === 0) return [...seats];
    const owners = this.#divide(seats, others);
    return seats.filter(({ queue }) => {
      const owner = owners.get(queue);
      if (owner === this.#id) return true;
      if (held.has(queue)) return !others.some(({ id, queues }) => id === owner && queues.includes(queue));
      return this.#isDeserted(queue, others);
    });
  }

  #divide(seats: readonly Seat[], others: readonly Attendant[]): ReadonlyMap<string, string> {
    const queues = seats.map(({ queue }) => queue);
    const members = [this.#id, ...others.map(({ id }) => id)].sort();
    const asked = JSON.stringify([queues, members]);
    if (asked !== this.#divided) {
      this.#owners = divide(queues, members);
      this.#divided = asked;
    }
    return this.#owners;
  }

  #isDeserted(queue: string, others: readonly Attendant[]): boolean {
    if (others.some(({ queues }) => queues.includes(queue))) {
      this.#deserted.delete(queue);
      return false;
    }
    const now = this.#clock.elapsed();
    const since = this.#deserted.get(queue) ?? now;
    this.#deserted.set(queue, since);
    return now - since >= GRACE;
  }
}

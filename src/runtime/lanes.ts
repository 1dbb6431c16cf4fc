import type { Delivery } from '../ports/transport.ts';
import { Fifo } from './fifo.ts';
import { Task } from './task.ts';

/** The tasks of one key, in order; the first is the one in hand, held or ready. Without an order each task has its own lane. */
export interface Lane {
  /** Undefined without an order. */
  readonly key: string | undefined;
  readonly tasks: Task[];
}

/**
 * What waits to be tried, in order. A lane is out (in hand or held) from `next` until `again` or `done`, and the later
 * tasks of its key wait in it meanwhile.
 */
export class Lanes {
  readonly #ordered: boolean;
  /** Taken, and not yet looked at. */
  readonly #backlog = new Fifo<Task>();
  readonly #ready = new Fifo<Lane>();
  /** Lanes that are out or ready, by key. */
  readonly #byKey = new Map<string, Lane>();

  constructor(ordering: 'key' | 'none') {
    this.#ordered = ordering === 'key';
  }

  take(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) this.#backlog.push(new Task(delivery));
  }

  /** The lane whose first task is to be tried next, without tasks whose lease is gone: those come again. */
  next(): { lane: Lane; task: Task } | undefined {
    for (;;) {
      const lane = this.#ready.shift() ?? this.#fromBacklog();
      if (lane === undefined) return undefined;
      const task = dropRevoked(lane);
      if (task !== undefined) return { lane, task };
      this.#end(lane);
    }
  }

  /** Its first task is to be tried again, after what is ready already. */
  again(lane: Lane): void {
    this.#ready.push(lane);
  }

  /** Its first task is off our hands. */
  done(lane: Lane): void {
    lane.tasks.shift();
    if (lane.tasks.length > 0) this.#ready.push(lane);
    else this.#end(lane);
  }

  /** Drops what waits under a lease that is gone, so that leases that come and go pile nothing up. */
  forgetRevoked(): void {
    this.#backlog.keep(({ revoked }) => !revoked);
    // The first of a lane may be in hand.
    for (const { tasks } of this.#byKey.values())
      tasks.splice(1, tasks.length, ...tasks.slice(1).filter(({ revoked }) => !revoked));
  }

  clear(): void {
    this.#backlog.clear();
    this.#ready.clear();
    this.#byKey.clear();
  }

  #fromBacklog(): Lane | undefined {
    for (;;) {
      const task = this.#backlog.shift();
      if (task === undefined) return undefined;
      if (task.revoked) continue;
      if (!this.#ordered) return { key: undefined, tasks: [task] };
      const busy = this.#byKey.get(task.key);
      if (busy === undefined) {
        const lane: Lane = { key: task.key, tasks: [task] };
        this.#byKey.set(task.key, lane);
        return lane;
      }
      busy.tasks.push(task);
    }
  }

  #end(lane: Lane): void {
    if (lane.key !== undefined && this.#byKey.get(lane.key) === lane) this.#byKey.delete(lane.key);
  }
}

function dropRevoked(lane: Lane): Task | undefined {
  while (lane.tasks[0]?.revoked === true) lane.tasks.shift();
  return lane.tasks[0];
}

import { toError } from '../errors.ts';
import { type Clock, pause } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Consumer } from '../ports/transport.ts';
import { logFields } from './failure.ts';
import type { Lane } from './lanes.ts';
import type { Settler } from './settler.ts';
import type { Task } from './task.ts';

/** A suspect that more processes than this began took each of them down. */
const MOST_CRASHES = 2;
const BEGIN_RETRY_MS = 500;

/** A delivery whose turn it is. */
export interface Turn {
  readonly lane: Lane;
  readonly task: Task;
  /** Whether it is to show if an outage is over. */
  readonly probe: boolean;
}

/** What becomes of suspects that were to be begun. */
export interface Begun {
  /** May be handled now. */
  readonly run: readonly Turn[];
  /** Took too many processes down. */
  readonly crashed: readonly Turn[];
  /** Are to be tried again: alone, or because they could not be recorded. */
  readonly back: readonly Turn[];
}

/**
 * The suspects that have the endpoint to themselves, so that the blame for a crash falls on the right one: first some of them together,
 * so that a crash which none of them brought about costs little time; then those that were in hand at the next crash, each alone.
 *
 * | state   | on                           | becomes | and                                             |
 * |---------|------------------------------|---------|-------------------------------------------------|
 * | none    | a suspect's turn             | waiting | nothing else starts                             |
 * | waiting | nothing runs any more        | in hand | they are recorded, then handled                 |
 * | in hand | all are over, or put back    | none    | others start again                              |
 */
export class Suspects {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #inHand = new Set<Task>();
  #waiting: Turn | undefined;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Whether one waits or is in hand. */
  get any(): boolean {
    return this.#waiting !== undefined || this.inHand;
  }

  get waiting(): Turn | undefined {
    return this.#waiting;
  }

  get inHand(): boolean {
    return this.#inHand.size > 0;
  }

  wait(turn: Turn): void {
    this.#waiting = turn;
  }

  /** It waits no more. */
  take({ task }: Turn): void {
    this.#waiting = undefined;
    this.#inHand.add(task);
  }

  /** Its attempt is over, or it waits no more. */
  leave(task: Task): void {
    if (this.#waiting?.task === task) this.#waiting = undefined;
    this.#inHand.delete(task);
  }

  /**
   * Records that this process has it in hand, with others where they may be handled together. Never throws.
   * @param companyOf takes others in hand
   */
  async begin(
    turn: Turn,
    companyOf: (turn: Turn) => readonly Turn[],
    settler: Settler,
    consumer: Consumer,
  ): Promise<Begun> {
    const turns = [turn];
    try {
      // Else a suspect before them, ended but not yet settled, would come again and be blamed for their crash.
      await settler.idle();
      if (turn.task.alone || consumer.beginTogether === undefined) return await beginAlone(turn, consumer);
      turns.push(...companyOf(turn));
      return await beginTogether(turns, consumer);
    } catch (error) {
      const held = turns.find(({ task }) => !task.revoked);
      if (held !== undefined) {
        this.#log.warn(
          { ...logFields(held.task.delivery), suspects: turns.length, err: toError(error) },
          'suspect deliveries could not be recorded, trying again',
        );
        await pause(this.#clock, BEGIN_RETRY_MS, held.task.delivery.lease.signal);
      }
      return { ...NOBODY, back: turns };
    }
  }
}

const NOBODY: Begun = { run: [], crashed: [], back: [] };

async function beginAlone(turn: Turn, consumer: Consumer): Promise<Begun> {
  const { task } = turn;
  // Once a process: what counts is how many of them ended while they had it, not how often this one tries.
  task.begun ??= await consumer.begin(task.delivery);
  return task.begun > MOST_CRASHES ? { ...NOBODY, crashed: [turn] } : { ...NOBODY, run: [turn] };
}

async function beginTogether(turns: readonly Turn[], consumer: Consumer): Promise<Begun> {
  const fresh = turns.map(({ task }) => task).filter(({ begunTogether }) => !begunTogether);
  if (fresh.length > 0) {
    const alone = await consumer.beginTogether?.(fresh.map(({ delivery }) => delivery));
    for (const task of fresh) {
      task.begunTogether = true;
      task.alone = alone?.has(task.delivery) ?? true;
    }
  }
  return {
    ...NOBODY,
    run: turns.filter(({ task }) => !task.alone),
    back: turns.filter(({ task }) => task.alone),
  };
}

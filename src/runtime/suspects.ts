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

/**
 * The suspect that has the endpoint to itself, so that the blame for a crash falls on the right one.
 *
 * | state   | on                         | becomes | and                                             |
 * |---------|----------------------------|---------|-------------------------------------------------|
 * | none    | a suspect's turn           | waiting | nothing else starts                             |
 * | waiting | nothing runs any more      | in hand | it is recorded, then handled                    |
 * | in hand | it is over, or put back    | none    | others start again                              |
 */
export class Suspects {
  readonly #clock: Clock;
  readonly #log: Log;
  #turn: Turn | undefined;
  #inHand = false;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Whether one waits or is in hand. */
  get any(): boolean {
    return this.#turn !== undefined;
  }

  get waiting(): Turn | undefined {
    return this.#inHand ? undefined : this.#turn;
  }

  get inHand(): boolean {
    return this.#inHand;
  }

  wait(turn: Turn): void {
    this.#turn = turn;
  }

  /** Its attempt is over, or it waits no more. */
  leave(task: Task): void {
    if (this.#turn?.task !== task) return;
    this.#turn = undefined;
    this.#inHand = false;
  }

  /**
   * Takes the one that waits in hand, and records that this process did.
   * @returns whether it may be handled, took too many processes down, or could not be recorded and is to be tried again
   */
  async begin({ task }: Turn, settler: Settler, consumer: Consumer): Promise<'begun' | 'crashed' | 'failed'> {
    this.#inHand = true;
    try {
      // Else the suspect before it, ended but not yet settled, would come again and be blamed for this one's crash.
      await settler.idle();
      // Once a process: what counts is how many of them ended while they had it, not how often this one tries.
      task.begun ??= await consumer.begin(task.delivery);
      return task.begun > MOST_CRASHES ? 'crashed' : 'begun';
    } catch (error) {
      if (!task.revoked) {
        this.#log.warn(
          { ...logFields(task.delivery), err: toError(error) },
          'a suspect delivery could not be recorded, trying again',
        );
        await pause(this.#clock, BEGIN_RETRY_MS, task.delivery.lease.signal);
      }
      return 'failed';
    }
  }
}

import { earliest } from '../../message.ts';
import type { Partition } from './partition.ts';
import type { Seat, SeatState } from './seats.ts';

export interface AttendanceOptions {
  readonly open: (seat: Seat) => Partition;
  /** Which of all seats to take, given the queues of those that are held. */
  readonly choose: (seats: readonly Seat[], held: ReadonlySet<string>) => readonly Seat[];
}

/** How long what is in hand may take to end before its partition goes to another consumer all the same. @unit milliseconds */
const HAND_OVER = 10_000;

/** The partitions that one consumer has, made to match the seats that it wants whenever these change. */
export class Attendance {
  readonly #options: AttendanceOptions;
  /** Of the endpoint; which of them to take is chosen anew each time. */
  #seats: readonly Seat[] = [];
  readonly #held = new Map<string, Partition>();
  readonly #leaving = new Map<string, { readonly partition: Partition; readonly left: Promise<void> }>();
  /** Not before it has started: what is left then was never attached. */
  #started = false;
  #stopped = false;

  constructor(options: AttendanceOptions) {
    this.#options = options;
  }

  get inHand(): number {
    return this.#partitions.reduce((sum, partition) => sum + partition.inHand, 0);
  }

  get buffered(): number {
    return this.#partitions.reduce((sum, partition) => sum + partition.buffered, 0);
  }

  get oldest(): string | undefined {
    return earliest(this.#partitions.map(({ oldest }) => oldest));
  }

  /** Queues that it is attached to and means to keep. */
  get queues(): string[] {
    if (this.#stopped) return [];
    return [...this.#held].flatMap(([queue, { away }]) => (away === undefined ? [queue] : []));
  }

  get states(): SeatState[] {
    return this.#partitions.map(({ partition, away }) => ({ partition, ...(away === undefined ? {} : { away }) }));
  }

  /** Resolves when it is attached to its share; rejects when a queue does not exist. */
  async start(seats: readonly Seat[]): Promise<void> {
    this.#seats = seats;
    await Promise.all(this.#missing().map((seat) => this.#open(seat).start())).finally(() => {
      this.#started = true;
    });
    this.rebalance();
  }

  /** These seats and no others from now on: what it has of others is given back first. */
  async attend(seats: readonly Seat[]): Promise<void> {
    this.#seats = [];
    this.rebalance();
    while (this.#leaving.size > 0) await Promise.all([...this.#leaving.values()].map(({ left }) => left));
    this.#seats = seats;
    this.rebalance();
  }

  /** Chooses anew: leaves what it does not want any more, takes what it lacks. */
  rebalance(): void {
    if (this.#stopped || !this.#started) return;
    const wanted = new Set(this.#chosen().map(({ queue }) => queue));
    for (const [queue, partition] of this.#held) if (!wanted.has(queue)) this.#leave(queue, partition);
    for (const seat of this.#missing()) this.#open(seat).attend();
  }

  /** Hands over no more; what is attached stays so until `close`. */
  stop(): void {
    this.#stopped = true;
    for (const partition of this.#partitions) partition.stop();
  }

  async close(): Promise<void> {
    this.stop();
    await Promise.all(this.#partitions.map((partition) => partition.close()));
  }

  get #partitions(): Partition[] {
    return [...this.#held.values(), ...[...this.#leaving.values()].map(({ partition }) => partition)];
  }

  #chosen(): readonly Seat[] {
    return this.#options.choose(this.#seats, new Set(this.#held.keys()));
  }

  /** What is being left is taken again when that is done. */
  #missing(): Seat[] {
    return this.#chosen().filter(({ queue }) => !this.#held.has(queue) && !this.#leaving.has(queue));
  }

  #open(seat: Seat): Partition {
    const partition = this.#options.open(seat);
    this.#held.set(seat.queue, partition);
    return partition;
  }

  #leave(queue: string, partition: Partition): void {
    this.#held.delete(queue);
    const left = partition.leave(HAND_OVER).finally(() => {
      this.#leaving.delete(queue);
      this.rebalance();
    });
    this.#leaving.set(queue, { partition, left });
  }
}

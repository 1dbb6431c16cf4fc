import { randomUUID } from 'node:crypto';
import type { Channel, Message } from 'amqplib';
import { toError } from '../../errors.ts';
import { type Clock, pause, type Timer } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { ConsumerState, Tally } from '../../ports/transport.ts';
import type { Connection } from './connection.ts';
import type { Names } from './names.ts';
import { type Attendant, Roster } from './roster.ts';
import type { SeatState } from './seats.ts';

/** What a living process knows that the broker does not. */
export interface Snapshot {
  readonly made: Tally;
  readonly outcomes: Readonly<Record<string, Tally>>;
  readonly tallies: Tally;
  readonly letters: Tally;
  readonly consumers: readonly ConsumerSnapshot[];
}

export interface ConsumerSnapshot {
  readonly endpoint: string;
  /** Of the process, for people. */
  readonly by: string;
  readonly seats: readonly SeatState[];
  readonly inHand: number;
  readonly buffered: number;
  /** `time` of the oldest message that it holds. Absent where it holds none, and from members of older versions. */
  readonly oldest?: string;
  readonly state: ConsumerState;
}

export interface MembersOptions {
  readonly connection: Connection;
  /**
   * What is said goes over the publishing connection: while a broker is short of memory it reads nothing of a connection that
   * publishes, and acknowledgements must get through.
   */
  readonly publishing: Connection;
  readonly names: Names;
  readonly clock: Clock;
  readonly log: Log;
  readonly snapshot: () => Snapshot;
  /** Consumers of this process that share partitions with others. */
  readonly attendants: () => readonly Attendant[];
  /** Called when others have come, gone or changed, and from time to time while they may have. */
  readonly changed: () => void;
}

/** @unit milliseconds */
const BEAT_EVERY = 500;
/** So that what changes at once is told at once. @unit milliseconds */
const GATHER = 10;
/** A process that could not run for as long has not heard the others. @unit milliseconds */
const STALLED = 1_000;

/** How long answers are awaited; processes that answer later are left out. @unit milliseconds */
const WINDOW = 300;
const BACKOFF = 1_000;

const BEAT = 'waybill.beat';
const QUESTION = 'waybill.stats?';
const ANSWER = 'waybill.stats';

/**
 * The living processes of the bus: each hears the questions of all, and answers them. Those that have consumers which share
 * partitions say so twice a second, and at once when something changes; the others say nothing unless they are asked.
 */
export class Members {
  readonly #options: MembersOptions;
  readonly #id = randomUUID();
  readonly #roster: Roster;
  readonly #stop = new AbortController();
  readonly #answers = new Map<string, Snapshot[]>();
  readonly #ready: Promise<void>;
  /** On which it says things. */
  #mouth: Channel | undefined;
  #opening = false;
  #beat: Timer | undefined;
  #soon: Timer | undefined;
  #beaten: number;
  /** Its last beat named consumers. */
  #present = false;

  constructor(options: MembersOptions) {
    this.#options = options;
    this.#roster = new Roster(options.clock);
    this.#beaten = options.clock.elapsed();
    let heard: (() => void) | undefined;
    this.#ready = new Promise((resolve) => {
      heard = resolve;
    });
    void this.#hear(() => heard?.());
    this.#arm();
  }

  /** Consumers of an endpoint that other processes have, as far as is known. */
  attendantsOf(endpoint: string): readonly Attendant[] {
    return this.#roster.attendantsOf(endpoint);
  }

  /** Tells the others soon what this process attends. */
  announce(): void {
    if (this.#stop.signal.aborted) return;
    this.#soon ??= this.#options.clock.timer(GATHER, () => {
      this.#soon = undefined;
      this.#sayBeat();
    });
  }

  /** Of this process, and of all others that answer in time. */
  async collect(): Promise<Snapshot[]> {
    const { clock, names, snapshot } = this.#options;
    const own = snapshot();
    await Promise.race([this.#ready, pause(clock, WINDOW)]);
    const channel = await this.#speak();
    if (channel === undefined) return [own];
    const question = randomUUID();
    const answers: Snapshot[] = [];
    this.#answers.set(question, answers);
    try {
      channel.publish(names.members, '', Buffer.alloc(0), { type: QUESTION, correlationId: question });
      await pause(clock, WINDOW);
    } catch (error) {
      // The channel closed just now: nobody but this process can be asked.
      this.#options.log.debug({ error: toError(error).message }, 'the other processes of the bus cannot be asked');
    }
    this.#answers.delete(question);
    return [own, ...answers];
  }

  stop(): void {
    this.#beat?.cancel();
    this.#soon?.cancel();
    // Consumers have closed by now: this says good-bye.
    if (this.#present) this.#sayBeat();
    this.#stop.abort();
  }

  #arm(): void {
    const { clock, connection, publishing, changed } = this.#options;
    this.#beat = clock.timer(BEAT_EVERY, () => {
      this.#arm();
      const now = clock.elapsed();
      const late = now - this.#beaten > BEAT_EVERY + STALLED;
      this.#beaten = now;
      if (late || !connection.connected || publishing.blocked !== undefined) this.#roster.excuse();
      else this.#roster.expire();
      if (this.#options.attendants().length > 0 || this.#present) {
        this.#sayBeat();
        changed();
      }
    });
  }

  #sayBeat(): void {
    const { names, attendants, log, publishing } = this.#options;
    const mine = attendants();
    if (mine.length === 0 && !this.#present) return;
    // A blocked broker would get them all at once later.
    if (publishing.blocked !== undefined) return;
    const channel = this.#mouth;
    if (channel === undefined) {
      void this.#speak();
      return;
    }
    this.#present = mine.length > 0;
    try {
      channel.publish(names.members, '', Buffer.from(JSON.stringify(mine)), { type: BEAT, appId: this.#id });
    } catch (error) {
      log.debug({ error: toError(error).message }, 'the other processes of the bus do not hear this one');
    }
  }

  /** A channel to say things on; undefined while there is none. */
  async #speak(): Promise<Channel | undefined> {
    if (this.#mouth !== undefined || this.#opening) return this.#mouth;
    const { publishing, log } = this.#options;
    this.#opening = true;
    try {
      const channel = await publishing.channel();
      channel.once('close', () => {
        if (this.#mouth === channel) this.#mouth = undefined;
      });
      this.#mouth = channel;
      this.announce();
    } catch (error) {
      log.debug({ error: toError(error).message }, 'the other processes of the bus cannot be told anything');
    } finally {
      this.#opening = false;
    }
    return this.#mouth;
  }

  async #hear(heard: () => void): Promise<void> {
    const { connection, names, clock, log } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        const channel = await connection.channel();
        const ended = new Promise<void>((resolve) => channel.once('close', resolve));
        // Another one each time: the broker may not know yet that the connection which had the last one is gone.
        const queue = `${names.members}.${randomUUID()}`;
        await channel.assertQueue(queue, { exclusive: true, autoDelete: true, durable: false });
        await channel.bindQueue(queue, names.members, '');
        await channel.consume(
          queue,
          (message) => {
            if (message === null) void connection.abandon(channel);
            else this.#receive(message);
          },
          { noAck: true },
        );
        await this.#speak();
        this.#roster.excuse();
        heard();
        this.announce();
        await ended;
      } catch (error) {
        if (connection.closed) return;
        log.debug({ error: toError(error).message }, 'cannot hear the other processes of the bus for the moment');
      }
      await pause(clock, BACKOFF, this.#stop.signal);
    }
  }

  #receive({ properties, content }: Message): void {
    if (properties.type === BEAT) {
      this.#heed(properties.appId, content);
      return;
    }
    const correlationId: unknown = properties.correlationId;
    if (typeof correlationId !== 'string') return;
    const asked = this.#answers.get(correlationId);
    if (properties.type === ANSWER) {
      const snapshot: unknown = JSON.parse(content.toString('utf8'));
      if (asked !== undefined && isSnapshot(snapshot)) asked.push(snapshot);
    } else if (properties.type === QUESTION && asked === undefined) {
      const body = Buffer.from(JSON.stringify(this.#options.snapshot()));
      this.#mouth?.publish(this.#options.names.members, '', body, { type: ANSWER, correlationId });
    }
  }

  #heed(member: unknown, content: Buffer): void {
    if (typeof member !== 'string' || member === this.#id) return;
    const attendants: unknown = JSON.parse(content.toString('utf8'));
    if (!Array.isArray(attendants) || !attendants.every(isAttendant)) return;
    if (attendants.length === 0) this.#roster.leave(member);
    // A process that comes learns at once who is there.
    else if (this.#roster.hear(member, attendants)) this.announce();
    this.#options.changed();
  }
}

function isAttendant(value: unknown): value is Attendant {
  if (typeof value !== 'object' || value === null) return false;
  return 'id' in value && 'endpoint' in value && 'queues' in value && Array.isArray(value.queues);
}

function isSnapshot(value: unknown): value is Snapshot {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'made' in value &&
    'outcomes' in value &&
    'tallies' in value &&
    'letters' in value &&
    'consumers' in value &&
    Array.isArray(value.consumers)
  );
}

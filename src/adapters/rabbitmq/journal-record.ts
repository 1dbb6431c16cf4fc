/** What a note of the journal says of deliveries, after the notes before it. */
export interface Told {
  /** By how many processes its delivery was begun, this one included. */
  readonly count: number;
  /** Of those that it begins together: which another process had begun before. */
  readonly known: ReadonlySet<string>;
}

/** What is settled of an AMQP message: members of a batch, by index, or all there is. */
export type Settled = ReadonlySet<number> | 'all';

const NONE: ReadonlySet<number> = new Set();
/**
 * AMQP messages and suspects that are remembered at most, of each kind, the oldest forgotten first: then what was settled may
 * come again, and a message that kills processes is tried more often. What 150 partitions have prefetched is less.
 */
const REMEMBERED = 20_000;

/** What the notes of the journal say, as far as they were read. */
export class JournalRecord {
  /** Which processes began a delivery alone. */
  readonly #alone = new Map<string, ReadonlySet<string>>();
  /** Which processes began a delivery together with others. */
  readonly #together = new Map<string, ReadonlySet<string>>();
  /** Members of batches that are settled, by the endpoint's copy of the batch. */
  readonly #marks = new Map<string, ReadonlySet<number>>();
  /** The same, as far as it has come by the stream. */
  readonly #read = new Map<string, ReadonlySet<number>>();
  /** Copies of AMQP messages of which all is settled. */
  readonly #ended = new Map<string, true>();
  /** Of copies that came back to a process that lives on: how many returns say nothing against them. */
  readonly #excused = new Map<string, number>();

  /** Takes the next note of the stream. Taken again, be it late, it says nothing new. */
  note(note: object): Told {
    const told = this.tell(note);
    const by = authorOf(note);
    if (by !== undefined) {
      const delivery = deliveryOf(note);
      if (delivery !== undefined) add(this.#alone, delivery, [by]);
      for (const identity of togetherOf(note)) add(this.#together, identity, [by]);
    }
    for (const [copy, settled] of marksOf(note)) {
      this.#remember(copy, settled);
      if (settled !== 'all') add(this.#read, copy, settled);
    }
    return told;
  }

  /** What a note would say if it were the next. Nothing is counted: it may come by the stream as well. */
  tell(note: object): Told {
    const by = authorOf(note);
    const known = new Set<string>();
    if (by === undefined) return { count: 0, known };
    for (const identity of togetherOf(note)) {
      const before = this.#together.get(identity);
      if (this.#alone.has(identity) || [...(before ?? [])].some((each) => each !== by)) known.add(identity);
    }
    const delivery = deliveryOf(note);
    if (delivery === undefined) return { count: 0, known };
    const before = this.#alone.get(delivery);
    // A process that begins it again lives: it has lost its connection, or its partition.
    return { count: (before?.size ?? 0) + (before?.has(by) === true ? 0 : 1), known };
  }

  /** Of members that are settled those of which no note has come by the stream. */
  unread(endpoint: string, parcel: string, settled: ReadonlySet<number>): ReadonlySet<number> {
    const read = this.#read.get(copyOf(endpoint, parcel)) ?? NONE;
    return new Set([...settled].filter((index) => !read.has(index)));
  }

  /** What an endpoint has settled of an AMQP message. @returns how a note names the endpoint's copy of the batch */
  mark(endpoint: string, parcel: string, settled: Settled): string {
    const copy = copyOf(endpoint, parcel);
    this.#remember(copy, settled);
    return copy;
  }

  settledOf(endpoint: string, parcel: string): Settled {
    const copy = copyOf(endpoint, parcel);
    return this.#ended.has(copy) ? 'all' : (this.#marks.get(copy) ?? NONE);
  }

  /**
   * An AMQP message has gone with its channel, and this process lives on: so it is not what ends processes. That is not for the
   * journal: a process that loses its connection and then ends takes its excuses with it.
   * @param returns how often it had come back before
   */
  excuse(endpoint: string, parcel: string, returns: number): void {
    keep(this.#excused, copyOf(endpoint, parcel), this.excusedOf(endpoint, parcel, returns) + 1);
  }

  /** How many of so many returns say nothing against an AMQP message. Excuses that the broker did not count are none. */
  excusedOf(endpoint: string, parcel: string, returns: number): number {
    const copy = copyOf(endpoint, parcel);
    const excused = this.#excused.get(copy) ?? 0;
    if (excused <= returns) return excused;
    this.#excused.set(copy, returns);
    return returns;
  }

  /** The stream is read from its beginning again, so what was begun is counted anew. Marks hold however often they are read. */
  recount(): void {
    this.#alone.clear();
    this.#together.clear();
    this.#read.clear();
  }

  #remember(copy: string, settled: Settled): void {
    if (settled === 'all') {
      this.#marks.delete(copy);
      keep(this.#ended, copy, true);
    } else if (!this.#ended.has(copy)) add(this.#marks, copy, settled);
  }
}

function authorOf(note: object): string | undefined {
  return 'by' in note && typeof note.by === 'string' ? note.by : undefined;
}

function deliveryOf(note: object): string | undefined {
  return 'delivery' in note && typeof note.delivery === 'string' ? note.delivery : undefined;
}

function togetherOf(note: object): readonly string[] {
  if (!('together' in note) || !Array.isArray(note.together)) return [];
  return note.together.filter((each) => typeof each === 'string');
}

function marksOf(note: object): readonly (readonly [copy: string, settled: Settled])[] {
  if (!('marks' in note) || typeof note.marks !== 'object' || note.marks === null) return [];
  return Object.entries(note.marks).flatMap(([copy, settled]): (readonly [string, Settled])[] => {
    if (settled === 'all') return [[copy, settled]];
    return Array.isArray(settled) ? [[copy, new Set(settled.filter((index) => typeof index === 'number'))]] : [];
  });
}

/** Every endpoint that takes an AMQP message has a copy of it, under one id, and settles it by itself. */
function copyOf(endpoint: string, parcel: string): string {
  return `${endpoint} ${parcel}`;
}

function add<T>(map: Map<string, ReadonlySet<T>>, key: string, values: Iterable<T>): void {
  keep(map, key, new Set([...(map.get(key) ?? []), ...values]));
}

/** As the youngest; without the oldest when there are too many. */
function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= REMEMBERED) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

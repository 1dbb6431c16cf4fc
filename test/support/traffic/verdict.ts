import type { DeadLetter } from '../../../src/index.ts';
import { ENDPOINTS, type Endpoint, idOf, isOrdered, reachesOms, WAYS } from './flow.ts';
import { JournalReader } from './journal.ts';

/** What the journals of a run say, compared by id. */
export interface Verdict {
  readonly acknowledged: number;
  readonly handled: Readonly<Record<Endpoint, number>>;
  /** Acknowledged and neither handled nor a dead letter, by endpoint. */
  readonly lost: readonly string[];
  /** Handled for the first time after a later one of its key. */
  readonly disordered: readonly string[];
  /** Handled under more than one id. */
  readonly renamed: readonly string[];
  /** Dead letters: their process was killed each time it had them in hand. */
  readonly dead: number;
  /** Handled more than once, which at least once allows. */
  readonly repeats: number;
}

/** What happened to the messages of one key, by their numbers. */
interface Course {
  readonly acknowledged: boolean[];
  /** The fingerprint of the id under which each was handled. */
  readonly ids: Readonly<Record<Endpoint, number[]>>;
  readonly latest: Record<Endpoint, number>;
}

/**
 * Follows the journals of a run while it lasts, by some 30 bytes a message: the same messages' ids, order and number of
 * handlings at every endpoint.
 */
export class Ledger {
  readonly #acknowledgements: JournalReader;
  readonly #handlings: readonly { readonly endpoint: Endpoint; readonly journal: JournalReader }[];
  readonly #courses = new Map<string, Course>();
  readonly #late: { readonly endpoint: Endpoint; readonly id: string; readonly after: number }[] = [];
  readonly #renamed: string[] = [];
  #repeats = 0;
  #acknowledged = 0;
  readonly #handled: Record<Endpoint, number> = { oms: 0, billing: 0, mail: 0 };
  readonly #open: Record<Endpoint, number> = { oms: 0, billing: 0, mail: 0 };

  /** @param folder of the journals */
  constructor(folder: string) {
    this.#acknowledgements = new JournalReader(folder, 'acknowledged');
    this.#handlings = ENDPOINTS.map((endpoint) => ({ endpoint, journal: new JournalReader(folder, endpoint) }));
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Messages by endpoint, a repeat not counted. */
  get handled(): Readonly<Record<Endpoint, number>> {
    return this.#handled;
  }

  /** How many acknowledged messages each endpoint did not handle yet. */
  get open(): Readonly<Record<Endpoint, number>> {
    return this.#open;
  }

  /** Takes in what was written since the last call. */
  read(): void {
    for (const [key = '', text = ''] of this.#acknowledgements.read()) {
      const course = this.#course(key);
      const n = Number(text);
      if (course.acknowledged[n] === true) continue;
      course.acknowledged[n] = true;
      this.#acknowledged += 1;
      for (const endpoint of ENDPOINTS)
        if (expects(endpoint, n) && course.ids[endpoint][n] === undefined) this.#open[endpoint] += 1;
    }
    for (const { endpoint, journal } of this.#handlings)
      for (const [key = '', text = '', id = ''] of journal.read()) this.#handle(endpoint, key, Number(text), id);
  }

  /** @param dead letters of the bus */
  judge(dead: readonly DeadLetter[]): Verdict {
    const buried = new Set(dead.map((letter) => `${letter.endpoint} ${nameOf(letter)}`));
    const isBuried = (endpoint: Endpoint, id: string): boolean =>
      WAYS[endpoint].some((place) => buried.has(`${place} ${id}`));
    const lost: string[] = [];
    for (const [key, course] of this.#courses) {
      course.acknowledged.forEach((_, n) => {
        for (const endpoint of ENDPOINTS) {
          const handled = !expects(endpoint, n) || course.ids[endpoint][n] !== undefined;
          if (!handled && !isBuried(endpoint, idOf(key, n))) lost.push(`${endpoint} ${idOf(key, n)}`);
        }
      });
    }
    return {
      acknowledged: this.#acknowledged,
      handled: { ...this.#handled },
      lost,
      // One that was given up as often as its process was killed may be repeated by its publisher, and then comes late.
      disordered: this.#late
        .filter(({ endpoint, id }) => !isBuried(endpoint, id))
        .map(({ endpoint, id, after }) => `${endpoint} ${id} after ${String(after)}`),
      renamed: [...this.#renamed],
      dead: buried.size,
      repeats: this.#repeats,
    };
  }

  /** Judges the order and the ids of what is handled from now on. */
  forget(): void {
    this.#late.length = 0;
    this.#renamed.length = 0;
  }

  close(): void {
    this.#acknowledgements.close();
    for (const { journal } of this.#handlings) journal.close();
  }

  #handle(endpoint: Endpoint, key: string, n: number, id: string): void {
    const course = this.#course(key);
    const ids = course.ids[endpoint];
    const known = ids[n];
    const print = fingerprint(id);
    if (known !== undefined) {
      this.#repeats += 1;
      if (known !== print) this.#renamed.push(`${endpoint} ${idOf(key, n)}: also ${id}`);
      return;
    }
    ids[n] = print;
    this.#handled[endpoint] += 1;
    if (course.acknowledged[n] === true && expects(endpoint, n)) this.#open[endpoint] -= 1;
    const latest = course.latest[endpoint];
    if (isOrdered(endpoint) && n < latest) this.#late.push({ endpoint, id: idOf(key, n), after: latest });
    course.latest[endpoint] = Math.max(n, latest);
  }

  #course(key: string): Course {
    const known = this.#courses.get(key);
    if (known !== undefined) return known;
    const course: Course = {
      acknowledged: [],
      ids: { oms: [], billing: [], mail: [] },
      latest: { oms: -1, billing: -1, mail: -1 },
    };
    this.#courses.set(key, course);
    return course;
  }
}

function expects(endpoint: Endpoint, n: number): boolean {
  return endpoint === 'mail' || reachesOms(n);
}

function nameOf({ message: { body } }: DeadLetter): string {
  const { key, n } = JSON.parse(Buffer.from(body).toString('utf8')) as { key: string; n: number };
  return idOf(key, n);
}

/** 53 bits (cyrb53): two ids of one message that differ and have the same are not to be expected. */
function fingerprint(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    high = Math.imul(high ^ code, 2_654_435_761);
    low = Math.imul(low ^ code, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return 4_294_967_296 * (2_097_151 & low) + (high >>> 0);
}

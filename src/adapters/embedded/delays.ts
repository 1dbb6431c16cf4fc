import type { EncodedMessage } from '../../message.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import { type Extra, pack, unpack } from './codec.ts';
import type { Writes } from './commit.ts';
import type { Store } from './folder.ts';
import type { Change, Journal } from './journal.ts';
import { dueKey, dueOf, serialOf } from './keys.ts';
import { extraOf, isRecord, stringIn } from './shapes.ts';
import type { Slab } from './slab.ts';

/** A message that waits for its time: its next attempt, or what it was scheduled for. */
export interface Delayed {
  readonly to: 'bus' | { readonly endpoint: string };
  readonly message: EncodedMessage;
  readonly extra: Extra | undefined;
}

/** Most messages that become due in one commit. */
const MOST = 500;
/** The clock is looked at so often at least: it may be set, or the machine sleep, while a timer runs. @unit milliseconds */
const LOOK_AGAIN = 10_000;
/** Stands in the store where an endpoint stands; no endpoint can be called so. */
const BUS = '@bus';

/** Messages that wait for their time, in the store by it, those of one time in the order in which they came; one timer waits for the first. */
export class Delays implements Change {
  readonly #store: Store;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #onDue: (delayed: Delayed) => void;
  #arriving: { due: number; delayed: Delayed }[] = [];
  #leaving: Buffer[] = [];
  #serial: number;
  #next = Infinity;
  #timer: Timer | undefined;
  #enlisted = false;
  #closed = false;

  constructor(store: Store, journal: Journal, clock: Clock, onDue: (delayed: Delayed) => void) {
    this.#store = store;
    this.#journal = journal;
    this.#clock = clock;
    this.#onDue = onDue;
    this.#serial = 0;
    for (const key of store.delayed.getKeys()) this.#serial = Math.max(this.#serial, serialOf(key) + 1);
    this.#arm();
  }

  /** @param dueAt milliseconds since the Unix epoch */
  add(dueAt: number, delayed: Delayed): void {
    this.#arriving.push({ due: Math.max(0, Math.ceil(dueAt)), delayed });
    this.#enlist();
  }

  /** Takes all of an endpoint out, in a transaction of the caller's. */
  takeAll(endpoint: string): Delayed[] {
    const taken: Delayed[] = [];
    for (const { key, value } of this.#store.delayed.getRange()) {
      const delayed = read(Buffer.from(value));
      if (delayed === undefined || delayed.to === 'bus' || delayed.to.endpoint !== endpoint) continue;
      taken.push(delayed);
      this.#store.delayed.removeSync(Buffer.from(key));
    }
    return taken;
  }

  write(store: Writes, slab: Slab): void {
    this.#enlisted = false;
    for (const { due, delayed } of this.#arriving) {
      const { to, message, extra } = delayed;
      const bytes = pack(slab, [message], [{ ...extra, endpoint: to === 'bus' ? BUS : to.endpoint }]);
      store.delayed.put(dueKey(due, this.#serial++), bytes);
    }
    for (const key of this.#leaving) store.delayed.remove(key);
    this.#arriving = [];
    this.#leaving = [];
  }

  written(): void {
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #enlist(): void {
    if (this.#enlisted) return;
    this.#enlisted = true;
    this.#journal.enlist(this);
  }

  #arm(): void {
    // What is on its way to its endpoint still stands in the store; after its commit the next timer is set.
    if (this.#closed || this.#leaving.length > 0) return;
    const [first] = this.#store.delayed.getKeys({ limit: 1 });
    const due = first === undefined ? Infinity : dueOf(first);
    if (due === this.#next && this.#timer !== undefined) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#next = due;
    if (due === Infinity) return;
    this.#timer = this.#clock.timer(Math.min(LOOK_AGAIN, Math.max(0, due - this.#clock.now())), () => {
      this.#timer = undefined;
      this.#fire();
    });
  }

  /** What is due goes to its endpoint in one commit, after which the next timer is set. */
  #fire(): void {
    if (this.#closed) return;
    const end = dueKey(Math.floor(this.#clock.now()) + 1, 0);
    for (const { key, value } of this.#store.delayed.getRange({ start: Buffer.alloc(1), end, limit: MOST })) {
      const delayed = read(Buffer.from(value));
      this.#leaving.push(Buffer.from(key));
      if (delayed !== undefined) this.#onDue(delayed);
    }
    if (this.#leaving.length > 0) this.#enlist();
    else this.#arm();
  }
}

function read(bytes: Buffer): Delayed | undefined {
  const { messages, extras } = unpack(bytes);
  const [message] = messages;
  const extra = extras?.[0];
  if (message === undefined || !isRecord(extra)) return undefined;
  const endpoint = stringIn(extra, 'endpoint');
  return { to: endpoint === BUS ? 'bus' : { endpoint }, message, extra: extraOf(extra) };
}

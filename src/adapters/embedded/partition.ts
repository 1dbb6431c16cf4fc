import { toError } from '../../errors.ts';
import type { EncodedMessage } from '../../message.ts';
import type { Log } from '../../ports/log.ts';
import type { Delivery } from '../../ports/transport.ts';
import type { Budget } from './budget.ts';
import type { Extra } from './codec.ts';
import type { Writes } from './commit.ts';
import type { Store } from './folder.ts';
import type { Grant } from './grant.ts';
import { Held, type Origin, type Row } from './held.ts';
import type { Change, Journal } from './journal.ts';
import { recordKey } from './keys.ts';
import { Segment } from './segment.ts';
import { extent, readBegun, readSegments, type Shelf } from './shelf.ts';
import type { Slab } from './slab.ts';

/** Most messages, and about as many bytes, in one record. */
const RECORD_MESSAGES = 64;
const RECORD_BYTES = 256 * 1024;
/** Most deliveries handed over at a time. */
const HANDFUL = 256;
/** How much is read from the store at a time. */
const READ_MESSAGES = 512;
const READ_BYTES = 1024 * 1024;

export interface PartitionContext {
  readonly store: Store;
  readonly journal: Journal;
  readonly budget: Budget;
  readonly log: Log;
}

/**
 * A queue. Its messages are numbered in the order in which they were sent. From the store to the consumer:
 *
 * | number          | state                                                                                 |
 * |-----------------|---------------------------------------------------------------------------------------|
 * | below `#unread` | in memory as segments: in hand, or settled out of order, or next to be handed over     |
 * | below `#stored` | in the store only                                                                     |
 * | beyond          | sent, and not yet durable: nobody sees them                                           |
 */
export class Partition implements Change, Origin {
  readonly endpoint: string;
  readonly index: number;
  /** Who takes from it. One at most on ordered endpoints, but for one that is `leaving`. */
  readonly grants: Grant[] = [];
  /** How many of the first messages to be handed over were perhaps in hand when a process ended. */
  #suspects: number;
  /** What was sent since cannot have been in hand then. */
  readonly #suspectsEnd: number;
  readonly #place: Shelf;
  readonly #context: PartitionContext;
  #messages: EncodedMessage[] = [];
  #extras: (Extra | undefined)[] | undefined;
  #fresh: Segment[] = [];
  #changed: Row[] = [];
  #segments: Segment[] = [];
  /** Where to look for the next message that nobody has in hand. */
  #cursor = 0;
  #entry = 0;
  #unread: number;
  /** The last record that was found to be unreadable, so that each is told of once. */
  #unreadable = -1;
  #stored: number;
  #tail: number;
  #turn = 0;
  #dispatching = false;
  #enlisted = false;
  /** How often suspects were begun, by number. */
  readonly #begun: Map<number, number>;
  #begunChanged: number[] = [];
  readonly #onDrained: (grant: Grant) => void;

  constructor(
    context: PartitionContext,
    endpoint: { readonly name: string; readonly id: number },
    index: number,
    suspects: number,
    onDrained: (grant: Grant) => void,
  ) {
    this.#context = context;
    this.endpoint = endpoint.name;
    this.index = index;
    this.#place = { endpoint: endpoint.id, partition: index };
    this.#suspects = suspects;
    this.#onDrained = onDrained;
    const { first, end } = extent(context.store, this.#place);
    this.#unread = first;
    this.#suspectsEnd = end;
    this.#stored = end;
    this.#tail = end;
    this.#begun = readBegun(context.store, this.#place);
  }

  get inHand(): number {
    return this.grants.reduce((sum, { inHand }) => sum + inHand, 0);
  }

  /** What would have to be suspect were the store opened again. */
  get suspects(): number {
    return this.#suspects + this.#segments.reduce((sum, { suspects }) => sum + (suspects?.size ?? 0), 0);
  }

  /** When the first message that is not settled was made, in memory or else in the store. */
  get oldest(): string | undefined {
    const first = this.#segments.find(({ left }) => left > 0) ?? this.#peek();
    return first?.head?.envelope.time;
  }

  add(message: EncodedMessage, extra?: Extra): void {
    if (extra !== undefined) {
      this.#extras ??= [];
      this.#extras[this.#messages.length] = extra;
    }
    this.#messages.push(message);
    if (!this.#enlisted) this.#enlist();
  }

  settle(held: Held): void {
    const { row, index, lease } = held;
    if (this.#begun.size > 0 && this.#begun.delete(held.seq)) this.#begunChanged.push(held.seq);
    row.suspects?.delete(index);
    row.settle(index);
    lease.settling += 1;
    lease.bytesSettling += held.message.body.length;
    if (!row.changed) {
      row.changed = true;
      this.#changed.push(row);
    }
    if (row.left === 0) this.#prune();
    if (!this.#enlisted) this.#enlist();
  }

  /** Counts that `held` is about to be handled; how often that was, once it is durable. */
  async begin(held: Held): Promise<number> {
    const count = (this.#begun.get(held.seq) ?? 0) + 1;
    this.#begun.set(held.seq, count);
    this.#begunChanged.push(held.seq);
    if (!this.#enlisted) this.#enlist();
    await this.#context.journal.durable;
    return count;
  }

  /** Takes back what the holder of `grant` has in hand, to be handed over again before all that follows. */
  revoke(grant: Grant, suspect: boolean): void {
    const at = this.grants.indexOf(grant);
    if (at < 0) return;
    this.grants.splice(at, 1);
    for (const segment of this.#segments) {
      for (let i = 0; i < segment.held.length; i++) {
        if (segment.held[i]?.lease !== grant) continue;
        segment.held[i] = undefined;
        if (suspect) (segment.suspects ??= new Set()).add(i);
      }
    }
    this.#cursor = 0;
    this.#entry = 0;
    grant.revoke();
  }

  /** Hands over what may be handed over. */
  dispatch(): void {
    if (this.#dispatching) return;
    this.#dispatching = true;
    try {
      for (let grant = this.#pick(); grant !== undefined; grant = this.#pick()) {
        const deliveries = this.#collect(grant, Math.min(grant.room, HANDFUL));
        if (deliveries.length === 0) break;
        hand(grant, deliveries);
      }
    } finally {
      this.#dispatching = false;
    }
  }

  write(store: Writes, slab: Slab): void {
    this.#enlisted = false;
    if (this.#messages.length > 0) this.#writeMessages(store, slab);
    for (const segment of this.#changed) segment.storeProgress(store);
    this.#changed = [];
    for (const seq of this.#begunChanged) {
      const count = this.#begun.get(seq);
      const key = recordKey(this.#place.endpoint, this.#place.partition, seq);
      if (count === undefined) store.begun.remove(key);
      else store.begun.put(key, count);
    }
    this.#begunChanged = [];
    for (const grant of this.grants) grant.commit();
  }

  written(): void {
    for (const segment of this.#fresh) {
      // What does not follow on what is in memory, or would take too much of it, is read again in its turn.
      if (segment.first === this.#unread && this.#context.budget.open) {
        this.#context.budget.take(segment);
        this.#segments.push(segment);
        this.#unread = segment.end;
      }
      this.#stored = segment.end;
    }
    this.#fresh = [];
    for (const grant of [...this.grants]) {
      grant.committed();
      if (grant.leaving && grant.inHand === 0) this.#onDrained(grant);
    }
    this.dispatch();
  }

  #enlist(): void {
    this.#enlisted = true;
    this.#context.journal.enlist(this);
  }

  #writeMessages(store: Writes, slab: Slab): void {
    const messages = this.#messages;
    const extras = this.#extras;
    this.#messages = [];
    this.#extras = undefined;
    let from = 0;
    while (from < messages.length) {
      let to = from;
      let bytes = 0;
      while (to < messages.length && to - from < RECORD_MESSAGES && bytes < RECORD_BYTES) {
        bytes += messages[to]?.body.length ?? 0;
        to += 1;
      }
      const whole = from === 0 && to === messages.length;
      const segment = new Segment(
        this.#tail,
        recordKey(this.#place.endpoint, this.#place.partition, this.#tail),
        whole ? messages : messages.slice(from, to),
        extras?.slice(from, to),
      );
      segment.store(store, slab);
      this.#fresh.push(segment);
      this.#tail = segment.end;
      from = to;
    }
  }

  #pick(): Grant | undefined {
    const { grants } = this;
    for (let i = 0; i < grants.length; i++) {
      const grant = grants[(this.#turn + i) % grants.length];
      if (grant === undefined || grant.room <= 0) continue;
      this.#turn += i + 1;
      return grant;
    }
    return undefined;
  }

  #collect(grant: Grant, most: number): Held[] {
    const deliveries: Held[] = [];
    while (deliveries.length < most && grant.room > 0) {
      const segment = this.#segments[this.#cursor];
      if (segment === undefined) {
        if (!this.#read()) break;
        continue;
      }
      while (this.#entry < segment.count && deliveries.length < most && grant.room > 0) {
        const index = this.#entry++;
        const message = segment.messages[index];
        if (message === undefined || segment.settled[index] === 1 || segment.held[index] !== undefined) continue;
        const extra = segment.extras?.[index];
        const suspect = this.#suspect(segment, index, extra);
        const held = new Held(message, grant, this, segment, index, suspect, extra);
        segment.held[index] = held;
        deliveries.push(held);
        grant.inHand += 1;
        grant.bytesInHand += message.body.length;
      }
      if (this.#entry >= segment.count) {
        this.#cursor += 1;
        this.#entry = 0;
      }
    }
    return deliveries;
  }

  #suspect(segment: Segment, index: number, extra: Extra | undefined): boolean {
    if (segment.first + index >= this.#suspectsEnd) this.#suspects = 0;
    if (this.#suspects > 0) {
      this.#suspects -= 1;
      (segment.suspects ??= new Set()).add(index);
      return true;
    }
    if (segment.suspects?.has(index) === true || extra?.suspect === true) return true;
    return this.#begun.size > 0 && this.#begun.has(segment.first + index);
  }

  #read(): boolean {
    if (this.#unread >= this.#stored) return false;
    const segments = this.#unreadSegments((messages, bytes) => messages >= READ_MESSAGES || bytes >= READ_BYTES);
    const last = segments.at(-1);
    this.#unread = last === undefined ? this.#stored : last.end;
    for (const segment of segments) {
      this.#context.budget.take(segment);
      this.#segments.push(segment);
    }
    return segments.length > 0;
  }

  /** The first record that is in the store only, which stays so. */
  #peek(): Segment | undefined {
    return this.#unread < this.#stored ? this.#unreadSegments((messages) => messages > 0).at(-1) : undefined;
  }

  #unreadSegments(enough: (messages: number, bytes: number) => boolean): Segment[] {
    return readSegments(this.#context.store, this.#place, this.#unread, this.#stored, enough, (first, fault) => {
      this.#tellUnreadable(first, fault);
    });
  }

  /** The others go on: what is in such a record still counts as waiting, and stays where it is. */
  #tellUnreadable(first: number, fault: Error): void {
    if (first <= this.#unreadable) return;
    this.#unreadable = first;
    const { log, store } = this.#context;
    log.error(
      { endpoint: this.endpoint, partition: this.index, record: first, folder: store.folder, err: fault },
      `messages that wait at ${this.endpoint} cannot be read and stay in the folder: ${fault.message}`,
    );
  }

  /** Forgets segments that are settled, as far as none before them is not. */
  #prune(): void {
    let gone = 0;
    for (const segment of this.#segments) {
      if (segment.left > 0) break;
      this.#context.budget.give(segment);
      gone += 1;
    }
    if (gone === 0) return;
    this.#segments.splice(0, gone);
    if (this.#cursor >= gone) this.#cursor -= gone;
    else {
      this.#cursor = 0;
      this.#entry = 0;
    }
  }
}

function hand(grant: Grant, deliveries: readonly Delivery[]): void {
  try {
    grant.taker.receive(deliveries);
  } catch (thrown) {
    // The port forbids it. The commit that led here must go on, and the fault must be seen.
    queueMicrotask(() => {
      throw toError(thrown);
    });
  }
}

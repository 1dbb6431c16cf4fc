import type { EncodedMessage } from '../../message.ts';
import type { Extras, Wire } from './encode.ts';
import type { Owed } from './patience.ts';

/** Something on its way to an exchange. */
export interface Item {
  readonly exchange: string;
  readonly routingKey: string;
  /** Its order is kept among items of this exchange and key; undefined when no order is promised. */
  readonly key: string | undefined;
  readonly content: Content;
  /** About how much it weighs. @unit bytes */
  readonly bytes: number;
  /** Nobody waits for it any more: it is not sent again. */
  cancelled: boolean;
  /** Confirmed, or failed for good. Called once. */
  readonly finish: (error: Error | undefined) => void;
}

export type Content =
  /** May travel with others of its routing key. */
  | { readonly kind: 'batchable'; readonly message: EncodedMessage }
  /** Travels alone, with headers of Waybill's own. */
  | { readonly kind: 'single'; readonly message: EncodedMessage; readonly extras: Extras }
  /** Bytes that are no message of the bus. */
  | { readonly kind: 'raw'; readonly wire: Wire };

/** Items that travel as one AMQP message. */
export interface Batch extends Owed {
  readonly lane: Lane;
  readonly items: readonly Item[];
  readonly bytes: number;
  /** How often it was refused so far. */
  refusals: number;
}

/** Items of one exchange and routing key (batchable), or of one key (not), in order. One batch at a time is under way. */
interface Lane {
  readonly exchange: string;
  /** Of all its items, which may travel together; undefined for a lane whose items travel alone. */
  readonly routingKey: string | undefined;
  readonly queue: Item[];
  /** Of the first item of `queue` that has not left. */
  head: number;
  busy: boolean;
}

/** Where items of a key are, as long as some are unconfirmed. */
interface KeyState {
  lane: Lane;
  /** Items of the key in the lane or under way. */
  active: number;
  /** Items for another lane, which wait until `active` is 0. */
  readonly waiting: Item[];
}

export interface LaneLimits {
  /** Most messages of a batch. */
  readonly count: number;
  /** A batch is closed once it is as large. @unit bytes */
  readonly bytes: number;
}

/**
 * What waits to be published, so ordered that a key's messages never overtake each other, whatever is refused or lost.
 *
 * A broker may refuse m1 after it took m2. So of each key one AMQP message at most is under way; the next leaves when that
 * one is confirmed. Batchable items of a type and slot share a lane, and what comes while its batch is under way makes the
 * next batch: alone when idle, many when busy. A key whose next item is of another type waits until it may change lanes.
 */
export class Lanes {
  readonly #limits: LaneLimits;
  /** Those of batchable items, by exchange and there by routing key. */
  readonly #lanes = new Map<string, Map<string, Lane>>();
  readonly #keys = new Map<string, Map<string, KeyState>>();
  /** Lanes with items, none of which is under way. */
  #ready: Lane[] = [];
  #readyHead = 0;

  constructor(limits: LaneLimits) {
    this.#limits = limits;
  }

  add(item: Item): void {
    if (item.key === undefined) {
      this.#push(this.#lane(item), item);
      return;
    }
    const keys = this.#keysOf(item.exchange);
    let state = keys.get(item.key);
    if (state === undefined) {
      state = { lane: this.#lane(item), active: 0, waiting: [] };
      keys.set(item.key, state);
    } else if (state.waiting.length > 0 || !this.#fits(item, state.lane)) {
      state.waiting.push(item);
      return;
    }
    state.active += 1;
    this.#push(state.lane, item);
  }

  /** The next batch to publish; undefined when nothing may leave. Its lane is closed until `release`. */
  next(): Batch | undefined {
    for (;;) {
      const lane = this.#ready[this.#readyHead];
      if (lane === undefined) {
        this.#ready = [];
        this.#readyHead = 0;
        return undefined;
      }
      this.#readyHead += 1;
      if (this.#readyHead > 1_024) {
        this.#ready.splice(0, this.#readyHead);
        this.#readyHead = 0;
      }
      const batch = this.#cut(lane);
      if (batch !== undefined) return batch;
    }
  }

  /** The batch is over, confirmed or not: what waited for it may go on. */
  release(batch: Batch): void {
    this.#free(batch.lane, batch.items);
  }

  #cut(lane: Lane): Batch | undefined {
    const items: Item[] = [];
    const dropped: Item[] = [];
    let bytes = 0;
    lane.busy = true;
    while (lane.head < lane.queue.length && items.length < this.#limits.count) {
      const item = lane.queue[lane.head];
      if (item === undefined) break;
      if (items.length > 0 && (item.content.kind !== 'batchable' || bytes + item.bytes > this.#limits.bytes)) break;
      lane.head += 1;
      if (item.cancelled) {
        dropped.push(item);
        continue;
      }
      items.push(item);
      bytes += item.bytes;
    }
    for (const item of dropped) this.#leave(item, lane);
    if (lane.head > 1_024 || lane.head === lane.queue.length) {
      lane.queue.splice(0, lane.head);
      lane.head = 0;
    }
    const [first] = items;
    if (first === undefined) {
      this.#free(lane, []);
      return undefined;
    }
    return { lane, items, bytes, refusals: 0, road: `${first.exchange} ${first.routingKey}`, sentAt: undefined };
  }

  /** The lane is ready again, or over. It stays busy while keys move, so that none makes it ready twice. */
  #free(lane: Lane, items: readonly Item[]): void {
    for (const item of items) this.#leave(item, lane);
    lane.busy = false;
    if (lane.head < lane.queue.length) this.#ready.push(lane);
    else if (lane.routingKey !== undefined) this.#lanes.get(lane.exchange)?.delete(lane.routingKey);
  }

  #leave(item: Item, lane: Lane): void {
    if (item.key === undefined) return;
    const keys = this.#keysOf(item.exchange);
    const state = keys.get(item.key);
    if (state?.lane !== lane) return;
    state.active -= 1;
    if (state.active > 0) return;
    const first = state.waiting.find((waiting) => !waiting.cancelled);
    if (first === undefined) {
      keys.delete(item.key);
      return;
    }
    let moved = 0;
    state.lane = this.#lane(first);
    for (const waiting of state.waiting) {
      if (!waiting.cancelled) {
        if (!this.#fits(waiting, state.lane)) break;
        state.active += 1;
        this.#push(state.lane, waiting);
      }
      moved += 1;
    }
    state.waiting.splice(0, moved);
  }

  /** Whether it may travel with others. One that may not needs no lane with them, only one with its key. */
  #shares({ content }: Item): boolean {
    return content.kind === 'batchable' && this.#limits.count > 1;
  }

  /** Whether it may follow in a lane of its key. */
  #fits(item: Item, lane: Lane): boolean {
    return lane.routingKey === (this.#shares(item) ? item.routingKey : undefined);
  }

  #push(lane: Lane, item: Item): void {
    const wasEmpty = lane.head === lane.queue.length;
    lane.queue.push(item);
    if (wasEmpty && !lane.busy) this.#ready.push(lane);
  }

  /** The lane of its routing key, or one of its own. */
  #lane(item: Item): Lane {
    const { exchange, routingKey } = item;
    if (!this.#shares(item)) return { exchange, routingKey: undefined, queue: [], head: 0, busy: false };
    let lanes = this.#lanes.get(exchange);
    if (lanes === undefined) {
      lanes = new Map();
      this.#lanes.set(exchange, lanes);
    }
    let lane = lanes.get(routingKey);
    if (lane === undefined) {
      lane = { exchange, routingKey, queue: [], head: 0, busy: false };
      lanes.set(routingKey, lane);
    }
    return lane;
  }

  #keysOf(exchange: string): Map<string, KeyState> {
    let keys = this.#keys.get(exchange);
    if (keys === undefined) {
      keys = new Map();
      this.#keys.set(exchange, keys);
    }
    return keys;
  }
}

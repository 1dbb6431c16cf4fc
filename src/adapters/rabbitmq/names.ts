import type { TypeRef } from '../../message.ts';

/** Of what goes to the stream of the message history. */
export const HISTORY_KEY = 'history';

/** What everything of a bus is called on the broker. */
export interface Names {
  /** Exchange of every SDK publisher. */
  readonly in: string;
  /** Exchange of clients without the SDK. */
  readonly gateway: string;
  /** Entry exchange of delayed redelivery, and the top one of its levels. */
  readonly delay: string;
  /** Exchange to which a delayed message goes when its time has come. */
  readonly due: string;
  /** Exchange and queue of dead letters. */
  readonly dead: string;
  /** Exchange and queue of messages that no route takes. */
  readonly unrouted: string;
  /** Exchange behind `unrouted` for those who watch the bus: they may read it, and not the queue of that name. */
  readonly watch: string;
  readonly reply: string;
  /** Fanout exchange on which the living processes of the bus hear each other. */
  readonly members: string;
  /** Exchange in front of the streams `audit`, `journal` and `history`. */
  readonly records: string;
  readonly audit: string;
  readonly journal: string;
  /** Stream of the message history, behind `records` as well. */
  readonly history: string;
  readonly manifest: string;
  endpoint(name: string): string;
  /** The endpoint's second exchange, which takes what the first has no binding for: the switch for changing queues. */
  standby(name: string): string;
  /** @param generation counts up whenever the queues of an endpoint are made anew @default 1 */
  queue(endpoint: string, partition: number, generation?: number): string;
  /** The exchange of a level of delays; the top one is `delay`. */
  delayExchange(level: number, levels: number): string;
  delayQueue(level: number): string;
  /** An exclusive queue that stands for a lock. */
  lock(what: string): string;
}

export function namesOf(bus: string): Names {
  const level = (n: number): string => `${bus}.delay.${String(n).padStart(2, '0')}`;
  return {
    in: `${bus}.in`,
    gateway: `${bus}.gateway`,
    delay: `${bus}.delay`,
    due: `${bus}.delay.due`,
    dead: `${bus}.dead`,
    unrouted: `${bus}.unrouted`,
    watch: `${bus}.unrouted.watch`,
    reply: `${bus}.reply`,
    members: `${bus}.members`,
    records: `${bus}.records`,
    audit: `${bus}.audit`,
    journal: `${bus}.journal`,
    history: `${bus}.history`,
    manifest: `${bus}.manifest`,
    endpoint: (name) => `${bus}.ep.${name}`,
    standby: (name) => `${bus}.ep.${name}.b`,
    queue: (endpoint, partition, generation = 1) => `${bus}.ep.${endpoint}.${String(generation)}.${String(partition)}`,
    delayExchange: (n, levels) => (n === levels - 1 ? `${bus}.delay` : level(n)),
    delayQueue: level,
    lock: (what) => `${bus}.lock.${what}`,
  };
}

/** A type as one word of a routing key: `shop.order.placed@1` is `shop/order/placed@1`. */
export function typeWord(ref: TypeRef): string {
  return ref.replaceAll('.', '/');
}

/** Two words, so that bindings need no `#`, which would halve the broker's rate. */
export function routingKey(ref: TypeRef, slot: number): string {
  return `${typeWord(ref)}.${String(slot)}`;
}

/** The endpoint of a queue name; undefined for other queues. */
export function endpointOfQueue(bus: string, queue: string): string | undefined {
  const prefix = `${bus}.ep.`;
  if (!queue.startsWith(prefix)) return undefined;
  return /^(.+)\.\d+\.\d+$/.exec(queue.slice(prefix.length))?.[1];
}

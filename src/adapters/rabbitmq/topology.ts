import { GATEWAY } from '../../ports/gateway.ts';
import { HISTORY_AGE_MS, HISTORY_BYTES } from '../../ports/history.ts';
import type { Binding, Topology } from '../../ports/topology.ts';
import {
  belowLevel,
  busPattern,
  delayedSlotPattern,
  duePattern,
  endpointPattern,
  LEVELS,
  levelPattern,
  levelTtl,
} from './delays.ts';
import {
  type EndpointLayout,
  freshLayout,
  type Generation,
  type Layout,
  newestOf,
  partitionOfSlot,
  type Side,
} from './layout.ts';
import { HISTORY_KEY, type Names, namesOf, typeWord } from './names.ts';

/** What the broker must hold for a plan, as data. */
export interface BrokerTopology {
  readonly exchanges: readonly ExchangeSpec[];
  readonly queues: readonly QueueSpec[];
  readonly bindings: readonly BindingSpec[];
}

export interface ExchangeSpec {
  readonly name: string;
  readonly type: 'topic' | 'fanout';
  /**
   * Takes what none of its bindings matches. It cannot be given later, so every exchange of messages has one from birth. Only
   * those on which processes hear each other, and people what is parked, have none: what nobody hears there is no message, or a copy,
   * and must not be parked as one.
   */
  readonly alternate?: string;
}

export interface QueueSpec {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
}

export interface BindingSpec {
  readonly from: string;
  readonly to: { readonly exchange: string } | { readonly queue: string };
  readonly pattern: string;
}

/**
 * Practically unlimited: 4.0's default of 20 lost messages that were prefetched and never handled, and -1 emptied queues on
 * 3.10. Attempts are counted by Waybill.
 */
const DELIVERY_LIMIT = 1_000_000;

/** Largest amount of parked messages when nothing else is said. @unit bytes */
export const DEFAULT_PARKING = 268_435_456;

/**
 * All of it, with every generation of every endpoint.
 * @param parking largest amount of parked messages, in bytes
 * @param layout of a bus that is new, when nothing else is said
 */
export function brokerTopology(
  topology: Topology,
  parking: number,
  layout: Layout = freshLayout(topology),
): BrokerTopology {
  const names = namesOf(topology.bus);
  const parts = [
    baseTopology(names, parking),
    ...layout.map((endpoint) => endpointTopology(names, endpoint)),
    { exchanges: [], queues: [], bindings: busBindings(names, topology.bindings) },
  ];
  return joined(parts);
}

/** What every bus has, whatever its plan. */
export function baseTopology(names: Names, parking: number): BrokerTopology {
  return joined([base(names, parking), delayTopology(names)]);
}

function joined(parts: readonly BrokerTopology[]): BrokerTopology {
  return {
    exchanges: parts.flatMap(({ exchanges }) => exchanges),
    queues: parts.flatMap(({ queues }) => queues),
    bindings: parts.flatMap(({ bindings }) => bindings),
  };
}

/** What brings messages of the bus to its endpoints. */
export function busBindings(names: Names, bindings: readonly Binding[]): BindingSpec[] {
  return bindings.flatMap(({ type, endpoint }) => {
    const to = { exchange: names.endpoint(endpoint) };
    return [
      { from: names.in, to, pattern: `${typeWord(type)}.*` },
      // What was scheduled comes from here when it is due; bindings in `in` for it would slow down all that is published.
      { from: names.due, to, pattern: busPattern(type) },
    ];
  });
}

function base(names: Names, parking: number): BrokerTopology {
  const topic = (name: string): ExchangeSpec => ({ name, type: 'topic', alternate: names.unrouted });
  return {
    exchanges: [
      // Both have a binding for everything, so each can be the other's alternate without a circle.
      { name: names.unrouted, type: 'fanout', alternate: names.dead },
      topic(names.dead),
      topic(names.in),
      topic(names.gateway),
      topic(names.reply),
      topic(names.records),
      { name: names.members, type: 'fanout' },
      { name: names.watch, type: 'fanout' },
    ],
    queues: [
      {
        name: names.unrouted,
        arguments: {
          ...quorum(names.dead),
          'x-max-length-bytes': parking,
          // The only queue with a bound: a full one nacks the publisher, who says so by name.
          'x-overflow': 'reject-publish',
        },
      },
      { name: names.dead, arguments: quorum(names.dead) },
      { name: names.audit, arguments: { 'x-queue-type': 'stream' } },
      {
        name: names.journal,
        arguments: {
          'x-queue-type': 'stream',
          'x-max-length-bytes': 20_000_000,
          'x-stream-max-segment-size-bytes': 2_000_000,
        },
      },
      {
        name: names.history,
        arguments: {
          'x-queue-type': 'stream',
          'x-max-length-bytes': HISTORY_BYTES,
          'x-max-age': `${String(HISTORY_AGE_MS / 1_000)}s`,
          // Whole segments are dropped, the oldest first.
          'x-stream-max-segment-size-bytes': 4_000_000,
        },
      },
    ],
    bindings: [
      { from: names.unrouted, to: { queue: names.unrouted }, pattern: '' },
      { from: names.unrouted, to: { exchange: names.watch }, pattern: '' },
      { from: names.dead, to: { queue: names.dead }, pattern: '#' },
      { from: names.records, to: { queue: names.audit }, pattern: 'audit' },
      { from: names.records, to: { queue: names.journal }, pattern: 'journal' },
      { from: names.records, to: { queue: names.history }, pattern: HISTORY_KEY },
    ],
  };
}

function delayTopology(names: Names): BrokerTopology {
  const levels = Array.from({ length: LEVELS }, (_, level) => level);
  const exchange = (level: number): string => names.delayExchange(level, LEVELS);
  return {
    exchanges: [names.due, ...levels.map(exchange)].map((name) => ({
      name,
      type: 'topic' as const,
      alternate: names.unrouted,
    })),
    queues: levels.map((level) => ({
      name: names.delayQueue(level),
      arguments: {
        ...quorum(belowLevel(names, level)),
        'x-message-ttl': levelTtl(level),
        // Without it a message is lost when the broker ends while it moves it. It asks for this overflow.
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      },
    })),
    bindings: levels.flatMap((level) => [
      ...levels.slice(0, level + 1).map((lower) => ({
        from: exchange(level),
        to: { queue: names.delayQueue(lower) },
        pattern: levelPattern(level, lower),
      })),
      { from: exchange(level), to: { exchange: names.due }, pattern: duePattern(level) },
    ]),
  };
}

/** An endpoint when no change of it is under way: only its last generation is bound. */
function endpointTopology(names: Names, layout: EndpointLayout): BrokerTopology {
  const { name } = layout.spec;
  return {
    exchanges: endpointExchanges(names, name),
    queues: layout.generations.flatMap((generation) => generationQueues(names, name, generation)),
    bindings: [
      ...arrivalBindings(names, name),
      ...generationBindings(names, name, newestOf(layout), layout.side, { from: 0, to: layout.slots }),
    ],
  };
}

/** The switch first: an exchange must lead somewhere before anything leads to it. */
export function endpointExchanges(names: Names, name: string): ExchangeSpec[] {
  return [
    { name: names.standby(name), type: 'topic', alternate: names.unrouted },
    { name: names.endpoint(name), type: 'topic', alternate: names.standby(name) },
  ];
}

/** Brings to an endpoint what was delayed for it; to the gateway's also what clients without the SDK publish. */
export function arrivalBindings(names: Names, name: string): BindingSpec[] {
  const to = { exchange: names.endpoint(name) };
  const due = { from: names.due, to, pattern: endpointPattern(name) };
  return name === GATEWAY ? [due, { from: names.gateway, to, pattern: '#' }] : [due];
}

export function generationQueues(names: Names, name: string, generation: Generation): QueueSpec[] {
  const ordered: Record<string, boolean> = generation.ordering === 'key' ? { 'x-single-active-consumer': true } : {};
  return Array.from({ length: generation.partitions }, (_, partition) => ({
    name: names.queue(name, partition, generation.number),
    arguments: { ...quorum(names.dead), ...ordered },
  }));
}

/** Of the slots `from` to `to` (not included). */
export function generationBindings(
  names: Names,
  name: string,
  generation: Generation,
  side: Side,
  slots: { readonly from: number; readonly to: number },
): BindingSpec[] {
  const from = side === 'main' ? names.endpoint(name) : names.standby(name);
  return Array.from({ length: Math.max(0, slots.to - slots.from) }, (_, index) => slots.from + index).flatMap(
    (slot) => {
      const to = { queue: names.queue(name, partitionOfSlot(slot, generation), generation.number) };
      const patterns = [`*.${String(slot)}`, delayedSlotPattern(slot)];
      // Clients without the SDK know no slots: what they publish goes with the first.
      if (name === GATEWAY && slot === 0) patterns.push('#');
      return patterns.map((pattern) => ({ from, to, pattern }));
    },
  );
}

function quorum(deadLetterExchange: string): Record<string, string | number> {
  return {
    'x-queue-type': 'quorum',
    'x-delivery-limit': DELIVERY_LIMIT,
    'x-dead-letter-exchange': deadLetterExchange,
  };
}

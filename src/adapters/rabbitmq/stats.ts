import { earliest } from '../../message.ts';
import type { EndpointSpec, Topology } from '../../ports/topology.ts';
import type { AttendedBy, EndpointStats, Ledger, Tally, TransportStats } from '../../ports/transport.ts';
import { LEVELS } from './delays.ts';
import type { EndpointLayout, Layout } from './layout.ts';
import type { ConsumerSnapshot, Snapshot } from './members.ts';
import type { Names } from './names.ts';
import { type ChannelSource, countOf } from './stream.ts';
import { generationQueues } from './topology.ts';

/** Most messages of one AMQP message. */
export const BATCH_COUNT = 200;

export const NO_STATS: TransportStats = {
  exact: false,
  endpoints: [],
  dead: 0,
  parked: 0,
  delayed: 0,
  ledger: {
    made: 0,
    done: 0,
    filtered: 0,
    merged: 0,
    duplicate: 0,
    dead: 0,
    parked: 0,
    expired: 0,
    discarded: 0,
    waiting: 0,
  },
  tallies: {},
};

/**
 * The queues' counts from the broker, everything else from the living processes. The broker counts AMQP messages, and a
 * batch is one; so what waits is corrected by what living processes made and ended, within what the broker's count allows.
 */
export async function gatherStats(
  topology: Topology,
  names: Names,
  source: ChannelSource,
  members: readonly Snapshot[],
  layout: Layout,
): Promise<TransportStats> {
  const sum = (of: (member: Snapshot) => Tally): Record<string, number> => addUp(members.map(of));
  const made = sum((member) => member.made);
  const letters = sum((member) => member.letters);
  const delayed = await delayedCount(names, source);
  const endpoints: EndpointStats[] = [];
  const retired = layout.filter((endpoint) => endpoint.retired !== undefined);
  for (const spec of [...topology.endpoints, ...retired.map((endpoint) => endpoint.spec)]) {
    const consumers = members.flatMap((member) => member.consumers.filter(({ endpoint }) => endpoint === spec.name));
    const outcomes = sum((member) => member.outcomes[spec.name] ?? {});
    const ready = await readyOf(
      layout.find((endpoint) => endpoint.spec.name === spec.name),
      names,
      source,
    );
    const stats = endpointStats(spec, ready, consumers, outcomes, made[spec.name] ?? 0, delayed);
    endpoints.push(retired.some((endpoint) => endpoint.spec === spec) ? { ...stats, retired: true } : stats);
  }
  const dead = (await countOf(source, names.dead))?.messageCount ?? 0;
  const parked = (await countOf(source, names.unrouted))?.messageCount ?? 0;
  const ended = addUp(endpoints.map(({ outcomes }) => outcomes));
  const expired = clamp((ended['expired'] ?? 0) - (letters['expired'] ?? 0), 0, dead);
  const ledger: Ledger = {
    made: made['*'] ?? 0,
    done: ended['done'] ?? 0,
    filtered: ended['filtered'] ?? 0,
    merged: ended['merged'] ?? 0,
    duplicate: ended['duplicate'] ?? 0,
    dead: dead - expired,
    parked,
    expired,
    discarded: letters['discarded'] ?? 0,
    waiting: endpoints.reduce((total, { waiting, inHand }) => total + waiting + inHand, delayed),
  };
  return { exact: false, endpoints, dead, parked, delayed, ledger, tallies: sum((member) => member.tallies) };
}

function endpointStats(
  { name }: EndpointSpec,
  broker: { ready: number; consumers: number },
  consumers: readonly ConsumerSnapshot[],
  outcomes: Record<string, number>,
  made: number,
  delayed: number,
): EndpointStats {
  const inHand = consumers.reduce((total, consumer) => total + consumer.inHand, 0);
  const buffered = consumers.reduce((total, consumer) => total + consumer.buffered, 0);
  const oldest = earliest(consumers.map((consumer) => consumer.oldest));
  const ended = ['done', 'filtered', 'merged', 'duplicate', 'dead', 'expired', 'parked'].reduce(
    (total, outcome) => total + (outcomes[outcome] ?? 0),
    0,
  );
  const away = clamp((outcomes['delayed'] ?? 0) - (outcomes['resumed'] ?? 0), 0, delayed);
  const here = broker.ready + buffered;
  return {
    name,
    waiting: clamp(made - ended - inHand - away, here, here * BATCH_COUNT),
    inHand,
    delayed: away,
    ...(oldest === undefined ? undefined : { oldest }),
    consumers: Math.max(consumers.length, broker.consumers),
    states: consumers.map(({ state }) => state),
    attended: consumers.map(attendedBy),
    outcomes,
  };
}

function attendedBy({ by, seats }: ConsumerSnapshot): AttendedBy {
  const partitions = seats.flatMap(({ partition, away }) => (away === undefined ? [partition] : []));
  const reattaching = seats.find(({ away }) => away !== undefined)?.away;
  return { by, partitions: partitions.sort((a, b) => a - b), ...(reattaching === undefined ? {} : { reattaching }) };
}

async function readyOf(
  layout: EndpointLayout | undefined,
  names: Names,
  source: ChannelSource,
): Promise<{ ready: number; consumers: number }> {
  let ready = 0;
  let consumers = 0;
  for (const generation of layout?.generations ?? []) {
    for (const { name } of generationQueues(names, layout?.spec.name ?? '', generation)) {
      const count = await countOf(source, name);
      ready += count?.messageCount ?? 0;
      consumers = Math.max(consumers, count?.consumerCount ?? 0);
    }
  }
  return { ready, consumers };
}

async function delayedCount(names: Names, source: ChannelSource): Promise<number> {
  let total = 0;
  for (let level = 0; level < LEVELS; level++)
    total += (await countOf(source, names.delayQueue(level)))?.messageCount ?? 0;
  return total;
}

function addUp(tallies: readonly Tally[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const tally of tallies) for (const name in tally) total[name] = (total[name] ?? 0) + (tally[name] ?? 0);
  return total;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

import { type BatchObservableResult, type Meter, metrics, type Observable } from '@opentelemetry/api';
import { toError } from '../errors.ts';
import { type Clock, systemClock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Topology } from '../ports/topology.ts';
import type { EndpointStats, Transport, TransportStats } from '../ports/transport.ts';
import { BUS_METRICS } from './metric-table.ts';

type Name = keyof typeof BUS_METRICS;
type Labels = Readonly<Record<string, string>>;

export interface ObservedBus {
  readonly transport: Transport;
  /** Of sources that were asked: whether each is left alone. */
  readonly breakers: ReadonlyMap<string, boolean>;
  readonly plan: { readonly topology: Topology };
  readonly log: Log;
}

/**
 * Tells the figures of the bus whenever they are collected, to whatever SDK the process has. The bus is asked then, and not
 * before, so that nothing is counted twice.
 * @param clock for the age of what waits
 * @returns ends it
 */
export function observeBus(bus: ObservedBus, clock: Clock = systemClock): () => void {
  const { transport, log } = bus;
  const meter = metrics.getMeter('waybill');
  const instruments = instrumentsOf(meter);
  let last = new Gauges();
  const observe = async (result: BatchObservableResult): Promise<void> => {
    const gauges = new Gauges();
    const tell = (name: Name, value: number, labels: Labels = {}): void => {
      const instrument = instruments.get(name);
      if (instrument !== undefined) result.observe(instrument, value, labels);
      gauges.add(name, labels);
    };
    await look(tell);
    // The SDK tells the last value of a series again when it is told none, as if it were still so.
    for (const { name, labels } of last.without(gauges)) {
      const instrument = instruments.get(name);
      if (instrument !== undefined) result.observe(instrument, Number.NaN, labels);
    }
    last = gauges;
  };
  const look = async (tell: Tell): Promise<void> => {
    const { connected, blocked } = transport.status();
    tell('connected', connected ? 1 : 0);
    tell('blocked', blocked === undefined ? 0 : 1);
    for (const [source, open] of bus.breakers) tell('breaker', open ? 1 : 0, { source });
    // Without a connection there is nothing to ask.
    if (!connected) return;
    try {
      const stats = await transport.stats();
      tellStats(stats, bus.plan.topology, tell);
      for (const endpoint of stats.endpoints)
        tell('oldest', ageOfOldest(endpoint, clock.now()), { endpoint: endpoint.name });
    } catch (error) {
      log.debug({ error: toError(error).message }, 'the figures of the bus could not be had for the moment');
    }
  };
  const all = [...instruments.values()];
  meter.addBatchObservableCallback(observe, all);
  return () => {
    meter.removeBatchObservableCallback(observe, all);
  };
}

function instrumentsOf(meter: Meter): ReadonlyMap<Name, Observable> {
  return new Map(
    (Object.keys(BUS_METRICS) as Name[]).map((key) => {
      const { name, kind, unit, describe } = BUS_METRICS[key];
      const options = { unit, description: describe };
      const instrument =
        kind === 'counter' ? meter.createObservableCounter(name, options) : meter.createObservableGauge(name, options);
      return [key, instrument];
    }),
  );
}

/** Series of gauges that were told in one collection. */
class Gauges {
  readonly #series = new Map<string, { readonly name: Name; readonly labels: Labels }>();

  add(name: Name, labels: Labels): void {
    if (BUS_METRICS[name].kind === 'gauge') this.#series.set(`${name} ${JSON.stringify(labels)}`, { name, labels });
  }

  without(others: Gauges): { readonly name: Name; readonly labels: Labels }[] {
    return [...this.#series].filter(([key]) => !others.#series.has(key)).map(([, series]) => series);
  }
}

type Tell = (name: Name, value: number, labels?: Labels) => void;

function tellStats(stats: TransportStats, { endpoints: planned }: Topology, tell: Tell): void {
  const { endpoints, dead, parked, delayed, tallies } = stats;
  tell('dead', dead);
  tell('parked', parked);
  tell('scheduled', delayed);
  const partitions = new Map(planned.map(({ name, partitions: count }) => [name, count]));
  for (const endpoint of endpoints) tellEndpoint(endpoint, partitions.get(endpoint.name) ?? 0, tell);
  for (const [counter, value] of Object.entries(tallies)) {
    const [scope, what, outcome] = counter.split('.');
    // Names of routes and services have no dots.
    if (scope === 'route' && what !== undefined && outcome !== undefined)
      tell('routes', value, { route: what, outcome });
    else if (scope === 'service' && what !== undefined && outcome === 'published')
      tell('published', value, { service: what });
    else if (counter === 'transport.unconfirmed') tell('unconfirmed', value);
  }
}

/** @unit seconds */
function ageOfOldest({ oldest, waiting, inHand }: EndpointStats, now: number): number {
  if (oldest !== undefined) return Math.max(0, now - Date.parse(oldest)) / 1_000;
  // What is not told keeps its last value in the SDK, and an old age would be taken for one of now. No rule fires for NaN.
  return waiting + inHand === 0 ? 0 : Number.NaN;
}

function tellEndpoint(stats: EndpointStats, partitions: number, tell: Tell): void {
  const { name, waiting, inHand, delayed, consumers, states, attended, outcomes } = stats;
  const endpoint = { endpoint: name };
  tell('backlog', waiting, endpoint);
  tell('inHand', inHand, endpoint);
  tell('delayed', delayed, endpoint);
  tell('consumers', consumers, endpoint);
  tell(
    'heldKeys',
    states.reduce((sum, { heldKeys }) => sum + heldKeys, 0),
    endpoint,
  );
  tell('paused', states.some(({ paused }) => paused !== undefined) ? 1 : 0, endpoint);
  for (const [outcome, value] of Object.entries(outcomes)) tell('outcomes', value, { ...endpoint, outcome });
  if (attended === undefined) return;
  for (let partition = 0; partition < partitions; partition++) {
    const attached = attended.filter((process) => process.partitions.includes(partition));
    tell('attended', attached.length, { ...endpoint, partition: String(partition) });
  }
}

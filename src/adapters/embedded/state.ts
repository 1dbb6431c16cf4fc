import { WaybillError } from '../../errors.ts';
import type { EncodedMessage } from '../../message.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Manifest } from '../../ports/topology.ts';
import { Budget } from './budget.ts';
import type { Extra } from './codec.ts';
import { type Delayed, Delays } from './delays.ts';
import { Endpoint, type StoredEndpoint } from './endpoint.ts';
import { Exchange } from './exchange.ts';
import type { Store } from './folder.ts';
import type { Journal } from './journal.ts';
import { Ledger } from './ledger.ts';
import { Letters } from './letters.ts';
import { readEndpoints, readManifest, readSuspects, type Suspects } from './records.ts';
import { Units } from './units.ts';

/** How much of what waits stays in memory, so that it is not read again. @unit bytes */
const MEMORY = 32 * 1024 * 1024;

export interface StateContext {
  readonly store: Store;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  /** Largest amount of parked messages. By default what the applied definition says. @unit bytes */
  readonly parkingBytes: number | undefined;
  /** Shows those who watch what is published on the bus. */
  readonly show: (message: EncodedMessage) => void;
}

/** How the process before ended, which decides what is suspect. */
export type Start = 'clean' | 'unclean' | Suspects;

/** All that the owner knows of its folder, read from the store. After a commit that failed it is read again. */
export class State {
  readonly context: StateContext & { readonly budget: Budget };
  readonly ledger: Ledger;
  readonly letters: Letters;
  readonly delays: Delays;
  /** What deliveries changed of the state of steps, and what inboxes recorded. */
  readonly units: Units;
  readonly endpoints = new Map<string, Endpoint>();
  manifest: Manifest | undefined;
  exchange: Exchange;

  constructor(context: StateContext, start: Start) {
    const { store, journal, clock } = context;
    for (const database of [store.meta, store.log, store.progress, store.begun, store.delayed]) database.resetReadTxn();
    this.context = { ...context, budget: new Budget(MEMORY) };
    this.ledger = new Ledger(journal, store);
    this.letters = new Letters(store, journal, clock);
    this.units = new Units(store, journal, clock);
    this.manifest = readManifest(store);
    const saved = typeof start === 'object' ? start : readSuspects(store);
    for (const stored of readEndpoints(store)) {
      this.endpoints.set(
        stored.spec.name,
        this.open(stored, (partition) =>
          Math.max(saved[stored.spec.name]?.[partition] ?? 0, start === 'unclean' ? stored.window : 0),
        ),
      );
    }
    this.exchange = new Exchange(this.endpoints, this.manifest?.topology);
    this.delays = new Delays(store, journal, clock, (delayed) => {
      this.#due(delayed);
    });
  }

  /** An endpoint with what the store holds for it. */
  open(stored: StoredEndpoint, suspects: (partition: number) => number): Endpoint {
    return new Endpoint(this.context, stored, this.ledger.endpoint(stored.spec.name), suspects);
  }

  /** Makes a delivery of a message at an endpoint. Counts its backlog, not how it was made. */
  deliver(endpoint: Endpoint, slot: number, message: EncodedMessage, extra?: Extra): void {
    endpoint.counters.backlog += 1;
    this.exchange.partition(endpoint, slot).add(message, extra);
  }

  /** Hands a message of the bus to all that are bound to its type now, or parks it. */
  publish(message: EncodedMessage): void {
    this.context.show(message);
    const takers = this.exchange.takers(message.envelope);
    this.ledger.add('made', Math.max(1, takers.length));
    if (takers.length === 0) {
      this.park(message);
      return;
    }
    const slot = this.exchange.slot(message.envelope);
    for (const taker of takers) this.deliver(taker, slot, message);
  }

  /** Keeps a message until its time. @throws WB_PLAN_NOT_APPLIED */
  schedule(dueAt: number, delayed: Delayed): void {
    const { to } = delayed;
    if (to === 'bus') this.ledger.scheduled += 1;
    else {
      const { counters } = this.exchange.endpoint(to.endpoint);
      counters.backlog += 1;
      counters.delayed += 1;
    }
    this.ledger.add('made', 1);
    this.delays.add(dueAt, delayed);
  }

  #due({ to, message, extra }: Delayed): void {
    if (to === 'bus') {
      // It was made when it was scheduled; each endpoint beyond the first makes one more.
      this.ledger.scheduled -= 1;
      this.ledger.add('made', -1);
      this.publish(message);
      return;
    }
    const target = this.endpoints.get(to.endpoint);
    if (target === undefined) throw new RangeError(`a delayed message belongs to no endpoint: ${to.endpoint}`);
    target.counters.delayed -= 1;
    this.ledger.touch();
    this.exchange.partition(target, this.exchange.slot(message.envelope)).add(message, extra);
  }

  park(message: EncodedMessage): void {
    const { type, version } = message.envelope;
    this.ledger.add('parked', 1);
    this.ledger.parkedBytes += message.body.length;
    const error = `no route takes ${type}@${String(version)}`;
    this.letters.add('parked', 'parked', { endpoint: 'bus', code: 'WB_UNROUTED', error, attempts: [] }, message);
  }

  suspects(): Suspects {
    return Object.fromEntries(
      [...this.endpoints.values()].map(({ name, partitions }) => [name, partitions.map(({ suspects }) => suspects)]),
    );
  }

  /** @throws WB_PARKING_FULL */
  checkParking(bytes: number): void {
    const limit = this.context.parkingBytes ?? parkingLimit(this.manifest);
    if (this.ledger.parkedBytes + bytes <= limit) return;
    throw new WaybillError(
      'WB_PARKING_FULL',
      `no route takes this type, and the parking lot holds ${String(this.ledger.parkedBytes)} of ${String(limit)} bytes`,
      { retryable: true, fix: 'Add a route that takes the type and redrive what is parked, or discard it.' },
    );
  }

  close(): void {
    this.delays.close();
    this.units.close();
    for (const endpoint of this.endpoints.values()) endpoint.clear();
  }
}

/** @unit bytes */
const DEFAULT_PARKING = 268_435_456;

function parkingLimit(manifest: Manifest | undefined): number {
  const definition = manifest?.definition;
  if (typeof definition !== 'object' || definition === null || !('limits' in definition)) return DEFAULT_PARKING;
  const { limits } = definition;
  if (typeof limits !== 'object' || limits === null || !('parking' in limits)) return DEFAULT_PARKING;
  return typeof limits.parking === 'number' ? limits.parking : DEFAULT_PARKING;
}

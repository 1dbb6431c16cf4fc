import { WaybillError } from '../../errors.ts';
import type { EncodedMessage } from '../../message.ts';
import type { EndpointSpec, Manifest, Topology } from '../../ports/topology.ts';
import type { Endpoint } from './endpoint.ts';
import { Exchange } from './exchange.ts';
import { claimForBus } from './folder.ts';
import { recordKey } from './keys.ts';
import { writeEndpoints } from './records.ts';
import { Segment } from './segment.ts';
import { readSegments } from './shelf.ts';
import { Slab } from './slab.ts';
import type { State } from './state.ts';

/** Most messages that a change of plan holds in memory at a time. */
const CHUNK = 64;

/** A message that waits at an endpoint, with its number of beginnings when it is suspect. */
interface Waiting {
  readonly message: EncodedMessage;
  readonly extra: { readonly begun?: number } & object;
}

/**
 * Makes the state hold a new plan, in one transaction. Endpoints that stay as they are keep their consumers. The waiting
 * messages of one whose partitions change are filed anew, in the order of each key; those of one that is gone become dead
 * letters. Returns what changed, one line each.
 */
export function applyPlan(state: State, wanted: Manifest, now: (write: () => void) => void): readonly string[] {
  checkTopology(wanted);
  const { store } = state.context;
  const before = state.manifest?.topology;
  // Slots never shrink: with fewer, keys would move for nothing.
  const topology = { ...wanted.topology, slots: Math.max(wanted.topology.slots, before?.slots ?? 0) };
  const manifest = { ...wanted, topology };
  const changes = state.manifest === undefined ? [`bus ${manifest.bus}`] : [];
  let nextId = Math.max(0, ...[...state.endpoints.values()].map(({ id }) => id)) + 1;
  const kept = new Map<string, Endpoint>();
  const added: { spec: EndpointSpec; from?: Endpoint }[] = [];
  for (const spec of topology.endpoints) {
    const old = state.endpoints.get(spec.name);
    if (old === undefined) {
      changes.push(`endpoint ${spec.name}: added, ${describe(spec)}`);
      added.push({ spec });
    } else if (sameQueue(old.spec, spec) && !slotsMove(before, topology, spec)) {
      kept.set(spec.name, old);
      if (!same(old.spec, spec)) changes.push(`endpoint ${spec.name}: changed, ${describe(spec)}`);
    } else {
      changes.push(`endpoint ${spec.name}: changed, ${describe(spec)}`);
      added.push({ spec, from: old });
    }
  }
  const removed = [...state.endpoints.values()].filter(
    ({ name }) => !topology.endpoints.some((spec) => spec.name === name),
  );
  for (const { name } of removed) changes.push(`endpoint ${name}: removed`);
  changes.push(...bindingChanges(before, topology));
  if (changes.length === 0) changes.push(`edition ${manifest.edition}`);

  const endpoints = new Map<string, Endpoint>();
  now(() => {
    claimForBus(store, manifest.bus);
    const filing = new Filing(state, new Slab());
    const stored = topology.endpoints.map((spec) => {
      const old = kept.get(spec.name);
      if (old !== undefined) return { id: old.id, spec, window: old.window };
      const from = added.find((each) => each.spec.name === spec.name)?.from;
      const entry = { id: nextId++, spec, window: from?.window ?? 0 };
      if (from !== undefined) filing.move(from, entry.id, spec, topology.slots);
      return entry;
    });
    for (const endpoint of removed) filing.bury(endpoint);
    writeEndpoints(store, stored);
    void store.meta.put('manifest', manifest);
    state.ledger.write(store);
    for (const entry of stored) {
      const old = kept.get(entry.spec.name);
      const from = added.find((each) => each.spec.name === entry.spec.name)?.from;
      const doubtful = from?.partitions.reduce((sum, { suspects }) => sum + suspects, 0) ?? 0;
      endpoints.set(entry.spec.name, old ?? state.open(entry, () => doubtful));
    }
  });
  state.endpoints.clear();
  for (const [name, endpoint] of endpoints) state.endpoints.set(name, endpoint);
  state.exchange = new Exchange(state.endpoints, topology);
  state.manifest = manifest;
  // Last, since whoever hears of it may send at once: what is sent then must find the new endpoints.
  for (const endpoint of [...removed, ...added.flatMap(({ from }) => from ?? [])]) endpoint.clear();
  return changes;
}

function checkTopology({ bus, topology }: Manifest): void {
  if (topology.bus !== bus) {
    throw new WaybillError('WB_OPTION_INVALID', `the topology of the bus "${bus}" is that of "${topology.bus}"`);
  }
  const { slots } = topology;
  if (!Number.isInteger(Math.log2(slots)) || slots < 1 || slots > 64) {
    throw new WaybillError('WB_OPTION_INVALID', `slots must be a power of two from 1 to 64, not ${String(slots)}`);
  }
  for (const { name, partitions } of topology.endpoints) {
    if (Number.isInteger(partitions) && partitions >= 1 && partitions <= slots) continue;
    throw new WaybillError(
      'WB_OPTION_INVALID',
      `endpoint ${name}: partitions must be 1 to ${String(slots)} (slots), not ${String(partitions)}`,
    );
  }
}

function describe({ kind, ordering, partitions }: EndpointSpec): string {
  return `${kind}, ordering ${ordering}, ${String(partitions)} ${partitions === 1 ? 'partition' : 'partitions'}`;
}

function same(a: EndpointSpec, b: EndpointSpec): boolean {
  return sameQueue(a, b) && a.kind === b.kind && a.plain === b.plain;
}

function sameQueue(a: EndpointSpec, b: EndpointSpec): boolean {
  return a.ordering === b.ordering && a.partitions === b.partitions;
}

/** A key stays in its partition while the partitions divide the slots, before and after. */
function slotsMove(before: Topology | undefined, after: Topology, { partitions }: EndpointSpec): boolean {
  if (before === undefined || before.slots === after.slots) return false;
  return before.slots % partitions !== 0 || after.slots % partitions !== 0;
}

function bindingChanges(before: Topology | undefined, after: Topology): string[] {
  const text = ({ type, endpoint }: { type: string; endpoint: string }): string => `binding ${type} -> ${endpoint}`;
  const old = new Set(before?.bindings.map(text));
  const fresh = new Set(after.bindings.map(text));
  return [
    ...[...fresh].filter((each) => !old.has(each)).map((each) => `${each}: added`),
    ...[...old].filter((each) => !fresh.has(each)).map((each) => `${each}: removed`),
  ];
}

/** Takes waiting messages from where they are, within a transaction. */
class Filing {
  readonly #state: State;
  readonly #slab: Slab;

  constructor(state: State, slab: Slab) {
    this.#state = state;
    this.#slab = slab;
  }

  /** Files what waits at `from` for an endpoint with new partitions. */
  move(from: Endpoint, id: number, spec: EndpointSpec, slots: number): void {
    const { store } = this.#state.context;
    const router = new Exchange(new Map(), { bus: '', slots, endpoints: [], bindings: [] });
    const queues = Array.from({ length: spec.partitions }, () => ({ next: 0, waiting: [] as Waiting[] }));
    const flush = (partition: number): void => {
      const queue = queues[partition];
      if (queue === undefined || queue.waiting.length === 0) return;
      const { waiting, next } = queue;
      const messages = waiting.map(({ message }) => message);
      const extras = waiting.map(({ extra }) => (Object.keys(extra).length === 0 ? undefined : withoutBegun(extra)));
      const segment = new Segment(next, recordKey(id, partition, next), messages, extras);
      this.#slab.reset();
      segment.store(store, this.#slab);
      for (const [at, { extra }] of waiting.entries()) {
        if (extra.begun !== undefined) void store.begun.put(recordKey(id, partition, next + at), extra.begun);
      }
      queue.next += waiting.length;
      queue.waiting = [];
    };
    for (const waiting of this.#drain(from)) {
      const partition = router.slot(waiting.message.envelope) % spec.partitions;
      const queue = queues[partition];
      if (queue !== undefined && queue.waiting.push(waiting) >= CHUNK) flush(partition);
    }
    for (let partition = 0; partition < spec.partitions; partition++) flush(partition);
  }

  /** Makes dead letters of what waits at an endpoint that is gone. */
  bury(endpoint: Endpoint): void {
    const { ledger, letters, delays, context } = this.#state;
    let count = 0;
    const story = {
      endpoint: endpoint.name,
      code: 'WB_ENDPOINT_REMOVED',
      error: `endpoint "${endpoint.name}" is no longer declared`,
    } as const;
    const bury = (message: EncodedMessage, extra: object): void => {
      const attempts = 'attempts' in extra && Array.isArray(extra.attempts) ? extra.attempts : [];
      letters.add('dead', 'dead', { ...story, attempts }, message);
      if (++count % CHUNK !== 0) return;
      this.#slab.reset();
      letters.write(context.store, this.#slab);
    };
    for (const { message, extra } of this.#drain(endpoint)) bury(message, extra);
    for (const { message, extra } of delays.takeAll(endpoint.name)) bury(message, extra ?? {});
    this.#slab.reset();
    letters.write(context.store, this.#slab);
    ledger.add('dead', count);
    ledger.forget(endpoint.name);
  }

  /** What waits at an endpoint, partition by partition, in order; it leaves the store as it is handed out. */
  *#drain({ id, partitions }: Endpoint): Iterable<Waiting> {
    const { store } = this.#state.context;
    for (const { index } of partitions) {
      const place = { endpoint: id, partition: index };
      for (;;) {
        const segments = readSegments(store, place, 0, 2 ** 48 - 1, (messages) => messages >= CHUNK);
        if (segments.length === 0) break;
        for (const segment of segments) {
          store.log.removeSync(segment.key);
          store.progress.removeSync(segment.key);
          yield* this.#unsettled(segment, place);
        }
      }
    }
  }

  *#unsettled(segment: Segment, { endpoint, partition }: { endpoint: number; partition: number }): Iterable<Waiting> {
    const { store } = this.#state.context;
    for (const [index, message] of segment.messages.entries()) {
      const key = recordKey(endpoint, partition, segment.first + index);
      const begun = store.begun.get(key);
      if (begun !== undefined) store.begun.removeSync(key);
      if (segment.settled[index] === 1) continue;
      yield { message, extra: { ...segment.extras?.[index], ...(begun === undefined ? undefined : { begun }) } };
    }
  }
}

function withoutBegun({ begun: _begun, ...extra }: Waiting['extra']): object {
  return extra;
}

import { WaybillError } from '../../errors.ts';
import { type Envelope, orderingKey, parseTypeRef, partitionOf, slotOf } from '../../message.ts';
import type { Topology } from '../../ports/topology.ts';
import type { Endpoint } from './endpoint.ts';
import type { Partition } from './partition.ts';

const NOBODY: readonly Endpoint[] = [];

/** Which endpoints take a message of the bus, and which partition of each. */
export class Exchange {
  readonly #endpoints: ReadonlyMap<string, Endpoint>;
  /** By type, then at the place of the version. */
  readonly #bindings = new Map<string, (Endpoint[] | undefined)[]>();
  readonly #slots: number;

  constructor(endpoints: ReadonlyMap<string, Endpoint>, topology: Topology | undefined) {
    this.#endpoints = endpoints;
    this.#slots = topology?.slots ?? 1;
    for (const { type, endpoint } of topology?.bindings ?? []) {
      const ref = parseTypeRef(type);
      const target = endpoints.get(endpoint);
      if (ref === undefined || target === undefined) continue;
      const versions = this.#bindings.get(ref.type) ?? [];
      const takers = versions[ref.version] ?? [];
      if (!takers.includes(target)) takers.push(target);
      versions[ref.version] = takers;
      this.#bindings.set(ref.type, versions);
    }
  }

  /** The endpoints bound to a type; none when it is to be parked. */
  takers(envelope: Envelope): readonly Endpoint[] {
    return this.#bindings.get(envelope.type)?.[envelope.version] ?? NOBODY;
  }

  /** @throws WB_PLAN_NOT_APPLIED */
  endpoint(name: string): Endpoint {
    const endpoint = this.#endpoints.get(name);
    if (endpoint !== undefined) return endpoint;
    throw new WaybillError('WB_PLAN_NOT_APPLIED', `the applied plan has no endpoint "${name}"`, {
      fix: 'Apply the configuration that declares it: waybill apply.',
    });
  }

  slot(envelope: Envelope): number {
    return slotOf(orderingKey(envelope), this.#slots);
  }

  partition(endpoint: Endpoint, slot: number): Partition {
    const { partitions } = endpoint;
    const partition = partitions[partitionOf(slot, partitions.length)];
    if (partition === undefined) throw new RangeError(`endpoint ${endpoint.name} has no partitions`);
    return partition;
  }
}

import type { Topology } from '../../ports/topology.ts';
import type { Oddities } from './change.ts';
import type { Declarer } from './declarer.ts';
import { generationOf, layoutOf, newestOf } from './layout.ts';
import type { ManifestRecord } from './manifest-record.ts';
import type { Names } from './names.ts';
import { baseTopology, generationQueues } from './topology.ts';

/**
 * Finds queues that are there with other arguments than this Waybill gives them: made by hand, or by another version. Declaring
 * them would fail (406), and they cannot be changed; so the endpoint gets a new generation. Makes nothing.
 */
export async function findOddities(
  record: ManifestRecord,
  topology: Topology,
  parking: number,
  { declarer, names }: { declarer: Declarer; names: Names },
): Promise<Oddities> {
  const endpoints = new Map<string, { next: number; partitions: number }>();
  const layout = layoutOf(record);
  for (const spec of topology.endpoints) {
    const known = layout.find((each) => each.spec.name === spec.name);
    const first = known === undefined ? generationOf(spec, topology.slots, 1) : newestOf(known);
    let next = first.number;
    while (await isOdd({ ...first, number: next })) next += 1;
    if (next === first.number) continue;
    let partitions = 0;
    while (await declarer.hasQueue(names.queue(spec.name, partitions, first.number))) partitions += 1;
    endpoints.set(spec.name, { next, partitions: Math.max(1, partitions) });

    async function isOdd(generation: typeof first): Promise<boolean> {
      for (const queue of generationQueues(names, spec.name, generation))
        if (await declarer.differs(queue)) return true;
      return false;
    }
  }
  const queues: string[] = [];
  for (const queue of baseTopology(names, parking).queues) if (await declarer.differs(queue)) queues.push(queue.name);
  return { endpoints, queues };
}

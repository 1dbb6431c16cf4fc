import type { RetiredEndpoint } from '../../ports/transport.ts';
import { layoutOf } from './layout.ts';
import type { ManifestRecord } from './manifest-record.ts';
import type { Names } from './names.ts';
import { look } from './prune.ts';
import type { ChannelSource } from './stream.ts';
import { generationQueues } from './topology.ts';

/** Endpoints that the plan has no more, with what waits there and the plan under which it is handled. */
export async function retiredEndpoints(
  record: ManifestRecord,
  names: Names,
  source: ChannelSource,
): Promise<readonly RetiredEndpoint[]> {
  const found: RetiredEndpoint[] = [];
  for (const { spec, generations, retired } of layoutOf(record)) {
    if (retired === undefined) continue;
    const queues = generations.flatMap((generation) => generationQueues(names, spec.name, generation));
    const { ready } = await look(
      queues.map(({ name }) => name),
      source,
    );
    const manifest = record.plans?.[retired.edition];
    found.push({ spec, waiting: ready, ...(manifest === undefined ? {} : { manifest }) });
  }
  return found;
}

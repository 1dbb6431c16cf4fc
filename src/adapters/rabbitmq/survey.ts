import { toError } from '../../errors.ts';
import type { Manifest } from '../../ports/topology.ts';
import type { Survey, TopologyChange } from '../../ports/transport.ts';
import type { ApplyDeps } from './apply.ts';
import { parkingOf } from './apply.ts';
import { planStep } from './change.ts';
import { Connection } from './connection.ts';
import { Declarer } from './declarer.ts';
import { driftOf } from './drift.ts';
import { layoutOf, newestOf } from './layout.ts';
import { readHoldings } from './management.ts';
import { type ManifestRecord, readManifest } from './manifest-record.ts';
import { type Names, namesOf } from './names.ts';
import { findOddities } from './oddities.ts';
import { look } from './prune.ts';
import type { ChannelSource } from './stream.ts';
import { baseTopology, endpointExchanges, generationQueues } from './topology.ts';

/** What `apply` would do now: from the manifest, and from what the broker says of each name, without the management plugin. */
export async function survey(manifest: Manifest, deps: ApplyDeps): Promise<Survey> {
  const names = namesOf(manifest.topology.bus);
  const { address, clock, log } = deps;
  const connection = await Connection.open({
    address,
    name: `waybill survey ${manifest.bus}`,
    clock,
    log,
    changed: () => undefined,
  });
  try {
    const declarer = new Declarer({ createChannel: () => connection.channel() }, address);
    const record = (await readManifest(connection, names.manifest, clock))?.record ?? {};
    const parking = parkingOf(manifest) ?? deps.parking;
    const odd = await findOddities(record, manifest.topology, parking, { declarer, names });
    const { changes } = planStep(record, manifest.topology, odd);
    const missing = record.applied === undefined ? [] : await findMissing(record, names, parking, declarer);
    const drift = await findDrift(record, parking, deps);
    return { changes: [...changes, ...(await leftovers(record, names, connection)), ...missing], drift };
  } finally {
    await connection.close();
  }
}

/** What was applied and is not there. Bindings cannot be asked for. */
async function findMissing(
  record: ManifestRecord,
  names: Names,
  parking: number,
  declarer: Declarer,
): Promise<readonly TopologyChange[]> {
  const base = baseTopology(names, parking);
  const endpoints = layoutOf(record).filter(({ retired }) => retired === undefined);
  const exchanges = [...base.exchanges, ...endpoints.flatMap(({ spec }) => endpointExchanges(names, spec.name))];
  const queues = [
    ...base.queues,
    ...endpoints.flatMap((each) => generationQueues(names, each.spec.name, newestOf(each))),
  ];
  const missing: TopologyChange[] = [];
  const note = 'is missing';
  for (const { name } of exchanges)
    if (!(await declarer.hasExchange(name))) missing.push({ action: 'add', what: 'exchange', name, note });
  for (const { name } of queues)
    if (!(await declarer.hasQueue(name))) missing.push({ action: 'add', what: 'queue', name, note });
  return missing;
}

/** Told where the url names the management plugin; a comfort, so that it never fails a survey. */
async function findDrift(
  record: ManifestRecord,
  parking: number,
  { address, clock, log }: ApplyDeps,
): Promise<readonly string[] | undefined> {
  const { management } = address;
  if (management === undefined) return undefined;
  try {
    return driftOf(record, parking, await readHoldings(address, management, clock));
  } catch (error) {
    log.warn({ error: toError(error).message }, 'the management plugin does not tell what drifted');
    return undefined;
  }
}

/** Old queues, which are kept until they are drained. */
async function leftovers(record: ManifestRecord, names: Names, source: ChannelSource): Promise<TopologyChange[]> {
  const changes: TopologyChange[] = [];
  for (const { spec, generations, retired } of layoutOf(record)) {
    for (const generation of retired === undefined ? generations.slice(0, -1) : generations) {
      const queues = generationQueues(names, spec.name, generation).map(({ name }) => name);
      const { ready, consumers } = await look(queues, source);
      changes.push({
        action: 'remove',
        what: 'queue',
        name: `${spec.name}.${String(generation.number)}.*`,
        note: retired === undefined ? 'an old generation' : 'of a removed endpoint',
        ...(ready + consumers > 0 && { whenDrained: true }),
      });
    }
  }
  return changes;
}

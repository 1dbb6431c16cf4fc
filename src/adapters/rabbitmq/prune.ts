import { type Clock, pause } from '../../ports/clock.ts';
import type { Declarer } from './declarer.ts';
import { type EndpointLayout, type Generation, type Layout, newestOf } from './layout.ts';
import type { Names } from './names.ts';
import { type ChannelSource, countOf } from './stream.ts';
import { arrivalBindings, endpointExchanges, generationQueues } from './topology.ts';

export interface PruneDeps {
  readonly names: Names;
  readonly declarer: Declarer;
  readonly source: ChannelSource;
  readonly deps: { readonly clock: Clock };
  readonly settleMs: number;
  readonly done: (what: string) => void;
  /** Takes what was deleted, and what stays and why, one line each. */
  readonly lines: string[];
}

/** A queue is drained when so many looks in a row find neither a message nor a consumer. */
export const CHECKS = 5;
/** From one look to the next. @unit milliseconds */
export const CHECK_EVERY = 100;
/** How long it waits for consumers that work at an old generation. What is left then is left for the next apply. @unit milliseconds */
const PATIENCE = 30_000;

/**
 * Deletes old generations and retired endpoints that are drained. Quorum queues know no delete-if-empty, so it looks first; what
 * was on its way when they were unbound has arrived before the first look.
 */
export async function prune(layout: Layout, deps: PruneDeps): Promise<Layout> {
  if (!layout.some(({ generations, retired }) => generations.length > 1 || retired !== undefined)) return layout;
  const { clock } = deps.deps;
  await pause(clock, deps.settleMs);
  const deadline = clock.elapsed() + PATIENCE;
  const pruned: EndpointLayout[] = [];
  for (const endpoint of layout) {
    const kept: Generation[] = [];
    const newest = newestOf(endpoint);
    for (const generation of endpoint.generations) {
      const old = endpoint.retired !== undefined || generation !== newest;
      const left = old ? await drained(endpoint, generation, deadline, deps) : 'in use';
      if (left === undefined) await remove(endpoint, generation, deps);
      else kept.push(generation);
      if (old && left !== undefined) deps.lines.push(`${titleOf(endpoint, generation)}: kept, ${left}`);
    }
    if (endpoint.retired === undefined)
      pruned.push(kept.length === endpoint.generations.length ? endpoint : { ...endpoint, generations: kept });
    else if (kept.length > 0)
      pruned.push(kept.length === endpoint.generations.length ? endpoint : { ...endpoint, generations: kept });
    else await removeEndpoint(endpoint, deps);
  }
  return pruned.length === layout.length && pruned.every((each, index) => each === layout[index]) ? layout : pruned;
}

/** Undefined once it is; else what is left. A retired endpoint is not waited for: its consumers may be there for long. */
async function drained(
  { spec, retired }: EndpointLayout,
  generation: Generation,
  deadline: number,
  { names, source, deps: { clock } }: PruneDeps,
): Promise<string | undefined> {
  const queues = generationQueues(names, spec.name, generation).map(({ name }) => name);
  let empty = 0;
  let looks = 0;
  for (;;) {
    const { ready, consumers } = await look(queues, source);
    empty = ready === 0 && consumers === 0 ? empty + 1 : 0;
    looks += 1;
    if (empty >= CHECKS) return undefined;
    const patient = retired === undefined && consumers > 0 && clock.elapsed() < deadline;
    if (empty === 0 && looks >= CHECKS && !patient) {
      const waiting = `${String(ready)} ${ready === 1 ? 'message' : 'messages'} waiting`;
      return `${waiting}, ${String(consumers)} ${consumers === 1 ? 'consumer' : 'consumers'}; run \`waybill apply\` again when it is drained`;
    }
    await pause(clock, CHECK_EVERY);
  }
}

/** Queues that are not there count as drained. */
export async function look(
  queues: readonly string[],
  source: ChannelSource,
): Promise<{ ready: number; consumers: number }> {
  let ready = 0;
  let consumers = 0;
  for (const queue of queues) {
    const found = await countOf(source, queue);
    ready += found?.messageCount ?? 0;
    consumers += found?.consumerCount ?? 0;
  }
  return { ready, consumers };
}

async function remove(endpoint: EndpointLayout, generation: Generation, deps: PruneDeps): Promise<void> {
  for (const { name } of generationQueues(deps.names, endpoint.spec.name, generation)) {
    await deps.declarer.deleteQueue(name);
    deps.done(`deleted ${name}`);
  }
  deps.lines.push(`${titleOf(endpoint, generation)}: deleted`);
}

async function removeEndpoint({ spec }: EndpointLayout, { names, declarer, done }: PruneDeps): Promise<void> {
  await declarer.unbind(arrivalBindings(names, spec.name));
  // The outer one first: it leads to the other.
  for (const { name } of endpointExchanges(names, spec.name).reverse()) await declarer.deleteExchange(name);
  done(`deleted ${spec.name}`);
}

function titleOf({ spec, retired }: EndpointLayout, { number }: Generation): string {
  return retired === undefined
    ? `old queues (generation ${String(number)}) of endpoint ${spec.name}`
    : `queues of the removed endpoint ${spec.name}`;
}

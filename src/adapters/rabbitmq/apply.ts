import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { WaybillError } from '../../errors.ts';
import { type Clock, pause } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { keepPauses, type Manifest, type Pause, type Topology, withPause } from '../../ports/topology.ts';
import type { ApplyOptions, ApplyResult } from '../../ports/transport.ts';
import type { RabbitAddress } from './address.ts';
import { changeLines, planStep, type Step, switched } from './change.ts';
import { Declarer, otherArguments } from './declarer.ts';
import { type EndpointLayout, type Layout, newestOf, outdated, replaceLayout } from './layout.ts';
import { withLock } from './lock.ts';
import { encodeRecord, type ManifestRecord, readManifest } from './manifest-record.ts';
import { type Names, namesOf } from './names.ts';
import { findOddities } from './oddities.ts';
import { prune } from './prune.ts';

import { channelsOf } from './stream.ts';
import { bindNewest, finishSwitch } from './switch.ts';
import { arrivalBindings, baseTopology, busBindings, endpointExchanges, generationQueues } from './topology.ts';

export interface ApplyDeps {
  readonly address: RabbitAddress;
  readonly clock: Clock;
  readonly log: Log;
  /** Where the manifest does not say it. @unit bytes */
  readonly parking: number;
  /** How long a message may be on its way through the broker. See `DEFAULT_SETTLE`. @unit milliseconds */
  readonly settleMs: number;
}

/** Who applies, and with what: the parts of one apply. */
interface Work {
  readonly connection: ChannelModel;
  readonly names: Names;
  readonly declarer: Declarer;
  readonly deps: ApplyDeps;
  readonly parking: number;
  /** Says that one more thing is done. */
  readonly done: (what: string) => void;
}

/**
 * Makes the broker hold what the manifest needs: adds, changes, removes. Two at once: the second waits, and goes on from what
 * the first did. It may end anywhere, and be run again: each step is written to the manifest before it is taken, and each
 * can be taken twice.
 *
 * | step                                                        | when it ends here, until it is run again              |
 * |-------------------------------------------------------------|-------------------------------------------------------|
 * | 1. read, compare, write the intent                          | nothing has changed                                   |
 * | 2. exchanges, queues and bindings that are new              | the old plan is in force                              |
 * | 3. new generations, bound on the other exchange; old unbound | messages of switched slots wait in the new generation |
 * | 4. bindings to endpoints: new ones, then stale ones away    | the old plan is in force, some types take the new way |
 * | 5. the manifest: every process goes on with the new plan    | old generations stay until they are drained           |
 * | 6. generations and endpoints that are drained are deleted   | the same                                              |
 *
 * @throws WB_TOPOLOGY_CONFLICT, WB_MANIFEST_MOVED, WB_OPTION_INVALID
 */
export async function applyManifest(
  manifest: Manifest,
  deps: ApplyDeps,
  { after }: ApplyOptions = {},
): Promise<ApplyResult> {
  const names = namesOf(manifest.topology.bus);
  return await withLock(names.lock('apply'), deps, async (connection) => {
    const found = await readManifest(channelsOf(connection), names.manifest, deps.clock);
    const before = found?.record ?? {};
    checkMoved(before.applied, after);
    const declarer = new Declarer(connection, deps.address);
    // An apply makes the manifest first, then this exchange: where neither is, there is no other exchange either.
    if (!(await declarer.hasQueue(names.manifest)) && !(await declarer.hasExchange(names.unrouted)))
      declarer.onNewBus();
    await declarer.queue({ name: names.manifest, arguments: { 'x-queue-type': 'stream' } });
    const parking = parkingOf(manifest) ?? deps.parking;
    let count = 0;
    const done = (what: string): void => {
      count += 1;
      deps.log.debug({ step: count, what }, 'apply');
    };
    const work: Work = { connection, names, declarer, deps, parking, done };
    const odd = await findOddities(before, manifest.topology, parking, { declarer, names });
    const step = planStep(before, manifest.topology, odd);
    const write = await recorder(connection, names.manifest);
    const record = async (next: ManifestRecord, what: string): Promise<ManifestRecord> => {
      await write(next);
      done(what);
      return next;
    };

    const lines = changeLines(step.changes);
    const pending = lines.length > 0 || before.intent !== undefined || before.applied?.edition !== manifest.edition;
    if (pending) await record({ ...before, layout: step.layout, intent: intentOf(step, before) }, 'intent');
    await declareBase(work, odd.queues);
    // An apply that ended a moment ago, or was interrupted, may only just have told publishers of these slots.
    if (step.divides) await pause(deps.clock, deps.settleMs);
    let layout = await makeEndpoints(step.layout, step.topology, work);
    await rebind(step, work);
    const made = declarer.summary();
    if (pending || made !== undefined) {
      const applied = keepPauses({ ...manifest, topology: step.topology }, before.applied);
      let current = await record({ applied, layout, ...plansOf(layout, before) }, 'applied');
      layout = await widen(current, work, record);
      current = { ...current, layout };
      layout = await prune(layout, { ...work, source: channelsOf(connection), settleMs: deps.settleMs, lines });
      if (layout !== current.layout) await record({ applied, layout, ...plansOf(layout, current) }, 'pruned');
      if (made !== undefined) lines.unshift(made);
      if (before.applied !== undefined && before.applied.edition !== manifest.edition)
        lines.push(`plan ${short(before.applied.edition)} became ${short(manifest.edition)}`);
    } else if (hasLeftovers(layout)) {
      const pruned = await prune(layout, { ...work, source: channelsOf(connection), settleMs: deps.settleMs, lines });
      if (pruned !== layout) await record({ ...before, layout: pruned, ...plansOf(pruned, before) }, 'pruned');
    }
    return { changes: lines };
  });
}

/** @throws WB_DEFINITION_MISSING */
export async function recordPause(
  names: Names,
  endpoint: string,
  pauseIt: Pause | undefined,
  deps: Pick<ApplyDeps, 'address' | 'clock' | 'log'>,
): Promise<void> {
  await withLock(names.lock('apply'), deps, async (connection) => {
    const found = await readManifest(channelsOf(connection), names.manifest, deps.clock);
    if (found?.record.applied === undefined) {
      throw new WaybillError('WB_DEFINITION_MISSING', 'nothing was applied to the bus yet', {
        fix: 'Run `waybill apply`.',
      });
    }
    const write = await recorder(connection, names.manifest);
    await write({ ...found.record, applied: withPause(found.record.applied, endpoint, pauseIt) });
  });
}

/** @throws WB_MANIFEST_MOVED */
function checkMoved(applied: Manifest | undefined, after: string | null | undefined): void {
  if (after === undefined || (applied?.edition ?? null) === after) return;
  const now = applied === undefined ? 'nothing' : `edition ${short(applied.edition)} (by ${applied.appliedBy})`;
  throw new WaybillError(
    'WB_MANIFEST_MOVED',
    `the plan was made when ${after === null ? 'nothing' : `edition ${short(after)}`} was applied; by now ${now} is`,
    { retryable: true, fix: 'Run it again.' },
  );
}

/** An apply that ends before its manifest is in force may leave any of these bindings. */
function intentOf({ topology }: Step, { intent }: ManifestRecord): Topology {
  const bindings = [...topology.bindings, ...(intent?.bindings ?? [])];
  return { ...topology, bindings: [...new Map(bindings.map((each) => [JSON.stringify(each), each])).values()] };
}

async function declareBase(work: Work, odd: readonly string[]): Promise<void> {
  const { declarer, names, parking, done } = work;
  const base = baseTopology(names, parking);
  for (const exchange of base.exchanges) await declarer.exchange(exchange);
  for (const queue of base.queues) {
    if (!odd.includes(queue.name)) await declarer.queue(queue);
    // What comes meanwhile is kept by the other of the two. Streams tell no count, and a level of delays has no stand-in.
    else if (queue.name === names.dead || queue.name === names.unrouted) {
      const bindings = base.bindings.filter(({ to }) => 'queue' in to && to.queue === queue.name);
      await declarer.replaceEmpty(queue, bindings, () => pause(work.deps.clock, work.deps.settleMs));
    } else throw otherArguments(queue.name);
  }
  await declarer.bind(base.bindings);
  done('base');
}

/** Steps 2 and 3 for every endpoint: what is new, what lacks slots, what is switched. */
async function makeEndpoints(layout: Layout, topology: Topology, work: Work): Promise<Layout> {
  const { declarer, names, done } = work;
  let next = layout;
  for (const planned of layout) {
    if (planned.retired !== undefined && !(await takesOn(planned, topology, work))) continue;
    if (planned.retired === undefined) {
      for (const exchange of endpointExchanges(names, planned.spec.name)) await declarer.exchange(exchange);
      await declarer.bind(arrivalBindings(names, planned.spec.name));
      for (const queue of generationQueues(names, planned.spec.name, newestOf(planned))) await declarer.queue(queue);
      done(`queues of ${planned.spec.name}`);
    }
    const bound = planned.switching === true ? finishSwitch : bindNewest;
    next = replaceLayout(next, await bound(planned, topology.slots, work));
  }
  return next;
}

/**
 * Whether a removed endpoint lacks bindings: what is retried still comes to it, in the slots that everybody uses by then, until
 * it is drained. One that is not there any more counts as drained.
 */
async function takesOn(
  layout: EndpointLayout,
  { slots }: Topology,
  { declarer, names }: Pick<Work, 'declarer' | 'names'>,
): Promise<boolean> {
  if (layout.slots >= slots && layout.switching !== true) return false;
  const { name } = layout.spec;
  for (const exchange of endpointExchanges(names, name)) if (!(await declarer.hasExchange(exchange.name))) return false;
  for (const queue of generationQueues(names, name, newestOf(layout)))
    if (!(await declarer.hasQueue(queue.name))) return false;
  return true;
}

/** Step 4. A type that takes another way now is bound there before it is unbound here: better twice for a moment than never. */
async function rebind({ topology, stale, layout }: Step, { names, declarer, done }: Work): Promise<void> {
  await declarer.bind(busBindings(names, topology.bindings));
  done('bus bindings');
  const retired = layout.flatMap((each) => (each.retired === undefined ? [] : arrivalBindings(names, each.spec.name)));
  // What was delayed for an endpoint still comes to it.
  const gone = [...busBindings(names, stale), ...retired.filter(({ from }) => from !== names.due)];
  if (gone.length === 0) return;
  await declarer.unbind(gone);
  done('stale bindings');
}

/**
 * Endpoints that were changed only in part: those whose interrupted change ended in this apply and that the plan wants
 * otherwise, and those that need slots which were not in use before. For these it waits until every publisher has heard of them.
 */
async function widen(
  record: ManifestRecord,
  work: Work,
  write: (next: ManifestRecord, what: string) => Promise<ManifestRecord>,
): Promise<Layout> {
  const { applied, layout = [] } = record;
  const slots = applied?.topology.slots ?? 1;
  const again = layout.filter((each) => each.retired === undefined && outdated(each, each.spec, slots).length > 0);
  if (again.length === 0) return layout;
  await pause(work.deps.clock, work.deps.settleMs);
  const planned = layout.map((each) => (again.includes(each) ? switched(each, each.spec, slots) : each));
  await write({ ...record, layout: planned }, 'intent to divide anew');
  const made = await makeEndpoints(planned, { ...(applied?.topology ?? emptyTopology()), slots }, work);
  await write({ ...record, layout: made }, 'divided anew');
  return made;
}

function emptyTopology(): Topology {
  return { bus: '', slots: 1, endpoints: [], bindings: [] };
}

function hasLeftovers(layout: Layout): boolean {
  return layout.some(({ generations, retired }) => generations.length > 1 || retired !== undefined);
}

/** The plans under which retired endpoints of the router are drained. */
function plansOf(layout: Layout, { applied, plans }: ManifestRecord): Pick<ManifestRecord, 'plans'> {
  const known: Record<string, Manifest> = {
    ...plans,
    ...(applied === undefined ? {} : { [applied.edition]: applied }),
  };
  const needed = layout.flatMap(({ spec, retired }) =>
    retired === undefined || spec.kind === 'service' ? [] : retired.edition,
  );
  const kept = Object.fromEntries(Object.entries(known).filter(([edition]) => needed.includes(edition)));
  return Object.keys(kept).length === 0 ? {} : { plans: kept };
}

/** Writes to the stream, and waits until it is there. */
async function recorder(connection: ChannelModel, queue: string): Promise<(record: ManifestRecord) => Promise<void>> {
  const channel: ConfirmChannel = await connection.createConfirmChannel();
  // `waitForConfirms` rejects with it.
  channel.on('error', () => undefined);
  return async (record) => {
    channel.sendToQueue(queue, encodeRecord(record), { deliveryMode: 2, contentType: 'application/json' });
    await channel.waitForConfirms();
  };
}

/** From the limits of the definition, which travels in the manifest as plain JSON. @unit bytes */
export function parkingOf({ definition }: Manifest): number | undefined {
  if (typeof definition !== 'object' || definition === null || !('limits' in definition)) return undefined;
  const { limits } = definition;
  if (typeof limits !== 'object' || limits === null || !('parking' in limits)) return undefined;
  const { parking } = limits;
  if (typeof parking === 'number' && Number.isSafeInteger(parking) && parking > 0) return parking;
  throw new WaybillError(
    'WB_OPTION_INVALID',
    `limits.parking is ${JSON.stringify(parking)}, expected a number of bytes above 0`,
  );
}

function short(edition: string): string {
  return edition.slice(0, 12);
}

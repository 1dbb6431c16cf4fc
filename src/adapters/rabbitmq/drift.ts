import { freshLayout, layoutOf } from './layout.ts';
import type { Holdings } from './management.ts';
import type { ManifestRecord } from './manifest-record.ts';
import { type Names, namesOf } from './names.ts';
import { arrivalBindings, type BindingSpec, brokerTopology, busBindings } from './topology.ts';

/**
 * In what a broker is not as the applied plan needs it, one line each: what somebody made or bound by hand, what is not bound,
 * and policies, which change queues behind the plan's back. What is missing otherwise is a change that `apply` makes. Exclusive
 * queues belong to processes, and everything whose name the bus does not own is somebody else's.
 */
export function driftOf(record: ManifestRecord, parking: number, held: Holdings): readonly string[] {
  const { applied } = record;
  if (applied === undefined) return [];
  const names = namesOf(applied.topology.bus);
  const layout = layoutOf(record);
  const planned = brokerTopology(applied.topology, parking, layout);
  const own = (name: string): boolean => name.startsWith(`${applied.topology.bus}.`);
  const lines: string[] = [];

  const exchanges = new Set(planned.exchanges.map(({ name }) => name));
  for (const { name } of held.exchanges)
    if (own(name) && !exchanges.has(name)) lines.push(`exchange ${name}: of no plan`);
  const queues = new Set([names.manifest, ...planned.queues.map(({ name }) => name)]);
  const ofProcesses = new Set(held.queues.filter(({ exclusive }) => exclusive).map(({ name }) => name));
  for (const { name, policy } of held.queues) {
    if (!own(name) || ofProcesses.has(name)) continue;
    if (!queues.has(name)) lines.push(`queue ${name}: of no plan`);
    else if (policy.length > 0) lines.push(`queue ${name}: a policy adds ${policy.join(', ')}`);
  }

  // While an endpoint is switched it may be bound in any way between the two.
  const switching = layout.filter((each) => each.switching === true).map(({ spec }) => spec.name);
  const between = (exchange: string): boolean =>
    switching.some((name) => exchange === names.endpoint(name) || exchange === names.standby(name));
  const wanted = new Map(planned.bindings.map((each) => [idOf(each), each]));
  const allowed = new Set([...wanted.keys(), ...leftFrom(record, names).map(idOf)]);
  const retired = layout
    .filter((each) => each.retired !== undefined)
    .flatMap(({ spec }) => [names.endpoint(spec.name), names.standby(spec.name)]);
  const bound = new Set<string>();
  for (const { from, to, kind, pattern } of held.bindings) {
    const binding: BindingSpec = { from, to: kind === 'queue' ? { queue: to } : { exchange: to }, pattern };
    bound.add(idOf(binding));
    if (!own(from) || between(from) || (kind === 'queue' && ofProcesses.has(to))) continue;
    if (!allowed.has(idOf(binding))) lines.push(`binding ${titleOf(binding)}: of no plan`);
  }
  const present = new Set([...held.exchanges, ...held.queues].map(({ name }) => name));
  for (const [id, binding] of wanted) {
    const to = targetOf(binding);
    // What is not there is told as missing itself, and is bound when it is made.
    if (bound.has(id) || between(binding.from) || !present.has(binding.from) || !present.has(to)) continue;
    // Nothing new comes to an endpoint that is retired, and apply leaves it alone.
    if (retired.includes(to) || retired.includes(binding.from)) continue;
    lines.push(`binding ${titleOf(binding)}: is missing, apply binds it again`);
  }
  return lines;
}

/** What an apply that was interrupted may have bound. */
function leftFrom({ intent }: ManifestRecord, names: Names): readonly BindingSpec[] {
  if (intent === undefined) return [];
  const endpoints = freshLayout(intent).flatMap(({ spec }) => arrivalBindings(names, spec.name));
  return [...busBindings(names, intent.bindings), ...endpoints];
}

function targetOf({ to }: BindingSpec): string {
  return 'queue' in to ? to.queue : to.exchange;
}

function idOf(binding: BindingSpec): string {
  return JSON.stringify([binding.from, 'queue' in binding.to, targetOf(binding), binding.pattern]);
}

function titleOf(binding: BindingSpec): string {
  return `${binding.from} -> ${targetOf(binding)}${binding.pattern === '' ? '' : ` (${binding.pattern})`}`;
}

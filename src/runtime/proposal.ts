import type { PartDefinition } from '../config/definition.ts';
import { FaultsError, WaybillError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import { editionOf } from '../plan/edition.ts';
import { partDefinitionOf, partsOf } from '../plan/parts.ts';
import type { Plan } from '../plan/plan.ts';
import { endingPauses, type Manifest, type ManifestPart, type Pause } from '../ports/topology.ts';
import type { OwnPart } from './own-part.ts';

/** What the bus would be after `apply`. */
export interface Proposal {
  /** What is applied now. */
  readonly before: Manifest | undefined;
  readonly manifest: Manifest;
  readonly plan: Plan;
  /** What people paused, by the name of the endpoint, and is not paused any more when its endpoint comes back: it goes. */
  readonly endingPauses: Readonly<Record<string, Pause>>;
}

export interface ProposalOptions {
  /** Who asks for it, for the record. */
  readonly by: string;
  readonly now: number;
  /** Another part that goes, or the own one. */
  readonly remove?: string | undefined;
}

/**
 * The applied parts, the own one replaced, checked as a whole.
 * @throws WB_CONFIG_FAULTS when they do not fit together, WB_PART_UNKNOWN
 */
export async function proposalOf(
  before: Manifest | undefined,
  own: OwnPart | undefined,
  { by, now, remove }: ProposalOptions,
): Promise<Proposal> {
  const applied = partsOf(before);
  const appliedAt = new Date(now).toISOString();
  if (remove !== undefined && !applied.some(({ name }) => name === remove)) throw unknownPart(remove, applied);
  const kept = applied.filter(({ name }) => name !== own?.definition.part && name !== remove);
  if (own !== undefined && own.definition.part !== remove) {
    const { definition } = own;
    const entry = { name: definition.part, edition: editionOf(definition), appliedAt, appliedBy: by, definition };
    const there = applied.find(({ name, edition }) => name === entry.name && edition === entry.edition);
    kept.push(there ?? entry);
  }
  if (kept.length === 0) {
    throw new WaybillError('WB_OPTION_INVALID', `${String(remove)} is the last part of the bus, which cannot go`, {
      fix: 'Remove what the bus is made of from the transport instead.',
    });
  }
  const parts = [...kept].sort((a, b) => (a.name < b.name ? -1 : 1));
  const { compileParts } = await import('../plan/compile-parts.ts');
  const { plan, faults } = compileParts(parts.map(definitionOf), own?.definition.part, {
    ...(own?.locate !== undefined && { locate: own.locate }),
    ...(own?.mediators !== undefined && { mediators: own.mediators }),
  });
  if (plan === undefined) throw new FaultsError(faults);
  const { definition, edition, topology } = plan;
  const manifest: Manifest = {
    format: 1,
    bus: definition.bus,
    edition,
    appliedAt,
    appliedBy: by,
    topology,
    definition,
    parts,
  };
  return { before, manifest, plan, endingPauses: endingPauses(manifest, before) };
}

function definitionOf({ name, definition }: ManifestPart): PartDefinition {
  const found = partDefinitionOf(name, definition);
  if (found !== undefined) return found;
  throw new WaybillError(
    'WB_TOPOLOGY_CONFLICT',
    `the part ${name} of the bus was applied by a newer version of Waybill`,
    {
      fix: 'Update this Waybill.',
    },
  );
}

function unknownPart(name: string, parts: readonly ManifestPart[]): WaybillError {
  const known = parts.map((part) => part.name);
  return new WaybillError('WB_PART_UNKNOWN', `${name} is not a part of the bus`, {
    fix: didYouMean(name, known) ?? (known.length === 0 ? 'Nothing was applied yet.' : `There is ${known.join(', ')}.`),
  });
}

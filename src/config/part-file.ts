import { editionOf } from '../plan/edition.ts';
import { inOrder, partDefinitionOf } from '../plan/parts.ts';
import type { ManifestPart } from '../ports/topology.ts';
import type { PartDefinition } from './definition.ts';

/** Where `waybill pull` writes what the other parts of the bus are. */
export const PARTS_FOLDER = 'parts';

/** A file that `waybill pull` writes, below the folder of `waybill.yaml`. */
export interface PartFile {
  readonly file: string;
  /** Equal parts have equal texts. */
  readonly text: string;
  readonly definition: PartDefinition;
}

/** An applied part as a file; undefined when it is of a newer version of Waybill. */
export function partFile({ name, definition }: ManifestPart): PartFile | undefined {
  const found = partDefinitionOf(name, definition);
  if (found === undefined) return undefined;
  const part = inOrder(found);
  const content = { format: 1, bus: part.bus, part: name, edition: editionOf(part), definition: part };
  return { file: `${PARTS_FOLDER}/${name}.json`, text: `${JSON.stringify(content, null, 2)}\n`, definition: part };
}

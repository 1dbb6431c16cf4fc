import type { TypeRef } from '../message.ts';
import { typeRef } from '../message.ts';
import { editionOf } from '../plan/edition.ts';
import { partDefinitionOf } from '../plan/parts.ts';
import type { PartDefinition } from './definition.ts';
import type { Documents } from './documents.ts';
import { record } from './explain.ts';
import { PARTS_FOLDER } from './part-file.ts';

export interface PartsReading {
  /** Every other part that was pulled, by name. */
  readonly pulled: readonly PartDefinition[];
  readonly services: ReadonlySet<string>;
  readonly types: ReadonlySet<TypeRef>;
  /** Whether every file could be read: if not, what is missed may well be there. */
  readonly complete: boolean;
}

/** Reads `parts/`. Faulty files are reported and left out. @param own the part of these files, and its bus */
export async function readParts(
  documents: Documents,
  own: { readonly bus: string | undefined; readonly part: string | undefined },
): Promise<PartsReading> {
  const pulled: PartDefinition[] = [];
  let complete = true;
  for (const file of (await documents.list(PARTS_FOLDER)).filter((each) => each.endsWith('.json'))) {
    const document = await documents.read(file);
    const fault = document === undefined ? 'unreadable' : readPart(file, document.value, own);
    if (typeof fault === 'object') {
      pulled.push(fault);
      continue;
    }
    complete = false;
    if (document === undefined) continue;
    documents.report({
      code: 'WB_CONFIG_FILE',
      file,
      path: [],
      message: fault,
      fix: 'Remove the file, and run `waybill pull`.',
    });
  }
  return {
    pulled,
    services: new Set(pulled.flatMap(({ services }) => services.map(({ name }) => name))),
    types: new Set(pulled.flatMap(({ contracts }) => contracts.map(({ type, version }) => typeRef(type, version)))),
    complete,
  };
}

/** The part, or what is wrong with its file. */
function readPart(
  file: string,
  value: unknown,
  own: { readonly bus: string | undefined; readonly part: string | undefined },
): PartDefinition | string {
  const { format, bus, part, edition, definition } = record(value);
  if (format !== 1 || typeof part !== 'string') return 'this is no part that this version of Waybill pulled';
  if (file !== `${PARTS_FOLDER}/${part}.json`) return `this is the part ${part}: the name of the file says another one`;
  if (own.bus !== undefined && bus !== own.bus) return `this is a part of the bus ${String(bus)}, not of ${own.bus}`;
  if (part === own.part) return `${part} is the part of this repository itself`;
  const found = partDefinitionOf(part, definition);
  // Whoever edits it would check against a bus that there is not.
  if (found === undefined || editionOf(found) !== edition) return `the part ${part} is not as it was pulled`;
  return found;
}

import type { Definition, PartDefinition } from '../config/definition.ts';
import type { Locate } from '../plan/faults.ts';
import { asPart } from '../plan/parts.ts';
import type { Mediator } from '../ports/mediator.ts';

/** What the files of a process say of their bus. */
export interface OwnPart {
  readonly definition: PartDefinition;
  /** Finds lines and columns in these files. @default the file alone */
  readonly locate?: Locate;
  /** What routes may use here. @default the built-in mediators */
  readonly mediators?: readonly Mediator[];
}

export function ownOf(definition: Definition, part: string): OwnPart {
  return { definition: asPart(definition, part) };
}

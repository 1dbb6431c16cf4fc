import type { DocumentPath } from '../config/definition.ts';
import { comparePlaces, type Fault, type LocatedFault, type Position } from '../errors.ts';

/** A more exact place than the beginning of a value. */
export interface Place {
  /** The key of it rather than the value. */
  readonly key?: boolean;
  /** Within a text, as its value reads. @unit UTF-16 code units */
  readonly offset?: number;
}

/** The line and column of what stands at `path` in `file`, or of its nearest ancestor that there is. */
export type Locate = (file: string, path: DocumentPath, at?: Place) => Position;

interface Found extends LocatedFault {
  readonly place: Place;
}

/** Collects faults of the whole plan. What is found again, for another type of the same route, is kept once. */
export class FaultSink {
  readonly #found = new Map<string, Found>();
  #added = 0;

  /** How often a fault was added, the same one again included. */
  get added(): number {
    return this.#added;
  }

  add(fault: LocatedFault, place: Place = {}): void {
    this.#added++;
    const id = JSON.stringify([fault.file, fault.path, place, fault.code, fault.message]);
    if (!this.#found.has(id)) this.#found.set(id, { ...fault, place });
  }

  /** All faults, by file and place. */
  located(locate: Locate): readonly Fault[] {
    return [...this.#found.values()]
      .map(({ code, message, fix, file, path, place }) => {
        const at = locate(file, path, place);
        return { code, message, at, ...(fix !== undefined && { fix }) };
      })
      .sort((a, b) => comparePlaces(a.at, b.at));
  }
}

/** Used where the text of the files is not at hand, as for a definition from a manifest. */
export function locateFile(file: string): Position {
  return { file };
}

import type { Definition } from '../config/definition.ts';
import { knownNames, unknownType } from '../routes/check.ts';
import type { FaultSink } from './faults.ts';
import { BUS_FILE } from './warnings.ts';

/** Checks that what services declare has a contract. */
export function checkServices(definition: Definition, faults: FaultSink): void {
  const { types } = knownNames(definition);
  for (const { name, publishes, receives } of definition.services) {
    for (const [word, refs] of Object.entries({ publishes, receives })) {
      for (const [index, ref] of refs.entries()) {
        if (types.has(ref)) continue;
        faults.add({ ...unknownType(ref, types), file: BUS_FILE, path: ['services', name, word, index] });
      }
    }
  }
}

import { castFileRefs, contractFileRef } from '../contracts/file-name.ts';
import { parseTypeRef, type TypeRef } from '../message.ts';
import { CastFile } from './cast-file.ts';
import type { CastDocument, ContractDocument } from './definition.ts';
import type { Documents } from './documents.ts';
import { reportShape } from './read-bus.ts';
import type { ShapeCheck } from './shape-check.ts';

export interface ContractsReading {
  readonly contracts: readonly ContractDocument[];
  readonly casts: readonly CastDocument[];
  /** Every type that a file's name declares, even where the file is faulty: a type is not unknown because of a comma. */
  readonly types: ReadonlySet<TypeRef>;
  /** Whether every file could be read. */
  readonly complete: boolean;
}

const FORM =
  'Name it schemas/<domain>/<name>.v<major>.json, or .v1-v2.yaml for a cast, in lower-case letters, digits and hyphens.';

/** Reads all of `schemas/`. Faulty files are reported and left out. */
export async function readContracts(documents: Documents, shapes: ShapeCheck): Promise<ContractsReading> {
  const files = (await documents.list('schemas')).filter((file) => /\.(json|ya?ml)$/.test(file));
  const types = new Set<TypeRef>();
  const contracts: ContractDocument[] = [];
  const casts: CastDocument[] = [];
  let complete = true;
  for (const file of files) {
    const [ref, cast] = [contractFileRef(file), castFileRefs(file)];
    const nested = file.split('/').length !== 3;
    if ((ref === undefined && cast === undefined) || nested) {
      const message = nested
        ? 'a contract stands in the folder of its domain'
        : 'the name of the file does not say its type';
      documents.report({ code: 'WB_CONTRACT_NAME', file, path: [], message, fix: FORM });
      continue;
    }
    if (ref !== undefined) types.add(ref);
    const document = await documents.read(file);
    if (document === undefined) {
      complete = false;
      continue;
    }
    const named = ref === undefined ? undefined : parseTypeRef(ref);
    if (named !== undefined) contracts.push({ ...named, file, schema: document.value });
    else if (cast !== undefined) {
      const read = readCast(documents, file, cast, document.value, shapes);
      if (read === undefined) complete = false;
      else casts.push(read);
    }
  }
  return { contracts, casts, types, complete };
}

function readCast(
  documents: Documents,
  file: string,
  refs: { readonly from: TypeRef; readonly to: TypeRef },
  value: unknown,
  shapes: ShapeCheck,
): CastDocument | undefined {
  const [from, to] = [parseTypeRef(refs.from), parseTypeRef(refs.to)];
  if (from === undefined || to === undefined) return undefined;
  const shaped = shapes.check(CastFile, value);
  if ('problems' in shaped) {
    for (const problem of shaped.problems) reportShape(documents, file, problem);
    return undefined;
  }
  const { up, down } = shaped.value;
  return { type: from.type, from: from.version, to: to.version, file, up, ...(down === undefined ? {} : { down }) };
}

import type { LocatedFault } from '../errors.ts';
import { parseTypeRef } from '../message.ts';
import { checkAnnotations } from './annotations.ts';
import type { Contract } from './contracts.ts';
import { contractFileRef } from './file-name.ts';
import { parsePointer } from './pointer.ts';
import { isSchema } from './schema.ts';
import type { SchemaCompiler } from './validate.ts';
import { ContractError, formatViolation } from './violation.ts';

/** Every fault of one contract: its name, its annotations, its schema, its examples. */
export function checkContract(contract: Contract, compiler: SchemaCompiler): readonly LocatedFault[] {
  const { file, schema } = contract;
  const faults: LocatedFault[] = checkName(contract);
  if (!isSchema(schema)) {
    const came = Array.isArray(schema) ? 'a list' : JSON.stringify(schema);
    return [
      ...faults,
      {
        code: 'WB_CONTRACT_INVALID',
        message: `a contract is a JSON object with a schema, not ${came}`,
        file,
        path: [],
      },
    ];
  }
  const annotated: LocatedFault[] = [];
  checkAnnotations(schema, (path, message, fix) => {
    annotated.push({ code: 'WB_CONTRACT_INVALID', message, file, path, ...(fix === undefined ? {} : { fix }) });
  });
  // Of one mistake the meta-schema says several things, there and a level above.
  const told = new Set(annotated.flatMap(({ path }) => [path, path.slice(0, -1)]).map((path) => path.join('/')));
  // Ajv stops at the first unknown keyword or lost reference, which are told already.
  const compiled = compiler
    .check(schema)
    .map(({ path, message }) => ({ message, path: indexed(schema, path) }))
    .filter(
      ({ path, message }) =>
        (path.length === 0 || !told.has(path.join('/'))) && !(annotated.length > 0 && REPEATED.test(message)),
    );
  faults.push(...annotated);
  for (const { message, path } of compiled) faults.push({ code: 'WB_CONTRACT_INVALID', message, file, path });
  return faults.length > 0 ? faults : checkExamples(contract, schema['examples']);
}

const REPEATED = /unknown keyword|can't resolve reference|Invalid regular expression/;

function checkName({ ref, file }: Contract): LocatedFault[] {
  const said = contractFileRef(file);
  if (said === ref && parseTypeRef(ref) !== undefined) return [];
  const form = 'Name it schemas/<domain>/<name>.v<major>.json, in lower case: schemas/shop/order.placed.v1.json.';
  const message =
    said === undefined
      ? `the name of the file does not say its type and version`
      : `the file is named for ${said}, but holds ${ref}`;
  return [{ code: 'WB_CONTRACT_NAME', message, fix: form, file, path: [] }];
}

function checkExamples(contract: Contract, examples: unknown): LocatedFault[] {
  const faults: LocatedFault[] = [];
  for (const [index, example] of (Array.isArray(examples) ? (examples as unknown[]) : []).entries()) {
    const error = contract.validate(example);
    if (!(error instanceof ContractError)) continue;
    for (const violation of error.violations) {
      const path = ['examples', index, ...indexed(example, parsePointer(violation.pointer) ?? [])];
      faults.push({
        code: 'WB_CONTRACT_EXAMPLE',
        message: `the example breaks the contract: ${formatViolation(violation)}`,
        file: contract.file,
        path,
      });
    }
  }
  return faults;
}

/** Pointer segments as the path of a document, where items of lists are numbers; cut where nothing is. */
function indexed(document: unknown, segments: readonly string[]): (string | number)[] {
  const path: (string | number)[] = [];
  let node = document;
  for (const segment of segments) {
    if (Array.isArray(node)) {
      path.push(Number(segment));
      node = (node as unknown[])[Number(segment)];
    } else if (isSchema(node) && Object.hasOwn(node, segment)) {
      path.push(segment);
      node = node[segment];
    } else break;
  }
  return path;
}

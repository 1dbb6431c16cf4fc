import type { CastDocument, ContractDocument } from '../config/definition.ts';
import { type LocatedFault, WaybillError } from '../errors.ts';
import { parseTypeRef, type TypeRef, typeRef } from '../message.ts';
import { didYouMean } from '../nearest.ts';
import { COMPATIBILITIES } from './annotations.ts';
import { CastGraph } from './cast.ts';
import { checkCast, trustCast } from './check-cast.ts';
import { checkContract } from './check-contract.ts';
import type { Cast, Contract, Contracts } from './contracts.ts';
import { FieldFinder } from './field.ts';
import { compileKey } from './key.ts';
import { compileMask, type Mask } from './mask.ts';
import { isSchema } from './schema.ts';
import { SchemaCompiler } from './validate.ts';

export interface CompiledContracts {
  readonly contracts: Contracts;
  /** Every fault of every contract and cast. With faults, `contracts` is good for telling names only. */
  readonly faults: readonly LocatedFault[];
}

export interface CompileContractsOptions {
  /**
   * The documents come from an applied manifest, so they were checked before: no schema is compiled and no example
   * validated until it is needed.
   * @default false
   */
  readonly trusted?: boolean;
}

/** Makes the contracts of a bus out of their documents. Never throws: what is wrong is in `faults`. */
export function compileContracts(
  documents: readonly ContractDocument[],
  casts: readonly CastDocument[],
  options: CompileContractsOptions = {},
): CompiledContracts {
  const compiler = new SchemaCompiler();
  const faults: LocatedFault[] = [];
  const contracts = new Map<TypeRef, Contract>();
  for (const document of documents) {
    const ref = typeRef(document.type, document.version);
    const first = contracts.get(ref);
    if (first === undefined) contracts.set(ref, makeContract(ref, document, compiler));
    else
      faults.push({
        code: 'WB_CONTRACT_DUPLICATE',
        message: `${ref} has its contract in ${first.file} already`,
        file: document.file,
        path: [],
      });
  }
  if (options.trusted !== true) {
    for (const contract of contracts.values())
      faults.push(...checkContract(contract, compiler), ...checkReply(contract, contracts));
  }
  const sound = new Set(contracts.keys());
  for (const fault of faults)
    for (const contract of contracts.values()) if (contract.file === fault.file) sound.delete(contract.ref);
  const graph = new CastGraph();
  for (const document of casts) faults.push(...addCast(document, graph, contracts, sound, options));
  return { contracts: new Registry(contracts, graph), faults };
}

function addCast(
  document: CastDocument,
  graph: CastGraph,
  contracts: ReadonlyMap<TypeRef, Contract>,
  sound: ReadonlySet<TypeRef>,
  options: CompileContractsOptions,
): readonly LocatedFault[] {
  const { type, from, to, file } = document;
  const older = contracts.get(typeRef(type, from));
  const newer = contracts.get(typeRef(type, to));
  const refuse = (message: string, fix?: string): readonly LocatedFault[] => [
    { code: 'WB_CAST_INVALID', message, file, path: [], ...(fix === undefined ? {} : { fix }) },
  ];
  if (from >= to)
    return refuse(`a cast leads from an older major to a newer one, not from ${String(from)} to ${String(to)}`);
  if (older === undefined || newer === undefined) {
    const missing = typeRef(type, older === undefined ? from : to);
    return refuse(
      `there is no contract ${missing} to cast ${older === undefined ? 'from' : 'to'}`,
      didYouMean(missing, contracts.keys()),
    );
  }
  if (graph.has(older.ref, newer.ref)) {
    return [
      {
        code: 'WB_CONTRACT_DUPLICATE',
        message: `${older.ref} is cast to ${newer.ref} by another file already`,
        file,
        path: [],
      },
    ];
  }
  // The faults of a mapping against a faulty contract would only repeat those of the contract.
  if (!sound.has(older.ref) || !sound.has(newer.ref)) return [];
  if (options.trusted !== true) return checkCast(document, older, newer, graph);
  trustCast(document, older, newer, graph);
  return [];
}

/** The answer of a request must have a contract too. */
function checkReply(
  { ref, reply, file }: Contract,
  contracts: ReadonlyMap<TypeRef, Contract>,
): readonly LocatedFault[] {
  // What is not of the form of a type is told with the other annotations.
  if (reply === undefined || parseTypeRef(reply) === undefined || contracts.has(reply)) return [];
  const fix = didYouMean(reply, contracts.keys()) ?? 'Add the contract of the answer.';
  return [
    {
      code: 'WB_CONTRACT_UNKNOWN',
      message: `${ref} is answered with ${reply}, which has no contract`,
      fix,
      file,
      path: ['x-reply'],
    },
  ];
}

function makeContract(ref: TypeRef, document: ContractDocument, compiler: SchemaCompiler): Contract {
  const { type, version, file, schema } = document;
  const root = isSchema(schema) ? schema : {};
  const owner = root['x-owner'];
  const pointer = root['x-key'];
  const reply = root['x-reply'];
  let mask: Mask | undefined;
  const lazyMask = (): Mask => (mask ??= compileMask(schema));
  const fields = new FieldFinder(ref, schema, compiler);
  return Object.freeze({
    ref,
    type,
    version,
    file,
    schema,
    owner: typeof owner === 'string' ? owner : undefined,
    reply: typeof reply === 'string' ? reply : undefined,
    compatibility: COMPATIBILITIES.find((known) => known === root['x-compatibility']) ?? 'full',
    validate: compiler.validator(ref, schema, {
      apply: (data) => lazyMask().apply(data),
      place: (segments) => lazyMask().place(segments),
    }),
    key: compileKey(typeof pointer === 'string' ? pointer : undefined),
    mask: (data: unknown, ...instead: readonly [] | readonly [unknown]) => lazyMask().apply(data, ...instead),
    field: (path) => fields.find(path),
    fieldNames: (path) => fields.names(path),
    sensitiveFields: () => fields.sensitive(),
  } satisfies Contract);
}

class Registry implements Contracts {
  readonly all: readonly Contract[];
  readonly #contracts: ReadonlyMap<TypeRef, Contract>;
  readonly #graph: CastGraph;

  constructor(contracts: ReadonlyMap<TypeRef, Contract>, graph: CastGraph) {
    this.#contracts = contracts;
    this.#graph = graph;
    this.all = [...contracts.values()].sort((a, b) =>
      a.type === b.type ? a.version - b.version : a.type < b.type ? -1 : 1,
    );
  }

  get(ref: TypeRef): Contract | undefined {
    return this.#contracts.get(ref);
  }

  require(ref: TypeRef): Contract {
    const contract = this.#contracts.get(ref);
    if (contract !== undefined) return contract;
    const fix = didYouMean(ref, this.#contracts.keys());
    throw new WaybillError('WB_CONTRACT_UNKNOWN', `there is no contract ${ref}`, fix === undefined ? {} : { fix });
  }

  accepted(ref: TypeRef): readonly TypeRef[] {
    const own = this.#contracts.get(ref);
    if (own === undefined) return [ref];
    const older = this.all.filter((other) => other.type === own.type && other.version < own.version).reverse();
    return [
      ref,
      ...older.map((other) => other.ref).filter((other) => this.#graph.chain(other, ref, 'up') !== undefined),
    ];
  }

  cast(from: TypeRef, to: TypeRef): Cast | undefined {
    const older = this.#contracts.get(from);
    const newer = this.#contracts.get(to);
    if (older === undefined || newer === undefined || older.type !== newer.type) return undefined;
    return this.#graph.chain(from, to, older.version <= newer.version ? 'up' : 'down');
  }
}

import type { WaybillError } from '../errors.ts';
import type { TypeRef } from '../message.ts';
import type { FieldPath, StepField } from '../ports/mediator.ts';

/** All contracts of a bus. Validators are compiled on first use. Immutable. */
export interface Contracts {
  readonly all: readonly Contract[];
  get(ref: TypeRef): Contract | undefined;
  /** The contract. @throws WB_CONTRACT_UNKNOWN, with the nearest known name */
  require(ref: TypeRef): Contract;
  /** Versions of a type that `ref` accepts by casting, itself first: `t@3` -> [t@3, t@2, t@1] where casts up exist. */
  accepted(ref: TypeRef): readonly TypeRef[];
  /** The chain of casts between two majors of one type, up or down; undefined where there is none. */
  cast(from: TypeRef, to: TypeRef): Cast | undefined;
}

/** The contract of a type at a version. */
export interface Contract {
  readonly ref: TypeRef;
  readonly type: string;
  readonly version: number;
  readonly file: string;
  readonly schema: unknown;
  readonly owner: string | undefined;
  /** Of a request: the type of its answer, by `x-reply`. */
  readonly reply: TypeRef | undefined;
  readonly compatibility: 'full' | 'backward' | 'forward' | 'none';
  /**
   * Undefined when the data keeps the contract; else WB_CONTRACT_VIOLATED, naming every fault, sensitive values masked.
   * @param exact whether the data may hold an `ExactNumber`; looking for one costs a walk. @default true
   */
  validate(data: unknown, exact?: boolean): WaybillError | undefined;
  /** The key of the message by `x-key`; undefined without one or when the field is absent. Numbers become text. */
  key(data: unknown): string | undefined;
  /**
   * A copy with `instead` in place of every sensitive value; the data itself when there is none.
   * @param instead undefined leaves the value out @default '***'
   */
  mask(data: unknown, ...instead: readonly [] | readonly [unknown]): unknown;
  /** A field by its path; undefined when the contract does not declare it. */
  field(path: FieldPath): StepField | undefined;
  /** The names of the fields below a path. */
  fieldNames(path: FieldPath): readonly string[];
  /** Where the contract declares sensitive values, the outermost only. */
  sensitiveFields(): readonly FieldPath[];
}

/** Turns data of one major into another. Pure. @throws WaybillError, not retryable */
export type Cast = (data: unknown) => unknown;

import type { Definition, DocumentPath, Facilities } from '../config/definition.ts';
import type { Contract } from '../contracts/contracts.ts';
import type { Fault } from '../errors.ts';
import type { ExpressionEnv } from '../expressions/checking.ts';
import { compileExpression } from '../expressions/compile.ts';
import { A_DATE, A_SCALAR, A_WHOLE_NUMBER } from '../expressions/functions/kinds.ts';
import { compileMapping } from '../expressions/mapping.ts';
import { typeFromSchema } from '../expressions/schema-type.ts';
import {
  BOOLEAN,
  DYN,
  describeType,
  type FieldType,
  listOf,
  membersOf,
  NUMBER,
  TEXT,
  type Type,
} from '../expressions/types.ts';
import type { TypeRef } from '../message.ts';
import { didYouMean } from '../nearest.ts';
import type {
  Added,
  CompiledExpression,
  ExpressionKind,
  StepContract,
  StepScope,
  StepSource,
} from '../ports/mediator.ts';
import type { ArrivalContext } from './destinations.ts';
import type { FaultSink } from './faults.ts';
import type { Expectation, FlowExit } from './flow.ts';
import { FlowExits } from './flow-exits.ts';
import { elementOf, mayBeList, textsIn } from './items.ts';
import { lookupsOf } from './lookups.ts';
import { sourceOf } from './source.ts';

export interface ScopeContext extends ArrivalContext {
  readonly warnings: FaultSink;
  readonly facilities: Facilities | undefined;
  readonly sources: Definition['sources'];
}

const PLAIN: Readonly<Record<'text' | 'number' | 'boolean' | 'any', Type>> = {
  text: TEXT,
  number: NUMBER,
  boolean: BOOLEAN,
  any: DYN,
};

const KINDS = { scalar: A_SCALAR, whole: A_WHOLE_NUMBER, date: A_DATE };

/** The message as it is at one point of a route, while the route is checked. Steps move it on. */
export class FlowScope {
  readonly #context: ScopeContext;
  readonly #route: string;
  readonly #types = new Map<CompiledExpression, Type>();
  readonly #exits: FlowExits;
  readonly #expected: Expectation[] = [];
  #vars: Readonly<Record<string, Type>> = {};
  #contract: Contract;
  #data: Type;
  #lost = false;
  #doubted = false;

  constructor(start: Contract, route: string, context: ScopeContext) {
    this.#route = route;
    this.#context = context;
    this.#exits = new FlowExits(context);
    this.#contract = start;
    this.#data = typeFromSchema(start.schema);
  }

  /** The contract the data keeps here. */
  get contract(): Contract {
    return this.#contract;
  }

  /** The name of the route. */
  get route(): string {
    return this.#route;
  }

  /** A step failed in a way that leaves unknown what the message is from there on. */
  get lost(): boolean {
    return this.#lost;
  }

  /** The ways out that steps asked for, their results numbered from `first`. */
  exitsFrom(first: number): readonly FlowExit[] {
    return this.#exits.from(first);
  }

  /** What steps said that has to come to them. */
  get expected(): readonly Expectation[] {
    return this.#expected;
  }

  lose(): void {
    this.#lost = true;
  }

  /** A step is at fault, and may have added variables: what later ones say of such is no fault of theirs. */
  doubt(): void {
    this.#doubted = true;
  }

  /** What a mediator sees, whose options stand at `path` of the route's file. @param step the id of its step */
  at(path: DocumentPath, step = ''): StepScope {
    return {
      type: this.#contract.ref,
      route: this.#route,
      contract: (type, at) => this.#contractOf(type, [...path, ...at]),
      keys: (ring, at) => this.#keys(ring, [...path, ...at]),
      source: (name, at) => this.#source(name, [...path, ...at]),
      service: (name, type, at) => this.#exits.service(name, type, [...path, ...at]),
      exit: (service, type, at) => this.#exits.exit(service, type, [...path, ...at]),
      asks: (service, type, at) => this.#exits.asks(service, type, [...path, ...at]),
      copies: (to, at) => (this.#lost ? undefined : this.#exits.copies(step, to, this.#contract, [...path, ...at])),
      expression: (source, at, kind) => this.#expression(source, [...path, ...at], kind),
      mapping: (set, at, target, extent) => this.#mapping(set, [...path, ...at], target, extent),
      expects: (type, at) => {
        this.#expected.push({ step, type, path: [...path, ...at] });
      },
      cast: (from, to) => this.#context.contracts.cast(from, to),
      beside: (type) =>
        new FlowScope(this.#context.contracts.get(type) ?? this.#contract, this.#route, this.#context).at(path, step),
      becomes: (type, at) => {
        this.#becomes(type, [...path, ...at]);
      },
      adds: (name, value, optional = false) => {
        this.#adds(name, value, optional);
      },
      textsOf: (list) => textsIn(this.#types.get(list) ?? DYN),
      fault: (at, fault) => {
        this.#fault([...path, ...at], fault);
      },
      warn: (at, warning) => {
        const { file, warnings } = this.#context;
        warnings.add({ ...warning, file, path: [...path, ...at] });
      },
    };
  }

  #expression(source: string, path: DocumentPath, kind: ExpressionKind): CompiledExpression | undefined {
    if (this.#lost) return undefined;
    const { expression, type, faults } = compileExpression(
      source,
      this.#env(),
      kind === 'predicate' ? 'predicate' : 'value',
    );
    for (const { start, code, message, fix } of faults) {
      this.#fault(path, { code, message, ...(fix !== undefined && { fix }) }, start);
    }
    if (expression === undefined) return undefined;
    if (kind === 'predicate') this.#warnOfConstant(source, path, type);
    else if (kind === 'list') {
      if (!this.#isList(type, source, path)) return undefined;
    } else if (kind !== 'value' && !this.#isOf(kind, type, source, path)) return undefined;
    this.#types.set(expression, type);
    return expression;
  }

  #isList(type: Type, source: string, path: DocumentPath): boolean {
    if (mayBeList(type)) return true;
    this.#fault(path, {
      code: 'WB_EXPRESSION_TYPE',
      message: `${source} must be a list, and is ${describeType(type)}`,
    });
    return false;
  }

  #isOf(kind: keyof typeof KINDS, type: Type, source: string, path: DocumentPath): boolean {
    const wanted = KINDS[kind];
    if (type.kind === 'optional') {
      this.#fault(path, {
        code: 'WB_EXPRESSION_ABSENT',
        message: `${source} may have no value, and there has to be one here`,
        fix: 'give another value with orValue()',
      });
      return false;
    }
    if (membersOf(type).every((member) => member.kind === 'dyn' || wanted.fits(member))) return true;
    const message = `${source} is ${describeType(type)}, and there has to be ${wanted.describe} here`;
    this.#fault(path, { code: 'WB_EXPRESSION_TYPE', message });
    return false;
  }

  #warnOfConstant(source: string, path: DocumentPath, type: Type): void {
    if (type.kind !== 'boolean' || type.value === undefined) return;
    const { file, warnings } = this.#context;
    const message = `${source} is ${String(type.value)} for every message of ${this.#contract.ref}`;
    const fix = type.value ? 'remove the predicate' : 'nothing passes it: mend it, or set enabled: false';
    warnings.add({ code: 'WB_PREDICATE_CONSTANT', message, fix, file, path });
  }

  #mapping(
    set: unknown,
    path: DocumentPath,
    target: TypeRef,
    extent: 'whole' | 'fields' = 'whole',
  ): CompiledExpression | undefined {
    const contract = this.#context.contracts.get(target);
    if (contract === undefined || this.#lost) return undefined;
    const schema = extent === 'whole' ? contract.schema : withoutRequired(contract.schema);
    const { expression, faults } = compileMapping(set, this.#env(), schema, target);
    for (const { start, code, message, fix, path: inside } of faults) {
      this.#fault([...path, ...inside], { code, message, ...(fix !== undefined && { fix }) }, start);
    }
    return expression;
  }

  #becomes(type: TypeRef, path: DocumentPath): void {
    const contract = this.#contractOf(type, path);
    if (contract === undefined) {
      this.#lost = true;
      return;
    }
    this.#contract = contract;
    this.#data = typeFromSchema(contract.schema);
  }

  #contractOf(type: TypeRef, path: DocumentPath): (Contract & StepContract) | undefined {
    return this.#exits.contract(type, path);
  }

  #keys(ring: string, path: DocumentPath): boolean {
    const rings = this.#context.facilities?.keyRings ?? [];
    if (rings.includes(ring)) return true;
    const fix = didYouMean(ring, rings) ?? `add it to waybill.yaml: keys: ${ring}: { current: k1, keys: { k1: ... } }`;
    this.#fault(path, { code: 'WB_RESOURCE_MISSING', message: `there is no key ring ${ring}`, fix });
    return false;
  }

  #source(name: string, path: DocumentPath): StepSource | undefined {
    const { sources } = this.#context;
    const source = sources[name];
    if (source !== undefined) return sourceOf(name, source);
    const fix =
      didYouMean(name, Object.keys(sources)) ??
      `add it to waybill.yaml: sources: ${name}: { http: ..., response: ... }`;
    this.#fault(path, { code: 'WB_SOURCE_UNKNOWN', message: `there is no source ${name}`, fix });
    return undefined;
  }

  #adds(name: string, value: Added, optional: boolean): void {
    const type = this.#typeOf(value);
    this.#vars = {
      ...this.#vars,
      [name]: optional && type.kind !== 'optional' ? { kind: 'optional', of: type } : type,
    };
  }

  #typeOf(value: Added): Type {
    if ('evaluate' in value) return this.#types.get(value) ?? DYN;
    if ('plain' in value) return PLAIN[value.plain];
    if ('fields' in value) {
      const fields = Object.entries(value.fields).map(([name, kind]): [string, FieldType] => [
        name,
        { type: PLAIN[kind], required: true },
      ]);
      return { kind: 'object', fields: new Map(fields), rest: 'closed' };
    }
    if ('elementOf' in value) return elementOf(this.#types.get(value.elementOf) ?? DYN);
    const of = this.#context.contracts.get('type' in value ? value.type : value.listOf);
    const type = of === undefined ? DYN : typeFromSchema(of.schema);
    return 'type' in value ? type : listOf(type, value.least);
  }

  #fault(path: DocumentPath, fault: Omit<Fault, 'at'>, offset?: number): void {
    const { file, faults } = this.#context;
    faults.add({ ...fault, file, path }, offset === undefined ? {} : { offset });
  }

  #env(): ExpressionEnv {
    const lookups = lookupsOf(this.#context.sources, this.#context.contracts);
    return {
      data: this.#data,
      dataName: this.#contract.ref,
      vars: this.#vars,
      moreVars: this.#doubted,
      ...(lookups !== undefined && { lookups }),
    };
  }
}

/** The schema of some of the fields: none is required. What else it says holds for those that are given. */
function withoutRequired(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  const { required: _, ...rest } = { required: [], ...schema };
  return rest;
}

import type { DocumentPath } from '../config/definition.ts';
import type { Contract } from '../contracts/contracts.ts';
import type { Fault } from '../errors.ts';
import type { TypeRef } from '../message.ts';
import { didYouMean } from '../nearest.ts';
import type { CopyTarget, StepAsked, StepContract, StepExit } from '../ports/mediator.ts';
import { checkTarget, unknownType } from '../routes/check.ts';
import { type ArrivalContext, arrivalOf } from './destinations.ts';
import type { FlowExit } from './flow.ts';

/** Where steps of a route send messages, and whom they ask. */
export class FlowExits {
  readonly #context: ArrivalContext;
  readonly #exits = new Map<string, FlowExit>();

  constructor(context: ArrivalContext) {
    this.#context = context;
  }

  /** The ways out that steps asked for, their results numbered from `first`. */
  from(first: number): readonly FlowExit[] {
    return [...this.#exits.values()].map(({ id, from, destination }, index) => {
      return { id, from, destination: { ...destination, ordinal: first + index } };
    });
  }

  /** See `StepScope`. */
  contract(type: TypeRef, path: DocumentPath): (Contract & StepContract) | undefined {
    const { contracts } = this.#context;
    const contract = contracts.get(type);
    if (contract === undefined) this.#fault(path, unknownType(type, new Set(contracts.all.map(({ ref }) => ref))));
    return contract;
  }

  /** See `StepScope`. */
  service(name: string, type: TypeRef, path: DocumentPath): boolean {
    const { services } = this.#context;
    const service = services.get(name);
    if (service?.receives.includes(type) === true) return true;
    this.#fault(
      path,
      service === undefined
        ? {
            code: 'WB_SERVICE_UNKNOWN',
            message: `there is no service ${name}`,
            fix: didYouMean(name, services.keys()) ?? 'Declare it under services: in waybill.yaml.',
          }
        : {
            code: 'WB_NOT_DECLARED',
            message: `${type} goes to ${name} here, and ${name} does not declare it under receives`,
            fix: `services: ${name}: receives: [${[...service.receives, type].join(', ')}]`,
          },
    );
    return false;
  }

  /** See `StepScope`. */
  exit(service: string | undefined, type: TypeRef, path: DocumentPath): StepExit | undefined {
    const as = this.contract(type, path);
    if (as === undefined || (service !== undefined && !this.service(service, type, path))) return undefined;
    const id = `${service ?? 'publish'} ${type}`;
    const destination = { when: undefined, service, as, cast: undefined, ordinal: 0 };
    this.#exits.set(id, { id, from: as, destination });
    return { id };
  }

  /** See `StepScope`. */
  asks(service: string, type: TypeRef, path: DocumentPath): StepAsked | undefined {
    const request = this.contract(type, path);
    const exit = this.exit(service, type, path);
    if (request === undefined || exit === undefined) return undefined;
    if (request.reply === undefined || this.#context.services.get(service)?.client === 'plain') {
      const [message, fix] =
        request.reply === undefined
          ? [
              `${type} is no request: its contract names no answer`,
              `add "x-reply": "<type>@<version>" to ${request.file}`,
            ]
          : [`${service} is a client without the SDK, which answers nobody`, 'ask a service with the SDK'];
      this.#fault(path, { code: 'WB_REQUEST_TYPE', message, fix });
      return undefined;
    }
    const answer = this.contract(request.reply, path);
    return answer && { exit, request, answer };
  }

  /** See `StepScope`. @param of the contract that the message keeps here */
  copies(step: string, target: CopyTarget, of: Contract, path: DocumentPath): StepExit | undefined {
    const { contracts, services } = this.#context;
    const known = { services: new Set(services.keys()), types: new Set(contracts.all.map(({ ref }) => ref)) };
    const unknown = checkTarget({ target, path }, known);
    if (unknown !== undefined) {
      const { path: at, ...fault } = unknown;
      this.#fault(at, fault);
      return undefined;
    }
    const arrival = arrivalOf({ target, path }, of, this.#context);
    if (arrival === undefined) return undefined;
    const service = 'service' in target ? target.service : undefined;
    // Two steps that copy to one place make two messages.
    const id = `${step}: ${service ?? 'publish'} ${arrival.as.ref}`;
    const destination = { when: undefined, service, ...arrival, ordinal: 0, copy: true };
    this.#exits.set(id, { id, from: of, destination });
    return { id };
  }

  #fault(path: DocumentPath, fault: Omit<Fault, 'at'>): void {
    const { file, faults } = this.#context;
    faults.add({ ...fault, file, path });
  }
}

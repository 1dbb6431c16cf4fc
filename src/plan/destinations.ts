import type { DestinationDefinition, DocumentPath, ServiceDefinition } from '../config/definition.ts';
import type { Cast, Contract, Contracts } from '../contracts/contracts.ts';
import { parseTypeRef, type TypeRef } from '../message.ts';
import type { FaultSink } from './faults.ts';

/** How a message of one type arrives where a route sends it. */
export interface Arrival {
  readonly as: Contract;
  readonly cast: Cast | undefined;
}

export interface ArrivalContext {
  readonly contracts: Contracts;
  readonly services: ReadonlyMap<string, ServiceDefinition>;
  readonly faults: FaultSink;
  readonly file: string;
}

/** What arrives when the route sends a message that keeps `end`; undefined after a fault, here or of the name (`checkRoutes`). */
export function arrivalOf(
  destination: DestinationDefinition,
  end: Contract,
  context: ArrivalContext,
): Arrival | undefined {
  const { target, path } = destination;
  return 'service' in target
    ? atService(target.service, path, end, context)
    : onBus(target.publish, path, end, context);
}

function atService(name: string, path: DocumentPath, end: Contract, context: ArrivalContext): Arrival | undefined {
  const { contracts, services, faults, file } = context;
  const service = services.get(name);
  if (service === undefined) return undefined;
  for (const ref of preferred(service.receives, end)) {
    const as = contracts.get(ref);
    const cast = as === undefined || as === end ? undefined : contracts.cast(end.ref, ref);
    if (as !== undefined && (as === end || cast !== undefined)) return { as, cast };
  }
  const other = service.receives.find((ref) => parseTypeRef(ref)?.type === end.type);
  faults.add({
    code: 'WB_NOT_DECLARED',
    message:
      other === undefined
        ? `${end.ref} goes to ${name} here, and ${name} does not declare it under receives`
        : `${end.ref} goes to ${name} here, ${name} receives ${other}, and there is no cast from the one to the other`,
    fix: `services: ${name}: receives: [${[...service.receives, end.ref].join(', ')}]`,
    file,
    path,
  });
  return undefined;
}

/** The majors of the type that the service receives: the same, then newer ones, then older ones, the nearest first. */
function preferred(receives: readonly TypeRef[], end: Contract): readonly TypeRef[] {
  const majors = receives
    .map((ref) => ({ ref, parsed: parseTypeRef(ref) }))
    .flatMap(({ ref, parsed }) => (parsed?.type === end.type ? [{ ref, step: parsed.version - end.version }] : []));
  const rank = (step: number): number => (step >= 0 ? step : 1_000_000 - step);
  return majors.sort((a, b) => rank(a.step) - rank(b.step)).map(({ ref }) => ref);
}

function onBus(ref: TypeRef, path: DocumentPath, end: Contract, context: ArrivalContext): Arrival | undefined {
  const { contracts, faults, file } = context;
  const as = contracts.get(ref);
  if (as === undefined) return undefined;
  if (as === end) return { as, cast: undefined };
  const cast = contracts.cast(end.ref, ref);
  if (cast !== undefined) return { as, cast };
  faults.add({
    code: 'WB_ROUTE_TYPE',
    message: `the message is ${end.ref} here, and the route publishes it as ${ref}`,
    fix:
      as.type === end.type
        ? `add a cast from v${String(end.version)} to v${String(as.version)}`
        : `add a step: map: { to: ${ref}, set: ... }`,
    file,
    path,
  });
  return undefined;
}

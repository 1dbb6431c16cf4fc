import type {
  BranchDefinition,
  Definition,
  DestinationDefinition,
  DocumentPath,
  RouteDefinition,
  StepDefinition,
} from '../config/definition.ts';
import type { Contract } from '../contracts/contracts.ts';
import type { LocatedFault } from '../errors.ts';
import type { PluggedMediator } from '../mediators/guard.ts';
import type { ScriptMediator } from '../mediators/script.ts';
import type { TypeRef } from '../message.ts';
import { didYouMean } from '../nearest.ts';
import type { CompiledExpression, Mediator, PluginOrigin, StateForm } from '../ports/mediator.ts';
import { NOWHERE } from '../routes/problem.ts';
import { arrivalOf } from './destinations.ts';
import { routeEndpoint } from './endpoint-name.ts';
import { destinationsOf, type Flow, type FlowBranch, type FlowDestination, type FlowStep, type Take } from './flow.ts';
import { FlowScope, type ScopeContext } from './flow-scope.ts';
import { isSame } from './lacking.ts';
import { checkOptions } from './options.ts';
import type { LackingPlugin } from './plan.ts';
import { tickSteps } from './ticks.ts';

export interface FlowContext extends ScopeContext {
  readonly mediators: ReadonlyMap<string, Mediator>;
  /** What routes need besides the built-in mediators. */
  readonly plugins: Definition['plugins'] | undefined;
  /** Is told of every step whose plugin this process does not have. */
  readonly lacking: (plugin: LackingPlugin, at: Pick<LocatedFault, 'file' | 'path'>) => void;
}

/**
 * What a route does with messages that keep `start`. Every fault goes to `context.faults`; the flow is only good to run when
 * there was none.
 */
export function compileFlow(route: RouteDefinition, start: Contract, context: FlowContext): Flow {
  const scope = new FlowScope(start, route.name, context);
  const { path } = route;
  const when = predicate(route.when, path, scope);
  const ids = stepIds(route.steps);
  const compiled = route.steps.flatMap((step, index) =>
    compileStep(step, { index, id: ids[index] ?? step.use }, scope, context),
  );
  const steps = route.schedule === undefined ? compiled : [...tickSteps(start.ref), ...compiled];
  const end = scope.contract;
  // After a step that failed nothing is known of the message, and every fault below would be a guess.
  const ordinals = new Map<TypeRef, number>();
  const branches = scope.lost
    ? []
    : route.branches.map((branch) => compileBranch(branch, end, scope, context, ordinals));
  const exits = scope.exitsFrom(ordinals.size);
  return { start, when, steps, end, branches, exits, exclusive: route.exclusive, expected: scope.expected };
}

/** Where a message of contract `origin` goes, as it came, when `flow` fails on it. Its results are numbered after the flow's. */
export function compileOnError(
  route: RouteDefinition,
  origin: Contract,
  flow: Flow,
  context: FlowContext,
): Pick<Take, 'onError' | 'ignores'> {
  const scope = new FlowScope(origin, route.name, context);
  const used = destinationsOf(flow).map(({ ordinal }) => ordinal + 1);
  const first = Math.max(0, ...used);
  const ordinals = new Map<string, number>();
  const ignores: { when: CompiledExpression | undefined }[] = [];
  const onError = (route.onError ?? [])
    .flatMap(({ target, path, ...rest }): readonly FlowDestination[] => {
      if ('service' in target || 'publish' in target)
        return compileDestination({ target, path, ...rest }, origin, scope, context, ordinals);
      const when = predicate(rest.when, path, scope);
      if ('ignore' in target) {
        ignores.push({ when });
        return [];
      }
      // A message of its own: the other route may take the same message from the bus.
      const ordinal = ordinals.get(`route ${target.route}`) ?? ordinals.size;
      ordinals.set(`route ${target.route}`, ordinal);
      const service = routeEndpoint(target.route);
      return [{ when, service, as: origin, cast: undefined, ordinal, copy: true }];
    })
    .map((destination) => ({ ...destination, ordinal: first + destination.ordinal }));
  return { onError, ignores };
}

/** A step that brings messages together finds one type, whatever the types that the route takes. */
export function checkMixing(route: RouteDefinition, flows: readonly Flow[], { faults, file }: FlowContext): void {
  const [first, ...others] = flows;
  for (const { id, type, mixes } of first?.steps ?? []) {
    const other = others.flatMap(({ steps }) => steps).find((step) => step.id === id && step.type !== type);
    if (!mixes || other === undefined) continue;
    const step = route.steps[stepIds(route.steps).indexOf(id)];
    faults.add(
      {
        code: 'WB_ROUTE_TYPE',
        message: `${id} brings messages together, and they are ${type} or ${other.type} here`,
        fix: 'make them one type before it by a map, or write a route for each',
        file,
        path: step?.path ?? route.path,
      },
      { key: true },
    );
  }
}

/** What a step said that has to come to it comes by one of the types that the route takes. */
export function checkExpected(flows: readonly Flow[], { faults, file, contracts }: FlowContext): void {
  for (const { step, type, path } of flows.flatMap(({ expected }) => expected)) {
    const come = flows.flatMap(({ steps }) => steps.flatMap((each) => (each.id === step ? each.type : [])));
    // Of a step that is not sound it is not known what comes.
    if (come.length < flows.length || come.includes(type)) continue;
    const unknown = contracts.get(type) === undefined;
    faults.add(
      {
        code: unknown ? 'WB_CONTRACT_UNKNOWN' : 'WB_ROUTE_TYPE',
        message: unknown ? `there is no contract for ${type}` : `no ${type} comes to ${step} here`,
        fix: didYouMean(type, come) ?? `add it to from: of the route`,
        file,
        path,
      },
      { key: true },
    );
  }
}

/** Either the route says where its messages go, or its last step lets none go on. */
export function checkEnd(
  { steps, branches, byStep, path }: RouteDefinition,
  { faults, file, mediators }: FlowContext,
): void {
  const last = steps.length - 1;
  const ending = steps.findIndex(({ use }) => mediators.get(use)?.ends === true);
  if (ending === -1) {
    if (byStep === true) faults.add({ ...NOWHERE, file, path });
    return;
  }
  const unreached = ending < last ? steps[ending + 1]?.path : branches[0]?.to[0]?.path;
  if (unreached === undefined) return;
  const use = steps[ending]?.use ?? '';
  const fix = ending < last ? `make ${use} the last step` : 'leave to: and choose: out';
  faults.add({ code: 'WB_OPTION_INVALID', message: `nothing goes on from ${use}`, fix, file, path: unreached });
}

function predicate(source: string | undefined, path: DocumentPath, scope: FlowScope): CompiledExpression | undefined {
  return source === undefined ? undefined : scope.at(path).expression(source, ['when'], 'predicate');
}

function compileStep(
  definition: StepDefinition,
  { index, id }: { readonly index: number; readonly id: string },
  scope: FlowScope,
  context: FlowContext,
): readonly FlowStep[] {
  const { use, options, path } = definition;
  const { mediators, faults, file } = context;
  const mediator = mediators.get(use);
  const { name, origin } = codeOf(use, options, mediator);
  const needed = context.plugins?.[name];
  if (needed !== undefined && !isSame(needed, origin)) {
    const found = mediator === undefined || name !== use ? origin : (origin ?? 'built in');
    context.lacking({ route: scope.route, name, needed, found }, { file, path });
    scope.lose();
    return [];
  }
  if (mediator === undefined) {
    const known = [...mediators.keys()];
    faults.add(
      {
        code: 'WB_MEDIATOR_UNKNOWN',
        message: `there is no mediator ${use}`,
        fix: didYouMean(use, known) ?? `there are ${known.join(', ')}`,
        file,
        path,
      },
      { key: true },
    );
    scope.lose();
    return [];
  }
  const wrong = checkOptions(mediator, options);
  for (const { path: at, key, message, fix } of wrong) {
    faults.add(
      { code: 'WB_MEDIATOR_OPTION', message, file, path: [...path, ...at], ...(fix !== undefined && { fix }) },
      { key },
    );
  }
  if (wrong.length > 0) {
    scope.lose();
    return [];
  }
  const before = faults.added;
  const type = scope.contract.ref;
  const step = mediator.prepare(options, scope.at(path, id));
  if (step === undefined || faults.added > before) scope.doubt();
  if (step !== undefined) {
    const { mixes = false } = mediator;
    return [{ id, label: `step ${String(index + 1)} (${use})`, type, step, mixes, ...formOf(mediator) }];
  }
  // A mediator that fails without a word must not be left out of the route.
  if (faults.added === before && !scope.lost)
    faults.add({ code: 'WB_MEDIATOR_OPTION', message: `${use} cannot be prepared`, file, path });
  // A plugin may have stopped before it said what it makes of the data.
  if (origin !== undefined && scope.contract.ref === type) scope.lose();
  return [];
}

/** The code of a step that is not of Waybill: under which name a definition has it, and where it comes from here. */
function codeOf(
  use: string,
  options: unknown,
  mediator: (Mediator & Partial<PluggedMediator> & Partial<ScriptMediator>) | undefined,
): { readonly name: string; readonly origin: PluginOrigin | undefined } {
  const script = mediator?.fileOf?.(options);
  if (script !== undefined) return { name: script, origin: mediator?.origin?.(script) };
  return { name: use, origin: mediator?.plugin };
}

/** The first of a mediator by its name, others by name and number. */
function stepIds(steps: readonly StepDefinition[]): readonly string[] {
  const seen = new Map<string, number>();
  return steps.map(({ use }) => {
    const count = (seen.get(use) ?? 0) + 1;
    seen.set(use, count);
    return count === 1 ? use : `${use}-${String(count)}`;
  });
}

function formOf({ runs, state }: Mediator): { readonly form?: StateForm } {
  return runs === 'state' ? { form: state ?? { version: 1 } } : {};
}

function compileBranch(
  branch: BranchDefinition,
  end: Contract,
  scope: FlowScope,
  context: FlowContext,
  ordinals: Map<TypeRef, number>,
): FlowBranch {
  const when = predicate(branch.when, branch.path, scope);
  return { when, destinations: branch.to.flatMap((each) => compileDestination(each, end, scope, context, ordinals)) };
}

function compileDestination(
  definition: DestinationDefinition,
  end: Contract,
  scope: FlowScope,
  context: FlowContext,
  ordinals: Map<TypeRef, number>,
): readonly FlowDestination[] {
  const when = predicate(definition.when, definition.path, scope);
  const arrival = arrivalOf(definition, end, context);
  if (arrival === undefined) return [];
  const ordinal = ordinals.get(arrival.as.ref) ?? ordinals.size;
  ordinals.set(arrival.as.ref, ordinal);
  const service = 'service' in definition.target ? definition.target.service : undefined;
  return [{ when, service, ...arrival, ordinal }];
}

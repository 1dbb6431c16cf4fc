import { WaybillError } from '../errors.ts';
import type { StateForm, StatefulStep } from '../ports/mediator.ts';
import type { FlowStep } from './flow.ts';
import type { Transit } from './transit.ts';

/** A step that remembers, as it stands in a route. */
export type StatefulFlowStep = FlowStep & { readonly step: StatefulStep; readonly form: StateForm };

export function isStateful(step: FlowStep): step is StatefulFlowStep {
  return 'advance' in step.step;
}

/** Whether a step that remembers lets messages go that had come before. One that is made of several stands for all of them. */
export function letsGoOthers(step: FlowStep, made: readonly Transit[], came: readonly Transit[]): boolean {
  if (!isStateful(step) || step.mixes) return false;
  return made.some(({ input }) => came.every((each) => each.input !== input));
}

/** Where a step keeps its states. */
export function stateScope(route: string, step: string): string {
  return `route.${route}/${step}`;
}

/** Messages made of one input are told apart; one that was kept has an identity of its own. */
export function toldApart(emits: readonly Transit[]): readonly Transit[] {
  return emits.map((each, index) =>
    emits.some((other) => other !== each && other.input === each.input) ? each.branch(index) : each,
  );
}

/** In today's form. @throws WB_STATE_OUTDATED */
export function upToDate(
  held: { readonly form: number; readonly state: unknown },
  form: StateForm,
  id: string,
): unknown {
  if (held.form === form.version) return held.state;
  const migrated = held.form < form.version ? form.migrate?.(held.state, held.form) : undefined;
  if (migrated !== undefined) return migrated;
  throw new WaybillError(
    'WB_STATE_OUTDATED',
    `the state of ${id} was written in form ${String(held.form)}, and this Waybill reads form ${String(form.version)}`,
    { fix: 'Run the version of Waybill that wrote it until the state is used up, or discard the state.' },
  );
}

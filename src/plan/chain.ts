import { toError, WaybillError } from '../errors.ts';
import type { PureStep, StepResult } from '../ports/mediator.ts';
import { failureOf, type Span } from '../ports/tracing.ts';
import type { FlowStep } from './flow.ts';
import { Interrupt } from './interrupt.ts';
import { Transit } from './transit.ts';

/** A step without I/O or memory, as it stands in a route. */
export type PureFlowStep = FlowStep & { readonly step: PureStep };

export function isPure(step: FlowStep): step is PureFlowStep {
  return 'run' in step.step;
}

/**
 * Runs steps on a message, one after the other: what each step makes goes through all later ones before the next does, so results are
 * in order.
 * @param span of the route, where somebody listens
 * @returns what comes out at the end; empty when a step filtered it out
 * @throws WaybillError that names the step
 */
export function runSteps(steps: readonly PureFlowStep[], start: Transit, span?: Span): readonly Transit[] {
  let message = start;
  for (let index = 0; index < steps.length; index++) {
    const at = steps[index];
    if (at === undefined) break;
    const made = runStep(at, message, span);
    if (made.length === 1 && made[0] !== undefined) {
      message = made[0];
      if (message.progress.exit !== undefined) break;
      continue;
    }
    if (made.length === 0) return made;
    const rest = steps.slice(index + 1);
    return made.flatMap((each) => (each.progress.exit === undefined ? runSteps(rest, each, span) : [each]));
  }
  return [message];
}

export function runStep({ step, label }: PureFlowStep, message: Transit, span?: Span): readonly Transit[] {
  const own = span?.recording === true ? span.step(label) : undefined;
  try {
    const made = madeOf(step.run(message));
    own?.end();
    return made;
  } catch (thrown) {
    own?.end(failureOf(thrown));
    throw failed(label, thrown);
  }
}

/**
 * What a step gave, as messages of ours, copies before what they are of; those of a list told apart, so that their results get ids of
 * their own.
 * @throws WB_STEP_FAILED when it gave something else
 */
export function madeOf(result: StepResult): readonly Transit[] {
  if (result === undefined) return [];
  if (!isList(result)) return transitOf(result).apart();
  return result.flatMap((each, index) => transitOf(each).branch(index).apart());
}

export function transitOf(given: unknown): Transit {
  if (given instanceof Transit) return given;
  throw new WaybillError('WB_STEP_FAILED', 'it returned something that is not a message', {
    fix: 'Return the message it got, what its with() returns, a list of those, or undefined.',
  });
}

/** `Array.isArray` does not know read-only lists. */
function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

/** The same error, saying which step of the route it comes from. What is no failure of the step goes through as it is. */
export function failed(label: string, thrown: unknown): Error {
  if (thrown instanceof Interrupt) return thrown;
  const error = toError(thrown);
  if (!(error instanceof WaybillError)) {
    return new WaybillError('WB_STEP_FAILED', `${label}: ${error.message}`, { cause: error });
  }
  const { code, retryable, fix } = error;
  return new WaybillError(code, `${label}: ${error.message}`, {
    retryable,
    cause: error,
    ...(fix !== undefined && { fix }),
  });
}

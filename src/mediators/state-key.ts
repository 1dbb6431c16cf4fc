import { WaybillError } from '../errors.ts';
import { ExactNumber } from '../json.ts';
import type { Path, RouteMessage, StepScope } from '../ports/mediator.ts';

/** Reads which state a message belongs to. */
export type StateKey = (message: RouteMessage) => string;

/**
 * What stands under `by`.
 * @returns undefined after a fault; without `by`, `fallback`
 */
export function stateKey(
  by: string | undefined,
  scope: StepScope,
  fallback: StateKey,
  at: Path = ['by'],
): StateKey | undefined {
  if (by === undefined) return fallback;
  const expression = scope.expression(by, at, 'scalar');
  if (expression === undefined) return undefined;
  return (message) => textOf(expression.evaluate(message), by);
}

/** @throws WB_MESSAGE_INVALID, for data whose contract left open what it is */
function textOf(value: unknown, by: string): string {
  if (typeof value === 'string') return value;
  if (value instanceof ExactNumber) return value.text;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new WaybillError('WB_MESSAGE_INVALID', `by: ${by} is neither text, a number nor true or false`, {
    fix: 'use text(), or a field of it',
  });
}

/** The key that the message goes by, or what tells it from all others. */
export function messageKey({ envelope }: RouteMessage): string {
  return envelope.key ?? messageIdentity({ envelope });
}

/** Source and id are unique together (CloudEvents 1.0, 3.1). */
export function messageIdentity({ envelope }: Pick<RouteMessage, 'envelope'>): string {
  return `${envelope.source} ${envelope.id}`;
}

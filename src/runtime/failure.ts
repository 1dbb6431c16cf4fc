import type { ErrorCode } from '../errors.ts';
import { toError, WaybillError } from '../errors.ts';
import { isTraceparent, typeRef } from '../message.ts';
import type { Log } from '../ports/log.ts';
import type { Attempt, Death, Delivery } from '../ports/transport.ts';

/** Longer error texts are cut in dead letters and attempt histories. @unit characters */
const LONGEST_TEXT = 2_000;

/** What a throw of an attempt means. */
export interface Failure {
  readonly code: ErrorCode;
  readonly error: string;
  readonly retryable: boolean;
}

/** A WaybillError says whether it is retryable; of other errors all are but those with `retryable: false`. */
export function describeFailure(thrown: unknown): Failure {
  if (thrown instanceof WaybillError) {
    return { code: thrown.code, error: thrown.message.slice(0, LONGEST_TEXT), retryable: thrown.retryable };
  }
  const error = toError(thrown);
  return {
    code: 'WB_HANDLER_FAILED',
    error: `${error.name}: ${error.message}`.slice(0, LONGEST_TEXT),
    retryable: !('retryable' in error && error.retryable === false),
  };
}

export function toAttempt(failure: Failure, now: number): Attempt {
  return { at: new Date(now).toISOString(), code: failure.code, error: failure.error };
}

/** A verdict knows no clock, so the attempt that it was is added here. */
export function withAttempt(death: Death, now: number): Death {
  return death.attempts.length > 0 ? death : { ...death, attempts: [toAttempt({ ...death, retryable: false }, now)] };
}

export function sayDead(log: Log, delivery: Delivery, { code, error, attempts, route }: Death): void {
  const fields = {
    ...logFields(delivery),
    code,
    error,
    attempts: attempts.length,
    ...(route !== undefined && { route }),
  };
  log.error(fields, 'delivery given up: it is a dead letter now');
}

/** The fields by which a log line names a delivery. */
export function logFields(delivery: Delivery): object {
  const { id, type, version, key, traceparent } = delivery.message.envelope;
  return {
    endpoint: delivery.lease.endpoint,
    messageId: id,
    type: typeRef(type, version),
    ...(key !== undefined && { key }),
    ...(traceparent !== undefined && isTraceparent(traceparent) && { trace_id: traceparent.slice(3, 35) }),
  };
}

import { type ErrorCode, WaybillError } from '../errors.ts';
import { derivedId, type EncodedMessage, type TypeRef, typeRef } from '../message.ts';
import type { StepTimer } from '../ports/mediator.ts';
import type { Address, Outgoing } from '../ports/transport.ts';
import { decodeState, encodeState, type Kept } from './kept.ts';
import type { Transit } from './transit.ts';

/**
 * A message that an isolated route sends to its own endpoint: a timer that a step set, or a message that waits in the middle of the
 * route, or goes on there with an attempt of its own. So both are as durable as any message, and wait wherever the transport lets
 * messages wait.
 */
const TYPE = 'waybill.route.continuation';
const VERSION = 1;
export const CONTINUATION: TypeRef = typeRef(TYPE, VERSION);

export interface Continuation {
  /** The id of the step that set it. */
  readonly step: string;
  /** The type of the message in whose flow the step stands. */
  readonly take: TypeRef;
  /** Of the state that a timer belongs to. */
  readonly key: string;
  /** For the step itself. Its message is `message`. */
  readonly timer?: Omit<StepTimer, 'message'>;
  /** Without a timer it goes on after the step, or comes to it again. */
  readonly message?: Kept;
  readonly again?: true;
  /**
   * Why its message failed when a step let it go with others. It fails of that when it comes, whatever others have done meanwhile; only
   * a person has it tried again.
   */
  readonly failed?: { readonly code: ErrorCode; readonly error: string };
  /** Nothing happens before. @unit milliseconds since the Unix epoch */
  readonly atMs: number;
}

/** Where a continuation comes from. */
export interface Continued {
  readonly route: string;
  /** `/<bus>/<route>` */
  readonly source: string;
  readonly to: Address;
  /** Tells those apart that one step makes of one message. */
  readonly ordinal: number;
  /** When the transport is to bring it; earlier than `atMs` where the rest is waited for in place. @unit milliseconds since the Unix epoch */
  readonly dueAt: number;
}

/** What makes a continuation, and with its ordinal gives it an id that no other has. */
export function makerOf({ progress }: Transit, { step, timer, again }: Continuation, route: string): string {
  const what = again === true ? `again ${String(progress.turn)}` : (timer?.name ?? '');
  return `${route}${progress.trail}/${step}/${what}`;
}

/** Its id is the same whenever it is made of the same message. */
export function continueLater(cause: Transit, continuation: Continuation, from: Continued): Outgoing {
  const { envelope } = cause.input;
  const { key, traceparent, tracestate, correlationId } = envelope;
  const message: EncodedMessage = {
    envelope: {
      id: derivedId(envelope, makerOf(cause, continuation, from.route), from.ordinal),
      source: from.source,
      type: TYPE,
      version: VERSION,
      time: continuation.atMs === 0 ? envelope.time : new Date(continuation.atMs).toISOString(),
      // Of the same lane as what it belongs to, so that neither overtakes the other's settlement.
      key: key ?? envelope.id,
      ...(traceparent !== undefined && { traceparent }),
      ...(tracestate !== undefined && { tracestate }),
      correlationId: correlationId ?? envelope.id,
      causationId: envelope.id,
    },
    body: encodeState(continuation),
  };
  return { to: from.to, message, dueAt: from.dueAt };
}

/** The same once more, for what came before its time: too far ahead for the transport, or by a clock that is ahead of ours. */
export function continueAgain({ envelope, body }: EncodedMessage, to: Address, dueAt: number): Outgoing {
  return { to, message: { envelope: { ...envelope, id: derivedId(envelope, 'again', 0) }, body }, dueAt };
}

/** Whether an isolated route sends it to itself. */
export function isContinuation({ envelope }: EncodedMessage): boolean {
  return envelope.type === TYPE;
}

/** @throws WB_STEP_UNKNOWN when it is none */
export function readContinuation(message: EncodedMessage): Continuation {
  const value = decodeState(message.body);
  if (readsAsContinuation(value)) return value;
  throw new WaybillError('WB_STEP_UNKNOWN', 'a message of the type of timers that no step of a route made');
}

function readsAsContinuation(value: unknown): value is Continuation {
  return typeof value === 'object' && value !== null && 'step' in value && 'key' in value && 'atMs' in value;
}

import { toError, WaybillError } from '../errors.ts';
import type { EncodedMessage, Envelope, TypeRef } from '../message.ts';
import type { Death, Delivery, Outgoing } from './transport.ts';

/**
 * Where the bus tells what it does with messages, so that people can follow them. What a span is called and which attributes it has is
 * the adapter's business; what happens when is told here. With nobody who listens nothing is made and nothing is lost but the look at
 * `on`.
 */
export interface Tracing {
  /** Whether anybody listens at the moment. Asked before anything else here is. */
  readonly on: boolean;
  /**
   * A service makes messages and hands them to the bus, in one call. Until they are durable.
   * @param type of the first of them
   * @param parent what the caller says it belongs to @default what is active
   */
  publish(type: TypeRef, messages: number, by: string, parent: Traced): Span;
  /** A service waits for the answer to what it asks. @param parent as of `publish` */
  request(message: EncodedMessage, by: string, parent: Traced): Span;
  /**
   * One attempt at a delivery.
   * @param attempt counts from 1, over all deliveries of the message
   * @returns undefined where nobody listens to this one
   */
  process(delivery: Delivery, attempt: number): Span | undefined;
  /** What a route does with a message. @returns undefined where nobody listens to this one */
  route(name: string, message: EncodedMessage): Span | undefined;
  /** No route of an endpoint lets a message in. @param routes those that take its type, by name */
  filtered(routes: readonly string[], message: EncodedMessage): void;
  /** A result on its way to where a route sends it. Until it is durable. @param of the route's */
  send(outgoing: Outgoing, of: Span): Span;
  /** A delivery is given up. */
  dead(delivery: Delivery, death: Death): void;
  /** A person sends letters again. @param letters the first of them; those beyond `MOST_LINKS` are not told apart */
  redrive(letters: readonly EncodedMessage[], endpoint: string | undefined, by: string): Span;
}

/** What of a message says which trace it belongs to. */
export type Traced = Pick<Envelope, 'traceparent' | 'tracestate'>;

/** A message that a span has to do with. */
export interface Linked extends Traced {
  readonly id?: string;
}

export interface Span {
  /** Whether it goes anywhere: where it does not, its details need not be told. */
  readonly recording: boolean;
  /** What messages that come of it carry. */
  readonly context: Traced;
  /** The messages that it publishes, once they are made. */
  about(messages: readonly EncodedMessage[]): void;
  /** Something that happened during it. */
  event(name: string, attributes: Readonly<Record<string, string | number>>): void;
  set(attributes: Readonly<Record<string, string | number>>): void;
  /** Other messages that come together in it. */
  link(others: readonly Linked[]): void;
  /** A step of it. */
  step(label: string): Span;
  /** Runs with it as the active one, so that spans of libraries nest under it. */
  within<Result>(work: () => Result): Result;
  /** Once. @param failure why it failed */
  end(failure?: SpanFailure): void;
  /** Ends with `work`, and as that does. @returns what settles as `work` does, no sooner than the end */
  until(work: Promise<void>): Promise<void>;
}

export interface SpanFailure {
  /** An error code of Waybill, or the class of another error. Never its text, which may tell what is in a message. */
  readonly type: string;
}

/** More than so many links say nothing. */
export const MOST_LINKS = 128;

/** The same message as part of another span. */
export function retrace<Of extends EncodedMessage>(message: Of, { traceparent, tracestate }: Traced): Of {
  if (traceparent === undefined) return message;
  const { envelope } = message;
  if (tracestate === undefined && envelope.tracestate === undefined)
    return { ...message, envelope: { ...envelope, traceparent } };
  const { tracestate: _before, ...rest } = envelope;
  return { ...message, envelope: { ...rest, traceparent, ...(tracestate !== undefined && { tracestate }) } };
}

export const NO_SPAN: Span = {
  recording: false,
  context: {},
  about: () => undefined,
  event: () => undefined,
  set: () => undefined,
  link: () => undefined,
  step: () => NO_SPAN,
  within: (work) => work(),
  end: () => undefined,
  until: (work) => work,
};

/** Nobody listens. */
export const NO_TRACING: Tracing = {
  on: false,
  publish: () => NO_SPAN,
  request: () => NO_SPAN,
  process: () => undefined,
  route: () => undefined,
  filtered: () => undefined,
  send: () => NO_SPAN,
  dead: () => undefined,
  redrive: () => NO_SPAN,
};

/** `Span.until`, of what has to be told how it ends. */
export async function endedWith(work: Promise<void>, end: (failure?: SpanFailure) => void): Promise<void> {
  try {
    await work;
  } catch (thrown) {
    end(failureOf(thrown));
    throw thrown;
  }
  end();
}

/** How a span of work that threw ended. */
export function failureOf(thrown: unknown): SpanFailure {
  return { type: thrown instanceof WaybillError ? thrown.code : toError(thrown).name };
}

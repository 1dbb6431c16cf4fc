import type { EncodedMessage, TypeRef } from '../message.ts';

/** What a process has for steps that look outside. Made once for each process that runs routes; steps ask for what they need by name. */
export interface Resources {
  /** Keys by name, for steps that encrypt. @throws WB_RESOURCE_MISSING when there is no such key ring */
  keys(ring: string): KeyRing;
  /**
   * Asks a source of `sources:`. Answers are JSON that keeps no contract yet, and may be shared: nobody changes them.
   * @throws WB_RESOURCE_MISSING; WB_SOURCE_FAILED (retryable), WB_SOURCE_REFUSED, WB_SOURCE_ANSWER; the reason of `signal`
   */
  ask(source: string, question: Question, signal: AbortSignal): Promise<Answer>;
  /** Sources that were asked, and whether each is left alone because it failed time after time. */
  breakers(): ReadonlyMap<string, boolean>;
  /**
   * Asks a service of the bus, and resolves to the data of its answer, which keeps its contract.
   * @throws WB_RESOURCE_MISSING where no router runs; WB_REQUEST_FAILED; WB_REQUEST_TIMEOUT and WB_CLOSED, retryable
   */
  request(question: ServiceQuestion, signal: AbortSignal): Promise<unknown>;
  /** Finishes what is under way and frees everything. Safe to call twice. */
  close(): Promise<void>;
}

export interface ServiceQuestion {
  readonly service: string;
  /** The request. Its id is the same when the same is asked again. */
  readonly message: EncodedMessage;
  /** The type of the answer. */
  readonly answer: TypeRef;
  /** @unit milliseconds */
  readonly timeoutMs: number;
}

export interface Question {
  /** Takes the place of `{key}` in the address. */
  readonly key?: string;
  /** JSON, for sources that are sent something. */
  readonly body?: Uint8Array;
  /** Whether an answer is what it has to be: another one is not kept for the next question. @default every one is */
  readonly accepts?: (data: unknown) => boolean;
  /** The same when the same is asked again, so that the source can tell: the header `Idempotency-Key`. */
  readonly id?: string;
}

/** Undefined: the source says that there is no such thing, which is an answer. */
export type Answer = { readonly data: unknown } | undefined;

/** What can be asked, in whatever way. */
export interface Source {
  /** Whether it is left alone for a while. @default never */
  readonly open?: boolean;
  ask(question: Question, signal: AbortSignal): Promise<Answer>;
  /** Finishes what is under way and frees everything. Safe to call twice. */
  close(): Promise<void>;
}

/** AES-256 keys. Encrypts with the current one, decrypts with whichever is named. */
export interface KeyRing {
  readonly current: { readonly id: string; readonly key: Uint8Array };
  /** Undefined when the ring has no such key (any more). */
  find(id: string): Uint8Array | undefined;
}

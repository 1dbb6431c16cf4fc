import type { TypeRef } from '../message.ts';

/**
 * The message history of the bus (EIP): what was done with messages, kept for a while, so that one message can be followed without any
 * collector of traces. It tells of messages what is in their envelopes, and nothing of their data.
 */

/** One thing that was done with a message. */
export interface HistoryRecord {
  /** When it began. @unit milliseconds since the Unix epoch */
  readonly at: number;
  /** How long it took. @unit milliseconds */
  readonly took: number;
  readonly operation: HistoryOperation;
  /** Who did it: a service, a route, an endpoint. */
  readonly by: string;
  /** The process, for people: host and process id. */
  readonly process: string;
  /** The message, by its id. */
  readonly message: string;
  readonly type: TypeRef;
  /** The message that the conversation began with, by its id. */
  readonly conversation: string;
  /** The message that caused this one, by its id. */
  readonly cause?: string;
  /** What became of it: `done`, `filtered`, `merged`, `duplicate`, `dead` ... */
  readonly outcome?: string;
  /** Why it failed: an error code of Waybill, or the class of another error. */
  readonly error?: string;
  /** Which attempt it was, from 1. */
  readonly attempt?: number;
  /** When it is tried again, after its end. @unit milliseconds */
  readonly retryIn?: number;
  readonly steps?: readonly HistoryStep[];
  /** What a route made of the message. */
  readonly results?: readonly HistoryResult[];
  /** Other messages that came together in it, by their ids. */
  readonly joined?: readonly string[];
  /** Of a dead letter: where it was given up. */
  readonly endpoint?: string;
}

/** In the order in which they are done with a message. */
export const HISTORY_OPERATIONS = ['publish', 'request', 'route', 'process', 'dead-letter'] as const;

export type HistoryOperation = (typeof HISTORY_OPERATIONS)[number];

export interface HistoryStep {
  readonly label: string;
  /** @unit milliseconds */
  readonly took: number;
  readonly error?: string;
}

export interface HistoryResult {
  readonly message: string;
  readonly type: TypeRef;
  /** `bus`, an endpoint, or `reply`. */
  readonly to: string;
}

/** How long records are kept. @unit milliseconds */
export const HISTORY_AGE_MS = 86_400_000;
/** How much of them is kept, the youngest. @unit bytes */
export const HISTORY_BYTES = 67_108_864;

/** As adapters keep them: one line of JSON. */
export function encodeHistory(records: readonly HistoryRecord[]): string {
  return JSON.stringify(records);
}

/**
 * Reads what `encodeHistory` wrote, also a later version: what is no record that can be shown is left out.
 * @returns undefined for what is no list of records at all
 */
export function decodeHistory(text: string): HistoryRecord[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return Array.isArray(value) ? value.filter(isHistoryRecord) : undefined;
}

const TEXTS = ['by', 'process', 'message', 'type', 'conversation'] as const;
const OPTIONAL_TEXTS = ['cause', 'outcome', 'error', 'endpoint'] as const;
/** What a date can be. @unit milliseconds */
const LAST_TIME = 8.64e15;

/** Whoever may add to the history may have written anything. */
function isHistoryRecord(value: unknown): value is HistoryRecord {
  if (!isObject(value)) return false;
  return (
    isAmount(value['at']) &&
    value['at'] <= LAST_TIME &&
    isAmount(value['took']) &&
    HISTORY_OPERATIONS.some((operation) => operation === value['operation']) &&
    TEXTS.every((name) => isText(value[name])) &&
    OPTIONAL_TEXTS.every((name) => value[name] === undefined || isText(value[name])) &&
    ['attempt', 'retryIn'].every((name) => value[name] === undefined || isAmount(value[name])) &&
    isListOf(value['steps'], isStep) &&
    isListOf(value['results'], isResult) &&
    isListOf(value['joined'], isText)
  );
}

function isStep(value: unknown): boolean {
  if (!isObject(value)) return false;
  return isText(value['label']) && isAmount(value['took']) && (value['error'] === undefined || isText(value['error']));
}

function isResult(value: unknown): boolean {
  return isObject(value) && isText(value['message']) && isText(value['type']) && isText(value['to']);
}

function isListOf(value: unknown, fits: (item: unknown) => boolean): boolean {
  return value === undefined || (Array.isArray(value) && value.every(fits));
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** Text without what would steer a terminal. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !/\p{Cc}/u.test(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

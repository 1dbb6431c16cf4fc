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
  /** Who did it: a service, a route, an endpoint; of a redrive a person. */
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
  /** Of a dead letter and a redrive: the endpoint it is about. */
  readonly endpoint?: string;
}

export type HistoryOperation = 'publish' | 'request' | 'route' | 'process' | 'dead-letter' | 'redrive';

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

/** Reads what `encodeHistory` wrote, also a later version: what is no record that can be shown is left out. */
export function decodeHistory(text: string): HistoryRecord[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  return Array.isArray(value) ? value.filter(isHistoryRecord) : [];
}

const TEXTS = ['operation', 'by', 'process', 'message', 'type', 'conversation'] as const;
const OPTIONAL_TEXTS = ['cause', 'outcome', 'error', 'endpoint'] as const;

function isHistoryRecord(value: unknown): value is HistoryRecord {
  if (!isObject(value)) return false;
  return (
    typeof value['at'] === 'number' &&
    typeof value['took'] === 'number' &&
    TEXTS.every((name) => typeof value[name] === 'string') &&
    OPTIONAL_TEXTS.every((name) => value[name] === undefined || typeof value[name] === 'string') &&
    ['attempt', 'retryIn'].every((name) => value[name] === undefined || typeof value[name] === 'number') &&
    isListOf(value['steps'], (step) => isObject(step) && typeof step['label'] === 'string') &&
    isListOf(value['results'], (result) => isObject(result) && typeof result['message'] === 'string') &&
    isListOf(value['joined'], (id) => typeof id === 'string')
  );
}

function isListOf(value: unknown, fits: (item: unknown) => boolean): boolean {
  return value === undefined || (Array.isArray(value) && value.every(fits));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

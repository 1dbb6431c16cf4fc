import { ERROR_CODES, type ErrorCode } from '../../errors.ts';
import type { EncodedMessage } from '../../message.ts';
import type {
  Attempt,
  AuditRecord,
  ConsumerState,
  DeadLetter,
  EndpointStats,
  OfficeFilter,
  Tally,
  TransportStats,
} from '../../ports/transport.ts';
import type { Extra } from './codec.ts';

/** Reading JSON that another process, or an earlier one, wrote. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function numberIn(record: Readonly<Record<string, unknown>>, name: string): number {
  const value = record[name];
  return typeof value === 'number' ? value : 0;
}

export function stringIn(record: Readonly<Record<string, unknown>>, name: string): string {
  const value = record[name];
  return typeof value === 'string' ? value : '';
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value);
}

/** A code that this version does not know is a plain failure of the handler. */
export function codeOf(value: unknown): ErrorCode {
  return isErrorCode(value) ? value : 'WB_HANDLER_FAILED';
}

export const NO_ATTEMPTS: readonly Attempt[] = [];

export function attemptsOf(value: unknown): readonly Attempt[] {
  if (!Array.isArray(value)) return NO_ATTEMPTS;
  return value
    .filter(isRecord)
    .map((each) => ({ at: stringIn(each, 'at'), code: codeOf(each['code']), error: stringIn(each, 'error') }));
}

export function extraOf(value: unknown): Extra | undefined {
  if (!isRecord(value)) return undefined;
  return {
    ...(value['attempts'] === undefined ? undefined : { attempts: attemptsOf(value['attempts']) }),
    ...(typeof value['route'] === 'string' ? { route: value['route'] } : undefined),
    ...(value['suspect'] === true ? { suspect: true } : undefined),
  };
}

export function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

export function filterOf(value: unknown): OfficeFilter {
  if (!isRecord(value)) return {};
  const { ids, endpoint, route, type, code, key, messageId } = value;
  return {
    ...(Array.isArray(ids) ? { ids: stringsOf(ids) } : undefined),
    ...(typeof endpoint === 'string' ? { endpoint } : undefined),
    ...(typeof route === 'string' ? { route } : undefined),
    ...(typeof type === 'string' ? { type } : undefined),
    ...(isErrorCode(code) ? { code } : undefined),
    ...(typeof key === 'string' ? { key } : undefined),
    ...(typeof messageId === 'string' ? { messageId } : undefined),
  };
}

/** A letter from what is known of it beside its message. */
export function letterOf(story: Readonly<Record<string, unknown>>, message: EncodedMessage): DeadLetter {
  return {
    id: stringIn(story, 'id'),
    endpoint: stringIn(story, 'endpoint'),
    ...(typeof story['route'] === 'string' ? { route: story['route'] } : undefined),
    code: codeOf(story['code']),
    error: stringIn(story, 'error'),
    attempts: attemptsOf(story['attempts']),
    diedAt: stringIn(story, 'diedAt'),
    message,
  };
}

export function auditOf(value: Readonly<Record<string, unknown>>): AuditRecord {
  return {
    at: stringIn(value, 'at'),
    by: stringIn(value, 'by'),
    action: value['action'] === 'discard' ? 'discard' : 'redrive',
    letter: stringIn(value, 'letter'),
    messageId: stringIn(value, 'messageId'),
    endpoint: stringIn(value, 'endpoint'),
  };
}

export function tallyOf(value: unknown): Tally {
  if (!isRecord(value)) return {};
  return Object.fromEntries(Object.keys(value).map((name) => [name, numberIn(value, name)]));
}

export function stateOf(value: unknown): ConsumerState {
  const state = isRecord(value) ? value : {};
  const { paused } = state;
  return { heldKeys: numberIn(state, 'heldKeys'), ...(typeof paused === 'string' ? { paused } : undefined) };
}

export function statsOf(value: unknown): TransportStats {
  const stats = isRecord(value) ? value : {};
  const ledger = isRecord(stats['ledger']) ? stats['ledger'] : {};
  const { endpoints } = stats;
  return {
    exact: stats['exact'] === true,
    endpoints: Array.isArray(endpoints) ? endpoints.filter(isRecord).map(endpointOf) : [],
    dead: numberIn(stats, 'dead'),
    parked: numberIn(stats, 'parked'),
    delayed: numberIn(stats, 'delayed'),
    ledger: {
      made: numberIn(ledger, 'made'),
      done: numberIn(ledger, 'done'),
      filtered: numberIn(ledger, 'filtered'),
      merged: numberIn(ledger, 'merged'),
      duplicate: numberIn(ledger, 'duplicate'),
      dead: numberIn(ledger, 'dead'),
      parked: numberIn(ledger, 'parked'),
      expired: numberIn(ledger, 'expired'),
      discarded: numberIn(ledger, 'discarded'),
      waiting: numberIn(ledger, 'waiting'),
    },
    tallies: tallyOf(stats['tallies']),
  };
}

function endpointOf(value: Readonly<Record<string, unknown>>): EndpointStats {
  const { states, oldest } = value;
  return {
    name: stringIn(value, 'name'),
    waiting: numberIn(value, 'waiting'),
    inHand: numberIn(value, 'inHand'),
    delayed: numberIn(value, 'delayed'),
    ...(typeof oldest === 'string' ? { oldest } : undefined),
    consumers: numberIn(value, 'consumers'),
    states: Array.isArray(states) ? states.map(stateOf) : [],
    outcomes: tallyOf(value['outcomes']),
  };
}

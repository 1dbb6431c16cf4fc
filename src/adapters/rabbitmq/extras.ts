import type { Message } from 'amqplib';
import { ERROR_CODES, type ErrorCode } from '../../errors.ts';
import type { Attempt } from '../../ports/transport.ts';
import { headersOf, textProperty } from './decode.ts';
import type { Extras } from './encode.ts';

/** Headers of Waybill's own, beside the attributes of the message. */
export type ExtraName =
  | 'attempts'
  | 'route'
  | 'redrive'
  | 'letter'
  | 'endpoint'
  | 'code'
  | 'error'
  | 'died-at'
  | 'outcome';

const PREFIX = 'waybill-';

export function extrasOf(values: Partial<Record<ExtraName, string | undefined>>): Extras {
  const extras: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) extras[PREFIX + name] = value;
  }
  return extras;
}

export function textHeader(message: Message, name: ExtraName): string | undefined {
  return textProperty(headersOf(message)[PREFIX + name]);
}

/** All headers of an AMQP message must fit one frame of 128 KiB. @unit characters */
const MOST_FOR_ATTEMPTS = 20_000;
const LONGEST_ERROR = 2_000;

/** As JSON. When it would not fit, the errors of all are cut to the same length; codes and times are kept. */
export function formatAttempts(attempts: readonly Attempt[]): string | undefined {
  if (attempts.length === 0) return undefined;
  for (let longest = LONGEST_ERROR; longest > 16; longest = Math.floor(longest / 2)) {
    const text = JSON.stringify(attempts.map((attempt) => ({ ...attempt, error: cut(attempt.error, longest) })));
    if (text.length <= MOST_FOR_ATTEMPTS) return text;
  }
  return JSON.stringify(attempts.slice(-100).map((attempt) => ({ ...attempt, error: cut(attempt.error, 16) })));
}

export function cut(text: string, longest = LONGEST_ERROR): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}

export function parseAttempts(message: Message): readonly Attempt[] {
  const text = textHeader(message, 'attempts');
  if (text === undefined) return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Somebody else wrote the header: the history is lost, the message is not.
    return [];
  }
  return Array.isArray(value) ? value.filter(isAttempt) : [];
}

function isAttempt(value: unknown): value is Attempt {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'at' in value &&
    typeof value.at === 'string' &&
    'error' in value &&
    typeof value.error === 'string' &&
    'code' in value &&
    isCode(value.code)
  );
}

export function isCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value);
}

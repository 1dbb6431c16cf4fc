import { WaybillError } from '../../errors.ts';
import type { EncodedMessage } from '../../message.ts';
import type { Address, Death, Outgoing, Settlement } from '../../ports/transport.ts';
import { broken } from './frames.ts';
import { attemptsOf, codeOf, isErrorCode, isRecord, stringIn } from './shapes.ts';
import { unitOf, unitToWire } from './wire-units.ts';

/** Version of what owner and attached processes say to each other. */
export const PROTOCOL = 4;

/**
 * Where each message of a frame goes: 0 for the bus, the endpoint's name, or a reply address in a list of its own. One with a
 * time stands in a list with it.
 */
export type WireAddress = 0 | string | readonly [string] | readonly [0 | string | readonly [string], string];

export function addressesOf(outgoing: readonly Outgoing[]): WireAddress[] {
  return outgoing.map(({ to, dueAt }) => {
    const address = to === 'bus' ? 0 : 'reply' in to ? ([to.reply] as const) : to.endpoint;
    // As text, since JSON has no word for the numbers that are to be refused.
    return dueAt === undefined ? address : [address, String(dueAt)];
  });
}

/** Puts addresses and messages of a frame together again. */
export function outgoingOf(to: unknown, messages: readonly EncodedMessage[]): Outgoing[] {
  if (!Array.isArray(to) || to.length !== messages.length) throw broken('messages without addresses');
  return messages.map((message, at) => {
    const [address, dueAt] = timed(to[at]);
    return { to: addressOf(address), message, ...(dueAt === undefined ? undefined : { dueAt }) };
  });
}

function timed(value: unknown): [address: unknown, dueAt?: number] {
  const [address, dueAt] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return typeof dueAt === 'string' ? [address, Number(dueAt)] : [value];
}

function addressOf(address: unknown): Address {
  if (typeof address === 'string') return { endpoint: address };
  const [reply] = Array.isArray(address) ? (address as readonly unknown[]) : [];
  return typeof reply === 'string' ? { reply } : 'bus';
}

/** An error as it is told to another process. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly fix?: string;
}

export function toWire(error: Error): WireError {
  if (!(error instanceof WaybillError)) return { code: '', message: error.message, retryable: false };
  const { code, message, retryable, fix } = error;
  return { code, message, retryable, ...(fix === undefined ? undefined : { fix }) };
}

export function fromWire(value: unknown): Error {
  const wire = isRecord(value) ? value : {};
  const { code, fix } = wire;
  const message = stringIn(wire, 'message');
  if (!isErrorCode(code)) return new Error(message);
  return new WaybillError(code, message, {
    retryable: wire['retryable'] === true,
    ...(typeof fix === 'string' ? { fix } : undefined),
  });
}

/** A settlement but for the messages of its sends: lease, number, outcome, sends, and what else it says. */
export type WireSettlement = readonly [lease: number, seq: number, outcome: string, sends: number, rest?: object];

/** @param blobs to which the bytes of its unit are added */
export function settlementToWire(
  lease: number,
  seq: number,
  settlement: Settlement,
  blobs: Uint8Array[],
): WireSettlement {
  switch (settlement.outcome) {
    case 'retry':
      return [lease, seq, 'retry', 0, { delayMs: settlement.delayMs, attempts: settlement.attempts }];
    case 'parked':
      return [lease, seq, 'parked', 0];
    case 'dead':
    case 'expired':
      return [lease, seq, settlement.outcome, settlement.sends.length, { deaths: settlement.deaths }];
    default: {
      const { outcome, sends, unit } = settlement;
      if (unit === undefined) return [lease, seq, outcome, sends.length];
      return [lease, seq, outcome, sends.length, { unit: unitToWire(unit, blobs) }];
    }
  }
}

/** The delivery is looked up by the server, since only it knows what is in hand. */
export function settlementFromWire(
  delivery: Settlement['delivery'],
  outcome: unknown,
  rest: unknown,
  sends: readonly Outgoing[],
  blobs: readonly Uint8Array[],
): Settlement {
  const more = isRecord(rest) ? rest : {};
  switch (outcome) {
    case 'done':
    case 'filtered':
    case 'merged':
    case 'duplicate':
      if (!isRecord(more['unit'])) return { delivery, outcome, sends };
      return { delivery, outcome, sends, unit: unitOf(more['unit'], blobs) };
    case 'parked':
      return { delivery, outcome };
    case 'retry': {
      const { delayMs } = more;
      return {
        delivery,
        outcome,
        delayMs: typeof delayMs === 'number' ? delayMs : 0,
        attempts: attemptsOf(more['attempts']),
      };
    }
    case 'dead':
    case 'expired': {
      const [first, ...others] = deathsOf(more['deaths']);
      if (first === undefined) throw broken('a death without a reason');
      return { delivery, outcome, sends, deaths: [first, ...others] };
    }
    default:
      throw broken(`the outcome ${JSON.stringify(outcome)}`);
  }
}

function deathsOf(value: unknown): Death[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).map((each) => ({
    code: codeOf(each['code']),
    error: stringIn(each, 'error'),
    ...(typeof each['route'] === 'string' ? { route: each['route'] } : undefined),
    attempts: attemptsOf(each['attempts']),
  }));
}

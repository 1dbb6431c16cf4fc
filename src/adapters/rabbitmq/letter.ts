import { randomUUID } from 'node:crypto';
import type { Message } from 'amqplib';
import { type EncodedMessage, parseTypeRef, typeRef } from '../../message.ts';
import type { DeadLetter, Death } from '../../ports/transport.ts';
import { believed, decodeBelieved } from './arrival.ts';
import { type Decoded, isUndecodable, textProperty, type Undecodable } from './decode.ts';
import { type Extras } from './encode.ts';
import { cut, extrasOf, formatAttempts, isCode, parseAttempts, textHeader } from './extras.ts';
import { parcelId, sentAt } from './identity.ts';
import { endpointOfQueue } from './names.ts';

/** A letter, and whether it came to its end by expiry. */
export interface Filed {
  readonly letter: DeadLetter;
  readonly outcome: 'dead' | 'expired' | 'parked';
}

/** The headers that tell a dead letter's story. */
export function deathExtras(
  id: string,
  endpoint: string,
  outcome: 'dead' | 'expired',
  death: Death,
  now: number,
): Extras {
  return extrasOf({
    letter: id,
    endpoint,
    route: death.route,
    code: death.code,
    error: cut(death.error),
    attempts: formatAttempts(death.attempts),
    'died-at': new Date(now).toISOString(),
    outcome,
  });
}

/** A stand-in for a message whose attributes cannot be read, so that its bytes can be kept and shown. */
export function standIn(found: Undecodable, amqp: Message, now: number): EncodedMessage {
  if (found.envelope !== undefined) return { envelope: found.envelope, body: found.body };
  const { properties } = amqp;
  const ref = parseTypeRef(textProperty(properties.type) ?? '');
  return {
    envelope: {
      id: textProperty(properties.messageId) ?? randomUUID(),
      source: '/unknown',
      type: ref?.type ?? 'unknown.message',
      version: ref?.version ?? 1,
      time: new Date(now).toISOString(),
    },
    body: found.body,
  };
}

/**
 * The letters that an AMQP message holds: one; or for a batch that was parked, or that the broker gave up, one of each
 * member. Each time the same ids.
 */
export function lettersOf(kept: Message, kind: 'dead' | 'parked', bus: string, now: () => number): Filed[] {
  const amqp = believed(kept);
  const members = decodeBelieved(amqp, now);
  const native = textHeader(amqp, 'letter');
  const base = native ?? parcelId(amqp);
  return members.map((member, index) => {
    const id = members.length === 1 ? base : `${base}.${String(index).padStart(3, '0')}`;
    return fileOf(id, member, amqp, kind, bus, now);
  });
}

function fileOf(
  id: string,
  member: Decoded,
  amqp: Message,
  kind: 'dead' | 'parked',
  bus: string,
  now: () => number,
): Filed {
  const route = textHeader(amqp, 'route');
  const code = textHeader(amqp, 'code');
  const death = kind === 'dead' ? brokerDeath(amqp) : undefined;
  const message = isUndecodable(member) ? standIn(member, amqp, now()) : member;
  const ref = typeRef(message.envelope.type, message.envelope.version);
  const fallback = kind === 'dead' ? 'WB_HANDLER_CRASHED' : 'WB_UNROUTED';
  const letter: DeadLetter = {
    id,
    endpoint:
      kind === 'parked' ? 'bus' : (textHeader(amqp, 'endpoint') ?? endpointOfQueue(bus, death?.queue ?? '') ?? 'bus'),
    ...(route === undefined ? {} : { route }),
    code: isCode(code) ? code : fallback,
    error:
      textHeader(amqp, 'error') ??
      (kind === 'parked' ? `no route takes ${ref}` : `RabbitMQ gave it up: ${death?.reason ?? 'unknown'}`),
    attempts: parseAttempts(amqp),
    diedAt: textHeader(amqp, 'died-at') ?? death?.at ?? new Date(sentAt(amqp) ?? now()).toISOString(),
    message,
  };
  const expired = textHeader(amqp, 'outcome') === 'expired';
  return { letter, outcome: kind === 'parked' ? 'parked' : expired ? 'expired' : 'dead' };
}

/** What the broker noted when it gave the message up by itself. */
function brokerDeath(amqp: Message): { queue: string; reason: string; at: string } | undefined {
  const [death] = amqp.properties.headers?.['x-death'] ?? [];
  if (death === undefined) return undefined;
  return { queue: death.queue, reason: death.reason, at: new Date(death.time.value * 1_000).toISOString() };
}

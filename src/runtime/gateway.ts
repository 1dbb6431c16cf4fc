import type { ServiceDefinition } from '../config/definition.ts';
import type { Contract } from '../contracts/contracts.ts';
import { type ErrorCode, toError, WaybillError } from '../errors.ts';
import { parseJsonStrictly } from '../json.ts';
import { type EncodedMessage, type Envelope, headerNameFault, type TypeRef, typeRef } from '../message.ts';
import type { Plan } from '../plan/plan.ts';
import { SENDER } from '../ports/gateway.ts';
import type { Verdict } from './verdict.ts';

/** As for publishers with the SDK. @unit bytes, characters */
const LONGEST_ID = 128;
const LONGEST_KEY = 255;

/** What a later plan may allow. */
const MAY_HEAL: ReadonlySet<ErrorCode> = new Set(['WB_CONTRACT_UNKNOWN', 'WB_NOT_DECLARED', 'WB_SERVICE_UNKNOWN']);

/**
 * Lets a message of a client without the SDK onto the bus, as the SDK would have made it: its source is the service, its key is
 * what the contract's `x-key` points to, its body is untouched. What the bus does not take is a dead letter, by name.
 *
 * | the client                                | is                                                              |
 * |-------------------------------------------|-----------------------------------------------------------------|
 * | sets `user_id`, which the broker checks   | the service of this user                                        |
 * | does not, and its routing key is the type | the service that publishes the type: the broker's topic          |
 * |                                           | permissions on the gateway say who may use that key             |
 * | neither                                   | nobody: refused                                                 |
 */
export function admit(plan: Plan, message: EncodedMessage): Verdict {
  try {
    const { service, admitted } = take(plan, message);
    return {
      outcome: 'done',
      sends: [{ to: 'bus', message: admitted }],
      tally: { [`service.${service}.published`]: 1 },
    };
  } catch (thrown) {
    const error = toError(thrown);
    const code = error instanceof WaybillError ? error.code : 'WB_MESSAGE_INVALID';
    return { outcome: 'dead', sends: [], deaths: [{ code, error: error.message, attempts: [] }] };
  }
}

/** Whether the message was refused for a reason that a later plan may take away. */
export function mayHeal(verdict: Verdict): boolean {
  return verdict.outcome === 'dead' && MAY_HEAL.has(verdict.deaths[0].code);
}

function take(plan: Plan, { envelope, body }: EncodedMessage): { service: string; admitted: EncodedMessage } {
  const ref = typeRef(envelope.type, envelope.version);
  const contract = plan.contracts.require(ref);
  const service = senderOf(plan, envelope, ref);
  const { size, depth } = plan.definition.limits;
  if (body.byteLength > size) {
    throw new WaybillError(
      'WB_MESSAGE_TOO_LARGE',
      `the data of ${ref} has ${String(body.byteLength)} bytes; limits.size is ${String(size)}`,
    );
  }
  const data = parseJsonStrictly(body, { maxDepth: depth });
  const violated = contract.validate(data);
  if (violated !== undefined) throw violated;
  return { service, admitted: { envelope: stamped(envelope, contract, data, service), body } };
}

function senderOf(plan: Plan, { headers = {} }: Envelope, ref: TypeRef): string {
  const { services } = plan.definition;
  const user = headers[SENDER.user];
  if (user !== undefined) {
    const service = services.find((each) => userOf(each) === user);
    if (service === undefined) {
      throw new WaybillError('WB_SERVICE_UNKNOWN', `the user "${user}" is not a service's`, {
        fix: `In waybill.yaml, under services: give the service user: ${user}.`,
      });
    }
    if (service.publishes.includes(ref)) return service.name;
    throw new WaybillError(
      'WB_NOT_DECLARED',
      `the service ${service.name} (user "${user}") does not declare that it publishes ${ref}`,
    );
  }
  const topic = headers[SENDER.topic] ?? '';
  if (topic !== ref) {
    throw new WaybillError(
      'WB_NOT_DECLARED',
      `nobody says who publishes this ${ref}: no user_id is set, and the routing key is "${topic}"`,
      { fix: 'Set user_id to the login, or use the type with its version as the routing key.' },
    );
  }
  const publishers = services.filter(({ publishes }) => publishes.includes(ref));
  const plain = publishers.filter(({ client }) => client === 'plain');
  const [only, ...others] = plain.length > 0 ? plain : publishers;
  if (only === undefined) throw new WaybillError('WB_NOT_DECLARED', `no service declares that it publishes ${ref}`);
  if (others.length === 0) return only.name;
  throw new WaybillError(
    'WB_NOT_DECLARED',
    `${[only, ...others].map(({ name }) => name).join(' and ')} publish ${ref}, and no user_id says which of them this is`,
    { fix: 'Set user_id to the login.' },
  );
}

/** The login of a service at the broker. */
function userOf({ user, name }: ServiceDefinition): string {
  return user ?? name;
}

/** The attributes as the bus carries them. */
function stamped(given: Envelope, contract: Contract, data: unknown, service: string): Envelope {
  const { headers: all = {}, ...rest } = given;
  check(given, contract.ref, all);
  const headers = Object.fromEntries(
    Object.entries(all).filter(([name]) => name !== SENDER.user && name !== SENDER.topic),
  );
  const key = contract.key(data) ?? given.key;
  if (key !== undefined && key.length > LONGEST_KEY)
    throw invalid(contract.ref, 'key', `at most ${String(LONGEST_KEY)} characters`);
  return {
    ...rest,
    source: `/${service}`,
    correlationId: given.correlationId ?? given.id,
    ...(key === undefined ? {} : { key }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
  };
}

function check({ id, time, expiryTime }: Envelope, ref: TypeRef, headers: Readonly<Record<string, string>>): void {
  if (id === '' || Buffer.byteLength(id) > LONGEST_ID) throw invalid(ref, 'id', `1 to ${String(LONGEST_ID)} bytes`);
  if (Number.isNaN(Date.parse(time))) throw invalid(ref, 'time', 'an RFC 3339 time');
  if (expiryTime !== undefined && Number.isNaN(Date.parse(expiryTime)))
    throw invalid(ref, 'expirytime', 'an RFC 3339 time');
  for (const name of Object.keys(headers)) {
    const fault = headerNameFault(name);
    if (fault !== undefined) throw new WaybillError('WB_MESSAGE_INVALID', `attributes of ${ref}: ${fault}`);
  }
}

function invalid(ref: TypeRef, name: string, expected: string): WaybillError {
  return new WaybillError('WB_MESSAGE_INVALID', `${name} of ${ref} must be ${expected}`);
}

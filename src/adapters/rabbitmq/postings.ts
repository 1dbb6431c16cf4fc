import type { Message } from 'amqplib';
import { ByType } from '../../by-type.ts';
import { WaybillError } from '../../errors.ts';
import {
  type EncodedMessage,
  type Envelope,
  orderingKey,
  slotOf,
  type TypeRef,
  typeRef,
  withoutExpiry,
} from '../../message.ts';
import { waitUntil } from '../../ports/delay.ts';
import type { EndpointSpec, Topology } from '../../ports/topology.ts';
import type { Outgoing, Settlement } from '../../ports/transport.ts';
import type { Undecodable } from './decode.ts';
import { delayKey, delaySeconds, exactSeconds } from './delays.ts';
import type { RabbitDelivery } from './delivery.ts';
import type { Extras } from './encode.ts';
import { extrasOf, formatAttempts } from './extras.ts';
import type { LetterIds } from './identity.ts';
import type { Content } from './lanes.ts';
import { deathExtras, standIn } from './letter.ts';
import { type Names, namesOf, routingKey, typeWord } from './names.ts';
import type { Posting } from './sending.ts';

/** What all messages of a type share. */
interface Addressing {
  readonly ref: TypeRef;
  /** The endpoints that take it from the bus. */
  readonly takers: readonly string[];
  /** Its routing keys, by slot; each made when it is first needed. */
  readonly keys: string[];
}

/** Clients without the SDK may write any type, so there is no end of them. */
const MOST_TYPES = 1_000;

/** Longest routing key of AMQP, with room for the bits of a delay and the endpoint. @unit bytes */
const LONGEST_TYPE = 120;

/** What a topology makes of messages: where they are published, and under which routing key. */
export class Postings {
  readonly names: Names;
  readonly topology: Topology;
  readonly #ids: LetterIds;
  readonly #takers = new Map<string, string[]>();
  readonly #boundWords: ReadonlySet<string>;
  readonly #plain = new Set<string>();
  readonly #endpoints = new Set<string>();
  readonly #retired = new Set<string>();
  readonly #addressings = new ByType<Addressing>();

  /** @param retired endpoints of earlier plans, to which nothing is sent but what is on its way */
  constructor(topology: Topology, ids: LetterIds, retired: readonly EndpointSpec[] = []) {
    this.#ids = ids;
    this.topology = topology;
    this.names = namesOf(topology.bus);
    for (const { name, plain } of retired) {
      this.#retired.add(name);
      if (plain) this.#plain.add(name);
    }
    for (const { name, plain } of topology.endpoints) {
      this.#endpoints.add(name);
      if (plain) this.#plain.add(name);
    }
    for (const { type, endpoint } of topology.bindings) {
      const takers = this.#takers.get(type);
      if (takers === undefined) this.#takers.set(type, [endpoint]);
      else if (!takers.includes(endpoint)) takers.push(endpoint);
    }
    this.#boundWords = new Set([...this.#takers.keys()].map(typeWord));
  }

  has(endpoint: string): boolean {
    return this.#endpoints.has(endpoint);
  }

  /** The endpoints that take a message from the bus. @throws WB_MESSAGE_INVALID when its type is too long for a routing key */
  takersOf(message: EncodedMessage): readonly string[] {
    return this.#addressing(message.envelope).takers;
  }

  /** Whether nothing but the parking lot takes what is published like this. */
  isParking(exchange: string, key: string): boolean {
    if (exchange === this.names.unrouted) return true;
    if (exchange !== this.names.in) return false;
    return !this.#boundWords.has(key.slice(0, key.lastIndexOf('.')));
  }

  /** @throws WB_PLAN_NOT_APPLIED, WB_OPTION_INVALID */
  outgoing(outgoing: Outgoing, now: number): Posting {
    const { to, message, dueAt } = outgoing;
    const wait = waitUntil(dueAt, now);
    if (wait > 0 && (to === 'bus' || 'endpoint' in to)) return this.#scheduled(to, message, wait);
    if (to === 'bus') {
      // Parked messages are counted one by one, so they travel so.
      const alone = this.takersOf(message).length === 0;
      return this.#post(this.names.in, message, alone ? {} : undefined);
    }
    if ('reply' in to)
      return { exchange: this.names.reply, routingKey: to.reply, key: undefined, content: alone(message) };
    const { endpoint } = to;
    if (!this.has(endpoint) && !this.#retired.has(endpoint)) throw notApplied(endpoint);
    return this.#post(this.names.endpoint(endpoint), message, this.#plain.has(endpoint) ? {} : undefined);
  }

  /** As a new delivery at the endpoint, for one route if `route` is given. @throws WB_PLAN_NOT_APPLIED */
  redelivery(endpoint: string, message: EncodedMessage, letter: string, route: string | undefined): Posting {
    if (!this.has(endpoint)) throw notApplied(endpoint);
    return this.#post(this.names.endpoint(endpoint), withoutExpiry(message), extrasOf({ redrive: letter, route }));
  }

  /** All that must be durable before a delivery ends. */
  settlement(settlement: Settlement, delivery: RabbitDelivery, now: number): readonly Posting[] {
    const { message, lease } = delivery;
    switch (settlement.outcome) {
      case 'done':
      case 'filtered':
      case 'merged':
      case 'duplicate':
        return settlement.sends.map((send) => this.outgoing(send, now));
      case 'retry': {
        const extras = extrasOf({ attempts: formatAttempts(settlement.attempts), route: delivery.route });
        const posting = this.#post(this.names.endpoint(lease.endpoint), message, extras);
        if (settlement.delayMs <= 0) return [posting];
        const key = delayKey(delaySeconds(settlement.delayMs), lease.endpoint, posting.routingKey);
        return [{ ...posting, exchange: this.names.delay, routingKey: key }];
      }
      case 'dead':
      case 'expired':
        return [
          ...settlement.sends.map((send) => this.outgoing(send, now)),
          ...settlement.deaths.map((death) => {
            const route = death.route ?? delivery.route;
            const named = route === undefined ? death : { ...death, route };
            return this.dead(message, deathExtras(this.#ids.next(now), lease.endpoint, settlement.outcome, named, now));
          }),
        ];
      case 'parked': {
        const extras = extrasOf({ letter: this.#ids.next(now), 'died-at': new Date(now).toISOString() });
        return [this.parked(message, extras)];
      }
    }
  }

  /** Letters keep no key's order, only that of their filing. */
  dead(message: EncodedMessage, extras: Extras): Posting {
    return { ...this.#post(this.names.dead, message, extras), key: undefined };
  }

  parked(message: EncodedMessage, extras: Extras): Posting {
    return { ...this.#post(this.names.unrouted, message, extras), key: undefined };
  }

  /** What arrived at an endpoint and cannot be read. */
  unreadable(found: Undecodable, amqp: Message, endpoint: string, now: number): Posting {
    const { code, message: error } = found.fault;
    return this.dead(
      standIn(found, amqp, now),
      deathExtras(this.#ids.next(now), endpoint, 'dead', { code, error, attempts: [] }, now),
    );
  }

  /** Alone, since hardly two are due at the same second, and so that what waits can be counted. */
  #scheduled(to: 'bus' | { readonly endpoint: string }, message: EncodedMessage, wait: number): Posting {
    const endpoint = to === 'bus' ? undefined : to.endpoint;
    if (endpoint !== undefined && !this.has(endpoint)) throw notApplied(endpoint);
    const posting = this.#post(this.names.delay, message, {});
    return { ...posting, routingKey: delayKey(exactSeconds(wait), endpoint, posting.routingKey) };
  }

  /** @param extras undefined: it may share a batch */
  #post(exchange: string, message: EncodedMessage, extras: Extras | undefined): Posting {
    const { envelope } = message;
    const { ref, keys } = this.#addressing(envelope);
    const slot = slotOf(orderingKey(envelope), this.topology.slots);
    return {
      exchange,
      routingKey: (keys[slot] ??= routingKey(ref, slot)),
      key: envelope.key,
      content: extras === undefined ? { kind: 'batchable', message } : { kind: 'single', message, extras },
    };
  }

  /** @throws WB_MESSAGE_INVALID */
  #addressing(envelope: Envelope): Addressing {
    const known = this.#addressings.get(envelope);
    if (known !== undefined) return known;
    const ref = typeRef(envelope.type, envelope.version);
    if (ref.length > LONGEST_TYPE) {
      throw new WaybillError('WB_MESSAGE_INVALID', `the type ${ref} is longer than ${String(LONGEST_TYPE)} characters`);
    }
    if (this.#addressings.size >= MOST_TYPES) this.#addressings.clear();
    const addressing: Addressing = { ref, takers: this.#takers.get(ref) ?? [], keys: [] };
    this.#addressings.set(envelope, addressing);
    return addressing;
  }
}

function alone(message: EncodedMessage): Content {
  return { kind: 'single', message, extras: {} };
}

export function notApplied(endpoint?: string): WaybillError {
  const what =
    endpoint === undefined ? 'the bus has no applied plan' : `the applied plan has no endpoint "${endpoint}"`;
  return new WaybillError('WB_PLAN_NOT_APPLIED', what, { fix: 'Run `waybill apply`.' });
}

import type { TypeRef } from '../../message.ts';
import type { Grant, Staff, Worker } from '../../ports/grants.ts';
import { delayKey, LEVELS } from './delays.ts';
import { HISTORY_KEY, type Names, namesOf, typeWord } from './names.ts';

/** Matches nothing that has a name. */
const NOTHING = '^$';
/** What a process calls queues of its own, and its address for answers. */
const UUID = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const SLOT = '[0-9]+';
/** Of what a service could not read, so that it can bury it. */
const UNREADABLE = 'unknown/message@1';

/**
 * The least that everyone on a bus needs. What the topology is called stands in `names.ts` alone; what a process does is what
 * the test of this file has it do with these grants, on a broker.
 */
export function grantsOf({ bus, services }: Staff): Grant[] {
  const names = namesOf(bus);
  return [
    ...services.map((service) => (service.plain ? plainGrant(names, service) : serviceGrant(names, service))),
    routerGrant(names, bus),
    operatorGrant(bus),
    watcherGrant(names, bus),
  ];
}

/** A process with the SDK: it declares nothing but its own exclusive queues. */
function serviceGrant(names: Names, { name, user, publishes, receives }: Worker): Grant {
  const sends = publishes.length > 0;
  const takes = receives.length > 0;
  const own = [names.members, names.reply].map((exchange) => `${quote(exchange)}\\.${UUID}`);
  const some = (given: boolean, ...what: readonly string[]): readonly string[] => (given ? what.map(quote) : []);
  const due = [...(takes ? [delayed(name, receives)] : []), ...(sends ? [delayed(undefined, publishes)] : [])];
  return {
    user,
    whose: `service ${name}`,
    configure: whole(own),
    write: whole([
      ...some(sends, names.in),
      ...some(takes, names.dead),
      ...some(sends || takes, names.records, names.delay),
      ...some(true, names.members, names.reply),
      ...own,
    ]),
    read: whole([
      ...some(true, names.manifest, names.members, names.reply),
      ...some(takes, names.journal),
      ...(takes ? [queuesOf(names, name)] : []),
      ...own,
    ]),
    topics: [
      ...(sends ? [topic(names.in, `^(${words(publishes)})\\.${SLOT}$`)] : []),
      ...(takes ? [topic(names.dead, `^(${words(receives)}|${quote(UNREADABLE)})\\.${SLOT}$`)] : []),
      ...(takes ? [topic(names.records, `^(journal|${HISTORY_KEY})$`)] : []),
      ...(sends && !takes ? [topic(names.records, `^${HISTORY_KEY}$`)] : []),
      ...(due.length > 0 ? [topic(names.delay, `^(${due.join('|')})$`)] : []),
      answers(names),
    ],
  };
}

/** A client without the SDK writes at the gateway and reads its queues; the router does the rest. */
function plainGrant(names: Names, { name, user, publishes, receives }: Worker): Grant {
  return {
    user,
    whose: `service ${name} (without the SDK)`,
    configure: NOTHING,
    write: publishes.length > 0 ? whole([quote(names.gateway)]) : NOTHING,
    read: receives.length > 0 ? whole([queuesOf(names, name)]) : NOTHING,
    topics: publishes.length > 0 ? [topic(names.gateway, `^(${publishes.map(quote).join('|')})$`)] : [],
  };
}

function routerGrant(names: Names, bus: string): Grant {
  const own = [names.members, names.reply].map((exchange) => `${quote(exchange)}\\.${UUID}`);
  const written = [names.in, names.delay, names.dead, names.unrouted, names.records, names.members, names.reply];
  return {
    user: `${bus}-router`,
    whose: 'router (waybill run)',
    configure: whole(own),
    write: whole([...written.map(quote), `${quote(names.endpoint(''))}[a-z0-9.-]+`, ...own]),
    read: whole([
      ...[names.manifest, names.journal, names.members, names.reply].map(quote),
      `${quote(names.endpoint(''))}(router|gateway|route\\.[a-z0-9-]+)\\.[0-9]+\\.[0-9]+`,
      ...own,
    ]),
    topics: [topic(names.records, `^(journal|${HISTORY_KEY})$`), answers(names)],
  };
}

/** Those who apply, and look after dead letters: everything of the bus, and nothing beside it. */
function operatorGrant(bus: string): Grant {
  const all = `^${quote(bus)}\\..+$`;
  return {
    user: `${bus}-operator`,
    whose: 'operators (waybill apply, dead)',
    configure: all,
    // The manifest is written straight to its queue.
    write: `^(${quote(bus)}\\..+|amq\\.default)$`,
    read: all,
    topics: [],
  };
}

/** Those who look and touch nothing. */
function watcherGrant(names: Names, bus: string): Grant {
  const own = `(${quote(names.members)}|${quote(names.in)}\\.tap)\\.${UUID}`;
  return {
    user: `${bus}-watcher`,
    whose: 'watchers (waybill stats, tail, trace)',
    configure: whole([own]),
    write: whole([quote(names.members), own]),
    read: whole([...[names.manifest, names.members, names.in, names.due, names.watch, names.history].map(quote), own]),
    topics: [],
  };
}

/** It may bind to an address that it knows, and to no pattern over those of others. */
function answers(names: Names): Grant['topics'][number] {
  return topic(names.reply, `^${UUID}\\.[A-Za-z0-9-]+$`, `^${UUID}\\.\\*$`);
}

/** All generations and partitions of an endpoint. */
function queuesOf(names: Names, endpoint: string): string {
  return `${quote(names.endpoint(endpoint))}\\.[0-9]+\\.[0-9]+`;
}

/** Routing keys of what waits, for an endpoint or for the bus. */
function delayed(endpoint: string | undefined, types: readonly TypeRef[]): string {
  const word = delayKey(1, endpoint, '').split('.')[LEVELS] ?? '';
  return `([01]\\.){${String(LEVELS)}}${quote(word)}\\.(${words(types)})\\.${SLOT}`;
}

function words(types: readonly TypeRef[]): string {
  return types.map((type) => quote(typeWord(type))).join('|');
}

function topic(exchange: string, write: string, read = NOTHING): Grant['topics'][number] {
  return { exchange, write, read };
}

function whole(parts: readonly string[]): string {
  return parts.length === 0 ? NOTHING : `^(${parts.join('|')})$`;
}

function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

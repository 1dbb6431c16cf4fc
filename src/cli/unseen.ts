import type { EndpointSpec, Manifest, TransportStats } from '../index.ts';
import { stateOf } from './stats.ts';
import { count } from './terminal.ts';

/** An endpoint that takes a message, and at which no delivery of it is on record. */
export interface UnseenAt {
  readonly endpoint: string;
  /** Of whom takes it without the SDK there never is a record. */
  readonly plain: boolean;
  /** As it is now; absent where nobody can tell. */
  readonly now?: {
    /** Why nothing is taken from it; empty where it is. */
    readonly state: string;
    readonly waiting: number;
    readonly inHand: number;
    /** Messages of the whole bus that wait for their time. */
    readonly delayed: number;
    /** Whether the amounts are exact. */
    readonly exact: boolean;
  };
}

export function unseenAt(
  { name, plain }: EndpointSpec,
  stats: TransportStats | undefined,
  manifest: Manifest,
): UnseenAt {
  const found = stats?.endpoints.find((one) => one.name === name);
  if (stats === undefined || found === undefined) return { endpoint: name, plain };
  const { waiting, inHand } = found;
  const { delayed, exact } = stats;
  return {
    endpoint: name,
    plain,
    now: { state: stateOf(found, manifest.paused ?? {}), waiting, inHand, delayed, exact },
  };
}

/** `no delivery at oms on record: nobody takes from it, 3 messages wait there` */
export function unseenText({ endpoint, plain, now }: UnseenAt): string {
  const head = plain
    ? `${endpoint} takes it without the SDK, which records nothing`
    : `no delivery at ${endpoint} on record`;
  if (now === undefined) return head;
  const { state, waiting, inHand, delayed, exact } = now;
  const about = exact ? '' : 'about ';
  const here = [
    ...(waiting > 0 ? [`${about}${count(waiting, 'message')} ${waits(waiting)} there`] : []),
    ...(inHand > 0 ? [`${about}${count(inHand, 'message')} in hand there`] : []),
  ];
  const nothing = exact ? 'nothing waits there' : 'nothing is known to wait there';
  // It may be among them, or they may all be timers.
  const later = delayed > 0 ? [`${count(delayed, 'message')} of the bus ${waits(delayed)} for a later time`] : [];
  const why = state === '' ? [] : [state];
  return `${head}: ${[...why, ...(here.length > 0 ? here : [nothing, ...later])].join(', ')}`;
}

function waits(amount: number): string {
  return amount === 1 ? 'waits' : 'wait';
}

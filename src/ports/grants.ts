import type { TypeRef } from '../message.ts';

/** Who works on a bus, as far as a broker must know to grant no more than that. */
export interface Staff {
  readonly bus: string;
  readonly services: readonly Worker[];
}

export interface Worker {
  readonly name: string;
  /** Its login. */
  readonly user: string;
  /** A client without the SDK. */
  readonly plain: boolean;
  readonly publishes: readonly TypeRef[];
  readonly receives: readonly TypeRef[];
}

/** What one login may do, as regular expressions over the names of queues and exchanges. */
export interface Grant {
  readonly user: string;
  /** For people: `service oms`, `router (waybill run)`. */
  readonly whose: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
  /** Over routing keys, by exchange; where none is said any may be used. */
  readonly topics: readonly { readonly exchange: string; readonly write: string; readonly read: string }[];
}

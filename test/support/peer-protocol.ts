import type { EncodedMessage } from '../../src/message.ts';
import type { StateUnit } from '../../src/ports/store.ts';
import type { Manifest } from '../../src/ports/topology.ts';
import type { Attempt, Death, OfficeAction, OfficeFilter, Outgoing } from '../../src/ports/transport.ts';

/** How to reach a bus, so that it can be handed to another process. */
export type Target = { readonly bus: string; readonly parkingBytes: number } & (
  | { readonly kind: 'embedded'; readonly folder: string }
  | { readonly kind: 'rabbitmq'; readonly url: string }
);

/** What a test asks of another process. `on` names one of the connections that it opened. */
export type PeerCommand =
  | { readonly do: 'open'; readonly on: number; readonly target: Target }
  | { readonly do: 'apply'; readonly on: number; readonly manifest: Manifest }
  | { readonly do: 'send'; readonly on: number; readonly outgoing: readonly Outgoing[] }
  | { readonly do: 'consume'; readonly on: number; readonly endpoint: string; readonly window: number }
  | { readonly do: 'begin'; readonly on: number; readonly delivery: number }
  | { readonly do: 'settle'; readonly on: number; readonly settlements: readonly PeerSettlement[] }
  | { readonly do: 'redrive'; readonly on: number; readonly filter: OfficeFilter; readonly action: OfficeAction }
  | { readonly do: 'owner'; readonly on: number }
  | { readonly do: 'close'; readonly on: number };

export type PeerSettlement =
  | {
      readonly delivery: number;
      readonly outcome: 'done';
      readonly sends: readonly Outgoing[];
      readonly unit?: StateUnit;
    }
  | { readonly delivery: number; readonly outcome: 'dead'; readonly deaths: readonly [Death, ...Death[]] };

export interface PeerRequest {
  readonly id: number;
  readonly command: PeerCommand;
}

/** A delivery as another process had it; `index` names it in settlements. */
export interface PeerDelivery {
  readonly on: number;
  readonly index: number;
  readonly message: EncodedMessage;
  readonly partition: number;
  readonly suspect: boolean;
  readonly attempts: readonly Attempt[];
}

export type PeerEvent =
  | { readonly id: number; readonly result: number | boolean | undefined }
  | { readonly id: number; readonly code: string | undefined; readonly error: string }
  | { readonly delivery: PeerDelivery };

import { WaybillError } from '../../errors.ts';
import type { EncodedMessage, TypeRef } from '../../message.ts';
import type { Cause, Loaded, StateRef } from '../../ports/store.ts';
import type { Manifest, Pause } from '../../ports/topology.ts';
import type {
  ApplyOptions,
  ApplyResult,
  AuditRecord,
  ConsumeOptions,
  Consumer,
  DeadLetter,
  OfficeFilter,
  Outgoing,
  SendOptions,
  Tap,
  TransportStats,
} from '../../ports/transport.ts';

/** Which office keeps a letter. */
export type Cabinet = 'dead' | 'parked';

/** Takes an answer; `tag` is what the reply address has beyond the address of the process. */
export type TakeAnswer = (message: EncodedMessage, tag: string) => void;

/** A part of a longer list; `next` continues it. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string;
}

/**
 * The bus of a folder as one process sees it: the engine where the process owns the folder, else a link to the owner.
 * It may end at any time, when all that was asked of it fails with `CoreLost`; the transport then finds the next one.
 */
export interface Core {
  send(outgoing: readonly Outgoing[], options?: SendOptions): Promise<void>;
  consume(endpoint: string, options: ConsumeOptions): Promise<Consumer>;
  tap(types: readonly TypeRef[] | 'all', onMessage: (message: EncodedMessage) => void): Promise<Tap>;
  /** Takes what is sent to `{ reply: '<address>.<tag>' }` from now on. */
  replies(address: string, take: TakeAnswer): Promise<Tap>;
  letters(cabinet: Cabinet, filter: OfficeFilter, after: string, most: number): Promise<Page<DeadLetter>>;
  letter(cabinet: Cabinet, id: string): Promise<DeadLetter | undefined>;
  /** Each letter in one transaction with what it becomes; resolves to how many. Letters that are gone are skipped. */
  redrive(cabinet: Cabinet, ids: readonly string[], by: string): Promise<number>;
  discard(cabinet: Cabinet, ids: readonly string[], by: string): Promise<number>;
  audit(after: string, most: number): Promise<Page<AuditRecord>>;
  /** @param text records, as `encodeHistory` makes it */
  record(text: string): Promise<void>;
  /** Parts of records, as `record` took them. */
  history(after: string): Promise<Page<string>>;
  stats(): Promise<TransportStats>;
  manifest(): Promise<Manifest | undefined>;
  apply(manifest: Manifest, options?: ApplyOptions): Promise<ApplyResult>;
  pause(endpoint: string, pause: Pause | undefined): Promise<void>;
  /** With all that was settled before it was asked. */
  load(cause: Cause | undefined, refs: readonly StateRef[]): Promise<Loaded>;
}

/** What a core tells its process. */
export interface CoreEvents {
  onManifest(manifest: Manifest): void;
  /** Why nothing can be written at the moment; undefined when it can again. */
  onBlocked(reason: string | undefined): void;
  /** The core has ended without being asked to. */
  onEnd(reason: string): void;
}

/** The core has ended before it answered; the next one may be asked the same. */
export class CoreLost extends WaybillError {
  constructor(message: string) {
    super('WB_TRANSPORT_UNAVAILABLE', message, { retryable: true });
  }
}

import type { EncodedMessage } from '../../message.ts';
import type {
  Attempt,
  ConsumeOptions,
  Consumer,
  ConsumerState,
  Delivery,
  Lease,
  Settlement,
  Tally,
} from '../../ports/transport.ts';
import type { Packed } from './codec.ts';
import type { Frame } from './frames.ts';
import { extraOf, NO_ATTEMPTS, numberIn, stringIn } from './shapes.ts';
import { revoked } from './subscription.ts';
import { addressesOf, settlementToWire } from './wire.ts';
import { asMessage } from './wire-units.ts';

/** A lease that the owner of the folder holds for this process. */
class RemoteLease implements Lease {
  readonly id: number;
  readonly endpoint: string;
  readonly partition: number;
  readonly #controller = new AbortController();

  constructor(id: number, endpoint: string, partition: number) {
    this.id = id;
    this.endpoint = endpoint;
    this.partition = partition;
  }

  get revoked(): boolean {
    return this.#controller.signal.aborted;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  revoke(): void {
    this.#controller.abort();
  }
}

class RemoteDelivery implements Delivery {
  readonly message: EncodedMessage;
  readonly lease: RemoteLease;
  readonly seq: number;
  readonly attempts: readonly Attempt[];
  readonly suspect: boolean;
  declare readonly route?: string;

  constructor(message: EncodedMessage, lease: RemoteLease, seq: number, extra: unknown) {
    const { attempts, suspect, route } = extraOf(extra) ?? {};
    this.message = message;
    this.lease = lease;
    this.seq = seq;
    this.attempts = attempts ?? NO_ATTEMPTS;
    this.suspect = suspect ?? false;
    if (route !== undefined) this.route = route;
  }
}

/** How a consumer reaches the owner. */
export interface Wire {
  call(method: string, more: object): Promise<Frame>;
  farewell(method: string, more: object): Promise<void>;
  /** Has `write` send a request with the number it is given; resolves with the answer. */
  request(write: (id: number) => void): Promise<Frame>;
  /** Sends without expecting an answer. */
  tell(header: object, messages?: readonly EncodedMessage[]): void;
  forget(sub: number): void;
}

/** A consumer of an attached process; the owner keeps a subscription for it. */
export class RemoteConsumer implements Consumer {
  readonly #link: Wire;
  readonly #sub: number;
  readonly #endpoint: string;
  readonly #receive: ConsumeOptions['receive'];
  readonly #leases = new Map<number, RemoteLease>();
  /** What came before the caller held the consumer. */
  #early: Delivery[][] | undefined = [];
  #stopped = false;
  /** The last call to settle whose rejection came back. */
  #heard = 0;

  constructor(link: Wire, sub: number, endpoint: string, { receive }: ConsumeOptions) {
    this.#link = link;
    this.#sub = sub;
    this.#endpoint = endpoint;
    this.#receive = receive;
  }

  open(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const deliveries of early) this.#hand(deliveries);
  }

  take(header: Readonly<Record<string, unknown>>, { messages, extras }: Packed): void {
    const lease = this.#lease(header);
    const seqs: readonly unknown[] = Array.isArray(header['seqs']) ? header['seqs'] : [];
    const deliveries = messages.map((message, at) => {
      const seq = seqs[at];
      return new RemoteDelivery(message, lease, typeof seq === 'number' ? seq : -1, extras?.[at]);
    });
    if (this.#early === undefined) this.#hand(deliveries);
    else this.#early.push(deliveries);
  }

  revoke(lease: number): void {
    this.#leases.get(lease)?.revoke();
    this.#leases.delete(lease);
  }

  lost(): void {
    for (const lease of this.#leases.values()) lease.revoke();
    this.#leases.clear();
  }

  async settle(settlements: readonly Settlement[], tally?: Tally): Promise<void> {
    const live = settlements.filter(({ delivery }) => delivery instanceof RemoteDelivery && !delivery.lease.revoked);
    if (live.length === 0) return;
    const sends = live.flatMap((each) => ('sends' in each ? each.sends : []));
    const blobs: Uint8Array[] = [];
    const list = live.map((each) => {
      const { delivery } = each;
      return delivery instanceof RemoteDelivery
        ? settlementToWire(delivery.lease.id, delivery.seq, each, blobs)
        : undefined;
    });
    const header = {
      t: 'settle',
      sub: this.#sub,
      list,
      to: addressesOf(sends),
      ...(tally === undefined ? undefined : { tally }),
    };
    const messages = [...sends.map(({ message }) => message), ...blobs.map(asMessage)];
    let number = 0;
    try {
      await this.#link.request((id) => {
        this.#link.tell({ ...header, id, heard: this.#heard }, messages);
        // Only of what the owner has got is there anything to hear.
        number = id;
      });
    } catch (thrown) {
      this.#heard = Math.max(this.#heard, number);
      throw thrown;
    }
  }

  async begin(delivery: Delivery): Promise<number> {
    if (!(delivery instanceof RemoteDelivery) || delivery.lease.revoked) throw revoked(this.#endpoint);
    const { lease, seq } = delivery;
    const { header } = await this.#link.call('begin', { sub: this.#sub, lease: lease.id, seq });
    const count = numberIn(header, 'value');
    if (count < 0) throw revoked(this.#endpoint);
    return count;
  }

  report(state: ConsumerState): void {
    this.#link.tell({ t: 'report', sub: this.#sub, state });
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.#link.farewell('stop', { sub: this.#sub });
  }

  async close(): Promise<void> {
    this.#stopped = true;
    // The leases end here before the owner hands their deliveries to somebody else. Settlements that were given go before.
    this.lost();
    await this.#link.farewell('leave', { sub: this.#sub });
    this.lost();
    this.#link.forget(this.#sub);
  }

  #lease(header: Readonly<Record<string, unknown>>): RemoteLease {
    const id = numberIn(header, 'lease');
    const known = this.#leases.get(id);
    if (known !== undefined) return known;
    const lease = new RemoteLease(id, stringIn(header, 'endpoint'), numberIn(header, 'partition'));
    this.#leases.set(id, lease);
    return lease;
  }

  #hand(deliveries: readonly Delivery[]): void {
    if (!this.#stopped) this.#receive(deliveries);
  }
}

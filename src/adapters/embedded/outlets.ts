import type { Socket } from 'node:net';
import type { Delivery, Outgoing, Settlement } from '../../ports/transport.ts';
import type { Engine } from './engine.ts';
import { broken, writeFrame } from './frames.ts';
import type { Grant } from './grant.ts';
import { Held } from './held.ts';
import { isRecord, numberIn, stateOf, stringIn, tallyOf } from './shapes.ts';
import type { Subscription } from './subscription.ts';
import { settlementFromWire } from './wire.ts';

type Header = Readonly<Record<string, unknown>>;

/** What an attached process takes from one endpoint. */
interface Outlet {
  readonly subscription: Subscription;
  /** What it has in hand, by number of the lease and of the delivery. */
  readonly leases: Map<number, Map<number, Held>>;
}

/** All that one attached process takes, and what it has in hand. */
export class Outlets {
  readonly #socket: Socket;
  readonly #engine: Engine;
  readonly #bySub = new Map<number, Outlet>();
  readonly #leaseIds = new WeakMap<Grant, number>();
  #nextLease = 1;

  constructor(socket: Socket, engine: Engine) {
    this.#socket = socket;
    this.#engine = engine;
  }

  async consume(header: Header): Promise<void> {
    const sub = numberIn(header, 'sub');
    const leases = new Map<number, Map<number, Held>>();
    const subscription = await this.#engine.consume(stringIn(header, 'endpoint'), {
      window: numberIn(header, 'window'),
      receive: (deliveries) => {
        this.#deliver(sub, leases, deliveries);
      },
    });
    if (this.#socket.destroyed) subscription.abandon();
    else this.#bySub.set(sub, { subscription, leases });
  }

  async stop(header: Header): Promise<void> {
    await this.#of(header)?.subscription.stop();
  }

  async leave(header: Header): Promise<void> {
    await this.#of(header)?.subscription.close();
    this.#bySub.delete(numberIn(header, 'sub'));
  }

  report(header: Header): void {
    this.#of(header)?.subscription.report(stateOf(header['state']));
  }

  /** Settlements of deliveries that are no longer in hand are skipped, with their sends. */
  async settle(header: Header, outgoing: readonly Outgoing[], blobs: readonly Uint8Array[]): Promise<void> {
    const outlet = this.#of(header);
    const list = header['list'];
    if (!Array.isArray(list)) throw broken('settlements that are not a list');
    const settlements: Settlement[] = [];
    const done: [Map<number, Held>, number][] = [];
    let at = 0;
    for (const each of list as readonly unknown[]) {
      const [lease, seq, outcome, sends, rest] = Array.isArray(each) ? (each as readonly unknown[]) : [];
      if (typeof lease !== 'number' || typeof seq !== 'number' || typeof sends !== 'number')
        throw broken('half a settlement');
      const sent = outgoing.slice(at, at + sends);
      at += sends;
      const inHand = outlet?.leases.get(lease);
      const held = inHand?.get(seq);
      if (inHand === undefined || held === undefined) continue;
      settlements.push(settlementFromWire(held, outcome, rest, sent, blobs));
      done.push([inHand, seq]);
    }
    const tally = isRecord(header['tally']) ? tallyOf(header['tally']) : undefined;
    const turn = { number: numberIn(header, 'id'), heard: numberIn(header, 'heard') };
    await outlet?.subscription.settleInTurn(turn, settlements, tally);
    for (const [inHand, seq] of done) inHand.delete(seq);
  }

  async begin(header: Header): Promise<number> {
    const outlet = this.#of(header);
    const held = outlet?.leases.get(numberIn(header, 'lease'))?.get(numberIn(header, 'seq'));
    // Without the delivery there is nothing to say but that it is no longer in hand, which -1 means.
    return outlet === undefined || held === undefined ? -1 : outlet.subscription.begin(held);
  }

  /** The process is gone. Unless it said so before, what it had in hand is suspect. */
  close(orderly: boolean): void {
    for (const { subscription } of this.#bySub.values()) {
      if (orderly) void subscription.close();
      else subscription.abandon();
    }
    this.#bySub.clear();
  }

  #of(header: Header): Outlet | undefined {
    return this.#bySub.get(numberIn(header, 'sub'));
  }

  #deliver(sub: number, leases: Map<number, Map<number, Held>>, deliveries: readonly Delivery[]): void {
    const held = deliveries.filter((each) => each instanceof Held);
    const [first] = held;
    if (first === undefined) return;
    const lease = this.#leaseOf(sub, leases, first.lease);
    const inHand = leases.get(lease);
    const seqs: number[] = [];
    for (const each of held) {
      inHand?.set(each.seq, each);
      seqs.push(each.seq);
    }
    const { endpoint, partition } = first.lease;
    const extras = held.some(({ attempts, suspect, route }) => attempts.length > 0 || suspect || route !== undefined)
      ? held.map(({ attempts, suspect, route }) => ({ attempts, suspect, route }))
      : undefined;
    const messages = held.map(({ message }) => message);
    writeFrame(this.#socket, { t: 'deliver', sub, lease, endpoint, partition, seqs }, messages, extras);
  }

  #leaseOf(sub: number, leases: Map<number, Map<number, Held>>, grant: Grant): number {
    const known = this.#leaseIds.get(grant);
    if (known !== undefined) return known;
    const lease = this.#nextLease++;
    this.#leaseIds.set(grant, lease);
    leases.set(lease, new Map());
    grant.signal.addEventListener(
      'abort',
      () => {
        leases.delete(lease);
        writeFrame(this.#socket, { t: 'revoke', sub, lease });
      },
      { once: true },
    );
    return lease;
  }
}

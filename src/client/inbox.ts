import { setMaxListeners } from 'node:events';
import { WaybillError } from '../errors.ts';
import type { Cause, RecordToken, StateReader, Store, StoreTransaction } from '../ports/store.ts';
import type { Delivery, Lease, Outgoing } from '../ports/transport.ts';
import { decodeEffects, encodeEffects } from '../runtime/effects.ts';
import { replyAddress } from '../runtime/no-answer.ts';
import { Turns } from '../runtime/turns.ts';
import { both, type Done, type Verdict } from '../runtime/verdict.ts';

/** The database of the store, for what a handler does there: it and the record of the message are committed together. */
export type HandlerTransaction = Pick<StoreTransaction, 'query' | 'client'>;

/**
 * Knows which messages a service has handled, so that none is handled again that comes again: repeated by its publisher, or because a
 * process ended after it was handled and before it was settled.
 *
 * | where it is kept        | the message was handled, and comes again                                           |
 * |-------------------------|------------------------------------------------------------------------------------|
 * | the embedded transport  | a duplicate; what it caused went out with its end. Who asked is answered again     |
 * | a store beside          | a duplicate; what it caused is sent again, under the same ids                      |
 *
 * Copies that one process gets at the same moment are handled one after the other. Of copies that two processes get at the same moment
 * both may be handled, but only one of them commits what it did in `transaction`.
 */
export interface Inbox {
  /**
   * Waits for other copies of the message that are in hand.
   * @param signal of the attempt: when it aborts, the next one may begin, and what this one did in `transaction` is taken back
   * @throws WB_STORE_UNAVAILABLE, retryable
   */
  begin(delivery: Delivery, signal: AbortSignal): Promise<InboxAttempt>;
}

export interface InboxAttempt {
  /** What becomes of a message that was handled before. */
  readonly before?: Verdict;
  /** @throws WB_STORE_MISSING where the store is no database; WB_STORE_UNAVAILABLE, retryable; WB_CLOSED */
  transaction(): Promise<HandlerTransaction>;
  /** The message was handled: that goes on record. @throws WB_STORE_UNAVAILABLE, retryable */
  end(verdict: Done): Done | Promise<Done>;
  /** To be called once, however the attempt ended. Takes back what was not committed. Never throws. */
  close(): Promise<void>;
}

const NOTHING = new Uint8Array(0);

/** The turn of an attempt at a message, which ends with the attempt, also where its handler goes on. */
async function turnOf(turns: Turns, { id }: Cause, signal: AbortSignal): Promise<() => void> {
  const end = await turns.take(id);
  if (signal.aborted) {
    end();
    throw new WaybillError('WB_CLOSED', 'the attempt was over before its turn came', { retryable: true });
  }
  signal.addEventListener('abort', end, { once: true });
  return () => {
    signal.removeEventListener('abort', end);
    end();
  };
}

interface Scope {
  /** `inbox.<service>` */
  readonly scope: string;
  /** @unit milliseconds */
  readonly keepMs: number;
}

function causeOf({ scope }: Scope, { message: { envelope } }: Delivery): Cause {
  return { scope, id: `${envelope.source} ${envelope.id}` };
}

/** In the transport's own store: a message goes on record in the transaction that settles it. */
export class OwnInbox implements Inbox {
  readonly #reader: StateReader;
  readonly #of: Scope;
  readonly #turns = new Turns();
  /** What is handled and not durably settled yet, with its lease: one that is revoked was never settled. */
  readonly #settling = new Map<string, Lease>();

  constructor(reader: StateReader, of: Scope) {
    this.#reader = reader;
    this.#of = of;
  }

  async begin(delivery: Delivery, signal: AbortSignal): Promise<InboxAttempt> {
    const cause = causeOf(this.#of, delivery);
    const release = await turnOf(this.#turns, cause, signal);
    try {
      const before = await this.#before(cause, delivery);
      return {
        ...(before !== undefined && { before }),
        transaction: () => Promise.reject(noTransaction('the embedded transport')),
        end: (verdict) => this.#end(cause, delivery.lease, verdict),
        close: () => {
          release();
          return Promise.resolve();
        },
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  async #before(cause: Cause, delivery: Delivery): Promise<Verdict | undefined> {
    const settling = this.#settling.get(cause.id);
    if (settling !== undefined && !settling.revoked) return { outcome: 'duplicate', sends: [] };
    const { recorded } = await this.#reader.load(cause, []);
    if (recorded === undefined) return undefined;
    return { outcome: 'duplicate', sends: recorded.byteLength === 0 ? [] : effectsFor(delivery, recorded) };
  }

  #end(cause: Cause, lease: Lease, verdict: Done): Done {
    // Everything else is on its way once this is on record.
    const replies = verdict.sends.filter(({ to }) => typeof to === 'object' && 'reply' in to);
    const effects = replies.length === 0 ? NOTHING : encodeEffects(replies);
    this.#settling.set(cause.id, lease);
    const settled = (): void => {
      lease.signal.removeEventListener('abort', settled);
      if (this.#settling.get(cause.id) === lease) this.#settling.delete(cause.id);
    };
    // One for each message on its way to being settled, which may be many.
    setMaxListeners(0, lease.signal);
    lease.signal.addEventListener('abort', settled, { once: true });
    const unit = { cause, changes: [], effects, keepMs: this.#of.keepMs };
    return { ...verdict, unit, settled: both(settled, verdict.settled) ?? settled };
  }
}

/** In a store beside the transport: a message goes on record, with what it caused, before it is settled. */
export class StoredInbox implements Inbox {
  readonly #store: Store;
  readonly #of: Scope;
  readonly #turns = new Turns();

  constructor(store: Store, of: Scope) {
    this.#store = store;
    this.#of = of;
  }

  async begin(delivery: Delivery, signal: AbortSignal): Promise<InboxAttempt> {
    const cause = causeOf(this.#of, delivery);
    const release = await turnOf(this.#turns, cause, signal);
    try {
      const { recorded, token } = await this.#store.load(cause, []);
      const before = recorded && duplicate(this.#store, effectsFor(delivery, recorded), token);
      return new StoredAttempt(this.#store, { cause, delivery, keepMs: this.#of.keepMs, release, signal, before });
    } catch (error) {
      release();
      throw error;
    }
  }
}

interface StoredParts {
  readonly cause: Cause;
  readonly delivery: Delivery;
  readonly keepMs: number;
  readonly release: () => void;
  readonly signal: AbortSignal;
  readonly before: Verdict | undefined;
}

class StoredAttempt implements InboxAttempt {
  readonly before?: Verdict;
  readonly #store: Store;
  readonly #parts: StoredParts;
  #transaction: Promise<StoreTransaction> | undefined;
  #over = false;

  constructor(store: Store, parts: StoredParts) {
    this.#store = store;
    this.#parts = parts;
    if (parts.before !== undefined) this.before = parts.before;
    // A handler that hangs must not keep the next attempt from what it has locked in the database.
    parts.signal.addEventListener('abort', this.#abort, { once: true });
  }

  readonly #abort = (): void => {
    this.#over = true;
    const begun = this.#transaction;
    this.#transaction = undefined;
    begun?.then(
      (transaction) => {
        transaction.abandon();
      },
      // One that could not be begun was the handler's failure.
      () => undefined,
    );
  };

  transaction(): Promise<HandlerTransaction> {
    if (this.#over) {
      return Promise.reject(new WaybillError('WB_CLOSED', 'a transaction was asked for after its handler had ended'));
    }
    if (this.#store.begin === undefined) return Promise.reject(noTransaction('the store, a folder,'));
    this.#transaction ??= this.#store.begin();
    return this.#transaction;
  }

  async end(verdict: Done): Promise<Done> {
    const { cause, delivery, keepMs } = this.#parts;
    const record = { cause, effects: encodeEffects(verdict.sends), keepMs };
    if (this.#over) throw new WaybillError('WB_CLOSED', 'the attempt was over before its end', { retryable: true });
    this.#over = true;
    // Until it has ended an abort closes its connection, whatever it waits for.
    const transaction = await this.#transaction;
    const answer =
      transaction === undefined
        ? await this.#store.commit({ ...record, changes: [] })
        : await commitOrRollBack(transaction, record);
    this.#transaction = undefined;
    if (answer.outcome === 'repeated') {
      return duplicate(this.#store, effectsFor(delivery, answer.effects), answer.token);
    }
    // No state was read, so none can have moved.
    if (answer.outcome === 'moved') throw new TypeError('a record without changes was told that a state has moved');
    const settled = both(settling(this.#store, answer.token), verdict.settled);
    return { ...verdict, ...(settled !== undefined && { settled }) };
  }

  async close(): Promise<void> {
    this.#over = true;
    // One that could not be begun was the handler's failure.
    const transaction = await this.#transaction?.catch(() => undefined);
    await transaction?.rollback();
    this.#parts.signal.removeEventListener('abort', this.#abort);
    this.#parts.release();
  }
}

/** What is on record, an answer to where it is waited for now: who asks again may be another process. */
function effectsFor({ message: { envelope: request } }: Delivery, recorded: Uint8Array): readonly Outgoing[] {
  const reply = replyAddress(request, Number.NEGATIVE_INFINITY);
  return decodeEffects(recorded).map((send) => {
    if (reply === undefined || typeof send.to !== 'object' || !('reply' in send.to)) return send;
    const { expiryTime: _before, ...envelope } = send.message.envelope;
    const { expiryTime } = request;
    const message = { ...send.message, envelope: { ...envelope, ...(expiryTime !== undefined && { expiryTime }) } };
    return { ...send, to: { reply }, message };
  });
}

async function commitOrRollBack(
  transaction: StoreTransaction,
  record: Parameters<StoreTransaction['commit']>[0],
): ReturnType<StoreTransaction['commit']> {
  try {
    return await transaction.commit(record);
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
}

function duplicate(store: Store, sends: readonly Outgoing[], token: RecordToken | undefined): Done {
  return { outcome: 'duplicate', sends, ...(token !== undefined && { settled: settling(store, token) }) };
}

function settling(store: Store, token: RecordToken): () => void {
  return () => {
    store.settled(token);
  };
}

function noTransaction(where: string): WaybillError {
  return new WaybillError('WB_STORE_MISSING', `${where} has no transactions that a handler could take part in`, {
    fix: 'Give the service a PostgreSQL store: `store: postgres://...` in waybill.yaml, WAYBILL_STORE, or connect({ store }).',
  });
}

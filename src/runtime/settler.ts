import { toError, WaybillError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import { pause } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Consumer, Settlement, Tally } from '../ports/transport.ts';

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/** Makes another of a settlement whose results are refused however often it is repeated; the same when there is none. */
export type Mend = (settlement: Settlement, refusal: WaybillError) => Settlement;

/** What repeating alone does not heal: results that cannot be written, or that go where the plan has nothing any more. */
const REFUSALS: ReadonlySet<string> = new Set(['WB_MESSAGE_INVALID', 'WB_PLAN_NOT_APPLIED']);

/**
 * Hands settlements to the transport in the order in which they came, all of one turn of the event loop together.
 *
 * While a call fails (a full disk, a broker that is away) it is repeated with growing pauses and later ones wait behind
 * it, since the results of a key must not overtake each other. The window of the consumer bounds what can wait.
 */
export class Settler {
  readonly #consumer: Consumer;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #mend: Mend;
  #batch: Settlement[] = [];
  /** Called when the settlement is durable. */
  readonly #told = new WeakMap<Settlement, () => void>();
  #counts = new Map<string, number>();
  #scheduled = false;
  /** Whether anybody ever asked to be told: most endpoints have nobody. */
  #tells = false;
  /** Calls that failed and are repeated, or wait for their turn to be. */
  #failing = 0;
  /** Resolves when every call so far has ended for good, its repeats included. */
  #ended: Promise<unknown> = Promise.resolve();
  readonly #abandoned = new AbortController();

  constructor(consumer: Consumer, clock: Clock, log: Log, mend: Mend = (settlement) => settlement) {
    this.#consumer = consumer;
    this.#clock = clock;
    this.#log = log;
    this.#mend = mend;
  }

  /** @param settled called once it is durable; never when the delivery comes again */
  push(settlement: Settlement, tally?: Tally, settled?: () => void): void {
    this.#batch.push(settlement);
    if (settled !== undefined) {
      this.#told.set(settlement, settled);
      this.#tells = true;
    }
    if (tally !== undefined) for (const name in tally) this.count(name, tally[name] ?? 0);
    this.#schedule();
  }

  /** Adds to a counter; it goes with the next settlement. */
  count(name: string, amount: number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + amount);
  }

  /** Resolves when all that was pushed has ended durably, or was abandoned. */
  async idle(): Promise<void> {
    for (let ended: Promise<unknown> | undefined; ended !== this.#ended || this.#batch.length > 0; ) {
      this.#flush();
      ended = this.#ended;
      await ended;
    }
  }

  /** Gives up on calls that keep failing: what they would have settled comes again. */
  abandon(): void {
    this.#abandoned.abort();
  }

  #isAbandoned(): boolean {
    return this.#abandoned.signal.aborted;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // A tick that is asked for from a promise job runs after all jobs that are ready: one flush takes all of them.
    process.nextTick(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#batch.length === 0 || this.#failing > 0) return;
    const batch = this.#batch;
    const tally = Object.fromEntries(this.#counts);
    this.#batch = [];
    this.#counts = new Map();
    const before = this.#ended;
    this.#ended = this.#settle(batch, tally)
      .catch((error: unknown) => this.#repeat(batch, tally, error, before))
      .then(() => before);
  }

  /** Deliveries whose lease is gone were skipped, and come again. */
  #settle(batch: readonly Settlement[], tally: Tally | undefined): Promise<void> {
    const settling = this.#consumer.settle(batch, tally);
    if (!this.#tells) return settling;
    return settling.then(() => {
      for (const each of batch) if (!each.delivery.lease.revoked) this.#told.get(each)?.();
    });
  }

  async #repeat(batch: readonly Settlement[], tally: Tally, first: unknown, before: Promise<unknown>): Promise<void> {
    this.#failing += 1;
    // Calls that were under way together may fail in any order; they are repeated in theirs.
    await before;
    await this.#untilSettled(batch, tally, first);
    this.#failing -= 1;
    this.#schedule();
  }

  async #untilSettled(batch: readonly Settlement[], tally: Tally, first: unknown): Promise<void> {
    let error = toError(first);
    for (let delay = FIRST_RETRY_MS; ; delay = Math.min(LONGEST_RETRY_MS, delay * 2)) {
      const live = batch.filter(({ delivery }) => !delivery.lease.revoked);
      if (live.length === 0 || this.#isAbandoned()) return;
      this.#log.warn({ err: error, deliveries: live.length, retryMs: delay }, 'settling failed, trying again');
      await pause(this.#clock, delay, this.#abandoned.signal);
      if (this.#isAbandoned()) return;
      try {
        if (isRefusal(error)) await this.#oneByOne(live, tally);
        else await this.#settle(live, tally);
        return;
      } catch (again) {
        error = toError(again);
      }
    }
  }

  /** So that a settlement that is refused for good is told from the others, in their order. @throws what else goes wrong */
  async #oneByOne(batch: readonly Settlement[], tally: Tally): Promise<void> {
    let counts: Tally | undefined = tally;
    for (const settlement of batch) {
      try {
        await this.#settle([settlement], counts);
      } catch (thrown) {
        if (!isRefusal(thrown)) throw thrown;
        await this.#consumer.settle([this.#mend(settlement, thrown)], counts);
      }
      counts = undefined;
    }
  }
}

function isRefusal(error: unknown): error is WaybillError {
  return error instanceof WaybillError && REFUSALS.has(error.code);
}

import { WaybillError } from '../../errors.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import { commit, commitNow, type Writes } from './commit.ts';
import { CoreLost } from './core.ts';
import { DEFAULT_DEADLINE_MS, tooLate, within } from './deadline.ts';
import type { Store } from './folder.ts';
import { Slab } from './slab.ts';

/** A part of the state that has changes to be written with the next commit. */
export interface Change {
  /** Writes them; called once for each commit that it was enlisted for. Where one throws, nothing of the commit is durable. */
  write(to: Writes, slab: Slab): void;
  /** They are durable. */
  written(): void;
}

/** Changes that are made durable together, and all who wait for that. */
class Batch {
  readonly changes: Change[] = [];
  readonly durable: Promise<void>;
  #settled = false;
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor() {
    this.durable = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Every caller is handed this very promise; a batch in which nobody waits must not end the process.
    this.durable.catch(() => undefined);
  }

  resolve(): void {
    this.#settled = true;
    this.#resolve();
  }

  reject(error: Error): void {
    this.#settled = true;
    this.#reject(error);
  }

  get settled(): boolean {
    return this.#settled;
  }
}

export interface JournalOwner {
  /** The last commit failed: nothing of it, and of what was enlisted since, is in the store. State must be read again. */
  onFailure(error: WaybillError): void;
  /** Another process owns the folder now. */
  onLoss(): void;
}

/**
 * Group commit. Changes that come while a commit is being synced form the next one; when none is, a commit begins at
 * once, so a lone change waits for nothing. One promise serves all the changes of a commit.
 */
export class Journal {
  readonly #store: Store;
  readonly #epoch: number;
  readonly #clock: Clock;
  readonly #owner: JournalOwner;
  readonly #slab = new Slab();
  #batch = new Batch();
  #running: Batch | undefined;
  #scheduled = false;
  #ended: WaybillError | undefined;
  readonly #idle: (() => void)[] = [];
  readonly #exclusive: (() => void)[] = [];
  /** How many want the journal for themselves; no commit begins meanwhile. */
  #claims = 0;

  constructor(store: Store, epoch: number, clock: Clock, owner: JournalOwner) {
    this.#store = store;
    this.#epoch = epoch;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** Resolves when all that was enlisted so far is durable. */
  get durable(): Promise<void> {
    return this.#batch.durable;
  }

  get ended(): WaybillError | undefined {
    return this.#ended;
  }

  /** Has `change` written with the next commit. A change enlists itself once for a commit. */
  enlist(change: Change): void {
    this.#batch.changes.push(change);
    if (!this.#scheduled && this.#running === undefined) {
      this.#scheduled = true;
      queueMicrotask(this.#flush);
    }
  }

  /** Waits until `durable` resolves, but no longer than `deadlineMs`. @throws WB_DEADLINE */
  within(durable: Promise<void>, deadlineMs = DEFAULT_DEADLINE_MS): Promise<void> {
    return deadlineMs === DEFAULT_DEADLINE_MS ? durable : within(this.#clock, deadlineMs, durable);
  }

  /**
   * Runs `act` when no commit is under way and nothing is enlisted; what it does with `now` is one transaction. Blocks the
   * process meanwhile.
   */
  async exclusively<T>(act: (now: (write: () => void) => void) => T): Promise<T> {
    this.#claims += 1;
    try {
      while (this.#running !== undefined) {
        await new Promise<void>((resolve) => {
          this.#exclusive.push(resolve);
        });
      }
      if (this.#ended !== undefined) throw this.#ended;
      this.#flushNow();
      return act((write) => {
        if (!commitNow(this.#store, this.#epoch, write)) throw this.#lose();
      });
    } finally {
      this.#claims -= 1;
      this.#flush();
    }
  }

  /** Resolves when all that was enlisted so far is durable, or has failed: what is read then is what was counted before. */
  async settled(): Promise<void> {
    const last = this.#batch.changes.length > 0 ? this.#batch : this.#running;
    if (last !== undefined) await Promise.allSettled([last.durable]);
  }

  /** Resolves when nothing is left to commit. */
  async drained(): Promise<void> {
    while (this.#running !== undefined || this.#batch.changes.length > 0) {
      await new Promise<void>((resolve) => {
        this.#idle.push(resolve);
      });
    }
  }

  /** Commits no more: what is enlisted fails. */
  end(error: WaybillError): void {
    this.#ended ??= error;
    this.#running?.reject(error);
    this.#batch.reject(error);
    this.#wake();
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    if (this.#running !== undefined || this.#ended !== undefined || this.#claims > 0) return;
    if (this.#batch.changes.length === 0) {
      this.#wake();
      return;
    }
    const batch = this.#batch;
    this.#batch = new Batch();
    this.#running = batch;
    const timer = this.#clock.timer(DEFAULT_DEADLINE_MS, () => {
      batch.reject(tooLate(DEFAULT_DEADLINE_MS));
    });
    this.#slab.reset();
    commit(this.#store, this.#epoch, (to) => {
      for (const change of batch.changes) change.write(to, this.#slab);
    }).then(
      (owned) => {
        this.#finish(batch, timer, owned);
      },
      (error: unknown) => {
        timer.cancel();
        this.#fail(batch, error);
      },
    );
  };

  /** The same as `#flush`, in place. */
  #flushNow(): void {
    if (this.#batch.changes.length === 0) return;
    const batch = this.#batch;
    this.#batch = new Batch();
    this.#slab.reset();
    try {
      const owned = commitNow(this.#store, this.#epoch, () => {
        for (const change of batch.changes) change.write(this.#store, this.#slab);
      });
      if (!owned) throw this.#lose();
    } catch (error) {
      this.#fail(batch, error);
      throw error;
    }
    for (const change of batch.changes) change.written();
    batch.resolve();
  }

  #finish(batch: Batch, timer: Timer, owned: boolean): void {
    timer.cancel();
    if (!owned) {
      batch.reject(this.#lose());
      return;
    }
    this.#running = undefined;
    if (this.#ended !== undefined) return;
    for (const change of batch.changes) change.written();
    batch.resolve();
    this.#next();
  }

  #fail(batch: Batch, thrown: unknown): void {
    const error =
      thrown instanceof WaybillError
        ? thrown
        : new WaybillError('WB_TRANSPORT_UNAVAILABLE', 'a commit failed', { retryable: true, cause: thrown });
    // What came meanwhile was made on a state that never came to be.
    const later = this.#batch;
    this.#batch = new Batch();
    this.#running = undefined;
    batch.reject(error);
    later.reject(error);
    if (this.#ended === undefined) this.#owner.onFailure(error);
    this.#next();
  }

  #lose(): WaybillError {
    const error = new CoreLost('another process has taken the folder');
    const told = this.#ended !== undefined;
    this.#running = undefined;
    this.end(error);
    if (!told) this.#owner.onLoss();
    return error;
  }

  #next(): void {
    for (const resume of this.#exclusive.splice(0)) resume();
    this.#flush();
  }

  #wake(): void {
    for (const resume of [...this.#idle.splice(0), ...this.#exclusive.splice(0)]) resume();
  }
}

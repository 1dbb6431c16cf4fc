import { WaybillError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Manifest } from '../../ports/topology.ts';
import type { TransportStatus, Unsubscribe } from '../../ports/transport.ts';
import { type Core, CoreLost } from './core.ts';
import { DEFAULT_DEADLINE_MS, tooLate, within } from './deadline.ts';
import { type Seat, takeSeat } from './seat.ts';

export interface BerthOptions {
  readonly folder: string;
  readonly bus: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly parkingBytes: number | undefined;
}

/** What a berth tells its transport. */
export interface BerthEvents {
  onManifest(manifest: Manifest): void;
  /** There is a core again; nothing was asked of it before. */
  onCore(core: Core): void;
  onLost(): void;
}

/** How long to wait after a fault of the folder before a seat is looked for again. */
const RETRY_MS = 1_000;

/** A process's place at its folder, whoever owns it: finds the next seat whenever one is lost. */
export class Berth {
  readonly #options: BerthOptions;
  readonly #events: BerthEvents;
  readonly #closing = new AbortController();
  readonly #statusListeners = new Set<(status: TransportStatus) => void>();
  #seat: Seat | undefined;
  /** Those who wait for a seat, in the order in which they came. */
  #waiting: ((core: Core | undefined) => void)[] = [];
  #status: TransportStatus = { connected: false, owner: false };
  #seeking: Promise<void> | undefined;

  constructor(options: BerthOptions, events: BerthEvents) {
    this.#options = options;
    this.#events = events;
  }

  async open(): Promise<void> {
    this.#sit(await this.#seek());
  }

  get core(): Core | undefined {
    return this.#seat?.core;
  }

  /** The core, when it is this process's own. */
  get own(): Core | undefined {
    return this.#seat?.owner === true ? this.#seat.core : undefined;
  }

  get status(): TransportStatus {
    return this.#status;
  }

  onStatus(listener: (status: TransportStatus) => void): Unsubscribe {
    this.#statusListeners.add(listener);
    return () => {
      this.#statusListeners.delete(listener);
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#release(undefined);
    await this.#seeking;
    const seat = this.#seat;
    this.#seat = undefined;
    this.#show({ connected: false, owner: false });
    await seat?.close();
  }

  /** Asks the core, or the next one when it ends before it answers. @throws WB_DEADLINE, WB_CLOSED */
  async ask<T>(question: (core: Core) => Promise<T>, deadlineMs = DEFAULT_DEADLINE_MS): Promise<T> {
    const { clock } = this.#options;
    const end = clock.elapsed() + deadlineMs;
    for (;;) {
      const left = end - clock.elapsed();
      if (left <= 0) throw tooLate(deadlineMs);
      try {
        return await within(clock, left, this.#current().then(question), deadlineMs);
      } catch (thrown) {
        if (!(thrown instanceof CoreLost)) throw thrown;
      }
    }
  }

  #current(): Promise<Core> {
    if (this.#halted()) return Promise.reject(isClosed());
    if (this.#seat !== undefined) return Promise.resolve(this.#seat.core);
    return new Promise((resolve, reject) => {
      this.#waiting.push((core) => {
        if (core === undefined) reject(isClosed());
        else resolve(core);
      });
    });
  }

  #seek(): Promise<Seat> {
    return takeSeat({
      ...this.#options,
      signal: this.#closing.signal,
      onWait: (reason) => {
        if (this.#status.error !== reason) this.#show({ connected: false, owner: false, error: reason });
      },
      events: {
        onManifest: (manifest) => {
          this.#events.onManifest(manifest);
        },
        onBlocked: (reason) => {
          const { blocked: _blocked, ...rest } = this.#status;
          this.#show(reason === undefined ? rest : { ...rest, blocked: reason });
        },
        onEnd: (reason) => {
          this.#lose(reason);
        },
      },
    });
  }

  #sit(seat: Seat): void {
    this.#seat = seat;
    this.#release(seat.core);
    this.#events.onCore(seat.core);
    this.#show({ connected: true, owner: seat.owner });
  }

  #release(core: Core | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume(core);
  }

  #lose(reason: string): void {
    const seat = this.#seat;
    this.#seat = undefined;
    this.#events.onLost();
    this.#show({ connected: false, owner: false, error: reason });
    if (this.#halted()) return;
    this.#seeking = this.#seekAgain(seat);
  }

  async #seekAgain(lost: Seat | undefined): Promise<void> {
    const { clock, log } = this.#options;
    try {
      await lost?.close();
    } catch (thrown) {
      log.debug({ err: thrown }, 'the lost seat could not be left in order');
    }
    while (!this.#halted()) {
      try {
        this.#sit(await this.#seek());
        return;
      } catch (thrown) {
        if (this.#halted()) return;
        const reason = thrown instanceof Error ? thrown.message : String(thrown);
        log.error({ err: thrown }, `no connection to the folder: ${reason}`);
        this.#show({ connected: false, owner: false, error: reason });
        await new Promise<void>((resume) => {
          clock.timer(RETRY_MS, resume, true);
        });
      }
    }
  }

  #halted(): boolean {
    return this.#closing.signal.aborted;
  }

  #show(status: TransportStatus): void {
    this.#status = status;
    for (const listener of this.#statusListeners) listener(status);
  }
}

function isClosed(): WaybillError {
  return new WaybillError('WB_CLOSED', 'the bus connection is closed');
}

import type { WaybillError } from '../../errors.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import type { Store } from './folder.ts';
import type { Journal } from './journal.ts';

/** How often it is tried whether the folder can be written to again. */
const PROBE_MS = 250;
const PROBE_BYTES = 64 * 1024;

/** The time from a commit that failed until one succeeds again, such as while the disk is full. */
export class Blockage {
  readonly #store: Store;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #onOver: () => void;
  #reason: WaybillError | undefined;
  #timer: Timer | undefined;

  constructor(store: Store, journal: Journal, clock: Clock, onOver: () => void) {
    this.#store = store;
    this.#journal = journal;
    this.#clock = clock;
    this.#onOver = onOver;
  }

  /** Undefined while all is well. */
  get reason(): WaybillError | undefined {
    return this.#reason;
  }

  begin(reason: WaybillError): void {
    this.#reason = reason;
    this.#arm();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.timer(PROBE_MS, () => {
      this.#probe().then(
        () => {
          this.#reason = undefined;
          this.#onOver();
        },
        () => {
          // Still no space; the reason stays. An end of the journal ends this too.
          if (this.#journal.ended === undefined) this.#arm();
        },
      );
    });
  }

  #probe(): Promise<void> {
    const { meta } = this.#store;
    return this.#journal.exclusively((now) => {
      now(() => {
        meta.putSync('probe', 'x'.repeat(PROBE_BYTES));
      });
      now(() => {
        meta.removeSync('probe');
      });
    });
  }
}
